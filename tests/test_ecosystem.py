"""Libraries that people will use: SuperSuit, Stable-Baselines3, TorchRL; and the examples."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import supersuit
import torch
from pettingzoo.test import parallel_api_test

from soc_env import soc_v0
from soc_env.team import AGENTS, CONTROL_SIZES, OBSERVATION_SIZES, TRIAGE
from soc_env.wrappers import continuous_actions, discrete_actions, leak_free
from tests.faces import CONFIG
from tests.test_pettingzoo import remarks_expected

EXAMPLES = Path(__file__).parent.parent / "examples"
WIDEST_OBSERVATION, WIDEST_ACTION = 128, 16


def padded() -> Any:
    """Every agent with the same observation and action space."""
    env = continuous_actions(soc_v0.parallel_env(**CONFIG))
    return supersuit.pad_action_space_v0(supersuit.pad_observations_v0(env))


# SuperSuit


@remarks_expected
@pytest.mark.parametrize(
    "wrap",
    [
        lambda env: env,
        supersuit.black_death_v3,
        lambda env: supersuit.frame_stack_v2(env, 3),
        supersuit.agent_indicator_v0,
        lambda env: supersuit.delay_observations_v0(env, 2),
        lambda env: supersuit.dtype_v0(env, np.float64),
        lambda env: supersuit.flatten_v0(env),
        lambda env: supersuit.clip_reward_v0(env, -1, 1),
        lambda env: supersuit.sticky_actions_v0(env, 0.2),
    ],
)
def test_supersuits_wrappers_pass_pettingzoos_test(wrap: Any) -> None:
    parallel_api_test(wrap(padded()), num_cycles=60)


@pytest.mark.parametrize("max_steps", [6, 7, 60])
def test_supersuits_black_death_may_step_once_more_after_the_end(max_steps: int) -> None:
    env = supersuit.black_death_v3(soc_v0.parallel_env(hosts_per_segment=6, max_steps=max_steps))
    parallel_api_test(env, num_cycles=60)


@pytest.mark.parametrize("num_frames", [3, (2, 5)])
def test_supersuit_skips_frames(num_frames: Any) -> None:
    env, plain = (soc_v0.parallel_env(**CONFIG) for _ in range(2))
    skipping = supersuit.frame_skip_v0(env, num_frames)
    skipping.reset(seed=1)
    plain.reset(seed=1)
    low, high = num_frames if isinstance(num_frames, tuple) else (num_frames, num_frames)
    while skipping.agents:
        actions = {agent: env.action_space(agent).sample() for agent in AGENTS}
        before = env.snapshot().step
        _, rewards, *_ = skipping.step(actions)
        taken = env.snapshot().step - before
        assert low <= taken <= high or not skipping.agents
        expected = sum(plain.step(actions)[1][TRIAGE] for _ in range(taken))
        assert rewards[TRIAGE] == pytest.approx(expected)


def test_supersuits_chance_follows_the_seed() -> None:
    def steps_taken() -> list[int]:
        env = soc_v0.parallel_env(hosts_per_segment=6)
        skipping, steps = supersuit.frame_skip_v0(env, (1, 3)), []
        skipping.reset(seed=4)
        idle: Any = {agent: np.full(size, -1.0) for agent, size in CONTROL_SIZES.items()}
        for _ in range(6):
            skipping.step(idle | {TRIAGE: 3})
            steps.append(env.snapshot().step)
        return steps

    assert steps_taken() == steps_taken()


def test_padding_adds_zeros_and_cuts_what_it_added_to_actions() -> None:
    plain, env = soc_v0.parallel_env(**CONFIG), padded()
    expected, _ = plain.reset(seed=2)
    observations, _ = env.reset(seed=2)
    rng = np.random.default_rng(0)
    while plain.agents:
        for agent in AGENTS:
            assert observations[agent].shape == (WIDEST_OBSERVATION,)
            assert np.array_equal(observations[agent][: OBSERVATION_SIZES[agent]], expected[agent])
            assert not observations[agent][OBSERVATION_SIZES[agent] :].any()
            assert env.action_space(agent).shape == (WIDEST_ACTION,)
        actions = {agent: rng.uniform(-1, 1, WIDEST_ACTION).astype(np.float32) for agent in AGENTS}
        observations, rewards, *_ = env.step(actions)
        own: dict[str, Any] = {agent: actions[agent][:size] for agent, size in CONTROL_SIZES.items()}
        own[TRIAGE] = int(np.argmax(actions[TRIAGE][:4]))
        expected, expected_rewards, *_ = plain.step(own)
        assert rewards == expected_rewards


@pytest.mark.parametrize("num_cpus", [0, 1])
def test_copies_in_one_vector_play_different_episodes(num_cpus: int) -> None:
    markov = supersuit.pettingzoo_env_to_vec_env_v1(supersuit.frame_stack_v2(padded(), 2))
    vec_env = supersuit.concat_vec_envs_v1(markov, 3, num_cpus=num_cpus, base_class="gymnasium")
    for seed in (None, 5):
        observations, _ = vec_env.reset(seed=seed)
        copies = observations.reshape(3, len(AGENTS), -1)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert not np.array_equal(copies[one], copies[other])


def test_a_vector_of_copies_goes_on_from_episode_to_episode() -> None:
    markov = supersuit.pettingzoo_env_to_vec_env_v1(padded())
    vec_env = supersuit.concat_vec_envs_v1(markov, 2, num_cpus=0, base_class="gymnasium")
    vec_env.reset(seed=5)
    vec_env.action_space.seed(0)
    lengths = []
    for _ in range(40):
        actions = np.stack([vec_env.action_space.sample() for _ in range(vec_env.num_envs)])
        _, rewards, terminated, truncated, infos = vec_env.step(actions)
        for first in (0, len(AGENTS)):
            team = slice(first, first + len(AGENTS))
            assert len(set(rewards[team])) == 1
            over = np.logical_or(terminated, truncated)[team]
            assert over.all() or not over.any()
            if over.all():
                lengths.append(infos[first]["episode_metrics"]["length"])
                assert infos[first]["terminal_observation"].shape == (WIDEST_OBSERVATION,)
    assert len(lengths) > 4
    assert max(lengths) <= CONFIG["max_steps"]


# Stable-Baselines3

sb3s_remark = pytest.mark.filterwarnings("ignore:The `render_mode` attribute is not defined")


@sb3s_remark
def test_stable_baselines3_learns_and_repeats_itself() -> None:
    example = runpy.run_path(str(EXAMPLES / "supersuit_sb3_ppo.py"))

    def learn() -> tuple[list[float], list[torch.Tensor]]:
        example["set_random_seed"](3)
        vec_env = example["make_vec_env"](num_copies=2, seed=3, max_steps=12)
        model = example["PPO"]("MlpPolicy", vec_env, n_steps=64, batch_size=128, n_epochs=2, device="cpu")
        first = [parameter.detach().clone() for parameter in model.policy.parameters()]
        model.learn(2048)
        last = [parameter.detach() for parameter in model.policy.parameters()]
        assert model.num_timesteps == 2048
        assert all(torch.isfinite(parameter).all() for parameter in last)
        assert any(not torch.equal(one, other) for one, other in zip(first, last, strict=True))
        return [episode["r"] for episode in model.ep_info_buffer or ()], last

    (returns, parameters), (again, same) = learn(), learn()
    assert len(returns) > 20
    assert np.isfinite(returns).all()
    assert returns == again
    assert all(torch.equal(one, other) for one, other in zip(parameters, same, strict=True))


# TorchRL


def torchrls(env: Any, **settings: Any) -> Any:
    """TorchRL's environment; imported here, since each worker would take 5 s to import it for nothing."""
    from torchrl.envs.libs.pettingzoo import PettingZooWrapper

    return PettingZooWrapper(env, **settings)


torchrls_version = pytest.mark.filterwarnings("ignore:PettingZoo in TorchRL is tested using version")


@torchrls_version
@pytest.mark.parametrize("wrapper", [lambda env: env, continuous_actions, discrete_actions, leak_free])
def test_torchrls_specs_describe_the_environment(wrapper: Any) -> None:
    from torchrl.envs.utils import check_env_specs

    check_env_specs(torchrls(wrapper(soc_v0.parallel_env(**CONFIG)), seed=0, return_state=True))


@torchrls_version
def test_torchrl_makes_each_agent_a_group_without_being_told() -> None:
    from torchrl.envs.utils import MarlGroupMapType

    env = torchrls(soc_v0.parallel_env(**CONFIG))
    assert env.group_map == {agent: [agent] for agent in AGENTS}
    assert env.group_map == MarlGroupMapType.ONE_GROUP_PER_AGENT.get_group_map(AGENTS)


@torchrls_version
def test_torchrls_rollout_has_every_agents_shapes() -> None:
    rollout = runpy.run_path(str(EXAMPLES / "torchrl_rollout.py"))["rollout"]
    data = rollout(steps=40, seed=1, max_steps=12)
    for agent in AGENTS:
        assert data[agent, "observation"].shape == (40, 1, OBSERVATION_SIZES[agent])
        assert data["next", agent, "reward"].shape == (40, 1, 1)
        assert data[agent, "action"].shape == ((40, 1) if agent == TRIAGE else (40, 1, CONTROL_SIZES[agent]))
    assert data["state"].shape == (40, *soc_v0.parallel_env().state_space.shape)
    assert data["next", "done"].sum() >= 3
    again, other = rollout(steps=40, seed=1, max_steps=12), rollout(steps=40, seed=2, max_steps=12)
    assert torch.equal(data["state"], again["state"])
    assert not torch.equal(data["state"][0], other["state"][0])


@torchrls_version
def test_torchrl_takes_the_aec_env_with_masks() -> None:
    data = torchrls(soc_v0.env(**CONFIG), use_mask=True, seed=0).rollout(8)
    for number, agent in enumerate(AGENTS):
        acts = data[agent, "mask"].flatten().tolist()
        assert acts == [step % len(AGENTS) == number for step in range(8)]


def test_torchrl_makes_the_joint_env_by_its_name() -> None:
    from torchrl.envs.libs.gym import GymEnv
    from torchrl.envs.utils import check_env_specs

    env = GymEnv("soc_env/soc-v0", frame_skip=2, **CONFIG)
    check_env_specs(env)
    assert env.rollout(3)["observation"].shape[-1] == sum(OBSERVATION_SIZES.values())


@torchrls_version
@pytest.mark.parametrize("parallel", [True, False])
def test_torchrl_makes_a_pettingzoo_env_that_its_table_names(
    parallel: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchrl.envs.libs.pettingzoo import PettingZooEnv

    # TorchRL asks PettingZoo's own table, whose other environments need packages of their own.
    table = ModuleType("pettingzoo.utils.all_modules")
    table.all_environments = {"soc_env/soc-v0": soc_v0}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, table.__name__, table)
    env = PettingZooEnv("soc_env/soc-v0", parallel=parallel, use_mask=not parallel, seed=0, **CONFIG)
    assert env.rollout(4).batch_size == (4,)


# The examples

RUNS = [
    ("quickstart_parallel", "--max-steps 20", "episode_return"),
    ("quickstart_parallel", "--max-steps 5 --render", "episode_return"),
    ("quickstart_vector", "--num-envs 8 --steps 60", "steps per second"),
    ("supersuit_sb3_ppo", "--steps 512 --copies 2 --max-steps 20", "mean return of the last"),
    ("torchrl_rollout", "--steps 30 --max-steps 10", "episodes ended"),
    ("draw_frames", "--max-steps 3 --output {folder}", "4 pictures"),
]


@sb3s_remark
@torchrls_version
@pytest.mark.parametrize(("name", "arguments", "says"), RUNS)
def test_the_examples_run(
    name: str, arguments: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    path = EXAMPLES / f"{name}.py"
    monkeypatch.setattr(sys, "argv", [str(path), *arguments.format(folder=tmp_path).split()])
    runpy.run_path(str(path), run_name="__main__")
    assert says in capsys.readouterr().out


def test_every_example_is_tested() -> None:
    elsewhere = {"rllib_ppo"}  # tests/test_rllib.py
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {name for name, *_ in RUNS} | elsewhere
