"""The vector face does what `SyncVectorEnv`, Gymnasium's own, makes of the same episodes."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from soc_env import soc_v0
from soc_env.team import TRIAGE
from tests.faces import CONFIG, assert_same

NUM_ENVS = 5
MODES = [mode.value for mode in AutoresetMode]


def vector_env(mode: str = "SameStep", num_envs: int = NUM_ENVS) -> Any:
    return soc_v0.vector_env(num_envs, autoreset_mode=mode, num_threads=1, **CONFIG)


class WholeTeam(gymnasium.Env):
    """The parallel face as one Gymnasium environment with Dict spaces: what SyncVectorEnv can batch."""

    def __init__(self) -> None:
        self.env = soc_v0.parallel_env(**CONFIG)
        self.observation_space = gymnasium.spaces.Dict(self.env.observation_spaces)
        self.action_space = gymnasium.spaces.Dict(self.env.action_spaces)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        observations, infos = self.env.reset(seed, options)
        return observations, infos[TRIAGE]

    def state(self) -> np.ndarray:
        return self.env.state()

    def last_state(self) -> np.ndarray:
        """What `state()` was after the last step, before any reset."""
        return self.stepped_to

    def step(self, actions: Any) -> Any:
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        self.stepped_to = self.env.state()
        return observations, rewards[TRIAGE], terminated[TRIAGE], truncated[TRIAGE], infos[TRIAGE]


class Twins:
    """The two vector environments, given the same calls and compared after each."""

    def __init__(self, mode: str) -> None:
        self.ours = vector_env(mode)
        self.theirs = SyncVectorEnv([WholeTeam] * NUM_ENVS, autoreset_mode=mode)
        self.theirs.action_space.seed(7)
        self.over = np.zeros(NUM_ENVS, bool)
        self.episodes = 0

    def reset(self, seed: list[int | None] | None = None, mask: np.ndarray | None = None) -> None:
        options = [None if mask is None else {"reset_mask": mask.copy()} for _ in range(2)]
        ours = self.ours.reset(seed=seed, options=options[0])
        assert_same(ours, self.theirs.reset(seed=seed, options=options[1]), "reset")
        self.compare_states()
        self.over &= False if mask is None else ~mask

    def step(self) -> None:
        actions = self.theirs.action_space.sample()
        ours, theirs = self.ours.step(actions), self.theirs.step(actions)
        self.compare_final_states(ours[4])
        assert_same(ours, theirs, "step")
        self.compare_states()
        self.over = theirs[2] | theirs[3]
        self.episodes += self.over.sum()

    def compare_final_states(self, info: dict[str, Any]) -> None:
        """Takes them out of `info`: Gymnasium's environments have no state."""
        if "final_obs" in info:
            ended, states = info.pop("_final_state"), info.pop("final_state")
            assert_same(states[ended], np.stack(self.theirs.call("last_state"))[ended], "final_state")

    def compare_states(self) -> None:
        assert_same(self.ours.state(), np.stack(self.theirs.call("state")), "state")


@pytest.mark.parametrize("mode", MODES)
def test_vector_env_gives_what_sync_vector_env_gives(mode: str) -> None:
    twins = Twins(mode)
    twins.reset(seed=[3, 1, 4, 1, 5])
    for _ in range(250):
        twins.step()
        if mode == "Disabled" and twins.over.any():
            twins.reset(mask=twins.over)
    assert twins.episodes > 50


@pytest.mark.parametrize("mode", MODES)
def test_resets_of_some_lanes_are_those_of_sync_vector_env(mode: str) -> None:
    twins = Twins(mode)
    rng = np.random.default_rng(0)
    twins.reset(seed=list(range(NUM_ENVS)))
    for _ in range(250):
        twins.step()
        mask = rng.random(NUM_ENVS) < 0.15  # in the middle of an episode, at its end, or at its begin
        if mode == "Disabled":
            mask |= twins.over
        if mask.any():
            seeds: list[int | None] = [int(rng.integers(9)) for _ in range(NUM_ENVS)]
            twins.reset(seeds if rng.random() < 0.5 else None, mask)
    twins.reset()
    twins.step()
    twins.reset(seed=[2, None, 7, None, 1])
    twins.step()
    assert twins.episodes > 20


def test_vector_env_describes_itself_as_sync_vector_env_does() -> None:
    for mode in MODES:
        ours, theirs = vector_env(mode), SyncVectorEnv([WholeTeam] * NUM_ENVS, autoreset_mode=mode)
        for name in (
            "num_envs",
            "single_observation_space",
            "single_action_space",
            "observation_space",
            "action_space",
        ):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert ours.metadata["autoreset_mode"] is theirs.metadata["autoreset_mode"]


def test_what_was_handed_out_stays_as_it_was() -> None:
    for mode in MODES:
        env = vector_env(mode)
        env.action_space.seed(0)
        kept = [env.reset(seed=0)[0]]
        copies = [{agent: one.copy() for agent, one in kept[0].items()}]
        for _ in range(20):
            observations, _, terminated, truncated, _ = env.step(env.action_space.sample())
            kept.append(observations)
            copies.append({agent: one.copy() for agent, one in observations.items()})
            if mode == "Disabled" and (terminated | truncated).any():
                env.reset(options={"reset_mask": terminated | truncated})
        assert_same(kept, copies)
