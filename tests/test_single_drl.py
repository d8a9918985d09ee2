"""Single-DRL learns what it should, and a run that was killed ends like one that was not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import baselines
from agent_zoo.learning.config import ConfigError
from agent_zoo.learning.episode_log import read_episodes
from baselines import single_drl
from baselines.single_drl import Config, Learner, SingleDRL, collect, joint_log_prob, new_rollout, ppo_losses
from soc_env.team import (
    CONTROL_SIZE,
    CONTROL_SIZES,
    COORDINATOR,
    JOINT_OBSERVATION_SIZE,
    NUM_VERDICTS,
    OBSERVATION_SIZES,
    TRIAGE,
    join_observations,
    split_observations,
)

TOY = (
    "hidden_sizes=[32]",
    "num_envs=16",
    "rollout_steps=16",
    "minibatch_size=256",
    "epochs=4",
    "initial_log_std=-1.0",
    "noise_steps=1",
    "learning_rate=0.01",
    "reward_scale=1.0",
)
SHORT = (*TOY, "num_episodes=40", "epochs=2", "env.hosts_per_segment=4", "env.max_steps=20")
FILES = ("episodes.csv", "policy.safetensors")
TARGETS = np.linspace(-0.9, 0.9, CONTROL_SIZE)
RIGHT_VERDICT = 2


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)  # such small networks only lose by more


def config(*overrides: str) -> Config:
    return baselines.trainer("single-drl").load_config(None, overrides)


class ToyEnv:
    """Lanes with the vector environments' conventions, and one number to observe."""

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs

    def observe(self, seen: np.ndarray) -> dict[str, np.ndarray]:
        observed = {
            agent: np.zeros((self.num_envs, size), np.float32) for agent, size in OBSERVATION_SIZES.items()
        }
        observed[COORDINATOR][:, 0] = seen
        return observed

    def ended(self, seen: np.ndarray, lanes: np.ndarray) -> dict[str, Any]:
        """The info of a step in which the episodes of some lanes, a mask, ended with these observations."""
        observed, final = self.observe(seen), np.full(self.num_envs, None, dtype=object)
        for lane in np.flatnonzero(lanes):
            final[lane] = {agent: rows[lane] for agent, rows in observed.items()}
        return {"final_obs": final, "_final_obs": lanes} if lanes.any() else {}


class Bandit(ToyEnv):
    """One step: the nearer the controls to `TARGETS` the better, and one verdict is worth 1."""

    def step(self, actions: dict[str, np.ndarray]) -> tuple[Any, ...]:
        controls = np.concatenate([actions[agent] for agent in CONTROL_SIZES], axis=-1)
        reward = (actions[TRIAGE] == RIGHT_VERDICT) - np.square(controls - TARGETS).sum(-1)
        over = np.ones(self.num_envs, np.bool_)
        nothing = np.zeros(self.num_envs)
        return self.observe(nothing), reward, over, ~over, self.ended(nothing, over)


class TwoStates(ToyEnv):
    """In state 0 verdict 3 pays nothing and leads to state 1, the others pay 0.1 and stay.

    In state 1 verdict 0 pays 1, the others nothing; all lead back. Episodes are cut off after 10 steps. With
    discount 0.9 the best is 3, 0, 3, 0, ...: V(1) = 1 + 0.9 V(0) and V(0) = 0.9 V(1).
    """

    VALUES = (0.9 / (1 - 0.81), 1 / (1 - 0.81))

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.state = np.zeros(num_envs, np.int64)
        self.time = np.arange(num_envs) % 10  # episodes end at different times

    def step(self, actions: dict[str, np.ndarray]) -> tuple[Any, ...]:
        verdict, before = actions[TRIAGE], self.state
        reward = np.where(before == 0, 0.1 * (verdict != 3), 1.0 * (verdict == 0))
        self.state = np.where(before == 0, verdict == 3, 0)
        self.time = self.time + 1
        truncated = self.time >= 10
        info = self.ended(self.state, truncated)
        self.state, self.time = np.where(truncated, 0, self.state), np.where(truncated, 0, self.time)
        return self.observe(self.state), reward, np.zeros(self.num_envs, np.bool_), truncated, info


def learn(learner: Learner, env: ToyEnv, updates: int) -> None:
    rollout = new_rollout(learner.config)
    observation = torch.from_numpy(join_observations(env.observe(np.zeros(env.num_envs))))
    for _ in range(updates):
        observation = collect(env, observation, learner, rollout, lambda info: None)  # type: ignore[arg-type]  # a toy
        learner.update(rollout)


def random_observations(num_envs: int, seed: int = 0) -> dict[str, np.ndarray]:
    joint = np.random.default_rng(seed).normal(size=(num_envs, JOINT_OBSERVATION_SIZE)).astype(np.float32)
    return split_observations(joint)


# Learning


def test_it_finds_the_controls_and_the_verdict_of_a_bandit() -> None:
    learner, env = Learner(config(*TOY, "discount=0"), seed=1), Bandit(16)
    learn(learner, env, updates=100)
    actions = SingleDRL(learner.actor, learner.config).act(env.observe(np.zeros(16)))
    controls = np.concatenate([actions[agent] for agent in CONTROL_SIZES], axis=-1)
    np.testing.assert_allclose(controls[0], TARGETS, atol=0.05)
    assert (actions[TRIAGE] == RIGHT_VERDICT).all()


def test_it_gives_up_a_small_reward_for_a_larger_later_one_and_values_time_limits_right() -> None:
    learner, env = Learner(config(*TOY, "discount=0.9"), seed=1), TwoStates(16)
    learn(learner, env, updates=100)
    states = env.observe(np.arange(16) % 2)
    verdicts = SingleDRL(learner.actor, learner.config).act(states)[TRIAGE]
    np.testing.assert_array_equal(verdicts, [3, 0] * 8)
    # Were the time limit taken for an end, the values would lie about 3 lower.
    values = learner.value(torch.from_numpy(join_observations(states)))
    np.testing.assert_allclose(values.numpy(), TwoStates.VALUES * 8, atol=0.1)


# The loss


def a_batch(learner: Learner, num: int = 64) -> dict[str, torch.Tensor]:
    observation = torch.from_numpy(join_observations(random_observations(num)))
    drawn = learner.draw(observation, learner.draw_noise(len(observation)))
    advantage = torch.randn(num, generator=torch.Generator().manual_seed(3))
    return {"observation": observation, **drawn._asdict(), "advantage": advantage, "target": advantage}


def test_stored_log_probabilities_are_those_of_exactly_the_action_that_was_drawn() -> None:
    learner = Learner(config(*TOY, "initial_log_std=1.0"), seed=2)  # most controls lie outside the Box
    losses = ppo_losses(learner.actor, learner.critic, a_batch(learner), clip=0.2)
    assert losses.kl.item() == pytest.approx(0.0, abs=1e-6)
    assert losses.clipped_share.item() == 0.0


def test_the_log_probability_is_that_of_gaussians_and_a_choice() -> None:
    learner = Learner(config(*TOY), seed=2)
    batch = a_batch(learner, num=1)
    mean, logits = (output.detach().numpy()[0] for output in learner.actor(batch["observation"]))
    std = np.exp(-1.0)
    scores = (batch["controls"].numpy()[0] - mean) / std
    expected = (-0.5 * scores**2 - np.log(std * np.sqrt(2 * np.pi))).sum()
    expected += logits[batch["verdict"].item()] - np.log(np.exp(logits).sum())
    assert batch["log_prob"].item() == pytest.approx(expected, rel=1e-5)


def test_every_output_and_spread_of_the_actor_gets_a_gradient() -> None:
    learner = Learner(config(*TOY), seed=2)
    ppo_losses(learner.actor, learner.critic, a_batch(learner), clip=0.2).policy.backward()
    output_bias = learner.actor.body[-1].bias.grad
    assert output_bias.shape == (CONTROL_SIZE + NUM_VERDICTS,)
    assert (output_bias != 0).all()
    assert (learner.actor.log_std.grad != 0).all()
    assert all(parameter.grad.abs().sum() > 0 for parameter in learner.actor.parameters())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_update_makes_good_actions_likelier_and_bad_ones_less_likely(sign: float) -> None:
    learner = Learner(config(*TOY), seed=2)
    batch = {name: tensor[:1] for name, tensor in a_batch(learner).items()}
    batch["advantage"] = torch.tensor([sign])
    learner._descend(ppo_losses(learner.actor, learner.critic, batch, clip=0.2))
    after = joint_log_prob(
        *learner.actor.distributions(batch["observation"]), batch["controls"], batch["verdict"]
    )
    assert (after - batch["log_prob"]).item() * sign > 0


def test_ratios_beyond_the_clip_push_no_further() -> None:
    learner = Learner(config(*TOY), seed=2)
    batch = a_batch(learner)
    batch["advantage"] = torch.ones(64)
    batch["log_prob"] = batch["log_prob"] - 1.0  # the action has become e times likelier already
    losses = ppo_losses(learner.actor, learner.critic, batch, clip=0.2)
    losses.policy.backward()
    assert losses.policy.item() == pytest.approx(-1.2)
    assert all((parameter.grad == 0).all() for parameter in learner.actor.parameters())


# The policy


def test_greedy_actions_fit_the_spaces_and_observations_stay_as_they_were() -> None:
    learner = Learner(config(*TOY), seed=4)
    with torch.no_grad():
        learner.actor.body[-1].weight.mul_(1000)  # means far outside the Box
    policy, observed = SingleDRL(learner.actor, learner.config), random_observations(5)
    before = join_observations(observed)
    policy.reset(5, seed=0)
    actions = policy.act(observed, np.ones(5, np.bool_))
    np.testing.assert_array_equal(join_observations(observed), before)
    for agent, size in CONTROL_SIZES.items():
        assert actions[agent].shape == (5, size)
        assert actions[agent].dtype == np.float32
        assert np.abs(actions[agent]).max() == 1.0
    assert actions[TRIAGE].shape == (5,)
    assert actions[TRIAGE].dtype == np.int64


def test_a_saved_policy_loads_as_an_equal_one(tmp_path: Path) -> None:
    learner = Learner(config(*TOY), seed=5)
    learn(learner, TwoStates(16), updates=1)
    policy = SingleDRL(learner.actor, learner.config)
    policy.save(tmp_path / "policy.safetensors")
    loaded = SingleDRL.load(tmp_path / "policy.safetensors")
    assert loaded.env_id == policy.env_id
    assert loaded.config == policy.config
    one, other = policy.act(random_observations(7)), loaded.act(random_observations(7))
    for agent, action in one.items():
        np.testing.assert_array_equal(action, other[agent])


def test_a_policy_file_says_what_it_is(tmp_path: Path) -> None:
    import safetensors

    SingleDRL.untrained(config(*TOY), seed=5).save(tmp_path / "policy.safetensors")
    with safetensors.safe_open(tmp_path / "policy.safetensors", framework="np") as file:
        about = file.metadata()
    assert about["class"] == "baselines.single_drl:SingleDRL"
    assert about["env_id"] == "soc_v0"
    assert about["version"] == SingleDRL.version
    assert json.loads(about["config"])["hidden_sizes"] == [32]


def test_the_untrained_policy_is_where_training_with_that_seed_begins() -> None:
    def controls(actor: single_drl.Actor) -> torch.Tensor:
        return actor(torch.from_numpy(join_observations(random_observations(3))))[0]

    untrained = controls(SingleDRL.untrained(config(*TOY), seed=6).actor)
    learner = Learner(config(*TOY), seed=6)
    assert torch.equal(untrained, controls(learner.actor))
    assert not torch.equal(untrained, controls(Learner(config(*TOY), seed=7).actor))
    learn(learner, TwoStates(16), updates=1)
    assert (untrained - controls(learner.actor)).abs().max() > 0.01


def test_weights_that_are_missing_say_how_to_train_them() -> None:
    with pytest.raises(
        FileNotFoundError, match=r"no weights for seed 7 .* soc-env train single-drl --seed 7"
    ):
        baselines.load("single-drl", seed=7)


# Runs on soc_v0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("single-drl") / "run"
    single_drl.train(config(*SHORT), seed=3, run_dir=run, progress=False)
    return run


def test_a_run_leaves_its_files_and_a_policy_that_learned(uninterrupted: Path) -> None:
    rows = read_episodes(uninterrupted / "episodes.csv")
    assert [row["episode"] for row in rows] == list(range(1, 41))
    assert all(1 <= row["length"] <= 20 for row in rows)
    metrics = json.loads((uninterrupted / "metrics.json").read_text())
    assert metrics["learner"] == "single-drl"
    assert metrics["last_2000_episodes"]["reward"] == pytest.approx(np.mean([row["reward"] for row in rows]))
    assert list((uninterrupted / "tensorboard").iterdir())
    trained = SingleDRL.load(uninterrupted / "policy.safetensors")
    untrained = SingleDRL.untrained(config(*SHORT), seed=3)
    observed = random_observations(4)
    assert any(not np.allclose(trained.act(observed)[a], untrained.act(observed)[a]) for a in CONTROL_SIZES)


def interrupted_after(steps: int, make: Callable[[Config], Any]) -> Callable[[Config], Any]:
    """An environment that raises KeyboardInterrupt in the step after `steps`."""

    def make_env(settings: Config) -> Any:
        env = make(settings)
        step, taken = env.step, iter(range(steps))

        def counted(actions: Any) -> Any:
            if next(taken, None) is None:
                raise KeyboardInterrupt
            return step(actions)

        env.step = counted
        return env

    return make_env


@pytest.mark.parametrize("steps", [5, 40])
def test_a_killed_run_resumes_to_the_same_bytes(
    steps: int, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(*SHORT)
    monkeypatch.setattr(single_drl.RunDirectory, "checkpoint_due", lambda run: True)
    with monkeypatch.context() as patch:
        patch.setattr(single_drl, "make_env", interrupted_after(steps, single_drl.make_env))
        with pytest.raises(KeyboardInterrupt):
            single_drl.train(settings, seed=3, run_dir=tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "checkpoints").exists() == (steps > 16)  # none before the first update
    single_drl.train(settings, seed=3, run_dir=tmp_path / "run", resume=True, progress=False)
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (uninterrupted / name).read_bytes()


def test_resuming_a_finished_run_changes_nothing(uninterrupted: Path) -> None:
    before = [(uninterrupted / name).read_bytes() for name in FILES]
    single_drl.train(config(*SHORT), seed=3, run_dir=uninterrupted, resume=True, progress=False)
    assert [(uninterrupted / name).read_bytes() for name in FILES] == before


def test_training_that_diverges_stops_with_step_and_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = single_drl.make_env

    def make_env(settings: Config) -> Any:
        env, taken = make(settings), iter(range(10**6))
        step = env.step

        def poisoned(actions: Any) -> Any:
            observed, reward, *rest = step(actions)
            return observed, reward * np.nan if next(taken) == 20 else reward, *rest

        env.step = poisoned
        return env

    monkeypatch.setattr(single_drl, "make_env", make_env)
    monkeypatch.setattr(single_drl.RunDirectory, "checkpoint_due", lambda run: True)
    with pytest.raises(FloatingPointError, match=r"step 512: .* last good checkpoint: .*step-000000000256"):
        single_drl.train(config(*SHORT), seed=3, run_dir=tmp_path / "run", progress=False)


def test_training_refuses_evaluation_seeds_before_it_writes_anything(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"training seeds.*got 1000000000"):
        single_drl.train(config(*SHORT), seed=10**9, run_dir=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


# Configs


def test_the_packaged_config_has_the_papers_hyperparameters() -> None:
    packaged = baselines.trainer("single-drl").default_config()
    assert (packaged.discount, packaged.learning_rate, packaged.minibatch_size) == (0.99, 3e-4, 256)
    assert packaged.hidden_sizes == (256, 256, 256)
    assert packaged.num_episodes == 10_000


def test_a_named_config_changes_the_packaged_one() -> None:
    trainer = baselines.trainer("single-drl")
    demo, packaged = trainer.load_config("single-drl-demo"), trainer.default_config()
    assert demo != packaged
    assert dataclasses.replace(packaged, **dataclasses.asdict(demo)) == demo


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("learning_rate=-1", "learning_rate must be a number greater than 0, got -1.0"),
        ("discount=1.1", "discount must be a number from 0 to 1, got 1.1"),
        ("num_envs=0", "num_envs must be an integer of at least 1, got 0"),
        ("minibatch_size=100", "minibatch_size must be a divisor of num_envs"),
    ],
)
def test_a_value_out_of_range_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(override)


def test_an_unknown_config_file_lists_the_packaged_ones() -> None:
    with pytest.raises(FileNotFoundError, match="single-drl, single-drl-demo, got 'nothing'"):
        baselines.trainer("single-drl").load_config("nothing")


def test_noise_is_held_for_its_steps_and_differs_between_lanes_and_rollouts() -> None:
    settings = config(*TOY, "noise_steps=8")
    env, learner, rollout = Bandit(settings.num_envs), Learner(settings, seed=1), new_rollout(settings)
    observation = torch.from_numpy(join_observations(env.observe(np.zeros(env.num_envs))))
    noises = []
    for _ in range(2):
        observation = collect(env, observation, learner, rollout, lambda info: None)  # type: ignore[arg-type]  # a toy
        with torch.no_grad():
            mean, _ = learner.actor(rollout["observation"])
        noises.append((rollout["controls"] - mean) / learner.actor.log_std.detach().exp())
    for noise in noises:
        for half in (noise[:8], noise[8:]):
            torch.testing.assert_close(half, half[:1].expand(8, -1, -1), atol=1e-4, rtol=0)
    different = torch.cat([noises[0][0], noises[0][8], noises[1][0]])
    assert len(different.unique(dim=0)) == 3 * settings.num_envs
