"""The published transfer, for comparison: fixed random projections instead of a translation.

All that the blue agents see is multiplied by one random matrix into the team's observations, and the team's
actions by another into a number for each of 82 actions of each blue agent, the largest of which is done. No
number keeps its meaning. (Published is the largest number's index modulo 82, also for agent 4 and its 242
actions.)
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.flags import read_flags
from evaluation.cage4.interface import ACTION_SLICES, NUM_ZONES, OBSERVATION_SIZE
from soc_env.team import (
    CONTROL_SIZE,
    CONTROL_SLICES,
    JOINT_OBSERVATION_SIZE,
    TRIAGE,
    Actions,
    Observations,
    Verdict,
    split_observations,
)

NUM_ACTIONS: Final = min(part.stop - part.start for part in ACTION_SLICES)


class RandomProjections:
    """Has the methods of `evaluation.cage4.adapter.Adapter`; both matrices are drawn from `seed`."""

    def __init__(self, num_envs: int, seed: int) -> None:
        self.num_envs = num_envs
        generator = np.random.default_rng(seed)
        self._into = _random(generator, OBSERVATION_SIZE, JOINT_OBSERVATION_SIZE)
        self._out = _random(generator, CONTROL_SIZE + len(Verdict), NUM_ZONES * NUM_ACTIONS)

    def begin(
        self, lanes: NDArray[np.bool_], observations: NDArray[np.integer], masks: NDArray[np.bool_]
    ) -> Observations:
        """The team's observations {agent: float32 (num_envs, size)}."""
        read_flags(observations[lanes])  # refuses another interface
        return split_observations(observations.astype(np.float32) @ self._into)

    def act(self, actions: Actions) -> NDArray[np.int64]:
        """The blue agents' actions, indices (num_envs, 5)."""
        numbers: list[NDArray[Any]] = [np.asarray(actions[agent], np.float64) for agent in CONTROL_SLICES]
        numbers.append(np.eye(len(Verdict))[np.asarray(actions[TRIAGE])])
        scores = np.concatenate(numbers, 1) @ self._out
        return scores.reshape(self.num_envs, NUM_ZONES, NUM_ACTIONS).argmax(2)

    def observe(self, observations: NDArray[np.integer], malware: NDArray[np.bool_]) -> Observations:
        """The team's observations after a step of all lanes."""
        return split_observations(observations.astype(np.float32) @ self._into)


def _random(generator: np.random.Generator, inputs: int, outputs: int) -> NDArray[np.float32]:
    return generator.normal(0.0, inputs**-0.5, (inputs, outputs)).astype(np.float32)
