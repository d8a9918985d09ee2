"""CAGE-4 through the adapter as an environment of the SOC's agents, so that learners can train in it.

Agents, spaces and the layout of observations and state are soc_v0's: what is trained in one plays the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from evaluation.cage4 import observing, truth
from evaluation.cage4.adapter import Adapter
from evaluation.cage4.interface import INTERFACE, NUM_ZONES
from evaluation.cage4.lanes import Frame, Lanes
from evaluation.cage4.meaning import SEGMENT_NAMES
from evaluation.cage4.measures import MEASURES, Measures
from evaluation.cage4.processes import CybORGLanes
from evaluation.cage4.protocol import episode_seed
from evaluation.cage4.truth import Truth, state
from soc_env import soc_v0
from soc_env.contract import TrainingScenario
from soc_env.engine import options, seeding
from soc_env.engine.actions import read_batch
from soc_env.engine.engine import checked_state
from soc_env.engine.fields import Field, members
from soc_env.faces.vector import tell_seeds
from soc_env.metrics import LENGTH, REWARD, Metrics
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


@dataclass(frozen=True)
class Config:
    """CAGE-4 has no settings but how it is played.

    Attributes:
        num_processes: processes that share the lanes; None: one for each processor.
    """

    num_processes: int | None = None


class Cage4(TrainingScenario):
    """CAGE-4 as training and evaluation see it: what agents see and do has soc_v0's layout, figures and state
    are its own."""

    env_id = "cage4"
    metrics = Metrics((REWARD, *MEASURES[1:], LENGTH))
    references = ("random", "zero-enrich")
    head_truth = "oldest_alert.truth"
    families = {"segment": members("segment", SEGMENT_NAMES)}
    action_groups = soc_v0.ACTION_GROUPS

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or Config()

    @classmethod
    def configured(cls, **settings: Any) -> Cage4:
        """The scenario; its only setting is `num_processes`."""
        return cls(options.from_keywords(Config, cls.env_id, cls.with_preset(settings)))

    def fields(self, agent: str) -> tuple[Field, ...]:
        """What the entries of an agent's observation mean, in order."""
        return observing.fields(agent)

    def state_fields(self) -> tuple[Field, ...]:
        """What the entries of the state mean, in order."""
        return truth.state_fields()

    @cached_property
    def observation_spaces(self) -> dict[str, spaces.Box]:
        """soc_v0's, in which the adapter's observations lie."""
        return soc_v0.SCENARIO().observation_spaces

    def vector_env(self, num_envs: int) -> Cage4VectorEnv:
        """The environment on CybORG, whose lanes are shared out among processes.

        Raises:
            ImportError: CybORG is not there; the message says how to get it.
        """
        return Cage4VectorEnv(CybORGLanes(num_envs, self.config.num_processes))


class Cage4VectorEnv(VectorEnv[Observations, Actions, np.ndarray]):
    """`num_envs` lanes of CAGE-4, played by SOC teams; the face of `TeamVectorEnv` in same-step mode.

    Observations are {agent: float32 (num_envs, size)}, actions the same with the triage's verdicts as
    integers (num_envs,). The reward is CAGE-4's, the mean over the blue agents. Episodes are truncated, after
    499 steps, and never terminated; the info then is as `TeamVectorEnv` has it.

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
        self._measures: Measures | None = None
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
        if self._frame is None or self._measures is None:
            raise RuntimeError("step() was called before reset(): call reset() first")
        read_batch(actions, self._controls, self._verdicts)
        evidence, lanes = self._adapter.evidence, np.arange(self.num_envs)
        team: Actions = {agent: self._controls[:, part] for agent, part in CONTROL_SLICES.items()}
        blue = self._adapter.act(team | {TRIAGE: self._verdicts})
        self._played[lanes, evidence.step] = blue
        before = self._frame
        self._frame = frame = self._lanes.step(blue)
        self._measures.see(before, blue, frame)
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
        measures = Measures(frame)
        for step in range(int(steps[0])):
            blue, before = self._played[:, step].astype(np.int64), frame
            frame = self._lanes.step(blue)
            measures.see(before, blue, frame)
        if (frame.sessions != self._truth.sessions).any():
            raise RuntimeError("CybORG played the saved episodes otherwise: is it the same version?")
        self._frame, self._measures = frame, measures
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
        if self._measures is None:
            self._measures = Measures(frame)
        self._measures.begin(lanes, frame)
        observations = self._adapter.begin(lanes, frame.observations, frame.masks)
        self._truth.begin(lanes, frame.sessions)
        self._observations = join_observations(observations)
        return observations

    def _ending(self, ended: NDArray[np.bool_]) -> dict[str, Any]:
        """The info of a step that ends episodes, before they begin anew."""
        lanes = np.flatnonzero(ended)
        assert self._measures is not None
        measured = dict(zip((measure.name for measure in MEASURES), self._measures.result().T, strict=True))
        measured |= {
            REWARD.source: self._truth.episode_return.copy(),
            LENGTH.source: self._adapter.evidence.step.copy(),
        }
        metrics = {one.source: np.where(ended, measured[one.source], 0) for one in Cage4.metrics}
        final = np.full(self.num_envs, None, dtype=object)
        for lane in lanes:
            final[lane] = split_observations(self._observations[lane])
        told = {"episode_metrics": _masked(metrics, ended)}
        last = {"final_obs": final, "final_info": _masked(told, ended), "final_state": self.state()}
        return _masked(last, ended)


def _masked(info: Mapping[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Gymnasium's convention: beside every key a mask of the lanes that have it."""
    return {**info, **{f"_{key}": mask.copy() for key in info}}
