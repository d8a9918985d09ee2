"""HMARL-SOC as a whole: the trained team, its files, and runs that are interrupted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import agent_zoo
from agent_zoo.hmarl_soc import HMARLSOC, Config, training
from agent_zoo.hmarl_soc.coordinator import directives
from agent_zoo.hmarl_soc.learner import TeamLearner
from agent_zoo.learning.config import ConfigError
from agent_zoo.learning.environment import make_env
from agent_zoo.learning.episode_log import read_episodes
from agent_zoo.learning.normalizer import Normalizer
from agent_zoo.learning.run_directory import RunDirectory
from agent_zoo.learning.sight import take_sight
from soc_env.policy import TeamPolicy, load_policy
from soc_env.team import (
    COORDINATOR,
    HUNTER,
    JOINT_OBSERVATION_SIZE,
    NUM_VERDICTS,
    OBSERVATION_SIZES,
    RESPONDER,
    TRIAGE,
    split_observations,
)

TINY = (
    *("num_envs=8", "hidden_sizes=[16]", "num_episodes=60", "checkpoint_seconds=0"),
    *("env.hosts_per_segment=4", "env.max_steps=20", "coordinator.rollout_steps=16", "coordinator.epochs=1"),
    *("replay.capacity=512", "replay.batch_size=32", "replay.start=128", "replay.warmup=64"),
    *("normalization_steps=20", "random_share=0.1"),
    *("replay.value_updates=4", "replay.critic_updates=8", "replay.lookahead=3", "noise_steps=8"),
)
FILES = ("episodes.csv", "policy.safetensors")


def config(*overrides: str) -> Config:
    return agent_zoo.trainer("hmarl-soc").load_config(None, [*TINY, *overrides])


def observations(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    joint = np.random.default_rng(seed).normal(size=(count, JOINT_OBSERVATION_SIZE)).astype(np.float32)
    return split_observations(joint)


def team(seed: int = 1) -> HMARLSOC:
    """An untrained team whose decisions differ from observation to observation."""
    some = HMARLSOC.untrained(config(), seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in some.actors.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    return some


# The team


def test_actions_fit_the_spaces_and_observations_stay_as_they_were() -> None:
    some, seen = team(), observations(50)
    before = {agent: rows.copy() for agent, rows in seen.items()}
    assert isinstance(some, TeamPolicy)
    some.reset(50)
    actions = some.act(seen)
    for agent, size in ((COORDINATOR, 8), (HUNTER, 16), (RESPONDER, 12)):
        assert actions[agent].shape == (50, size)
        assert actions[agent].dtype == np.float32
        assert (np.abs(actions[agent]) <= 1).all()
    assert actions[TRIAGE].dtype == np.int64
    assert set(actions[TRIAGE]) <= set(range(NUM_VERDICTS))
    assert len(set(actions[TRIAGE])) > 1, "the test needs decisions that differ"
    for agent, rows in seen.items():
        np.testing.assert_array_equal(rows, before[agent])


def test_the_papers_directives() -> None:
    table = directives().numpy()
    p = -1 + 2 * (6 % 4) / 3
    np.testing.assert_allclose(table[6], [p, 0.8 * p, p, 1, p, 0.6 * p, 0.5 * p, 0.5], rtol=1e-6)
    np.testing.assert_allclose(table[0], [-1, -0.8, -1, 0, -1, -0.6, -0.5, 0], rtol=1e-6)
    assert len(np.unique(table, axis=0)) == 8


def test_a_directive_is_held_for_k_steps_and_decided_anew_with_each_episode() -> None:
    some, lanes, interval = team(), 6, config().coordinator.interval
    some.reset(lanes)
    random = np.random.default_rng(5)
    held, age = np.zeros((lanes, 8), np.float32), np.full(lanes, interval)
    for step in range(30):
        seen = observations(lanes, seed=step)
        starts = random.random(lanes) < 0.15
        fresh = HMARLSOC(some.actors, some.config)
        fresh.reset(lanes)
        now = fresh.act(seen)[COORDINATOR]
        for lane in range(lanes):
            if starts[lane] or age[lane] >= interval:
                held[lane], age[lane] = now[lane], 0
            age[lane] += 1
        np.testing.assert_array_equal(some.act(seen, starts)[COORDINATOR], held)


def test_directives_that_are_not_learned_are_drawn_evenly_and_held() -> None:
    lanes, interval = 800, config().coordinator.interval
    some = HMARLSOC(team().actors, config("coordinator.learns=false"))
    rounds = []
    for _ in range(2):
        some.reset(lanes, seed=3)
        rounds.append([some.act(observations(lanes, step))[COORDINATOR] for step in range(interval + 1)])
    np.testing.assert_array_equal(rounds[0], rounds[1])  # the seed decides
    first, *held, last = rounds[0]
    assert all((each == first).all() for each in held)
    drawn, counts = np.unique(np.concatenate([first, last]), axis=0, return_counts=True)
    assert len(drawn) == 8
    assert counts.min() > 150  # 200 on average, with a deviation of 13
    assert (first != last).any()


def test_a_team_without_tier_1_or_without_shared_draws_learns_all_the_same(tmp_path: Path) -> None:
    """Each ablation changes its own part alone: what it leaves out stays as it began, or draws on its own."""
    begun = {
        name: tensor.clone() for name, tensor in HMARLSOC.untrained(config(), 3).actors.named_parameters()
    }

    def moved(*overrides: str) -> dict[str, bool]:
        policy = training.train(
            config(*overrides), seed=3, run_dir=tmp_path / "-".join(overrides), progress=False
        )
        trained = HMARLSOC.load(policy).actors.named_parameters()
        agents: dict[str, bool] = {}
        for name, tensor in trained:
            agent = name.partition(".")[0]
            agents[agent] = agents.get(agent, False) or not torch.equal(tensor, begun[name])
        return agents

    everyone = {"coordinator": True, "triage": True, "hunter": True, "responder": True}
    assert moved("coordinator.learns=false") == everyone | {"coordinator": False}
    assert moved("replay.shared=false") == everyone


def test_learners_with_replays_of_their_own_draw_different_transitions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for shared, expected in (("true", 1), ("false", 3)):
        settings = config("replay.start=0", f"replay.shared={shared}")
        learner, env = TeamLearner(settings, 3), make_env(settings)
        collector = training.Collector(env, learner, settings)
        collector.begin(env.reset(seed=3)[0])
        for step in range(20):
            collector.step(step * settings.num_envs)
        drawn = []
        sample = learner.replay.sample
        with monkeypatch.context() as patch:
            patch.setattr(learner.replay, "sample", lambda *a: drawn.append(sample(*a)) or drawn[-1])  # noqa: B023 (called within this round)
            learner.update_tier_2(0.0)
        assert len({tuple(batch.entries) for batch in drawn}) == len(drawn) == expected


def test_a_saved_team_loads_as_an_equal_one(tmp_path: Path) -> None:
    some, seen = team(), observations(20)
    some.save(tmp_path / "team.safetensors")
    loaded = load_policy(tmp_path / "team.safetensors")
    assert loaded.env_id == "soc_v0"
    some.reset(20)
    loaded.reset(20)
    for agent, action in some.act(seen).items():
        np.testing.assert_array_equal(loaded.act(seen)[agent], action)


def test_the_untrained_team_is_where_training_with_that_seed_begins() -> None:
    untrained = agent_zoo.load("hmarl-soc", seed=5, untrained=True)
    settings = agent_zoo.trainer("hmarl-soc").default_config()
    learner = TeamLearner(settings, 5, take_sight(make_env(settings), settings.normalization_steps, 5))
    for name, parameter in HMARLSOC.of(learner).actors.named_parameters():
        assert torch.equal(parameter, dict(untrained.actors.named_parameters())[name])
    other = agent_zoo.load("hmarl-soc", seed=6, untrained=True)
    weights = (each.actors.hunter.body.mean_weight for each in (other, untrained))
    assert not torch.equal(*weights)


# What it sees


def test_the_normalizer_keeps_what_lasts_and_fades_what_is_drawn_anew() -> None:
    random = np.random.default_rng(0)
    noise = random.normal(3.0, 2.0, 4001)
    lasting = np.zeros(4001)
    for step in range(1, 4001):
        lasting[step] = 0.95 * lasting[step - 1] + random.normal(0.0, 0.01)
    rows = torch.from_numpy(np.stack([noise, lasting, np.full(4001, 0.6)], -1)).float()
    normalizer = Normalizer(3)
    for begin in range(0, 4000, 500):
        normalizer.observe(rows[begin : begin + 500], rows[begin + 1 : begin + 501])
    before = rows[:4000].numpy()
    np.testing.assert_allclose(normalizer.mean, before.mean(0), atol=1e-4)
    np.testing.assert_allclose(normalizer.variance, before.var(0), rtol=1e-3, atol=1e-6)
    memory = normalizer.memory().numpy()
    assert memory[0] == 0.0
    assert normalizer.used().tolist() == [1]
    assert memory[1] == pytest.approx(np.corrcoef(lasting[:-1], lasting[1:])[0, 1], abs=0.02)
    seen = normalizer(rows).numpy()
    np.testing.assert_array_equal(seen[:, 0], 0.0)
    assert seen[:, 1].std() == pytest.approx(memory[1], rel=0.02)
    np.testing.assert_allclose(seen[:, 2], 0.0, atol=1e-3)


def test_observations_stay_as_they_are_before_anything_was_observed() -> None:
    rows = torch.randn(5, 4)
    torch.testing.assert_close(Normalizer(4)(rows), rows)


# Runs


def train(run_dir: Path, *overrides: str, **more: object) -> Path:
    return training.train(config(*overrides), seed=7, run_dir=run_dir, progress=False, **more)  # type: ignore[arg-type]  # passed on


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    train(run_dir)
    return run_dir


def test_a_run_leaves_its_files_and_a_team(uninterrupted: Path) -> None:
    episodes = read_episodes(uninterrupted / "episodes.csv")
    assert len(episodes) == 60
    metrics = json.loads((uninterrupted / "metrics.json").read_text())
    assert (metrics["learner"], metrics["seed"], metrics["episodes"]) == ("hmarl-soc", 7, 60)
    trained = load_policy(uninterrupted / "policy.safetensors")
    assert isinstance(trained, HMARLSOC)
    untrained = HMARLSOC.untrained(config(), 7)
    for network in ("coordinator", "hunter", "triage", "responder"):
        before, after = (
            dict(getattr(team.actors, network).named_parameters()) for team in (untrained, trained)
        )
        assert any(not torch.equal(before[name], after[name]) for name in before), f"{network} never learned"


class Killed(Exception):
    """Stands for a process that ends between two rounds."""


@pytest.mark.parametrize("rounds", [(1,), (2, 1), (1, 1, 2)])
def test_a_killed_run_resumes_to_the_same_bytes(
    uninterrupted: Path, tmp_path: Path, rounds: tuple[int, ...]
) -> None:
    run_dir = tmp_path / "broken"
    for part in rounds:
        done = 0

        def stop(learner: TeamLearner, step: int, last: int = part) -> None:
            nonlocal done
            if done == last:
                raise Killed  # after a round whose checkpoint has not been written
            done += 1

        with pytest.raises(Killed):
            train(run_dir, resume=run_dir.exists(), on_round=stop)
    train(run_dir, resume=True)
    for name in FILES:
        assert (run_dir / name).read_bytes() == (uninterrupted / name).read_bytes(), name


@pytest.mark.parametrize(
    ("agent", "spoil"),
    [
        (HUNTER, lambda learner: learner.hunter.critics.value[0][0].weight.data.fill_(float("nan"))),
        (TRIAGE, lambda learner: learner.triage.network.body[0].weight.data.fill_(float("nan"))),
        (RESPONDER, lambda learner: learner.responder.critic.value[0][0].weight.data.fill_(float("nan"))),
        (COORDINATOR, lambda learner: learner.coordinator.critic[0].weight.data.fill_(float("nan"))),
    ],
)
def test_training_that_diverges_names_step_agent_and_checkpoint(
    tmp_path: Path, agent: str, spoil: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = 0
    monkeypatch.setattr(RunDirectory, "checkpoint_due", lambda run: rounds < 3)

    def on_round(learner: TeamLearner, step: int) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            spoil(learner)  # type: ignore[operator]  # a function

    with pytest.raises(FloatingPointError, match=rf"step \d+: {agent}: .*last good checkpoint: .*step-\d+"):
        train(tmp_path / "run", on_round=on_round)


def test_a_false_escalation_costs_the_triage_and_nobody_else() -> None:
    settings = config("replay.start=0", "triage.false_escalation_cost=5", "env.hosts_per_segment=10")
    learner, env = TeamLearner(settings, 3), make_env(settings)
    collector = training.Collector(env, learner, settings)
    collector.begin(env.reset(seed=3)[0])
    for step in range(40):
        collector.step(step * settings.num_envs)
    fields = {name: tensor[: len(learner.replay)] for name, tensor in learner.replay.fields.items()}
    cost = (fields["reward"] - fields["triage_reward"]) / settings.reward_scale
    charged = cost > 1
    assert charged.any()
    torch.testing.assert_close(cost[charged], torch.full_like(cost[charged], 5.0), rtol=1e-3, atol=1e-3)
    assert (fields["verdict"][charged] == 0).all(), "only escalations cost"
    assert ((fields["verdict"] == 0) & ~charged).any(), "true alerts may be escalated"


# Configs


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("hunter.learning_rate=0", "hunter.learning_rate must be a number greater than 0, got 0"),
        ("coordinator.interval=0", "coordinator.interval must be an integer of at least 1, got 0"),
        ("replay.alpha=1.5", "replay.alpha must be a number from 0 to 1, got 1.5"),
        ("replay.warmup=1000", "replay.warmup must be at most replay.capacity = 512, got 1000"),
        ("noise_steps=0", "noise_steps must be an integer of at least 1, got 0"),
        ("noise_steps=5", "coordinator.rollout_steps must be a multiple of noise_steps = 5, got 16"),
        ("coordinator.interval=17", "coordinator.rollout_steps must be at least coordinator.interval = 17"),
        ("hunter.speed=1", r"hunter.speed \(= 1\) is no config key; the keys are hunter.learning_rate"),
        ("hunter=1", "hunter must be a mapping, got 1"),
        ("triage.epsilon_steps=many", "triage.epsilon_steps must be an integer, got 'many'"),
    ],
)
def test_a_value_out_of_range_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(override)


def test_the_papers_config_has_its_hyperparameters() -> None:
    paper = agent_zoo.trainer("hmarl-soc").load_config("hmarl-soc-paper")
    assert paper.hidden_sizes == (256, 256, 256)
    assert paper.discount == 0.99
    assert (paper.replay.capacity, paper.replay.batch_size, paper.replay.alpha) == (200_000, 256, 0.6)
    assert (paper.replay.beta, paper.replay.final_beta) == (0.4, 1.0)
    assert paper.coordinator.interval == 5
    assert (paper.triage.initial_epsilon, paper.triage.final_epsilon) == (1.0, 0.05)
    assert paper.triage.epsilon_steps == 50_000
    for tier in (paper.coordinator, paper.hunter, paper.triage, paper.responder):
        assert tier.learning_rate == 3e-4
    assert paper.num_episodes == 10_000
    assert paper.normalization_steps == 0


def test_missing_weights_say_how_to_train_them() -> None:
    with pytest.raises(FileNotFoundError, match="soc-env train hmarl-soc --seed 77"):
        agent_zoo.load("hmarl-soc", seed=77)


def test_the_weights_of_cage4_are_a_team_that_plays_the_same_observations() -> None:
    team, before = agent_zoo.load("hmarl-soc", seed=42, env_id="cage4"), agent_zoo.load("hmarl-soc", seed=42)
    assert team.env_id == "cage4"
    assert team.config.initial_policy == "hmarl-soc-42"
    observations = {a: np.zeros((3, size), np.float32) for a, size in OBSERVATION_SIZES.items()}
    hunting = []
    for one in (team, before):
        one.reset(3)
        hunting.append(one.act(observations)[HUNTER])
    assert hunting[0][:, :5].mean() > hunting[1][:, :5].mean() + 0.1  # there it pays to hunt harder
