"""Single-DRL and MAPPO learn what they should, and a run that was killed ends like one that was not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import baselines
from agent_zoo.learning.config import ConfigError
from agent_zoo.learning.episode_log import read_episodes
from agent_zoo.learning.run_directory import RunDirectory
from baselines import mappo, policy_learning, single_drl
from baselines.mappo import MAPPO
from baselines.policy_learning import PolicyLearner, PolicyTeam, TeamActor, collect, new_rollout, ppo_losses
from baselines.single_drl import SingleDRL
from soc_env.team import (
    AGENTS,
    CONTROL_SIZE,
    CONTROL_SIZES,
    CONTROL_SLICES,
    HUNTER,
    JOINT_OBSERVATION_SIZE,
    OBSERVATION_SIZES,
    OBSERVATION_SLICES,
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
# As much played in fewer steps, which is what takes the time.
WIDE = (*TOY, "num_envs=64", "rollout_steps=4")
SHORT = (*TOY, "num_episodes=40", "epochs=2", "env.hosts_per_segment=4", "env.max_steps=20")
FILES = ("episodes.csv", "policy.safetensors")
TARGETS = np.linspace(-0.9, 0.9, CONTROL_SIZE)
RIGHT_VERDICT = 2
LAST_LAYER = 2  # of a network with one hidden layer


class Method(NamedTuple):
    """A learner's name and module, its team's class, and what its config is changed by."""

    name: str
    module: Any
    team: type[PolicyTeam]
    overrides: tuple[str, ...] = ()

    def config(self, *overrides: str) -> Any:
        return baselines.trainer(self.name).load_config(None, (*self.overrides, *overrides))

    def learner(self, *overrides: str, seed: int) -> PolicyLearner:
        return self.team.learner_class(self.config(*overrides), seed, 1)

    def train(self, *overrides: str, run_dir: Path, seed: int = 3, resume: bool = False) -> Path:
        return self.module.train(
            self.config(*overrides), seed=seed, run_dir=run_dir, resume=resume, progress=False
        )


METHODS = {
    "single-drl": Method("single-drl", single_drl, SingleDRL),
    "mappo": Method("mappo", mappo, MAPPO),
    "shared": Method("mappo", mappo, MAPPO, ("shared_actor=true",)),
}


@pytest.fixture(params=METHODS, scope="module")
def method(request: pytest.FixtureRequest) -> Method:
    return METHODS[request.param]


class ToyEnv:
    """Lanes with the vector environments' conventions, and one number that every agent and the critic see."""

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs

    def observe(self, seen: np.ndarray) -> dict[str, np.ndarray]:
        observed = {
            agent: np.zeros((self.num_envs, size), np.float32) for agent, size in OBSERVATION_SIZES.items()
        }
        for rows in observed.values():
            rows[:, 0] = seen
        self._state = np.asarray(seen, np.float32)[:, None]
        return observed

    def state(self) -> np.ndarray:
        return self._state

    def ended(self, seen: np.ndarray, lanes: np.ndarray) -> dict[str, Any]:
        """The info of a step in which the episodes of some lanes, a mask, ended with these observations."""
        observed, final = self.observe(seen), np.full(self.num_envs, None, dtype=object)
        for lane in np.flatnonzero(lanes):
            final[lane] = {agent: rows[lane] for agent, rows in observed.items()}
        final_state = np.asarray(seen, np.float32)[:, None]
        info = {"final_obs": final, "_final_obs": lanes, "final_state": final_state, "_final_state": lanes}
        return info if lanes.any() else {}


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
        self.where = np.zeros(num_envs, np.int64)
        self.time = np.arange(num_envs) % 10  # episodes end at different times

    def step(self, actions: dict[str, np.ndarray]) -> tuple[Any, ...]:
        verdict, before = actions[TRIAGE], self.where
        reward = np.where(before == 0, 0.1 * (verdict != 3), 1.0 * (verdict == 0))
        self.where = np.where(before == 0, verdict == 3, 0)
        self.time = self.time + 1
        truncated = self.time >= 10
        info = self.ended(self.where, truncated)
        self.where, self.time = np.where(truncated, 0, self.where), np.where(truncated, 0, self.time)
        return self.observe(self.where), reward, np.zeros(self.num_envs, np.bool_), truncated, info


def learn(learner: PolicyLearner, env: ToyEnv, updates: int) -> None:
    rollout = new_rollout(learner)
    observation = torch.from_numpy(join_observations(env.observe(np.zeros(env.num_envs))))
    for _ in range(updates):
        observation = collect(env, observation, learner, rollout, lambda info: None)  # type: ignore[arg-type]  # a toy
        learner.update(rollout)


def random_observations(num_envs: int, seed: int = 0) -> dict[str, np.ndarray]:
    joint = np.random.default_rng(seed).normal(size=(num_envs, JOINT_OBSERVATION_SIZE)).astype(np.float32)
    return split_observations(joint)


# Learning


def test_it_finds_the_controls_and_the_verdict_of_a_bandit(method: Method) -> None:
    learner, env = method.learner(*WIDE, "discount=0", seed=1), Bandit(64)
    learn(learner, env, updates=100)
    actions = method.team(learner.actor, learner.config).act(env.observe(np.zeros(64)))
    controls = np.concatenate([actions[agent] for agent in CONTROL_SIZES], axis=-1)
    np.testing.assert_allclose(controls[0], TARGETS, atol=0.05)
    assert (actions[TRIAGE] == RIGHT_VERDICT).all()


def test_it_gives_up_a_small_reward_for_a_larger_later_one_and_values_time_limits_right(
    method: Method,
) -> None:
    learner, env = method.learner(*WIDE, "discount=0.9", seed=1), TwoStates(64)
    learn(learner, env, updates=100)
    observed = env.observe(np.arange(64) % 2)
    verdicts = method.team(learner.actor, learner.config).act(observed)[TRIAGE]
    np.testing.assert_array_equal(verdicts, [3, 0] * 32)
    # Were the time limit taken for an end, the values would lie about 3 lower.
    values = learner.value(learner.valued(env, torch.from_numpy(join_observations(observed))))  # type: ignore[arg-type]  # a toy
    np.testing.assert_allclose(values.numpy(), TwoStates.VALUES * 32, atol=0.1)


# The loss


def a_batch(learner: PolicyLearner, num: int = 64) -> dict[str, torch.Tensor]:
    observation = torch.from_numpy(join_observations(random_observations(num)))
    drawn = learner.draw(observation, learner.draw_noise(len(observation)))
    advantage = torch.randn(num, generator=torch.Generator().manual_seed(3))
    valued = observation[:, : learner.critic_inputs]
    learned_from = {"valued": valued, "advantage": advantage, "target": advantage}
    return {"observation": observation, **drawn._asdict(), **learned_from}


def test_stored_log_probabilities_are_those_of_exactly_the_action_that_was_drawn(method: Method) -> None:
    learner = method.learner(*TOY, "initial_log_std=1.0", seed=2)  # most controls lie outside the Box
    losses = ppo_losses(learner.actor, learner.critic, a_batch(learner), clip=0.2)
    assert losses.kl.item() == pytest.approx(0.0, abs=1e-6)
    assert losses.clipped_share.item() == 0.0


def test_the_log_probability_is_that_of_gaussians_and_a_choice(method: Method) -> None:
    learner = method.learner(*TOY, seed=2)
    batch = a_batch(learner, num=1)
    mean, logits = (output.detach().numpy()[0] for output in learner.actor(batch["observation"]))
    std = np.exp(-1.0)
    scores = (batch["controls"].numpy()[0] - mean) / std
    expected = (-0.5 * scores**2 - np.log(std * np.sqrt(2 * np.pi))).sum()
    expected += logits[batch["verdict"].item()] - np.log(np.exp(logits).sum())
    assert batch["log_prob"].sum().item() == pytest.approx(expected, rel=1e-5)


def test_every_output_and_spread_of_the_actor_gets_a_gradient(method: Method) -> None:
    learner = method.learner(*TOY, seed=2)
    ppo_losses(learner.actor, learner.critic, a_batch(learner), clip=0.2).policy.backward()
    biases = [b.grad for name, b in learner.actor.named_parameters() if name.endswith(f"{LAST_LAYER}.bias")]
    assert sum(map(len, biases)) >= max(CONTROL_SIZES.values())
    assert all((bias != 0).all() for bias in biases)
    assert (learner.actor.log_std.grad != 0).all()
    assert all(parameter.grad.abs().sum() > 0 for parameter in learner.actor.parameters())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_update_makes_good_actions_likelier_and_bad_ones_less_likely(method: Method, sign: float) -> None:
    learner = method.learner(*TOY, seed=2)
    batch = {name: tensor[:1] for name, tensor in a_batch(learner).items()}
    batch["advantage"] = torch.tensor([sign])
    learner._descend(ppo_losses(learner.actor, learner.critic, batch, clip=0.2))
    distributions = learner.actor.distributions(batch["observation"])
    after = learner.actor.log_prob(*distributions, batch["controls"], batch["verdict"])
    assert (after - batch["log_prob"]).sum().item() * sign > 0


def test_ratios_beyond_the_clip_push_no_further(method: Method) -> None:
    learner = method.learner(*TOY, seed=2)
    batch = a_batch(learner)
    batch["advantage"] = torch.ones(64)
    batch["log_prob"] = batch["log_prob"] - 1.0  # the action has become e times likelier already
    losses = ppo_losses(learner.actor, learner.critic, batch, clip=0.2)
    losses.policy.backward()
    assert losses.policy.item() == pytest.approx(-1.2)
    assert all((parameter.grad == 0).all() for parameter in learner.actor.parameters())


def test_mappo_clips_every_agents_ratio_on_its_own() -> None:
    learner = METHODS["mappo"].learner(*TOY, seed=2)
    batch = a_batch(learner)
    batch["advantage"] = torch.ones(64)
    hunter = AGENTS.index(HUNTER)
    batch["log_prob"][:, hunter] -= 1.0  # its action has become e times likelier already
    ppo_losses(learner.actor, learner.critic, batch, clip=0.2).policy.backward()
    moved = {a: any((p.grad != 0).any() for p in learner.actor.bodies[a].parameters()) for a in AGENTS}
    assert moved == {agent: agent != HUNTER for agent in AGENTS}


def test_mappos_agents_see_their_own_observations_and_its_critic_the_state() -> None:
    for method in (METHODS["mappo"], METHODS["shared"]):
        learner = method.learner(*TOY, seed=2)
        observation = torch.from_numpy(join_observations(random_observations(3)))
        other = observation.clone()
        other[:, OBSERVATION_SLICES[HUNTER]] += 1.0
        (one, one_verdict), (two, two_verdict) = learner.actor(observation), learner.actor(other)
        differs = (one != two).any(0)
        assert differs[CONTROL_SLICES[HUNTER]].all()
        assert differs.sum() == CONTROL_SIZES[HUNTER]
        assert torch.equal(one_verdict, two_verdict)
    env = Bandit(3)
    env.observe(np.array([0.0, 1.0, 2.0]))
    assert learner.valued(env, observation).tolist() == [[0.0], [1.0], [2.0]]


def test_a_shared_actor_knows_which_agent_it_plays() -> None:
    learner = METHODS["shared"].learner(*TOY, seed=2)
    nothing = torch.zeros(1, JOINT_OBSERVATION_SIZE)
    mean, logits = learner.actor(nothing)
    first = [mean[0, CONTROL_SLICES[agent]][0].item() for agent in CONTROL_SIZES]
    assert len({*first, logits[0, 0].item()}) == len(AGENTS)


# The policy


def test_greedy_actions_fit_the_spaces_and_observations_stay_as_they_were(method: Method) -> None:
    learner = method.learner(*TOY, seed=4)
    with torch.no_grad():
        for name, parameter in learner.actor.named_parameters():
            if name.endswith(f"{LAST_LAYER}.weight"):
                parameter.mul_(1000)  # means far outside the Box
    policy, observed = method.team(learner.actor, learner.config), random_observations(5)
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


def test_a_saved_policy_loads_as_an_equal_one(method: Method, tmp_path: Path) -> None:
    learner = method.learner(*TOY, seed=5)
    learn(learner, TwoStates(16), updates=1)
    policy = method.team(learner.actor, learner.config)
    policy.save(tmp_path / "policy.safetensors")
    loaded = method.team.load(tmp_path / "policy.safetensors")
    assert loaded.env_id == policy.env_id
    assert loaded.config == policy.config
    one, other = policy.act(random_observations(7)), loaded.act(random_observations(7))
    for agent, action in one.items():
        np.testing.assert_array_equal(action, other[agent])


def test_a_policy_file_says_what_it_is(method: Method, tmp_path: Path) -> None:
    import safetensors

    method.team.untrained(method.config(*TOY), seed=5).save(tmp_path / "policy.safetensors")
    with safetensors.safe_open(tmp_path / "policy.safetensors", framework="np") as file:
        about = file.metadata()
    assert about["class"] == method.team.class_name
    assert about["env_id"] == "soc_v0"
    assert about["version"] == method.team.version
    assert json.loads(about["config"])["hidden_sizes"] == [32]


def test_the_untrained_policy_is_where_training_with_that_seed_begins(method: Method) -> None:
    def controls(actor: TeamActor) -> torch.Tensor:
        return actor(torch.from_numpy(join_observations(random_observations(3))))[0]

    untrained = controls(method.team.untrained(method.config(*TOY), seed=6).actor)
    learner = method.learner(*TOY, seed=6)
    assert torch.equal(untrained, controls(learner.actor))
    assert not torch.equal(untrained, controls(method.learner(*TOY, seed=7).actor))
    learn(learner, TwoStates(16), updates=1)
    assert (untrained - controls(learner.actor)).abs().max() > 0.01


def test_weights_that_are_missing_say_how_to_train_them(method: Method) -> None:
    with pytest.raises(
        FileNotFoundError, match=rf"no weights for seed 7 .* soc-env train {method.name} --seed 7"
    ):
        baselines.load(method.name, seed=7)


# Runs on soc_v0


@pytest.fixture(scope="module")
def uninterrupted(method: Method, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp(method.name) / "run"
    method.train(*SHORT, run_dir=run)
    return run


def test_a_run_leaves_its_files_and_a_policy_that_learned(method: Method, uninterrupted: Path) -> None:
    rows = read_episodes(uninterrupted / "episodes.csv")
    assert [row["episode"] for row in rows] == list(range(1, 41))
    assert all(1 <= row["length"] <= 20 for row in rows)
    metrics = json.loads((uninterrupted / "metrics.json").read_text())
    assert metrics["learner"] == method.name
    assert metrics["last_2000_episodes"]["reward"] == pytest.approx(np.mean([row["reward"] for row in rows]))
    assert list((uninterrupted / "tensorboard").iterdir())
    trained = method.team.load(uninterrupted / "policy.safetensors")
    untrained = method.team.untrained(method.config(*SHORT), seed=3)
    observed = random_observations(4)
    assert any(not np.allclose(trained.act(observed)[a], untrained.act(observed)[a]) for a in CONTROL_SIZES)


def interrupted_after(steps: int, make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """An environment that raises KeyboardInterrupt in the step after `steps`."""

    def make_env(settings: Any) -> Any:
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
    method: Method, steps: int, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunDirectory, "checkpoint_due", lambda run: True)
    with monkeypatch.context() as patch:
        patch.setattr(policy_learning, "make_env", interrupted_after(steps, policy_learning.make_env))
        with pytest.raises(KeyboardInterrupt):
            method.train(*SHORT, run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints").exists() == (steps > 16)  # none before the first update
    method.train(*SHORT, run_dir=tmp_path / "run", resume=True)
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (uninterrupted / name).read_bytes()


def test_resuming_a_finished_run_changes_nothing(method: Method, uninterrupted: Path) -> None:
    assert not (uninterrupted / "checkpoints").exists(), "a complete run needs none"
    before = [(uninterrupted / name).read_bytes() for name in FILES]
    method.train(*SHORT, run_dir=uninterrupted, resume=True)
    assert [(uninterrupted / name).read_bytes() for name in FILES] == before


def test_training_that_diverges_stops_with_step_and_checkpoint(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = policy_learning.make_env

    def make_env(settings: Any) -> Any:
        env, taken = make(settings), iter(range(10**6))
        step = env.step

        def poisoned(actions: Any) -> Any:
            observed, reward, *rest = step(actions)
            return observed, reward * np.nan if next(taken) == 20 else reward, *rest

        env.step = poisoned
        return env

    monkeypatch.setattr(policy_learning, "make_env", make_env)
    monkeypatch.setattr(RunDirectory, "checkpoint_due", lambda run: True)
    with pytest.raises(FloatingPointError, match=r"step 512: .* last good checkpoint: .*step-000000000256"):
        method.train(*SHORT, run_dir=tmp_path / "run")


def test_training_refuses_evaluation_seeds_before_it_writes_anything(method: Method, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"training seeds.*got 1000000000"):
        method.train(*SHORT, run_dir=tmp_path / "run", seed=10**9)
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
        METHODS["single-drl"].config(override)


def test_an_unknown_config_file_lists_the_packaged_ones() -> None:
    match = "single-drl, single-drl-100k, single-drl-demo, got 'nothing'"
    with pytest.raises(FileNotFoundError, match=match):
        baselines.trainer("single-drl").load_config("nothing")


def test_noise_is_held_for_its_steps_and_differs_between_lanes_and_rollouts() -> None:
    learner = METHODS["single-drl"].learner(*TOY, "noise_steps=8", seed=1)
    settings, rollout, env = learner.config, new_rollout(learner), Bandit(learner.config.num_envs)
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
