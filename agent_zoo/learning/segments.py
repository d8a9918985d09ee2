"""An agent does the same thing in every segment, so one network does it for all of them.

It sees a segment's own entries, their means over all segments, and which segment it is. What is learned
about one segment holds for the others until they turn out to differ; most of an episode happens in one. What
says nothing about segments it does not see: with it actors and critics followed chance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from agent_zoo.learning.networks import mlp
from soc_env.contract import TrainingScenario
from soc_env.team import OBSERVATION_SLICES


def shared_family(scenario: TrainingScenario, agent: str) -> str | None:
    """The family for each of whose members the agent sets the same numbers, and nothing else; None: it does
    not, or sees nothing of them one by one.

    The numbers come first in its action, group by group.
    """
    groups = scenario.action_groups.get(agent, ())
    families = {group.family for group in groups}
    if len(families) != 1:
        return None
    family = families.pop()
    if family is None:
        return None
    size = len(scenario.families[family])
    parts = [(group.part.start, group.part.stop) for group in groups]
    if parts != [(size * place, size * (place + 1)) for place in range(len(groups))]:
        return None
    return family if _entries_by_quantity(scenario, agent, family) else None


def num_groups(scenario: TrainingScenario, agent: str) -> int:
    """How many numbers of its action the agent sets for each member of its `shared_family`."""
    return len(scenario.action_groups[agent])


def own_entries(scenario: TrainingScenario, agent: str) -> Tensor:
    """Entries of the joint observation that describe each member of the agent's `shared_family` to it, int64
    (members, quantities)."""
    family = shared_family(scenario, agent)
    assert family is not None
    entries = _entries_by_quantity(scenario, agent, family).values()
    return torch.tensor(list(entries), dtype=torch.int64, device="cpu").T


def _entries_by_quantity(scenario: TrainingScenario, agent: str, family: str) -> dict[str, list[int]]:
    """{quantity that the agent sees of every member: its entries of the joint observation, by member}."""
    found: dict[str, list[int]] = {}
    for field in scenario.fields(agent):
        if field.of is not None and field.of.family == family and field.size == 1:
            found.setdefault(field.quantity, []).append(OBSERVATION_SLICES[agent].start + field.start)
    size = len(scenario.families[family])
    return {quantity: entries for quantity, entries in found.items() if len(entries) == size}


class SegmentNetwork(nn.Module):
    """One network, used in every segment.

    Args:
        own: places of each segment's own entries in what the agent sees, int64 (segments, kinds).
        extra: further numbers that each segment has.
        hidden_sizes: of its layers.
        outputs: for each segment.
        output_gain, generator: see `mlp`.
    """

    own: Tensor

    def __init__(
        self,
        own: Tensor,
        extra: int,
        hidden_sizes: Sequence[int],
        outputs: int,
        *,
        output_gain: float,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        segments, kinds = own.shape
        self.register_buffer("own", own, persistent=False)  # the scenario says
        first, *rest = hidden_sizes

        def zeros(rows: int) -> nn.Parameter:
            return nn.Parameter(torch.zeros(rows, first, dtype=torch.float32, device="cpu"))

        self.mean_weight, self.own_weight = zeros(kinds), zeros(kinds)
        self.extra_weight = zeros(extra) if extra else None
        self.which = zeros(segments)
        for weight in (self.mean_weight, self.own_weight, self.extra_weight):
            if weight is not None:
                nn.init.orthogonal_(weight, math.sqrt(2), generator=generator)
        self.rest = nn.Sequential(
            nn.ReLU(), mlp(first, rest, outputs, output_gain=output_gain, generator=generator)
        )

    def begin(self, seen: Tensor) -> Tensor:
        """What seen (batch, inputs) gives the first layer, (batch, segments, units)."""
        segments = len(self.own)
        # One product of all segments is several times faster than small ones of each and of the means.
        each = torch.eye(segments, dtype=seen.dtype, device=seen.device)
        own = torch.kron(each, self.own_weight)
        means = self.mean_weight.repeat(segments, segments) / segments
        entries = seen.index_select(-1, self.own.flatten())
        return torch.addmm(self.which.flatten(), entries, own + means).unflatten(-1, (segments, -1))

    def end(self, begun: Tensor, extra: Tensor) -> Tensor:
        """Outputs (batch, segments, outputs) of `begin` and further numbers (batch, segments, extra)."""
        assert self.extra_weight is not None
        return self.rest(begun + extra @ self.extra_weight)

    def forward(self, seen: Tensor) -> Tensor:
        """Outputs (batch, outputs * segments), output by output: as a scenario's actions are laid out."""
        return self.rest(self.begin(seen)).transpose(-1, -2).flatten(-2)
