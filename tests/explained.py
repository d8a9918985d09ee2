"""A small team whose decisions are known to rest on a few inputs, for the tests of explanations."""

from __future__ import annotations

import torch
from torch import nn

import agent_zoo
from agent_zoo.hmarl_soc import HMARLSOC
from agent_zoo.hmarl_soc.explainer import ExplainerConfig
from agent_zoo.learning.segments import SegmentNetwork
from soc_env import soc_v0
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, Verdict

SMALL = ("hidden_sizes=[16]", "normalization_steps=0", "env.hosts_per_segment=10", "env.max_steps=40")
"""With fewer hosts the hunter would be shown fewer."""

QUICK = ExplainerConfig(token_size=16, updates=150, observations=32, removals=4, learning_rate=1e-2)
DECISIVE = {
    COORDINATOR: ("time", "queue"),
    HUNTER: ("DMZ.compromised", "DMZ.stage", "DMZ.hunt.visibility"),
    RESPONDER: ("DMZ.isolated", "DMZ.response.compromised"),
}
"""On what the decisions rest, entries of one segment each; the triage always says the same."""

DEAD = -1e6  # before a ReLU


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
        decisive = [entry_names(agent).index(name) for name in DECISIVE[agent]]
        weights = 10 * torch.randn(16, len(decisive), generator=generator)
        biases = torch.randn(16, generator=generator)
        last = _linear_layers(actor)[-1]
        with torch.no_grad():
            if isinstance(actor.body, SegmentNetwork):
                segment, kinds = _own_places(actor.body, decisive)
                actor.body.mean_weight.zero_()
                actor.body.own_weight.zero_()
                actor.body.own_weight[kinds] = weights.T
                actor.body.which.fill_(DEAD)
                actor.body.which[segment] = biases
            else:
                first = _linear_layers(actor)[0]
                first.weight.zero_()
                first.weight[:, decisive] = weights
                first.bias.copy_(biases)
            last.weight.copy_(torch.randn(last.weight.shape, generator=generator))
    with torch.no_grad():
        _linear_layers(actors.triage)[-1].bias[1 + Verdict.CORRELATE] = 100.0
    return team


def _own_places(network: SegmentNetwork, entries: list[int]) -> tuple[int, list[int]]:
    """The segment that these entries are of, and which of its kinds they are."""
    places = [(network.own == entry).nonzero()[0].tolist() for entry in entries]
    (segment,) = {segment for segment, _ in places}
    return segment, [kind for _, kind in places]


def _linear_layers(actor: nn.Module) -> list[nn.Linear]:
    return [module for module in actor.modules() if isinstance(module, nn.Linear)]
