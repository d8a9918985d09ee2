"""What an agent decides, as numbers with a gradient.

Only what can make a difference in the environment counts: numbers of an action that have no effect are left
out, and directives that come to the same are one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from agent_zoo.hmarl_soc.coordinator import directives
from agent_zoo.hmarl_soc.team import TeamActors
from soc_env.engine.fields import used_numbers
from soc_env.scenarios import find_scenario
from soc_env.team import CONTROL_SIZES, COORDINATOR, HUNTER, RESPONDER, TRIAGE

SAME = 0.01
"""Actions, from -1 to 1, that differ by less are the same."""


@dataclass(frozen=True)
class Decision:
    """How one agent decides; both functions take what its network sees (batch, entries).

    Attributes:
        weigh: (batch, numbers) with a gradient: what explanations are of. Of the coordinator the
            probabilities of its directives, of the triage the values of the verdicts less their mean (on
            which alone the choice depends), of the others the actions.
        play: (batch, numbers), what is then done: the numbers of the directive or action, or the verdict.
    """

    weigh: Callable[[Tensor], Tensor]
    play: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def is_constant(self, seen: Tensor) -> bool:
        """Whether it comes to the same for all of (batch, entries)."""
        played = self.play(seen)
        return bool((played.amax(0) - played.amin(0)).max() < SAME)


def decisions(actors: TeamActors, env_id: str) -> dict[str, Decision]:
    """The four agents' decisions; `env_id` says which numbers of their actions have an effect."""
    used = effective_numbers(env_id)
    settings = directives()[:, used[COORDINATOR]]
    distinct, which = torch.unique(settings, dim=0, return_inverse=True)
    same = torch.nn.functional.one_hot(which, len(distinct)).float()

    def probabilities(seen: Tensor) -> Tensor:
        return actors.coordinator(seen).softmax(-1) @ same

    def directive(seen: Tensor) -> Tensor:
        return settings[actors.coordinator.greedy(seen)]

    def hunting(seen: Tensor) -> Tensor:
        return actors.hunter.greedy(seen)[:, used[HUNTER]]

    def preferences(seen: Tensor) -> Tensor:
        values = actors.triage(seen)
        return values - values.mean(-1, keepdim=True)

    def verdict(seen: Tensor) -> Tensor:
        return actors.triage.greedy(seen)[:, None].float()

    def responding(seen: Tensor) -> Tensor:
        return actors.responder(seen)[:, used[RESPONDER]]

    return {
        COORDINATOR: Decision(probabilities, directive),
        HUNTER: Decision(hunting, hunting),
        TRIAGE: Decision(preferences, verdict),
        RESPONDER: Decision(responding, responding),
    }


def effective_numbers(env_id: str) -> Mapping[str, list[int]]:
    """Which numbers of each continuous action have an effect in a scenario, by agent."""
    groups = find_scenario(env_id).configured().action_groups
    return {agent: used_numbers(groups[agent]).tolist() for agent in CONTROL_SIZES}
