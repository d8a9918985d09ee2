"""The Gymnasium faces: conformance, registry, Gymnasium's own wrappers, and the vector face beside
`SyncVectorEnv`, which is what Gymnasium makes of the same episodes."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorWrapper
from gymnasium.wrappers import vector as wrappers

import soc_env.faces.vector
from soc_env import soc_v0
from soc_env.team import AGENTS, JOINT_OBSERVATION_SIZE, TRIAGE, join_observations

CONFIG: dict[str, Any] = {"hosts_per_segment": 6, "max_steps": 12}
NUM_ENVS = 5
MODES = [mode.value for mode in AutoresetMode]


def vector_env(mode: str = "SameStep", num_envs: int = NUM_ENVS) -> Any:
    return soc_v0.vector_env(num_envs, autoreset_mode=mode, num_threads=1, **CONFIG)


# The vector face beside SyncVectorEnv


class WholeTeam(gymnasium.Env):
    """The parallel face as one Gymnasium environment with Dict spaces: what SyncVectorEnv can batch."""

    def __init__(self) -> None:
        self.env = soc_v0.parallel_env(**CONFIG)
        self.observation_space = gymnasium.spaces.Dict(self.env.observation_spaces)
        self.action_space = gymnasium.spaces.Dict(self.env.action_spaces)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        observations, infos = self.env.reset(seed, options)
        return observations, infos[TRIAGE]

    def step(self, actions: Any) -> Any:
        observations, *others = self.env.step(actions)
        return observations, *(by_agent[TRIAGE] for by_agent in others)


def assert_same(ours: Any, theirs: Any, where: str = "") -> None:
    """Equal to the bit, with the same keys, dtypes and shapes at every depth."""
    assert type(ours) is type(theirs), where
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for key in theirs:
            assert_same(ours[key], theirs[key], f"{where}[{key!r}]")
    elif isinstance(theirs, (tuple, list)) or getattr(theirs, "dtype", None) == object:
        assert len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
    elif isinstance(theirs, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
        assert ours.tobytes() == theirs.tobytes(), where
    else:
        assert ours == theirs, where


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
        self.over &= False if mask is None else ~mask

    def step(self) -> None:
        actions = self.theirs.action_space.sample()
        ours, theirs = self.ours.step(actions), self.theirs.step(actions)
        assert_same(ours, theirs, "step")
        self.over = theirs[2] | theirs[3]
        self.episodes += self.over.sum()


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
            seed = None if rng.random() < 0.5 else [int(rng.integers(9)) for _ in range(NUM_ENVS)]
            twins.reset(seed, mask)
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


# Conformance and registry


def test_joint_env_passes_gymnasiums_checker() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Entries that are always 0 have equal bounds, and noise has none.
        for known in (".*maximum and minimum values are equal", ".*(minimum|maximum) value is -?infinity"):
            warnings.filterwarnings("ignore", message=known)
        warnings.filterwarnings("ignore", message=".*the spec is None")  # not made from the registry
        check_env(soc_v0.joint_env(**CONFIG), skip_render_check=True)


@pytest.mark.filterwarnings("ignore:.*maximum and minimum values are equal")
def test_gymnasium_makes_the_joint_env() -> None:
    env = gymnasium.make("soc_env/soc-v0", **CONFIG)
    observation, _ = env.reset(seed=3)
    own, _ = soc_v0.joint_env(**CONFIG).reset(seed=3)
    assert np.array_equal(observation, own)
    env.action_space.seed(0)
    for step in range(1, CONFIG["max_steps"] + 1):
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        if terminated or truncated:
            break
    assert info["episode_metrics"]["length"] == step


def test_gymnasium_makes_the_vector_env() -> None:
    env: Any = gymnasium.make_vec("soc_env/soc-v0", num_envs=3, autoreset_mode="NextStep", **CONFIG)
    assert isinstance(env, soc_env.faces.vector.TeamVectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert env.spec.id == "soc_env/soc-v0"
    observations, _ = env.reset(seed=3)
    expected, _ = vector_env(num_envs=3).reset(seed=3)
    assert_same(observations, expected)


@pytest.mark.filterwarnings("ignore:.*maximum and minimum values are equal")
def test_gymnasium_can_batch_the_joint_env_by_itself() -> None:
    env = gymnasium.make_vec("soc_env/soc-v0", num_envs=3, vectorization_mode="sync", **CONFIG)
    assert isinstance(env, SyncVectorEnv)
    observations, _ = env.reset(seed=3)
    expected, _ = vector_env(num_envs=3).reset(seed=[3, 4, 5])
    assert np.array_equal(observations, join_observations(expected))


# Gymnasium's wrappers for vector environments


def play(env: Any, steps: int) -> list[tuple]:
    """Random play; lanes that are over are reset where nobody else does it."""
    env.action_space.seed(0)
    env.reset(seed=0)
    history = []
    for _ in range(steps):
        history.append(env.step(env.action_space.sample()))
        over = history[-1][2] | history[-1][3]
        if env.metadata["autoreset_mode"] is AutoresetMode.DISABLED and over.any():
            env.reset(options={"reset_mask": over})
    return history


def metrics_of(info: dict[str, Any]) -> dict[str, np.ndarray]:
    return info.get("final_info", info)["episode_metrics"]


@pytest.mark.parametrize("mode", MODES)
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
    for wrapper, expected in (
        (lambda env: wrappers.ClipReward(env, -0.1, 0.1), plain.clip(-0.1, 0.1)),
        (lambda env: wrappers.TransformReward(env, lambda rewards: 2 * rewards), 2 * plain),
    ):
        wrapped = np.array([rewards for _, rewards, *_ in play(wrapper(vector_env(mode)), 40)])
        assert np.array_equal(wrapped, expected)
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


@pytest.mark.filterwarnings("ignore:.*maximum and minimum values are equal")
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
    class_of_negated: Any = vector_env(mode)
    step = class_of_negated.step
    class_of_negated.step = lambda actions: step(negate(actions))
    assert_same(negated, play(class_of_negated, 30))


@pytest.mark.parametrize("mode", MODES)
def test_torch_users_can_have_tensors(mode: str) -> None:
    torch = pytest.importorskip("torch")
    env = wrappers.NumpyToTorch(vector_env(mode))
    observations, _ = env.reset(seed=0)
    actions = {
        agent: torch.from_numpy(np.asarray(action)) for agent, action in env.action_space.sample().items()
    }
    observations, rewards, *_ = env.step(actions)
    assert {agent: tuple(one.shape) for agent, one in observations.items()} == {
        agent: env.observation_space[agent].shape for agent in AGENTS
    }
    assert rewards.dtype == torch.float64
