"""Episode k of lane i under seed s is a function of (s, i, k) and the actions alone."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from soc_env import soc_v0
from soc_env.team import AGENTS, TRIAGE, join_observations
from tests.faces import to_bytes

CONFIG = {"hosts_per_segment": 20, "max_steps": 40}


def scripted_action(lane: int, episode: int, step: int) -> dict:
    """An action that depends on the address alone, so that every face plays the same."""
    rng = np.random.default_rng([lane, episode, step])
    return {
        "strategic_coordinator": rng.uniform(-1, 1, 8).astype(np.float32),
        "threat_hunter": rng.uniform(-1, 1, 16).astype(np.float32),
        "alert_triage": int(rng.integers(4)),
        "response_orchestrator": rng.uniform(-1, 1, 12).astype(np.float32),
    }


def play_single(seed: int, lane: int, episodes: int, env=None) -> list[tuple]:
    """(joint observation, reward, over) of each step on the parallel face."""
    env = env or soc_v0.parallel_env(**CONFIG)
    history = []
    for episode in range(episodes):
        observations, _ = env.reset(**({"seed": seed, "options": {"lane": lane}} if episode == 0 else {}))
        history.append((join_observations(observations), 0.0, False))
        step = 0
        while env.agents:
            observations, rewards, _, _, _ = env.step(scripted_action(lane, episode, step))
            step += 1
            history.append((join_observations(observations), rewards[TRIAGE], not env.agents))
    return history


def play_vector(seed: int, num_envs: int, episodes: int, **arguments) -> list[list[tuple]]:
    """The same for every lane of the vector face."""
    env = soc_v0.vector_env(num_envs, **arguments, **CONFIG)
    observations, _ = env.reset(seed=seed)
    joint = join_observations(observations)
    histories = [[(joint[lane], 0.0, False)] for lane in range(num_envs)]
    episode, step = np.zeros(num_envs, int), np.zeros(num_envs, int)
    while (episode < episodes).any():
        each = [scripted_action(lane, episode[lane], step[lane]) for lane in range(num_envs)]
        actions = {agent: np.stack([action[agent] for action in each]) for agent in AGENTS}
        observations, rewards, terminated, truncated, info = env.step(actions)
        joint = join_observations(observations)
        for lane in range(num_envs):
            over = bool(terminated[lane] or truncated[lane])
            step[lane] += 1
            last = join_observations(info["final_obs"][lane]) if over else joint[lane]
            if episode[lane] < episodes:
                histories[lane].append((last, rewards[lane], over))
            if over:
                episode[lane] += 1
                step[lane] = 0
                if episode[lane] < episodes:
                    histories[lane].append((joint[lane], 0.0, False))
    return histories


def assert_same(first: list[tuple], second: list[tuple]) -> None:
    assert len(first) == len(second)
    for (a, reward_a, over_a), (b, reward_b, over_b) in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (reward_a, over_a) == (reward_b, over_b)


def test_the_vector_face_plays_the_lanes_of_the_single_face():
    for lane, history in enumerate(play_vector(3, num_envs=4, episodes=3)):
        assert_same(history, play_single(3, lane, episodes=3))


def test_the_number_of_lanes_changes_no_lane():
    few, many = play_vector(5, num_envs=2, episodes=2), play_vector(5, num_envs=7, episodes=2)
    for lane in range(2):
        assert_same(few[lane], many[lane])


def test_the_number_of_threads_changes_nothing():
    one, four = (soc_v0.vector_env(600, num_threads=threads, **CONFIG) for threads in (1, 4))
    one.action_space.seed(6)
    observations, others = (env.reset(seed=6)[0] for env in (one, four))
    for _ in range(CONFIG["max_steps"] + 5):
        np.testing.assert_array_equal(join_observations(observations), join_observations(others))
        actions = one.action_space.sample()
        (observations, *ours, info), (others, *theirs, other) = (env.step(actions) for env in (one, four))
        np.testing.assert_array_equal(ours, theirs)
        for lane in np.flatnonzero(ours[1] | ours[2]):
            np.testing.assert_array_equal(
                join_observations(info["final_obs"][lane]), join_observations(other["final_obs"][lane])
            )


def test_a_list_of_seeds_plays_lane_0_of_each():
    env = soc_v0.vector_env(3, **CONFIG)
    observations, _ = env.reset(seed=[8, 9, 8])
    joint = join_observations(observations)
    np.testing.assert_array_equal(joint[0], joint[2])
    np.testing.assert_array_equal(joint[1], play_single(9, 0, 1)[0][0])


def test_seeds_lanes_and_episodes_all_make_a_difference():
    first = play_single(3, 0, 2)
    starts = [first[0][0], next(step[0] for step in first[1:] if step[0][20] == 0)]
    starts += [play_single(4, 0, 1)[0][0], play_single(3, 1, 1)[0][0]]
    for k, a in enumerate(starts):
        for b in starts[k + 1 :]:
            assert (a[24:64] != b[24:64]).all()


def test_nearby_seeds_share_no_noise():
    env = soc_v0.vector_env(200)
    observations, _ = env.reset(seed=list(range(200)))
    noise = observations["threat_hunter"][:, 80:128]
    correlation = np.corrcoef(noise)[np.triu_indices(200, 1)]
    # For independent rows the squared correlation has mean 1 / 47 and deviation about sqrt(2) / 47.
    assert abs((correlation**2).mean() - 1 / 47) < 5 * np.sqrt(2) / 47 / np.sqrt(len(correlation))
    assert abs(correlation).max() < 0.8


def test_reset_without_a_seed_keeps_the_network_and_a_seed_redraws_it():
    env = soc_v0.parallel_env()

    def vulnerability() -> np.ndarray:
        state = env.state()
        return np.array(
            [state[field.start] for field in soc_v0.state_fields() if "vulnerability" in field.name]
        )

    env.reset(seed=1)
    first = vulnerability()
    env.reset()
    np.testing.assert_array_equal(vulnerability(), first)
    env.reset(seed=2)
    assert (vulnerability() != first).all()
    env.reset(seed=1)
    np.testing.assert_array_equal(vulnerability(), first)


def test_environments_without_a_seed_differ():
    a, b = (soc_v0.parallel_env().reset()[0]["strategic_coordinator"] for _ in range(2))
    assert (a[24:] != b[24:]).all()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_made_mid_episode_goes_on_with_the_same_bits(duplicate):
    env = soc_v0.vector_env(5, **CONFIG)
    env.reset(seed=2)
    actions = [env.action_space.sample() for _ in range(80)]
    for action in actions[:13]:
        env.step(action)
    twin = duplicate(env)
    for action in actions[13:]:
        a, b = env.step(action), twin.step(action)
        np.testing.assert_array_equal(join_observations(a[0]), join_observations(b[0]))
        np.testing.assert_array_equal(a[1], b[1])
        np.testing.assert_array_equal(env.state(), twin.state())


def test_a_saved_state_goes_on_with_the_same_bits_in_another_environment():
    env, other = (soc_v0.vector_env(5, **CONFIG) for _ in range(2))
    env.reset(seed=2)
    actions = [env.action_space.sample() for _ in range(80)]
    for action in actions[:13]:
        env.step(action)
    saved = env.save_state()
    assert all(array.dtype.kind in "fiub" for array in saved.values())
    other.reset(seed=99)
    np.testing.assert_array_equal(join_observations(other.load_state(saved)), saved["observations"])
    for action in actions[13:]:
        a, b = env.step(action), other.step(action)
        np.testing.assert_array_equal(join_observations(a[0]), join_observations(b[0]))
        np.testing.assert_array_equal(a[1], b[1])


def test_a_saved_state_of_another_size_is_refused_and_changes_nothing():
    env, smaller = soc_v0.vector_env(3, **CONFIG), soc_v0.vector_env(2, **CONFIG)
    env.reset(seed=2)
    smaller.reset(seed=2)
    before = env.state()
    with pytest.raises(ValueError, match="another config or number of lanes"):
        env.load_state(smaller.save_state())
    np.testing.assert_array_equal(env.state(), before)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda saved: list(saved), TypeError, "must be a mapping of arrays by name, got list"),
        (lambda saved: saved | {"extra": np.zeros(3)}, ValueError, r"unknown ones \['extra'\]"),
        (lambda saved: {"observations": saved["observations"]}, ValueError, "lacks the arrays"),
        *(
            (lambda saved, cut=cut: saved | {"observations": cut(saved["observations"])}, ValueError, message)
            for cut, message in [
                (
                    lambda rows: rows[:, :-1],
                    r"'observations' is float32\(3, 351\), expected float32\(3, 352\)",
                ),
                (lambda rows: rows[:2], r"is float32\(2, 352\)"),
                (lambda rows: rows[0], r"is float32\(352,\)"),
                (lambda rows: rows.astype(np.float64), "is float64"),
                (lambda rows: rows.astype(object), "is object"),
            ]
        ),
    ],
)
def test_a_saved_state_that_does_not_fit_is_refused_and_changes_nothing(change, error, message):
    env = soc_v0.vector_env(3, **CONFIG)
    env.reset(seed=2)
    before = to_bytes(env.save_state())
    with pytest.raises(error, match=message):
        env.load_state(change(soc_v0_state(seed=3)))
    assert to_bytes(env.save_state()) == before


def soc_v0_state(seed):
    env = soc_v0.vector_env(3, **CONFIG)
    env.reset(seed=seed)
    return env.save_state()


def test_observations_handed_out_are_never_written_to_again():
    env = soc_v0.vector_env(4, **CONFIG)
    kept = [env.reset(seed=1)[0]]
    copies = [{agent: array.copy() for agent, array in kept[0].items()}]
    for _ in range(60):
        observations = env.step(env.action_space.sample())[0]
        kept.append(observations)
        copies.append({agent: array.copy() for agent, array in observations.items()})
    env.reset(options={"reset_mask": np.array([True, False, True, False])})
    for observations, copied in zip(kept, copies, strict=True):
        for agent in AGENTS:
            np.testing.assert_array_equal(observations[agent], copied[agent])
