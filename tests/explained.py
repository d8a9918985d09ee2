"""A small team whose decisions are known to rest on a few inputs, for the tests of explanations."""

from __future__ import annotations

import torch
from torch import nn

import agent_zoo
from agent_zoo.hmarl_soc import HMARLSOC
from agent_zoo.hmarl_soc.explainer import ExplainerConfig
from agent_zoo.hmarl_soc.segments import SegmentNetwork
from soc_env import soc_v0
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, Verdict

SMALL = ("hidden_sizes=[16]", "normalization_steps=0", "env.hosts_per_segment=10", "env.max_steps=40")
"""With fewer hosts the hunter would be shown fewer."""

QUICK = ExplainerConfig(token_size=16, updates=150, observations=32, removals=4, learning_rate=1e-2)
DECISIVE = {
    COORDINATOR: ("time", "queue"),
    HUNTER: ("Corporate.compromised", "DMZ.hunt.visibility", "noise[4]"),
    RESPONDER: ("DMZ.detected", "Cloud.response.noise[2]"),
}
"""On what the decisions rest; the triage always says the same."""


def entry_names(agent: str) -> list[str]:
    """A name for every entry of an agent's observation."""
    return [
        field.name if field.size == 1 else f"{field.name}[{number}]"
        for field in soc_v0.fields(agent)
        for number in range(field.size)
    ]


def shaped_team(seed: int = 0) -> HMARLSOC:
    """A team that decides by `DECISIVE` alone; its triage always says correlate."""
    team = HMARLSOC.untrained(agent_zoo.trainer("hmarl-soc").load_config(None, SMALL), seed)
    generator = torch.Generator().manual_seed(seed)
    actors = team.actors
    for agent, actor in {
        COORDINATOR: actors.coordinator,
        HUNTER: actors.hunter,
        RESPONDER: actors.responder,
    }.items():
        first, last = _ends(actor)
        decisive = [entry_names(agent).index(name) for name in DECISIVE[agent]]
        with torch.no_grad():
            first.weight.zero_()
            first.weight[:, decisive] = 10 * torch.randn(16, len(decisive), generator=generator)
            first.bias.copy_(torch.randn(16, generator=generator))
            if isinstance(actor.body, SegmentNetwork):
                actor.body.own_weight.zero_()
            last.weight.copy_(torch.randn(last.weight.shape, generator=generator))
    _, last = _ends(actors.triage)
    with torch.no_grad():
        last.bias[1 + Verdict.CORRELATE] = 100.0
    return team


def _ends(actor: nn.Module) -> tuple[nn.Linear, nn.Linear]:
    """The first and the last layer of an actor."""
    layers = [module for module in actor.modules() if isinstance(module, nn.Linear)]
    return layers[0], layers[-1]
