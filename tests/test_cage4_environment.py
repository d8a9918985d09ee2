"""CAGE-4 as an environment of the SOC's agents, on recorded episodes; no CybORG."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("tyro")

from evaluation.cage4.interface import NUM_ZONES
from evaluation.cage4.measures import MEASURES, Measures
from evaluation.cage4.vector import Cage4, Cage4VectorEnv
from soc_env import soc_v0
from soc_env.faces.vector import stack_final_observations
from soc_env.team import AGENTS, TRIAGE
from tests.test_cage4_evaluation import LENGTH, RecordedLanes
from tests.test_cage4_interface import random_actions


def test_the_environment_has_soc_v0s_spaces():
    env, scenario = Cage4VectorEnv(RecordedLanes(2)), soc_v0.SCENARIO()
    assert env.single_observation_space.spaces == scenario.observation_spaces
    observations, _ = env.reset(seed=1)
    assert env.observation_space.contains(observations)
    assert [one.name for one in Cage4().fields(TRIAGE)] == [one.name for one in soc_v0.fields(TRIAGE)]


def test_the_state_says_whether_the_oldest_alert_is_true():
    assert Cage4.head_truth in [field.name for field in Cage4().state_fields()]


def play(env: Cage4VectorEnv, steps: int, seed: int = 0) -> list[tuple]:
    generator, seen = np.random.default_rng(seed), []
    for _ in range(steps):
        observations, rewards, terminated, truncated, info = env.step(random_actions(generator, env.num_envs))
        seen.append((observations, rewards, terminated, truncated, info, env.state()))
    return seen


def test_episodes_are_truncated_and_begin_anew_in_the_same_step():
    env = Cage4VectorEnv(RecordedLanes(2))
    env.reset(seed=1)
    seen = play(env, LENGTH + 1)
    assert not any(
        terminated.any() or truncated.any() for _, _, terminated, truncated, _, _ in seen[: LENGTH - 1]
    )
    observations, rewards, terminated, truncated, info, state = seen[LENGTH - 1]
    assert truncated.all()
    assert not terminated.any()
    assert rewards.tolist() == [-1.0 - LENGTH] * 2
    lanes, last = stack_final_observations(info)
    assert lanes.tolist() == [0, 1]
    column = next(one.start for one in Cage4().fields("strategic_coordinator") if one.name == "time")
    assert last["strategic_coordinator"][:, column] == pytest.approx(25 / 200)
    assert (observations["strategic_coordinator"][:, column] == 0.0).all()
    assert info["final_state"][:, 0] == pytest.approx(LENGTH / 500)
    assert (state[:, 0] == 0.0).all()
    metrics = info["final_info"]["episode_metrics"]
    assert metrics["length"].tolist() == [LENGTH] * 2
    assert metrics["episode_return"] == pytest.approx(-sum(range(2, LENGTH + 2)))
    known = {metric.source for metric in Cage4.metrics}
    assert set(metrics) == known | {f"_{name}" for name in known}


def test_episodes_are_measured_as_the_evaluation_measures_them():
    env, lanes = Cage4VectorEnv(RecordedLanes(2)), RecordedLanes(2)
    env.reset(seed=1)
    for _ in range(2):  # the second episode begins anew
        *_, (_, _, _, _, info, _) = play(env, LENGTH)
        measured = info["final_info"]["episode_metrics"]
        lanes.begun = [[seeds[-2] if len(seeds) > 1 else seeds[-1]] for seeds in env._lanes.begun]
        lanes.steps[:] = 0
        frame = lanes._frame()
        measures = Measures(frame)
        for _ in range(LENGTH):
            before, frame = frame, lanes.step(np.zeros((2, NUM_ZONES), np.int64))
            measures.see(before, np.zeros((2, NUM_ZONES), np.int64), frame)
        by_hand = dict(zip((one.name for one in MEASURES), measures.result().T, strict=True))
        for name in ("clean", "held"):  # the others count what the team did
            assert measured[name] == pytest.approx(by_hand[name])
            assert (measured[name] > 0).all()


def test_states_are_in_their_space():
    env = Cage4VectorEnv(RecordedLanes(3))
    env.reset(seed=1)
    space = env.single_state_space
    for *_, state in play(env, LENGTH):
        assert state.dtype == np.float32
        assert all(space.contains(row) for row in state)


def test_seeds_say_which_episodes_are_played():
    begun = []
    for seed in (5, 5, 6, [5, 9]):
        lanes = RecordedLanes(2)
        env = Cage4VectorEnv(lanes)
        env.reset(seed=seed)
        play(env, LENGTH)
        begun.append(lanes.begun)
    assert begun[0] == begun[1]
    assert begun[0][0] == begun[3][0]  # lane 0 of seed 5
    assert len({seed for lanes in begun for episodes in lanes for seed in episodes}) == 2 * 2 * 2 + 2


def test_a_saved_state_goes_on_exactly():
    env = Cage4VectorEnv(RecordedLanes(2))
    env.reset(seed=1)
    play(env, LENGTH + 7, seed=1)
    saved = env.save_state()
    expected = play(env, LENGTH, seed=2)
    other = Cage4VectorEnv(RecordedLanes(2))
    other.load_state(saved)
    for one, two in zip(expected, play(other, LENGTH, seed=2), strict=True):
        for agent in AGENTS:
            np.testing.assert_array_equal(one[0][agent], two[0][agent])
        np.testing.assert_array_equal(one[1], two[1])
        np.testing.assert_array_equal(one[5], two[5])
    with pytest.raises(ValueError, match=r"saved state 'roots' is uint64\(2,\), expected uint64\(3,\)"):
        Cage4VectorEnv(RecordedLanes(3)).load_state(saved)


def test_misuse_of_the_environment_is_refused():
    env = Cage4VectorEnv(RecordedLanes(2))
    with pytest.raises(RuntimeError, match="before reset"):
        env.step(random_actions(np.random.default_rng(0), 2))
    with pytest.raises(RuntimeError, match="nothing to save"):
        env.save_state()
    with pytest.raises(ValueError, match="one entry for each of 2 lanes, got 3"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="options must be empty"):
        env.reset(options={"lane": 3})
    env.close()
    assert env._lanes.closed
