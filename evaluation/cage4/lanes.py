"""What the adapter's users need of CAGE-4: lanes that are reset and stepped together.

`evaluation.cage4.processes.CybORGLanes` are the real ones; tests play recorded traces through the same face.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.interface import NUM_ACTIONS, NUM_HOSTS, OBSERVATION_SIZE


class Frame(NamedTuple):
    """What CAGE-4 says after a reset or a step; a lane a row.

    Attributes:
        observations: the blue agents' observations side by side, int8 (lanes, OBSERVATION_SIZE).
        masks: their action masks side by side, bool (lanes, NUM_ACTIONS).
        malware: bool (lanes, NUM_HOSTS), where an examination that ended in this step found malware.
        sessions: int8 (lanes, NUM_HOSTS), the truth: 0 no session of the attacker, 1 a user's, 2 privileged.
        rewards: float64 (lanes,), the mean over the blue agents, who all get the same.
        over: bool (lanes,), whether the episode has ended.
    """

    observations: NDArray[np.int8]
    masks: NDArray[np.bool_]
    malware: NDArray[np.bool_]
    sessions: NDArray[np.int8]
    rewards: NDArray[np.float64]
    over: NDArray[np.bool_]

    @classmethod
    def empty(cls, num_lanes: int) -> Frame:
        """A frame of zeros."""
        return cls(
            np.zeros((num_lanes, OBSERVATION_SIZE), np.int8),
            np.zeros((num_lanes, NUM_ACTIONS), np.bool_),
            np.zeros((num_lanes, NUM_HOSTS), np.bool_),
            np.zeros((num_lanes, NUM_HOSTS), np.int8),
            np.zeros(num_lanes),
            np.zeros(num_lanes, np.bool_),
        )


class Lanes(Protocol):
    """Episodes of CAGE-4 side by side."""

    num_lanes: int

    def reset(self, lanes: NDArray[np.bool_], seeds: Sequence[int]) -> Frame:
        """Begin episodes in some lanes, bool (num_lanes,); `seeds` has one for each lane of all."""
        ...

    def step(self, actions: NDArray[np.int64]) -> Frame:
        """One step of every lane: the blue agents' actions, indices (num_lanes, agents)."""
        ...

    def close(self) -> None:
        """Give back what the lanes hold."""
        ...
