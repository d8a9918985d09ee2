"""The Gymnasium vector face: many lanes of the whole team in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from soc_env.engine import seeding
from soc_env.engine.actions import read_batch
from soc_env.engine.engine import Engine
from soc_env.engine.options import check_count
from soc_env.engine.scenario import EngineScenario
from soc_env.faces.single import FPS
from soc_env.rendering import Renderer
from soc_env.team import (
    AGENTS,
    JOINT_OBSERVATION_SIZE,
    Actions,
    Observations,
    action_spaces,
    split_observations,
)

RENDER_MODES = ("rgb_array", "ansi")


class TeamVectorEnv(VectorEnv[Observations, Actions, np.ndarray]):
    """`num_envs` teams at once: dictionaries keyed by agent, one shared reward for each lane.

    Observations are {agent: float32 (num_envs, size)}, actions the same shapes with the triage's
    verdicts as integers (num_envs,). `reset(seed=s)` makes lane i play lane i of seed s (from
    `options["lane"]` on, if given); with a list of seeds lane i plays lane 0 of the i-th, and None
    in that list means no new seed. `options["reset_mask"]` resets some lanes only. `np_random_seed` is
    the seed that the lanes play, or a tuple with each lane's where they differ; -1 is one that came with
    `load_state`.

    Observations are handed out without a copy: a masked reset and `save_state` give those of the other
    lanes as they are by then, so change them in place only where you use neither.

    At the end of an episode the info has Gymnasium's structure: in same-step mode
    `info["final_info"]["episode_metrics"][name]` (num_envs,) beside `info["final_obs"]` and
    `info["final_state"]` (num_envs, state size), what `state()` was before lanes began anew, in the
    others `info["episode_metrics"][name]`, each key with its `_key` mask of the lanes it speaks of.

    Args:
        scenario: what is simulated.
        num_envs: number of lanes.
        autoreset_mode: when lanes that have ended begin anew: "SameStep", "NextStep", "Disabled".
        num_threads: threads that share the lanes; None takes all processors. Results do not depend on it.
        render_mode: None, "rgb_array" or "ansi"; `render()` gives a tuple with one picture a lane.
    """

    def __init__(
        self,
        scenario: EngineScenario,
        num_envs: int,
        *,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        num_threads: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        super().__init__()
        check_count("num_envs", num_envs)
        if num_threads is not None:
            check_count("num_threads", num_threads)
            num_threads = int(num_threads)
        num_envs = int(num_envs)
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise ValueError(f"render_mode must be None or one of {RENDER_MODES}, got {render_mode!r}")
        self._engine = Engine(scenario, num_envs, num_threads)  # refuses more than there is memory for
        self.scenario = scenario
        self.num_envs = num_envs
        self.autoreset_mode = _autoreset_mode(autoreset_mode)
        self.render_mode = render_mode
        self.metadata: dict[str, Any] = {
            "name": scenario.env_id,
            "render_modes": list(RENDER_MODES),
            "render_fps": FPS,
            "autoreset_mode": self.autoreset_mode,
        }
        self.single_observation_space = gymnasium.spaces.Dict(dict(scenario.observation_spaces))
        self.single_action_space = gymnasium.spaces.Dict(action_spaces())
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.single_state_space = scenario.state_space
        self._seeds = np.full(num_envs, -1, object)  # of any number of bits
        self._observations: NDArray[np.float32] | None = None
        self._renderer: Renderer | None = None

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Begin episodes in all lanes, or in those of `options["reset_mask"]`, bool (num_envs,).

        Raises:
            TypeError, ValueError: bad seeds or options; nothing has changed then.
        """
        first_lane = seeding.checked_lane(options, self.num_envs)
        mask = self._checked_mask((options or {}).get("reset_mask"))
        seeds, numbers = self._checked_seeds(seed, first_lane)
        if self._observations is None and not mask.all():
            raise RuntimeError(
                "the first reset() must begin all lanes: options['reset_mask'] has False entries"
            )
        self._seed(seeds, numbers, mask)
        # The array handed out before stays as it was.
        previous = None if self._observations is None else self._observations.copy()
        self._observations = self._engine.reset(mask, previous)
        return split_observations(self._observations), {}

    def step(
        self, actions: Actions
    ) -> tuple[Observations, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Advance all lanes by one step.

        Raises:
            RuntimeError: before `reset`, or with autoreset disabled while a lane is over.
            TypeError, ValueError: bad actions; nothing has changed then.
        """
        engine = self._engine
        if self._observations is None:
            raise RuntimeError("step() was called before reset(): call reset() first")
        waiting = engine.over.copy()
        if self.autoreset_mode is AutoresetMode.DISABLED and waiting.any():
            raise RuntimeError(
                f"lanes {np.flatnonzero(waiting).tolist()} are over and autoreset is disabled: "
                "call reset(options={'reset_mask': mask}) for them first"
            )
        read_batch(actions, engine.controls, engine.verdicts)
        if waiting.any():  # next-step mode: these lanes begin anew instead of acting
            observations = engine.step(active=~waiting)
            engine.reset(waiting, observations)
        else:
            observations = engine.step()
        rewards, terminated = engine.rewards.copy(), engine.terminated.copy()
        truncated, ended = engine.truncated.copy(), engine.over.copy()
        info: dict[str, Any] = {}
        if ended.any():
            metrics = self._masked({"episode_metrics": self._metrics(ended)}, ended)
            if self.autoreset_mode is AutoresetMode.SAME_STEP:
                final = self._final_observations(observations, ended)
                last = {"final_obs": final, "final_info": metrics, "final_state": engine.state(ended)}
                info = self._masked(last, ended)
                engine.reset(ended, observations)
            else:
                info = metrics
        self._observations = observations
        return split_observations(observations), rewards, terminated, truncated, info

    def state(self) -> NDArray[np.float32]:
        """The truth of every lane for centralised critics, float32 (num_envs, state size), bounded."""
        return self._engine.state()

    def save_state(self) -> dict[str, np.ndarray]:
        """All that the lanes' future depends on, as plain arrays by name; see `load_state`."""
        if self._observations is None:
            raise RuntimeError("save_state() was called before reset(): there is nothing to save")
        return self._engine.save_state() | {"observations": self._observations.copy()}

    def load_state(self, saved: Mapping[str, np.ndarray]) -> Observations:
        """Go on exactly where `save_state` was called; returns the observations of that moment.

        Raises:
            TypeError, ValueError: other arrays, or of another config or number of lanes; nothing has
                changed then.
        """
        observations = np.empty((self.num_envs, JOINT_OBSERVATION_SIZE), np.float32)
        self._engine.load_state(saved, {"observations": observations})
        self._observations = observations
        self._seeds[:] = -1
        self.np_random = np.random.default_rng()  # by which Gymnasium means that the seed is unknown
        return split_observations(observations)

    def render(self) -> tuple[Any, ...] | None:
        """One picture a lane: uint8 (height, width, 3) or a string."""
        if self.render_mode is None:
            raise RuntimeError(f"render() needs render_mode, one of {RENDER_MODES}, at construction")
        if self._observations is None:
            raise RuntimeError("render() was called before reset(): call reset() first")
        if self._renderer is None:
            self._renderer = Renderer(self.render_mode, FPS)
        return tuple(self._renderer.render(self._engine.snapshot(lane)) for lane in range(self.num_envs))

    def close_extras(self, **_: Any) -> None:
        """Give back what pictures need."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_renderer": None}

    def _metrics(self, ended: NDArray[np.bool_]) -> dict[str, np.ndarray]:
        metrics: dict[str, np.ndarray] = {}
        for name, values in self._engine.metrics(ended).items():
            metrics[name] = np.zeros(self.num_envs, values.dtype)
            metrics[name][ended] = values
        return self._masked(metrics, ended)

    def _final_observations(self, observations: np.ndarray, ended: NDArray[np.bool_]) -> np.ndarray:
        final = np.full(self.num_envs, None, dtype=object)
        parts = split_observations(observations[ended])
        for lane, rows in zip(np.flatnonzero(ended), zip(*parts.values(), strict=True), strict=True):
            final[lane] = dict(zip(parts, rows, strict=True))
        return final

    @staticmethod
    def _masked(info: Mapping[str, Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
        """Gymnasium's convention: beside every key a mask of the lanes that have it."""
        return {**info, **{f"_{key}": mask.copy() for key in info}}

    def _checked_mask(self, mask: Any) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        expected = f"options['reset_mask'] must be a bool array of shape {(self.num_envs,)}"
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"{expected}, got {mask!r}")
        if mask.shape != (self.num_envs,):
            raise ValueError(f"{expected}, got shape {mask.shape}")
        if not mask.any():
            raise ValueError("options['reset_mask'] must select at least one lane, got none")
        return mask

    def _checked_seeds(
        self, seed: Any, first_lane: int | None
    ) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
        """Each lane's new seed, an int or None, and its number under it."""
        seeds, numbers = np.full(self.num_envs, None), np.arange(self.num_envs, dtype=np.int64)
        if seed is None:
            if first_lane is not None:
                raise ValueError(f"options['lane']={first_lane} needs a seed: lanes are numbered under one")
            return seeds, numbers
        if isinstance(seed, (Sequence, np.ndarray)) and not isinstance(seed, (str, bytes)) and np.ndim(seed):
            if first_lane is not None:
                raise ValueError(f"options['lane']={first_lane} needs an integer seed, got a list")
            if len(seed) != self.num_envs:
                raise ValueError(
                    f"seed must have one entry for each of {self.num_envs} lanes, got {len(seed)}"
                )
            seeds[:] = [None if one is None else seeding.checked_seed(one) for one in seed]
            return seeds, 0 * numbers
        seeds[:] = seeding.checked_seed(seed)
        return seeds, numbers + (first_lane or 0)

    def _seed(self, seeds: NDArray[np.object_], numbers: NDArray[np.int64], mask: NDArray[np.bool_]) -> None:
        """Give the lanes in `mask` their new seeds, and a fresh one to those that never had any."""
        new = np.array([seed is not None for seed in seeds])
        fresh = mask & ~new & ~self._engine.seeded
        if fresh.any():
            # Drawn here and not before, so that copies of an environment that nobody seeded differ.
            seeds[fresh], numbers[fresh] = seeding.fresh_seed(), np.flatnonzero(fresh)
        new = mask & (new | fresh)
        if new.any():
            keys = {seed: seeding.root_keys([seed])[0] for seed in set(seeds[new])}
            roots = np.array([keys.get(seed, 0) for seed in seeds], np.uint64)
            self._engine.seed(roots, numbers, new)
            self._seeds[new] = seeds[new]
            tell_seeds(self, self._seeds.tolist())


def tell_seeds(env: VectorEnv, seeds: list[int]) -> None:
    """Have Gymnasium's `np_random_seed` say what is played: the lanes' common seed, or a tuple of theirs.

    `np_random`, from which the world draws nothing, has the same seed.
    """
    if len(set(seeds)) == 1:
        env._np_random, env._np_random_seed = np_random(seeds[0])
        return
    env._np_random = np.random.Generator(np.random.PCG64([abs(seed) for seed in seeds]))
    env._np_random_seed = tuple(seeds)  # type: ignore[assignment]  # Gymnasium's own vectors do so, too


def stack_final_observations(info: Mapping[str, Any]) -> tuple[NDArray[np.intp], Observations]:
    """The last observations of the lanes that ended in a same-step `step`, ready for a network.

    Returns:
        The lanes' indices (k,) and {agent: float32 (k, size)}; k is 0 where no lane ended.
    """
    mask = info.get("_final_obs")
    if mask is None:
        lanes = np.empty(0, np.intp)
        return lanes, split_observations(np.empty((0, JOINT_OBSERVATION_SIZE), np.float32))
    lanes = np.flatnonzero(mask)
    return lanes, {agent: np.stack([info["final_obs"][lane][agent] for lane in lanes]) for agent in AGENTS}


def _autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        known = [known.value for known in AutoresetMode]
        raise ValueError(f"autoreset_mode must be one of {known}, got {mode!r}") from None
