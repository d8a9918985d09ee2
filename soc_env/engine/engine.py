"""The batched engine: lanes of one scenario, their seeds, and the calls that advance them.

The engine knows nothing of the rules, which are the scenario's kernels, and nothing of the faces'
conventions. It keeps what every scenario needs: which episode of which seed each lane plays, whether
that episode is over, and the buffers in which actions arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soc_env.engine import seeding
from soc_env.engine.scenario import EngineScenario
from soc_env.engine.workers import available_threads, run_over_lanes
from soc_env.memory import check_memory
from soc_env.rendering.snapshot import Snapshot
from soc_env.team import CONTROL_SIZE, JOINT_OBSERVATION_SIZE

OBSERVATION_COPIES = 4  # this step's, the last one's, what they are split into, bounds of the space


class Engine:
    """`num_envs` independent lanes of one scenario.

    Attributes:
        controls: float32 (num_envs, 36), where callers put the continuous actions before `step`.
        verdicts: int64 (num_envs,), where they put the triage verdicts.
        rewards: float64 (num_envs,); terminated, truncated: bool (num_envs,); of the last step.
        over: bool (num_envs,), lanes whose episode has ended and that were not reset since.
        episodes: int64 (num_envs,), how many episodes of its seed each lane has finished or left;
            -1 before the first reset.
        seeded: bool (num_envs,), lanes that were ever seeded.
    """

    def __init__(self, scenario: EngineScenario, num_envs: int, num_threads: int | None = None) -> None:
        self.scenario = scenario
        self.num_envs = num_envs
        self.num_threads = available_threads() if num_threads is None else num_threads
        if num_envs > 1:
            check_memory(_bytes_needed(scenario, num_envs), f"{num_envs:,} lanes of {scenario.env_id}")
        self.arrays = scenario.allocate(num_envs)
        self.controls = np.zeros((num_envs, CONTROL_SIZE), np.float32)
        self.verdicts = np.zeros(num_envs, np.int64)
        self.rewards = np.zeros(num_envs)
        self.terminated = np.zeros(num_envs, np.bool_)
        self.truncated = np.zeros(num_envs, np.bool_)
        self.over = np.zeros(num_envs, np.bool_)
        self.episodes = np.full(num_envs, -1, np.int64)
        self._lane_keys = np.zeros(num_envs, np.uint64)
        self._episode_keys = np.zeros(num_envs, np.uint64)
        self.seeded = np.zeros(num_envs, np.bool_)
        self._everyone = np.ones(num_envs, np.bool_)

    def seed(
        self,
        roots: NDArray[np.uint64],
        lanes: NDArray[np.int64],
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        """Make lanes play lane number `lanes` of the seeds behind `roots`, from episode 0 on.

        Their networks are drawn anew; call `reset` next. Arrays (num_envs,); `mask` says which lanes.
        """
        mask = self._everyone if mask is None else mask
        lane_keys, network_keys = np.empty((2, self.num_envs), np.uint64)
        seeding.fold_lanes(roots, lanes, lane_keys, network_keys)
        self._lane_keys[mask] = lane_keys[mask]
        self.episodes[mask] = -1
        self.seeded |= mask
        self._run(self.scenario.kernels.draw_network, mask, network_keys)

    def reset(
        self, mask: NDArray[np.bool_] | None = None, observations: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Begin the next episode of the lanes in `mask` (default: all), which were seeded before.

        Returns:
            Joint observations, float32 (num_envs, 352): `observations`, in which only the rows of
            these lanes were written, or a new array, in which the others are zero.
        """
        mask = self._everyone if mask is None else mask
        if observations is None:
            observations = np.zeros((self.num_envs, JOINT_OBSERVATION_SIZE), np.float32)
        self.episodes[mask] += 1
        for ended in (self.terminated, self.truncated, self.over):
            ended[mask] = False
        self.rewards[mask] = 0.0
        seeding.fold_episodes(self._lane_keys, self.episodes, self._episode_keys)
        self._run(self.scenario.kernels.begin_episode, mask, self._episode_keys, observations)
        observations[:, self.scenario.hidden] = 0.0
        return observations

    def step(
        self, active: NDArray[np.bool_] | None = None, observations: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Advance the lanes in `active` (default: all) by the actions in the buffers.

        Returns:
            Joint observations as `reset` does. `rewards`, `terminated`, `truncated` and `over` are
            updated in place; lanes that are not active keep theirs.
        """
        active = self._everyone if active is None else active
        if observations is None:
            observations = np.empty((self.num_envs, JOINT_OBSERVATION_SIZE), np.float32)
        self._run(
            self.scenario.kernels.step,
            active,
            self._episode_keys,
            self.controls,
            self.verdicts,
            observations,
            self.rewards,
            self.terminated,
            self.truncated,
        )
        observations[:, self.scenario.hidden] = 0.0
        np.logical_or(self.terminated, self.truncated, out=self.over)
        return observations

    def state(self, mask: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
        """The truth of every lane, or of those in `mask` and 0 elsewhere, float32 (num_envs, state size)."""
        (size,) = self.scenario.state_space.shape
        state = np.zeros((self.num_envs, size), np.float32)
        self._run(self.scenario.kernels.write_state, self._everyone if mask is None else mask, state)
        return state

    def metrics(self, mask: NDArray[np.bool_]) -> dict[str, np.ndarray]:
        """The episode metrics of the lanes in `mask`; arrays (mask.sum(),)."""
        return self.scenario.episode_metrics(self.arrays, np.flatnonzero(mask))

    def snapshot(self, lane: int = 0) -> Snapshot:
        """One lane as a picture shows it."""
        return self.scenario.snapshot(
            self.arrays, lane, self.controls[lane], int(self.verdicts[lane]), float(self.rewards[lane])
        )

    def save_state(self) -> dict[str, np.ndarray]:
        """Copies of all arrays that the future depends on, as raw bytes or plain numbers, by name."""
        return {name: _plain(array).copy() for name, array in self._saved_arrays().items()}

    def load_state(self, saved: Mapping[str, np.ndarray], also: Mapping[str, np.ndarray]) -> None:
        """Continue exactly where `save_state` was called, on an engine of the same config and size.

        Args:
            saved: what `save_state` gave, and what the caller has added to it.
            also: arrays to be filled with those additions, by name.

        Raises:
            TypeError: `saved` is no mapping.
            ValueError: a missing or unknown array, or one of another shape or dtype. Nothing is changed then.
        """
        arrays = {name: _plain(array) for name, array in (self._saved_arrays() | dict(also)).items()}
        for name, given in checked_state(saved, arrays).items():
            arrays[name][...] = given
        self.seeded[:] = True

    def _saved_arrays(self) -> dict[str, np.ndarray]:
        own = ("controls", "verdicts", "rewards", "terminated", "truncated", "over", "episodes")
        saved = {f"engine.{name}": getattr(self, name) for name in own}
        saved["engine.lane_keys"] = self._lane_keys
        saved["engine.episode_keys"] = self._episode_keys
        return saved | {f"scenario.{name}": array for name, array in self.arrays._asdict().items()}

    def _run(self, kernel: Any, mask: NDArray[np.bool_], *arguments: Any) -> None:
        everything = (self.scenario.parameters, self.arrays, mask, *arguments)
        run_over_lanes(kernel, everything, self.num_envs, self.num_threads)


def _bytes_needed(scenario: EngineScenario, num_envs: int) -> int:
    """About what the lanes take, from what one does: its state, its observations and its actions."""
    (state_size,) = scenario.state_space.shape
    shown = 4 * (OBSERVATION_COPIES * JOINT_OBSERVATION_SIZE + CONTROL_SIZE + state_size)
    return num_envs * (shown + sum(array.nbytes for array in scenario.allocate(1)))


def checked_state(saved: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The saved arrays, which have the names, shapes and dtypes of `arrays`.

    Raises:
        TypeError: `saved` is no mapping.
        ValueError: a missing or unknown array, or one of another shape or dtype.
    """
    if not isinstance(saved, Mapping):
        raise TypeError(f"saved state must be a mapping of arrays by name, got {type(saved).__name__}")
    if saved.keys() != arrays.keys():
        missing, unknown = sorted(arrays.keys() - saved.keys()), sorted(saved.keys() - arrays.keys(), key=str)
        raise ValueError(f"saved state lacks the arrays {missing} and has unknown ones {unknown}")
    given = {name: np.asarray(saved[name]) for name in arrays}
    for name, array in given.items():
        expected = arrays[name]
        if array.shape != expected.shape or array.dtype != expected.dtype:
            raise ValueError(
                f"saved state {name!r} is {array.dtype}{array.shape}, expected "
                f"{expected.dtype}{expected.shape}: it comes from another config or number of lanes"
            )
    return given


def _plain(array: np.ndarray) -> np.ndarray:
    """A view that any file format can hold: records as bytes, 64-bit keys as signed integers."""
    if array.dtype.names is not None:
        return array.view(np.uint8).reshape(*array.shape, array.dtype.itemsize)
    return array.view(np.int64) if array.dtype == np.uint64 else array
