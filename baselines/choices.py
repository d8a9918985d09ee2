"""The team's actions as choices among levels, for learners of values: every segment is set on its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_zoo.learning.networks import mlp
from agent_zoo.learning.segments import SegmentNetwork
from soc_env.contract import TrainingScenario
from soc_env.engine.fields import used_numbers
from soc_env.team import AGENTS, CONTROL_SIZE, CONTROL_SIZES, CONTROL_SLICES, NUM_VERDICTS, TRIAGE, Actions


@dataclass(frozen=True)
class Choices:
    """What there is to choose: for each number of a control that the scenario uses a level, and a verdict.

    Those of one agent lie side by side, agents in the order of AGENTS. They are the choices of
    `soc_env.wrappers.discrete_actions`.

    Attributes:
        levels: values (levels,) from -1 to 1.
        columns: {agent: columns of the joint controls (36) that its choices set}; the triage has none.
    """

    levels: NDArray[np.float32]
    columns: dict[str, NDArray[np.int64]]

    @classmethod
    def of(cls, scenario: TrainingScenario, levels: int) -> Choices:
        """Of a scenario."""
        columns = {
            agent: used_numbers(scenario.action_groups[agent]) + CONTROL_SLICES[agent].start
            for agent in CONTROL_SIZES
        }
        return cls(np.linspace(-1.0, 1.0, levels, dtype=np.float32), columns)

    def counts(self, agent: str) -> tuple[int, int]:
        """How many choices an agent has, and among how many levels or verdicts each."""
        if agent == TRIAGE:
            return 1, NUM_VERDICTS
        return len(self.columns[agent]), len(self.levels)

    @property
    def slices(self) -> dict[str, slice]:
        """Where each agent's choices lie among all."""
        slices, start = {}, 0
        for agent in AGENTS:
            slices[agent] = slice(start, start + self.counts(agent)[0])
            start = slices[agent].stop
        return slices

    @property
    def size(self) -> int:
        """How many choices the team has."""
        return self.slices[AGENTS[-1]].stop

    def actions(self, chosen: NDArray[np.int64]) -> Actions:
        """The team's actions for choices (n, size)."""
        controls = np.zeros((len(chosen), CONTROL_SIZE), np.float32)
        slices = self.slices
        for agent, columns in self.columns.items():
            controls[:, columns] = self.levels[chosen[:, slices[agent]]]
        verdict = chosen[:, slices[TRIAGE].start]
        return {a: verdict if a == TRIAGE else controls[:, CONTROL_SLICES[a]] for a in AGENTS}


class Utility(nn.Module):
    """One agent's Q(o, a) = V(o) + sum over its choices of A(o, choice) - max A(o, .): dueling networks
    (Wang et al. 2016) whose advantage branches for each choice (Tavakoli et al. 2018) add up.

    Args:
        inputs: numbers that the agent sees.
        counts: see `Choices.counts`.
        own: where the entries that describe each segment lie among them, int64 (segments, kinds), if the
            agent makes the same choices in every segment: then one network makes them in all.
        hidden_sizes: of V's network and A's.
        lead: how much more the middle one of an odd number of levels is worth at the start, so that the team
            begins near it.
        generator: the only source of randomness.
    """

    def __init__(
        self,
        inputs: int,
        counts: tuple[int, int],
        own: Tensor | None,
        hidden_sizes: Sequence[int],
        lead: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.counts = counts
        self.segments = 1 if own is None else len(own)
        outputs = math.prod(counts)
        self.value = mlp(inputs, hidden_sizes, 1, output_gain=0.01, generator=generator)
        self.body: nn.Module
        if own is None:
            self.body = mlp(inputs, hidden_sizes, outputs, output_gain=0.01, generator=generator)
        else:
            self.body = SegmentNetwork(
                own, 0, hidden_sizes, outputs // len(own), output_gain=0.01, generator=generator
            )

        # Both kinds of networks end with their output layer, whose outputs lie level by level.
        output = [module for module in self.body.modules() if isinstance(module, nn.Linear)][-1]
        with torch.no_grad():
            output.bias.unflatten(0, (-1, counts[1]))[:, counts[1] // 2] += lead

    def branches(self, observation: Tensor) -> Tensor:
        """What A is before its largest is taken away, (batch, choices, levels)."""
        choices, levels = self.counts
        # A network of all segments gives group by group, in it level by level, the segments.
        parts = self.body(observation).unflatten(-1, (choices // self.segments, levels, self.segments))
        return parts.transpose(-1, -2).flatten(-3, -2)

    def forward(self, observation: Tensor, chosen: Tensor) -> Tensor:
        """Q (batch,) of observations (batch, inputs) and choices (batch, choices)."""
        branches = self.branches(observation)
        lost = branches.gather(-1, chosen[..., None]).squeeze(-1) - branches.amax(-1)
        return self.value(observation).squeeze(-1) + lost.sum(-1)

    def greedy(self, observation: Tensor) -> Tensor:
        """The best choices, int64 (batch, choices)."""
        return self.branches(observation).argmax(-1)
