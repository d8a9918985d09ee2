"""Names, bounds and meanings of the entries of observations, states and actions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray


@dataclass(frozen=True)
class Member:
    """One of several things of a kind that entries speak of.

    Attributes:
        family: the kind, for instance "segment" or "technique".
        index: which one, from 0.
        name: for instance "DMZ".
    """

    family: str
    index: int
    name: str


def members(family: str, names: Iterable[str]) -> tuple[Member, ...]:
    """The members of a family in order."""
    return tuple(Member(family, index, name) for index, name in enumerate(names))


@dataclass(frozen=True)
class ActionGroup:
    """Numbers of a continuous action that mean the same.

    Attributes:
        label: for instance "intensity".
        part: where they are in the action, from a start to a stop.
        family: whose members have one number each, in order; None for a number that is set once.
    """

    label: str
    part: slice
    family: str | None = None


def used_numbers(groups: Iterable[ActionGroup]) -> NDArray[np.int64]:
    """Which numbers of an action have an effect, group by group."""
    parts = [np.arange(group.part.start, group.part.stop) for group in groups]
    return np.concatenate([np.empty(0, np.int64), *parts])


@dataclass(frozen=True)
class Field:
    """One or more consecutive entries of an observation.

    Attributes:
        name: for instance "DMZ.compromised".
        start, size: where the entries are, from 0.
        low, high: bounds of each entry.
        description: what it says, with units.
        leaks_truth: whether it tells what a real SOC could not know.
        noise: standard deviation of Gaussian noise in it, 0 if exact.
        of: what it speaks of, for instance a segment; None where of nothing, or of all together.
        quantity: what it says of that, the same for each member of a family: "compromised".
    """

    name: str
    start: int
    size: int
    low: float
    high: float
    description: str
    leaks_truth: bool = False
    noise: float = 0.0
    of: Member | None = None
    quantity: str = ""

    @property
    def slice(self) -> slice:
        """The entries as a slice of the observation."""
        return slice(self.start, self.start + self.size)


class Layout:
    """Fields laid one after the other."""

    def __init__(self) -> None:
        self.fields: list[Field] = []

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self.fields[-1].slice.stop if self.fields else 0

    def add(
        self,
        name: str,
        description: str,
        *,
        size: int = 1,
        low: float = 0.0,
        high: float = 1.0,
        leaks_truth: bool = False,
        noise: float = 0.0,
        of: Member | None = None,
    ) -> None:
        """Append a field; see `Field`. One with noise has no bounds; one `of` something is named after it."""
        full_name = ".".join(part for part in (of.name if of else "", name) if part)
        start = self.size
        if noise:
            low, high = -np.inf, np.inf
        self.fields.append(
            Field(full_name, start, size, low, high, description, leaks_truth, noise, of, name)
        )

    def padded(self, size: int) -> tuple[Field, ...]:
        """All fields, with an unused one at the end that fills up to `size` entries."""
        if self.size < size:
            self.add("unused", "always 0", size=size - self.size, high=0.0)
        return tuple(self.fields)


def box(described: tuple[Field, ...]) -> spaces.Box:
    """The space that fields span, float32.

    An entry that is always the same has room of 1 above it: Gymnasium and PettingZoo take equal bounds
    for a mistake and warn of them whenever an environment is made.
    """
    low = np.concatenate([np.full(field.size, field.low, np.float32) for field in described])
    high = np.concatenate([np.full(field.size, field.high, np.float32) for field in described])
    return spaces.Box(low, np.where(high == low, low + 1.0, high), dtype=np.float32)


def leaking(described: tuple[Field, ...]) -> NDArray[np.bool_]:
    """Which entries of an observation tell what a real SOC could not know, (size,)."""
    return np.concatenate([np.full(field.size, field.leaks_truth) for field in described])
