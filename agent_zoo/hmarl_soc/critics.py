"""Critics of the continuous actions that hunter and responder set in every segment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from agent_zoo.learning.networks import hats, mlp
from agent_zoo.learning.segments import SegmentNetwork


class SegmentCritics(nn.Module):
    """Critics Q(s, a) = V(s) + F(s, a) - F(s, reference), the reference being the policy's own action.

    What an action is worth differs by little from state to state's worth. F, which learns from how actions
    differ from the reference only, is not disturbed by V's learning. It is a sum over segments, of one
    network that sees the segment's numbers of the action as `hats`; with 0 knots it is linear around the
    reference, its slopes what that network says of the state (compatible features, Silver et al. 2014).

    Args:
        state_size: of what the critics see beside the action.
        own: places in it of each segment's own entries, int64 (segments, kinds).
        groups: numbers of the action that each segment has.
        hidden_sizes: of V and of F.
        knots: see `hats`; 0: linear.
        copies: networks of each kind.
        generator: the only source of randomness.
    """

    def __init__(
        self,
        state_size: int,
        own: Tensor,
        groups: int,
        hidden_sizes: Sequence[int],
        knots: int,
        copies: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.shape, self.knots = (groups, len(own)), knots
        self.value = nn.ModuleList(
            mlp(state_size, hidden_sizes, 1, output_gain=0.01, generator=generator) for _ in range(copies)
        )
        self.advantage = nn.ModuleList(
            SegmentNetwork(
                own,
                groups * knots,
                hidden_sizes,
                1 if knots else groups,
                output_gain=0.01,
                generator=generator,
            )
            for _ in range(copies)
        )

    def forward(self, state: Tensor, action: Tensor, reference: Tensor) -> Tensor:
        """(batch, states), (batch, actions) and the like of the policy to values (copies, batch)."""
        if not self.knots:
            return self.values(state) + self.advantages(state, action - reference)
        both = self._knots(torch.cat([action, reference]))
        differences = []
        for network in self._advantages:
            played, own = network.end(network.begin(state).repeat(2, 1, 1), both).sum((-2, -1)).chunk(2)
            differences.append(played - own)
        return self.values(state) + torch.stack(differences)

    @property
    def _advantages(self) -> list[SegmentNetwork]:
        return cast(list[SegmentNetwork], list(self.advantage))

    def _knots(self, action: Tensor) -> Tensor:
        """Actions (batch, numbers) as (batch, segments, groups * knots)."""
        groups, segments = self.shape
        of_segments = action[:, : groups * segments].unflatten(-1, self.shape).transpose(-1, -2)
        return hats(of_segments, self.knots)

    def values(self, state: Tensor) -> Tensor:
        """V (copies, batch): what the policy's own action is worth."""
        return torch.stack([network(state).squeeze(-1) for network in self.value])

    def advantages(self, state: Tensor, action: Tensor) -> Tensor:
        """F (copies, batch): the part of the values that depends on the action."""
        if not self.knots:
            used = action[:, : math.prod(self.shape)]
            return torch.stack([(net(state) * used).sum(-1) for net in self._advantages])
        knots = self._knots(action)
        return torch.stack([net.end(net.begin(state), knots).sum((-2, -1)) for net in self._advantages])

    def slopes(self, state: Tensor, action: Tensor, bound: float) -> Tensor:
        """How F, as the mean of the copies, changes with each number of the action, (batch, actions).

        A step of the reward is steeper than everything else; `bound` keeps it from drowning what lies beside.
        """
        if not self.knots:
            slopes = torch.stack([network(state).detach() for network in self._advantages]).mean(0)
            unused = action.shape[-1] - slopes.shape[-1]
            return nn.functional.pad(slopes, (0, unused)).clamp(-bound, bound)
        action = action.detach().requires_grad_()
        values = self.advantages(state, action).mean(0)
        (slopes,) = torch.autograd.grad(values.sum(), action)
        return slopes.clamp(-bound, bound)
