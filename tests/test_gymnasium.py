"""The Gymnasium faces: conformance, registry, and Gymnasium's own wrappers around them."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorWrapper
from gymnasium.wrappers import vector as wrappers

import soc_env.faces.vector
from soc_env import soc_v0
from soc_env.team import JOINT_OBSERVATION_SIZE, TRIAGE, join_observations
from tests.faces import AUTORESET_MODES_WITH_STATISTICS, CONFIG, assert_same

NUM_ENVS = 5
MODES = [mode.value for mode in AutoresetMode]


def vector_env(mode: str = "SameStep", num_envs: int = NUM_ENVS) -> Any:
    return soc_v0.vector_env(num_envs, autoreset_mode=mode, num_threads=1, **CONFIG)


# Conformance and registry


def test_joint_env_passes_gymnasiums_checker() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*(minimum|maximum) value is -?infinity")  # of noise
        warnings.filterwarnings("ignore", message=".*the spec is None")  # not made from the registry
        check_env(soc_v0.joint_env(**CONFIG), skip_render_check=True)


@pytest.mark.filterwarnings("error")
def test_gymnasium_makes_the_joint_env() -> None:
    env = gymnasium.make("soc_env/soc-v0", **CONFIG)
    observation, _ = env.reset(seed=3)
    own, _ = soc_v0.joint_env(**CONFIG).reset(seed=3)
    assert np.array_equal(observation, own)
    env.action_space.seed(0)
    steps, over = 0, False
    info: dict[str, Any] = {}
    while not over:
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        steps, over = steps + 1, terminated or truncated
    assert info["episode_metrics"]["length"] == steps


def test_gymnasium_makes_the_vector_env() -> None:
    env: Any = gymnasium.make_vec("soc_env/soc-v0", num_envs=3, autoreset_mode="NextStep", **CONFIG)
    assert isinstance(env, soc_env.faces.vector.TeamVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert env.spec is not None
    assert env.spec.id == "soc_env/soc-v0"
    observations, _ = env.reset(seed=3)
    expected, _ = vector_env(num_envs=3).reset(seed=3)
    assert_same(observations, expected)


def test_gymnasium_can_batch_the_joint_env_by_itself() -> None:
    env = gymnasium.make_vec("soc_env/soc-v0", num_envs=3, vectorization_mode="sync", **CONFIG)
    assert isinstance(env, SyncVectorEnv)
    observations, _ = env.reset(seed=3)
    expected, _ = vector_env(num_envs=3).reset(seed=[3, 4, 5])
    assert np.array_equal(observations, join_observations(expected))


@pytest.mark.parametrize(("mode", "kind"), [("rgb_array_list", np.ndarray), ("ansi_list", str)])
def test_gymnasium_collects_the_pictures_of_an_episode(mode: str, kind: type) -> None:
    env = gymnasium.make("soc_env/soc-v0", render_mode=mode, **CONFIG)
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    pictures: Any = env.render()
    assert [type(picture) for picture in pictures] == [kind] * 4


# Seeds


@pytest.mark.parametrize("integer", [np.int64, np.uint8, np.array, int])
def test_any_integer_is_a_seed_and_the_number_of_a_lane(integer: Any) -> None:
    faces = (soc_v0.parallel_env, soc_v0.env, soc_v0.joint_env, partial(soc_v0.vector_env, 2))
    for face in faces:
        env, other = face(**CONFIG), face(**CONFIG)
        env.reset(seed=integer(3), options={"lane": integer(2)})
        other.reset(seed=3, options={"lane": 2})
        assert np.array_equal(env.state(), other.state())
        assert type(env.np_random_seed) is int
        for bad in (True, 3.0, "3", -1):
            with pytest.raises((TypeError, ValueError), match="seed must be an integer >= 0"):
                env.reset(seed=bad)
        for lane in (True, 3.0, -1, 2**63):
            with pytest.raises((TypeError, ValueError), match=r"options\['lane'\] must be an integer"):
                env.reset(seed=1, options={"lane": lane})
        with pytest.raises(TypeError, match=r"options must be a dictionary or None, got \[5\]"):
            env.reset(seed=1, options=[5])
        assert env.np_random_seed == 3
        assert np.array_equal(env.state(), other.state())


def test_numbers_of_lanes_and_threads_can_be_numpys() -> None:
    env = soc_v0.vector_env(np.int16(2), num_threads=np.uint8(1), **CONFIG)  # type: ignore[arg-type]
    assert type(env.num_envs) is int


@pytest.mark.parametrize("face", [soc_v0.joint_env, soc_v0.parallel_env, soc_v0.env])
def test_np_random_seed_is_what_a_single_environment_plays(face: Any) -> None:
    env, other = face(**CONFIG), face(**CONFIG)
    env.reset()  # with a seed of nobody's choice
    other.reset(seed=env.np_random_seed)
    assert np.array_equal(env.state(), other.state())
    assert env.np_random.random() == other.np_random.random()
    env.reset(seed=42)
    env.reset()
    assert env.np_random_seed == 42


def test_np_random_seed_of_the_vector_env_is_what_its_lanes_play() -> None:
    env, other = vector_env(num_envs=3), vector_env(num_envs=3)
    env.reset()  # with a seed of nobody's choice
    other.reset(seed=env.np_random_seed)
    assert np.array_equal(env.state(), other.state())
    env.reset(seed=42)
    assert env.np_random_seed == 42
    assert env.np_random.random() == gymnasium.utils.seeding.np_random(42)[0].random()
    env.reset(seed=[7, None, 2**70])
    env.reset()
    assert env.np_random_seed == (7, 42, 2**70)
    env.reset(seed=5, options={"reset_mask": np.array([True, False, False])})
    assert env.np_random_seed == (5, 42, 2**70)
    with pytest.raises(TypeError, match="seed must be an integer"):
        env.reset(seed=[1, 2, "three"])
    assert env.np_random_seed == (5, 42, 2**70)
    env.load_state(other.save_state())
    assert env.np_random_seed == -1  # Gymnasium's sign for one that is not known


# Gymnasium's wrappers for vector environments


def play(env: Any, steps: int, change: Any = lambda actions: actions) -> list[tuple]:
    """Random play; lanes that are over are reset where nobody else does it."""
    env.action_space.seed(0)
    env.reset(seed=0)
    history = []
    for _ in range(steps):
        history.append(env.step(change(env.action_space.sample())))
        over = history[-1][2] | history[-1][3]
        if env.metadata["autoreset_mode"] is AutoresetMode.DISABLED and over.any():
            env.reset(options={"reset_mask": over})
    return history


def metrics_of(info: dict[str, Any]) -> dict[str, np.ndarray]:
    return info.get("final_info", info)["episode_metrics"]


@pytest.mark.parametrize("mode", AUTORESET_MODES_WITH_STATISTICS)
def test_record_episode_statistics_counts_what_the_metrics_say(mode: str) -> None:
    env = wrappers.RecordEpisodeStatistics(vector_env(mode))
    ended = [info for *_, info in play(env, 80) if "episode" in info]
    assert len(ended) > 5
    for info in ended:
        lanes, metrics = info["_episode"], metrics_of(info)
        assert np.allclose(info["episode"]["r"][lanes], metrics["episode_return"][lanes])
        assert np.array_equal(info["episode"]["l"][lanes], metrics["length"][lanes])


@pytest.mark.parametrize("mode", MODES)
def test_dict_info_to_list_gives_each_lane_its_own_info(mode: str) -> None:
    plain = play(vector_env(mode), 40)
    listed = play(wrappers.DictInfoToList(vector_env(mode)), 40)
    for (_, _, terminated, truncated, info), (*_, infos) in zip(plain, listed, strict=True):
        for lane in range(NUM_ENVS):
            if not (terminated | truncated)[lane]:
                assert infos[lane] == {}
                continue
            if mode == "SameStep":
                assert_same(infos[lane]["final_obs"], info["final_obs"][lane])
            metrics = infos[lane].get("final_info", infos[lane])["episode_metrics"]
            assert metrics == {
                name: values[lane] for name, values in metrics_of(info).items() if not name.startswith("_")
            }


@pytest.mark.parametrize("mode", MODES)
def test_rewards_can_be_clipped_scaled_and_normalized(mode: str) -> None:
    plain = np.array([rewards for _, rewards, *_ in play(vector_env(mode), 40)])
    clipped = play(wrappers.ClipReward(vector_env(mode), -0.1, 0.1), 40)
    assert np.array_equal([rewards for _, rewards, *_ in clipped], plain.clip(-0.1, 0.1))
    doubled = play(wrappers.TransformReward(vector_env(mode), lambda one: 2 * one), 40)
    assert np.array_equal([rewards for _, rewards, *_ in doubled], 2 * plain)
    normalized = np.array(
        [rewards for _, rewards, *_ in play(wrappers.NormalizeReward(vector_env(mode)), 40)]
    )
    assert np.isfinite(normalized).all()
    assert ((normalized > 0) == (plain > 0)).all()


class JointObservations(VectorWrapper):
    """The agents' observations side by side: a Box, which Gymnasium's observation wrappers need."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        low, high = np.full((2, JOINT_OBSERVATION_SIZE), [[-np.inf], [np.inf]], np.float32)
        self.single_observation_space = gymnasium.spaces.Box(low, high)
        self.observation_space = gymnasium.vector.utils.batch_space(
            self.single_observation_space, env.num_envs
        )

    def reset(self, **arguments: Any) -> Any:
        observations, info = self.env.reset(**arguments)
        return join_observations(observations), info

    def step(self, actions: Any) -> Any:
        observations, *rest = self.env.step(actions)
        return join_observations(observations), *rest


def test_normalize_observation_works_on_joint_observations_in_next_step_mode() -> None:
    # Gymnasium's wrapper takes Box spaces only, and next-step autoreset only.
    env = wrappers.NormalizeObservation(JointObservations(vector_env("NextStep")))
    seen = np.concatenate([observations for observations, *_ in play(env, 100)])
    plain = np.concatenate(
        [join_observations(observations) for observations, *_ in play(vector_env("NextStep"), 100)]
    )
    varies = plain.std(axis=0) > 0.05
    assert np.allclose(env.obs_rms.mean[varies], plain.mean(axis=0)[varies], atol=0.05)
    assert 0.5 < seen.std(axis=0)[varies].mean() < 1.5


def test_normalize_observation_works_on_gymnasiums_batch_of_joint_envs() -> None:
    env = gymnasium.make_vec("soc_env/soc-v0", num_envs=3, vectorization_mode="sync", **CONFIG)
    history = play(wrappers.NormalizeObservation(env), 40)
    assert all(np.isfinite(observations).all() for observations, *_ in history)


@pytest.mark.parametrize("mode", ["NextStep", "Disabled"])
def test_observations_and_actions_can_be_transformed(mode: str) -> None:
    def halve(observations: Any) -> Any:
        return {agent: one / 2 for agent, one in observations.items()}

    def negate(actions: Any) -> Any:
        return {agent: one if agent == TRIAGE else -one for agent, one in actions.items()}

    halved = play(wrappers.TransformObservation(vector_env(mode), halve), 30)
    for (one, *_), (other, *_) in zip(halved, play(vector_env(mode), 30), strict=True):
        assert_same(one, halve(other))
    negated = play(wrappers.TransformAction(vector_env(mode), negate), 30)
    assert_same(negated, play(vector_env(mode), 30, negate))
