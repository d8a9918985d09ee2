"""Who plays CAGE-4: a SOC team through the adapter, and the challenge's own kind of scripted teams."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from evaluation.cage4.adapter import Adapter
from evaluation.cage4.flags import read_flags
from evaluation.cage4.interface import (
    ACTION_SLICES,
    FIRST_ACTIONS,
    HOST_SLICES,
    KIND_NUMBERS,
    NUM_ZONES,
)
from evaluation.cage4.lanes import Frame
from evaluation.cage4.projections import RandomProjections
from evaluation.checks import StrictPolicy
from soc_env.policy import TeamPolicy
from soc_env.team import Actions, Observations, action_spaces

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Player(Protocol):
    """Plays all five blue agents in many lanes."""

    def begin(self, frame: Frame, seed: int) -> None:
        """Episodes begin in all lanes; `seed` is for the player's own chance."""
        ...

    def act(self, frame: Frame) -> Ints:
        """The blue agents' actions, indices (lanes, agents), for what was seen last."""
        ...


class Translation(Protocol):
    """What stands between CAGE-4 and a SOC team; see `Adapter`, which says what the methods do."""

    def begin(self, lanes: Bools, observations: NDArray[np.integer], masks: Bools) -> Observations: ...

    def act(self, actions: Actions) -> Ints: ...

    def observe(self, observations: NDArray[np.integer], malware: Bools) -> Observations: ...


ADAPTERS: Final[dict[str, Callable[[int, int], Translation]]] = {
    "meaning": lambda num_envs, seed: Adapter(num_envs),
    "no-findings": lambda num_envs, seed: Adapter(num_envs, findings=False),
    "no-memory": lambda num_envs, seed: Adapter(num_envs, memory=False),
    "projections": RandomProjections,
}
"""Translations by name, made for a number of lanes and a seed: the adapter, less of it, and none."""


class SOCPlayer:
    """A SOC team behind an adapter, one of `ADAPTERS`.

    Raises:
        PolicyError: the team is not for soc_v0 or cage4; from `begin` and `act`, it raised or returned an
            invalid action.
    """

    def __init__(self, policy: TeamPolicy, adapter: str = "meaning") -> None:
        plays = "cage4" if getattr(policy, "env_id", None) == "cage4" else "soc_v0"
        self._team = StrictPolicy(policy, spaces.Dict(action_spaces()), plays)
        self._make = ADAPTERS[adapter]
        self._adapter = self._make(1, 0)
        self._observations: Observations = {}
        self._begins = True

    def begin(self, frame: Frame, seed: int) -> None:
        """Episodes begin in all lanes."""
        num_lanes = len(frame.over)
        self._adapter = self._make(num_lanes, seed)
        self._team.reset(num_lanes, seed)
        self._observations = self._adapter.begin(
            np.ones(num_lanes, np.bool_), frame.observations, frame.masks
        )
        self._begins = True

    def act(self, frame: Frame) -> Ints:
        """The blue agents' actions, indices (lanes, agents)."""
        if not self._begins:
            self._observations = self._adapter.observe(frame.observations, frame.malware)
        starts = np.full(len(frame.over), self._begins)
        self._begins = False
        return self._adapter.act(self._team.act(self._observations, starts))


class Sleep:
    """No defence."""

    def begin(self, frame: Frame, seed: int) -> None:
        """There is nothing to prepare."""

    def act(self, frame: Frame) -> Ints:
        """All agents sleep."""
        return np.tile(FIRST_ACTIONS[:, KIND_NUMBERS["Sleep"]], (len(frame.over), 1))


class RandomValid:
    """Every action that is possible in this episode, equally likely."""

    def __init__(self) -> None:
        self._generator = np.random.default_rng()

    def begin(self, frame: Frame, seed: int) -> None:
        """Restart the draws."""
        self._generator = np.random.default_rng(seed)

    def act(self, frame: Frame) -> Ints:
        """Drawn anew in every step."""
        drawn = self._generator.random(frame.masks.shape) * frame.masks
        return np.stack([drawn[:, actions].argmax(1) for actions in ACTION_SLICES], 1)


class Reactive:
    """The rule of a few lines that needs no memory, on the first host of a zone to which it applies.

    Process and connection flagged: Restore; process: Remove; connection: Analyse; else Monitor.
    """

    RULES: Final = (("Restore", True, True), ("Remove", True, False), ("Analyse", False, True))

    def begin(self, frame: Frame, seed: int) -> None:
        """There is nothing to prepare."""

    def act(self, frame: Frame) -> Ints:
        """By the flags of the last step alone."""
        flags = read_flags(frame.observations)
        actions = np.tile(FIRST_ACTIONS[:, KIND_NUMBERS["Monitor"]], (len(frame.over), 1))
        for action, process, connection in reversed(self.RULES):
            meant = (flags.process | (not process)) & (flags.connection | (not connection))
            for zone in range(NUM_ZONES):
                hosts = meant[:, HOST_SLICES[zone]]
                first = FIRST_ACTIONS[zone, KIND_NUMBERS[action]] + hosts.argmax(1)
                actions[:, zone] = np.where(hosts.any(1), first, actions[:, zone])
        return actions


SCRIPTED: Final[dict[str, type[Player]]] = {"sleep": Sleep, "random-valid": RandomValid, "reactive": Reactive}
"""Teams that need no adapter."""
