"""What a scenario supplies to the engine: its sizes, state arrays and kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from soc_env.engine.fields import Field
from soc_env.rendering.snapshot import Snapshot

Arrays = Any  # a NamedTuple of NumPy arrays, each of shape (num_envs, ...)


class Kernels(NamedTuple):
    """Compiled functions over the lanes `first` to `last - 1`, skipping those whose `active` is 0.

    Each begins with the arguments (parameters, arrays, active), where `parameters` is the config in
    the form that compiled code reads, and ends with (first, last). Between them:

    - draw_network(..., network_keys): draw what stays until a lane is seeded anew.
    - begin_episode(..., episode_keys, observations): clear the rest and write the first observation.
    - step(..., episode_keys, controls, verdicts, observations, rewards, terminated, truncated):
      controls float32 (num_envs, 36), finite but not clipped; verdicts int64 (num_envs,) in 0..3;
      the outputs observations float32 (num_envs, 352), rewards float64, terminated and truncated
      bool (num_envs,).
    - write_state(..., state): the truth as float32 (num_envs, state size).
    """

    draw_network: Callable[..., None]
    begin_episode: Callable[..., None]
    step: Callable[..., None]
    write_state: Callable[..., None]


class Scenario(Protocol):
    """A scenario as the engine, the faces and the wrappers see it.

    `action_groups` says what the numbers of each continuous action mean, as (label, slice) pairs by
    agent; numbers in no group have no effect. `hidden` are entries of the joint observation that are
    shown as 0.
    """

    env_id: str
    config: Any
    parameters: np.ndarray
    kernels: Kernels
    observation_spaces: dict[str, spaces.Box]
    state_space: spaces.Box
    action_groups: Mapping[str, tuple[tuple[str, slice], ...]]
    hidden: NDArray[np.intp]

    def fields(self, agent: str) -> tuple[Field, ...]:
        """What the entries of an agent's observation mean, in order, with `slice` and `leaks_truth`."""
        ...

    def allocate(self, num_envs: int) -> Arrays:
        """Zeroed state arrays for `num_envs` lanes."""
        ...

    def metrics(self, arrays: Arrays, lanes: NDArray[np.intp]) -> dict[str, np.ndarray]:
        """The episode metrics of some lanes, each an array (len(lanes),)."""
        ...

    def snapshot(self, arrays: Arrays, lane: int, controls: np.ndarray, verdict: int) -> Snapshot:
        """One lane as a picture shows it; the last step's actions come from the engine."""
        ...
