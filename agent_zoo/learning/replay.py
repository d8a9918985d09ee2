"""Prioritised experience replay (Schaul et al. 2016), proportional variant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent_zoo.learning.checkpoint import Tensors, part, prefixed
from agent_zoo.learning.sum_tree import SumTree
from soc_env.memory import check_memory


class Batch(NamedTuple):
    """Transitions drawn from a replay.

    Attributes:
        fields: {name: (batch, ...)}.
        weights: importance weights (batch,), at most 1: what each transition's loss is multiplied by.
        entries: where they lie in the replay, int64 (batch,).
    """

    fields: dict[str, Tensor]
    weights: Tensor
    entries: NDArray[np.int64]


class PrioritizedReplay:
    """A ring of transitions, drawn with probability proportional to (|error| + epsilon) ** alpha.

    New transitions get the largest priority seen, so that each is drawn soon. With alpha 0 all are equally
    likely and all weights 1: the ordinary uniform replay.
    """

    EPSILON = 1e-3
    """Keeps transitions that are predicted well from never being drawn again."""

    def __init__(
        self,
        capacity: int,
        fields: Mapping[str, tuple[tuple[int, ...], torch.dtype]],
        alpha: float,
        generator: torch.Generator,
        device: str = "cpu",
    ) -> None:
        """Args: fields: {name: (shape of one transition's entry, dtype)}; generator: of all draws."""
        self.capacity, self.alpha = capacity, alpha
        self.generator = generator
        if torch.device(device).type == "cpu":
            size = sum(dtype.itemsize * math.prod(shape) for shape, dtype in fields.values())
            check_memory(capacity * size, f"a replay's {capacity:,} transitions")
        self.fields = {
            name: torch.zeros((capacity, *shape), dtype=dtype, device=device)
            for name, (shape, dtype) in fields.items()
        }
        self.tree = SumTree(capacity)
        self.added = 0
        self.largest_priority = 1.0

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, **values: Tensor) -> None:
        """Append transitions, each quantity (n, ...) with n at most the capacity, over the oldest ones."""
        count = len(next(iter(values.values())))
        entries = (self.added + np.arange(count)) % self.capacity
        first = min(count, self.capacity - self.added % self.capacity)  # before the ring's end
        begin = self.added % self.capacity
        for name, value in values.items():
            self.fields[name][begin : begin + first] = value[:first]
            self.fields[name][: count - first] = value[first:]
        self.tree.set(entries, np.full(count, self.largest_priority))
        self.added += count

    def sample(self, batch_size: int, beta: float) -> Batch:
        """Draw transitions, one from each of `batch_size` equal stretches of the priorities' sum.

        Args:
            beta: how far the weights undo the priorities: 0 not at all, 1 wholly.
        """
        uniform = torch.rand(
            batch_size, dtype=torch.float64, generator=self.generator, device=self.generator.device
        ).numpy()
        entries = self.tree.find((np.arange(batch_size) + uniform) * (self.tree.total / batch_size))
        # weight = (len * probability) ** -beta over the largest in the batch: the total cancels
        priorities = self.tree.priorities(entries)
        weights = torch.from_numpy((priorities / priorities.min()) ** -beta).float()
        chosen = torch.from_numpy(entries)
        fields = {name: tensor[chosen.to(tensor.device)] for name, tensor in self.fields.items()}
        device = next(iter(fields.values())).device
        return Batch(fields, weights.to(device), entries)

    def update_priorities(self, entries: NDArray[np.int64], errors: Tensor) -> None:
        """Set the priorities of drawn transitions by their new absolute errors (batch,)."""
        priorities = (errors.double().cpu().numpy() + self.EPSILON) ** self.alpha
        self.tree.set(entries, priorities)
        self.largest_priority = max(self.largest_priority, float(priorities.max()))

    def tensors(self) -> Tensors:
        """The transitions and priorities that there are, and the counters."""
        count = len(self)
        return {
            **prefixed(
                "fields", {name: tensor[:count].cpu().numpy() for name, tensor in self.fields.items()}
            ),
            "priorities": self.tree.priorities(np.arange(count)),
            "added": np.array(self.added),
            "largest_priority": np.array(self.largest_priority),
        }

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `tensors()` of a replay of the same make."""
        for name, array in part("fields", tensors).items():
            self.fields[name][: len(array)] = torch.from_numpy(array).to(self.fields[name].device)
        self.tree.set(np.arange(len(tensors["priorities"])), tensors["priorities"])
        self.added, self.largest_priority = int(tensors["added"]), float(tensors["largest_priority"])


def look_ahead(
    replay: PrioritizedReplay,
    entries: NDArray[np.int64],
    *,
    num_envs: int,
    steps: int,
    discount: float,
    rewards: Sequence[str],
    last: Sequence[str],
) -> dict[str, Tensor]:
    """What follows transitions within some steps, fewer where an episode ends or none is newer.

    Args:
        entries: of the transitions, int64 (batch,).
        num_envs: lanes that were added together in every step.
        steps: of reward (n-step returns).
        discount: of one step.
        rewards: fields to be summed, discounted.
        last: fields of the last of those steps.

    Returns:
        {name: (batch, ...)} of those fields, and "discount" of what comes after the last step.
    """
    newest = (replay.added - 1) % replay.capacity
    now = torch.from_numpy(entries).to(replay.fields["terminated"].device)
    sums = {name: torch.zeros_like(now, dtype=torch.float32) for name in rewards}
    weight = torch.ones_like(now, dtype=torch.float32)
    goes_on = torch.ones_like(now, dtype=torch.bool)
    for ahead in range(steps):
        if ahead > 0:
            over = replay.fields["terminated"][now] | replay.fields["truncated"][now]
            is_newest = (newest - now) % replay.capacity < num_envs
            goes_on &= ~over & ~is_newest
            now = torch.where(goes_on, (now + num_envs) % replay.capacity, now)
        for name, total in sums.items():
            total += weight * replay.fields[name][now] * goes_on
        weight = torch.where(goes_on, discount * weight, weight)
    return {**sums, "discount": weight, **{name: replay.fields[name][now] for name in last}}
