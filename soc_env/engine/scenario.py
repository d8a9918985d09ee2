"""What the engine, the faces and the wrappers read of a scenario with its settings.

A scenario itself is a subclass of `soc_env.contract.Scenario`, which has all of this and more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from soc_env.engine.fields import ActionGroup, Field
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


class EngineScenario(Protocol):
    """A scenario with its settings; `soc_env.contract.Scenario` says what the attributes are."""

    @property
    def env_id(self) -> str: ...
    @property
    def config(self) -> Any: ...
    @property
    def parameters(self) -> np.ndarray: ...
    @property
    def kernels(self) -> Kernels: ...
    @property
    def observation_spaces(self) -> dict[str, spaces.Box]: ...
    @property
    def state_space(self) -> spaces.Box: ...
    @property
    def action_groups(self) -> Mapping[str, tuple[ActionGroup, ...]]: ...
    @property
    def hidden(self) -> NDArray[np.intp]: ...

    def fields(self, agent: str) -> tuple[Field, ...]: ...
    def allocate(self, num_envs: int) -> Arrays: ...
    def episode_metrics(self, arrays: Arrays, lanes: NDArray[np.intp]) -> dict[str, np.ndarray]: ...
    def snapshot(
        self, arrays: Arrays, lane: int, controls: np.ndarray, verdict: int, reward: float
    ) -> Snapshot: ...
