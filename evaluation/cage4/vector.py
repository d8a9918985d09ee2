"""CAGE-4 through the adapter as an environment of the SOC's agents, so that learners can train in it.

Agents, spaces and the layout of observations and state are soc_v0's: what is trained in one plays the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from evaluation.cage4 import observing
from evaluation.cage4.adapter import Adapter
from evaluation.cage4.interface import INTERFACE, NUM_ZONES
from evaluation.cage4.lanes import Frame, Lanes
from evaluation.cage4.processes import CybORGLanes
from evaluation.cage4.protocol import episode_seed
from evaluation.cage4.truth import Truth, state
from soc_env import soc_v0
from soc_env.engine import seeding
from soc_env.engine.actions import read_batch
from soc_env.engine.engine import checked_state
from soc_env.engine.fields import Field
from soc_env.faces.vector import tell_seeds
from soc_env.soc_v0.scenario import SocV0
from soc_env.team import (
    CONTROL_SIZE,
    CONTROL_SLICES,
    COORDINATOR,
    TRIAGE,
    Actions,
    Observations,
    action_spaces,
    join_observations,
    split_observations,
)

ACTION_GROUPS = soc_v0.ACTION_GROUPS
fields = observing.fields
state_fields = soc_v0.state_fields


def _soc() -> SocV0:
    return SocV0(soc_v0.Config())


@dataclass(frozen=True)
class Cage4:
    """What learners ask of a scenario; see `soc_env.engine.scenario.Scenario`."""

    env_id: str = "cage4"
    action_groups: Mapping[str, tuple[tuple[str, slice], ...]] = field(default_factory=lambda: ACTION_GROUPS)
    observation_spaces: dict[str, spaces.Box] = field(default_factory=lambda: _soc().observation_spaces)
    state_space: spaces.Box = field(default_factory=lambda: _soc().state_space)

    def fields(self, agent: str) -> tuple[Field, ...]:
        """What the entries of an agent's observation mean, in order."""
        return fields(agent)


class Cage4VectorEnv(VectorEnv[Observations, Actions, np.ndarray]):
    """`num_envs` lanes of CAGE-4, played by SOC teams; the face of `TeamVectorEnv` in same-step mode.

    Observations are {agent: float32 (num_envs, size)}, actions the same with the triage's verdicts as
    integers (num_envs,). The reward is CAGE-4's, the mean over the blue agents. Episodes are truncated, after
    499 steps, and never terminated; the info then is as `TeamVectorEnv` has it, with soc_v0's figures as far
    as CAGE-4 has them (`evaluation.cage4.truth`).

    `reset(seed=s)` makes lane i play lane i of seed s; with a list of seeds lane i plays lane 0 of the i-th.

    Args:
        lanes: of CAGE-4; they are closed with the environment.
    """

    def __init__(self, lanes: Lanes) -> None:
        super().__init__()
        self.scenario = Cage4()
        self.num_envs = lanes.num_lanes
        self.metadata = {
            "name": self.scenario.env_id,
            "render_modes": [],
            "autoreset_mode": AutoresetMode.SAME_STEP,
        }
        self.single_observation_space = gymnasium.spaces.Dict(dict(self.scenario.observation_spaces))
        self.single_action_space = gymnasium.spaces.Dict(action_spaces())
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.single_state_space = self.scenario.state_space
        self._lanes = lanes
        self._adapter = Adapter(self.num_envs)
        self._truth = Truth(self.num_envs)
        self._controls = np.zeros((self.num_envs, CONTROL_SIZE), np.float32)
        self._verdicts = np.zeros(self.num_envs, np.int64)
        self._roots = np.zeros(self.num_envs, np.uint64)
        self._numbers = np.zeros(self.num_envs, np.int64)
        self._episodes = np.zeros(self.num_envs, np.int64)
        self._seed([seeding.fresh_seed()] * self.num_envs, np.arange(self.num_envs))
        self._played = np.zeros((self.num_envs, INTERFACE.episode_steps, NUM_ZONES), np.int16)
        self._frame: Frame | None = None
        self._observations = np.empty(0, np.float32)

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin episodes in all lanes.

        Raises:
            TypeError, ValueError: bad seeds, or options, of which there are none.
        """
        if options:
            raise ValueError(f"options must be empty, got {options!r}")
        if isinstance(seed, (Sequence, np.ndarray)):
            if len(seed) != self.num_envs:
                raise ValueError(
                    f"seed must have one entry for each of {self.num_envs} lanes, got {len(seed)}"
                )
            self._seed([seeding.checked_seed(one) for one in seed], np.zeros(self.num_envs, np.int64))
        elif seed is not None:
            self._seed([seeding.checked_seed(seed)] * self.num_envs, np.arange(self.num_envs))
        return self._begin(np.ones(self.num_envs, np.bool_)), {}

    def step(
        self, actions: Actions
    ) -> tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Advance all lanes by one step.

        Raises:
            RuntimeError: before `reset`.
            TypeError, ValueError: bad actions; nothing has changed then.
        """
        if self._frame is None:
            raise RuntimeError("step() was called before reset(): call reset() first")
        read_batch(actions, self._controls, self._verdicts)
        evidence, lanes = self._adapter.evidence, np.arange(self.num_envs)
        team: Actions = {agent: self._controls[:, part] for agent, part in CONTROL_SLICES.items()}
        blue = self._adapter.act(team | {TRIAGE: self._verdicts})
        self._played[lanes, evidence.step] = blue
        self._frame = frame = self._lanes.step(blue)
        observations = self._adapter.observe(frame.observations, frame.malware)
        self._truth.see(evidence, frame.sessions, frame.rewards)
        rewards, ended = frame.rewards.copy(), frame.over.copy()
        self._observations = join_observations(observations)
        info: dict[str, Any] = {}
        if ended.any():
            info = self._ending(ended)
            observations = self._begin(ended)
        return observations, rewards, np.zeros_like(ended), ended, info

    def state(self) -> NDArray[np.float32]:
        """The truth of every lane for centralised critics, float32 (num_envs, state size), bounded."""
        directive = np.clip(self._controls[:, CONTROL_SLICES[COORDINATOR]], -1.0, 1.0)
        return state(self._adapter.evidence, self._truth, directive)

    def save_state(self) -> dict[str, NDArray[Any]]:
        """All that the lanes' future depends on, as plain arrays by name; see `load_state`."""
        if self._frame is None:
            raise RuntimeError("save_state() was called before reset(): there is nothing to save")
        return {name: array.copy() for name, array in self._saved().items()}

    def load_state(self, saved: Mapping[str, NDArray[Any]]) -> Observations:
        """Go on where `save_state` was called: CybORG plays the lanes' episodes again up to there.

        Raises:
            TypeError, ValueError: other arrays, or of other lanes; nothing has changed then.
            RuntimeError: CybORG did not come to the same place.
        """
        own = self._saved()
        given = checked_state(saved, own)
        steps = np.unique(given["evidence.step"])
        if len(steps) > 1:
            raise ValueError(f"saved lanes must be at one step, got {steps.tolist()}")
        for name, array in own.items():
            array[...] = given[name]
        self.np_random = np.random.default_rng()  # by which Gymnasium means that the seed is unknown
        frame = self._lanes.reset(np.ones(self.num_envs, np.bool_), self._seeds())
        for step in range(int(steps[0])):
            frame = self._lanes.step(self._played[:, step].astype(np.int64))
        if (frame.sessions != self._truth.sessions).any():
            raise RuntimeError("CybORG played the saved episodes otherwise: is it the same version?")
        self._frame = frame
        self._observations = join_observations(observing.observe(self._adapter.evidence))
        return split_observations(self._observations)

    def close_extras(self, **_: Any) -> None:
        """Close the lanes."""
        self._lanes.close()

    def _saved(self) -> dict[str, NDArray[Any]]:
        """The arrays themselves."""
        own: dict[str, NDArray[Any]] = {
            "roots": self._roots,
            "numbers": self._numbers,
            "episodes": self._episodes,
            "played": self._played,
            "controls": self._controls,
        }
        remembered = {f"evidence.{name}": array for name, array in self._adapter.evidence.arrays().items()}
        return own | remembered | {f"truth.{name}": array for name, array in self._truth.arrays().items()}

    def _seed(self, seeds: list[int], numbers: NDArray[np.int64]) -> None:
        tell_seeds(self, seeds)
        self._roots[:], self._numbers[:], self._episodes[:] = seeding.root_keys(seeds), numbers, -1

    def _seeds(self) -> list[int]:
        """CybORG's seeds of the lanes' present episodes."""
        keys = zip(self._roots.tolist(), self._numbers.tolist(), self._episodes.tolist(), strict=True)
        return [episode_seed(*key) for key in keys]

    def _begin(self, lanes: NDArray[np.bool_]) -> Observations:
        self._episodes += lanes
        self._controls[lanes] = 0.0
        self._played[lanes] = 0
        self._frame = frame = self._lanes.reset(lanes, self._seeds())
        observations = self._adapter.begin(lanes, frame.observations, frame.masks)
        self._truth.begin(lanes, frame.sessions)
        self._observations = join_observations(observations)
        return observations

    def _ending(self, ended: NDArray[np.bool_]) -> dict[str, Any]:
        """The info of a step that ends episodes, before they begin anew."""
        lanes = np.flatnonzero(ended)
        metrics: dict[str, Any] = {}
        for name, values in self._truth.metrics(self._adapter.evidence, lanes).items():
            metrics[name] = np.zeros(self.num_envs, values.dtype)
            metrics[name][lanes] = values
        final = np.full(self.num_envs, None, dtype=object)
        for lane in lanes:
            final[lane] = split_observations(self._observations[lane])
        told = {"episode_metrics": _masked(metrics, ended)}
        last = {"final_obs": final, "final_info": _masked(told, ended), "final_state": self.state()}
        return _masked(last, ended)


def _masked(info: Mapping[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Gymnasium's convention: beside every key a mask of the lanes that have it."""
    return {**info, **{f"_{key}": mask.copy() for key in info}}


def vector_env(num_envs: int, *, num_processes: int | None = None) -> Cage4VectorEnv:
    """The environment on CybORG, whose lanes are shared out among processes.

    Raises:
        ImportError: CybORG is not there; the message says how to get it.
    """
    return Cage4VectorEnv(CybORGLanes(num_envs, num_processes))


__all__: Final = ["ACTION_GROUPS", "Cage4", "Cage4VectorEnv", "fields", "state_fields", "vector_env"]
