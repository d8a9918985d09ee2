"""IQL and QMIX learn what they can represent, and a run that was killed ends like one that was not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import baselines
from agent_zoo.learning.segments import own_entries
from baselines import iql, qmix
from baselines.choices import Choices
from baselines.value_learning import ValueLearner
from soc_env import soc_v0
from soc_env.policy import TeamPolicy, load_policy
from soc_env.team import AGENTS, HUNTER, JOINT_OBSERVATION_SIZE, RESPONDER, TRIAGE, split_observations
from soc_env.wrappers import discrete_actions

LEARNERS = {"iql": iql, "qmix": qmix}
TOY = (
    "initial_lead=0",
    *("levels=3", "hidden_sizes=[32]", "capacity=4096", "warmup=64", "batch_size=128", "num_envs=64"),
    *("learning_rate=0.003", "reward_scale=1.0", "huber=100", "target_rate=0.05", "lookahead=1"),
    *("epsilon=1.0", "soft_epsilon=0", "normalization_steps=0"),
)
SHORT = (
    *("hidden_sizes=[16]", "num_envs=8", "num_episodes=60", "capacity=512", "warmup=64", "batch_size=32"),
    *("normalization_steps=20", "checkpoint_seconds=0", "env.hosts_per_segment=4", "env.max_steps=20"),
    *("noise_steps=4", "lookahead=3"),
)
FILES = ("episodes.csv", "policy.safetensors")


def config(name: str, *overrides: str) -> Any:
    return baselines.trainer(name).load_config(None, overrides)


def toy(name: str, *overrides: str) -> ValueLearner:
    settings = config(name, *TOY, *overrides)
    choices = Choices.of(soc_v0.SCENARIO(), settings.levels)
    return LEARNERS[name].Learner(settings, 0, choices, None, 4)


def show(observation: torch.Tensor, state: torch.Tensor) -> None:
    """Let hunter and responder see the state as the first entry of every segment."""
    for agent in (HUNTER, RESPONDER):
        observation[:, own_entries(soc_v0.SCENARIO(), agent)[:, 0]] = state[:, None].float()


def play(
    learner: ValueLearner, reward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], updates: int
) -> None:
    """Episodes of one step in state 0 or 1, which hunter, responder and critic see, with random choices."""
    for _ in range(updates):
        state = torch.randint(2, (64,), generator=learner.generator)
        observation = torch.zeros(64, JOINT_OBSERVATION_SIZE)
        show(observation, state)
        chosen = learner.at_random(observation)
        true = torch.ones(64, dtype=torch.bool)
        one_hot = torch.nn.functional.one_hot(state, 4).float()
        learner.replay.add(
            observation=observation,
            next_observation=torch.zeros_like(observation),
            state=one_hot,
            next_state=one_hot,
            chosen=chosen,
            reward=reward(state, chosen),
            terminated=true,
            truncated=~true,
        )
        if len(learner.replay) >= learner.config.warmup:
            learner.update()


def matrix_game(learner: ValueLearner, payoff: np.ndarray, updates: int) -> tuple[int, int]:
    """Hunter's and responder's first choices are a row and a column; returns what they come to."""
    row, column = (learner.slices[agent].start for agent in (HUNTER, RESPONDER))
    table = torch.from_numpy(payoff).float()
    play(learner, lambda state, chosen: table[chosen[:, row], chosen[:, column]], updates)
    best = learner.greedy(torch.zeros(1, JOINT_OBSERVATION_SIZE))[0]
    return int(best[row]), int(best[column])


MONOTONIC = np.array([[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 8.0]])
PENALTY = np.array([[8.0, 0.0, -12.0], [0.0, 6.0, 0.0], [-12.0, 0.0, 8.0]])


def test_qmix_solves_a_game_that_it_can_represent_with_its_values() -> None:
    learner = toy("qmix", "discount=0.9", "learning_rate=0.01")
    assert matrix_game(learner, MONOTONIC, 400) == (2, 2)
    row, column = (learner.slices[agent].start for agent in (HUNTER, RESPONDER))
    for (i, j), expected in np.ndenumerate(MONOTONIC):
        chosen = torch.zeros(1, learner.choices.size, dtype=torch.int64)
        chosen[0, row], chosen[0, column] = i, j
        values = learner.utilities(learner.networks, torch.zeros(1, JOINT_OBSERVATION_SIZE), chosen)
        team = learner.networks["mixer"](values, torch.eye(4)[:1]).item()
        assert team == pytest.approx(expected, abs=0.8), (i, j)


def test_iql_misses_the_best_of_a_game_in_which_the_others_choice_decides() -> None:
    """Against an even partner a corner of 8 is worth (8 + 0 - 12) / 3 < 0, the middle (0 + 6 + 0) / 3."""
    learner = toy("iql", "discount=0.9", "learning_rate=0.01")
    assert matrix_game(learner, PENALTY, 250) == (1, 1)
    assert PENALTY[1, 1] < PENALTY.max()


@pytest.mark.parametrize("name", LEARNERS)
def test_every_segment_is_set_on_its_own_and_by_what_is_seen(name: str) -> None:
    """In state 0 levels 0, 1, 2, 0, 1 are right for the responder's first choices, in state 1 the next."""
    learner = toy(name, "learning_rate=0.01", "hidden_sizes=[32,32]")
    first = learner.slices[RESPONDER].start
    wanted = torch.tensor([0, 1, 2, 0, 1])

    def reward(state: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
        right = (wanted + state[:, None]) % 3
        return (chosen[:, first : first + 5] == right).float().sum(-1)

    play(learner, reward, 300)
    for state in range(2):
        observation = torch.zeros(1, JOINT_OBSERVATION_SIZE)
        show(observation, torch.tensor([state]))
        best = learner.greedy(observation)[0, first : first + 5]
        assert best.tolist() == ((wanted + state) % 3).tolist()


@pytest.mark.parametrize(
    ("epsilon", "soft_epsilon", "expected"),
    [
        (0.0, 0.0, (1.0, 0.0, 0.0, 0.0)),
        (0.3, 0.0, (0.7, 0.1, 0.1, 0.1)),
        (0.0, 1.0, (0.0, 0.2689, 0.7311, 0.0)),  # 1 / (1 + e) and e / (1 + e) at a temperature of 0.1
        (0.3, 0.5, (0.2, 0.1 + 0.1345, 0.1 + 0.3655, 0.1)),
    ],
)
def test_random_choices_are_even_or_by_what_is_known(
    epsilon: float, soft_epsilon: float, expected: tuple[float, ...]
) -> None:
    """Level 0 is known to be worse than level 1 by 0.1, and level 2 by far; -1 leaves it to the team."""
    learner = toy("iql", f"epsilon={epsilon}", f"soft_epsilon={soft_epsilon}", "temperature=0.1")
    output = learner.networks[RESPONDER].body.rest[-1][-1]
    with torch.no_grad():
        output.weight.zero_()
        output.bias[:3] = torch.tensor([-0.1, 0.0, -100.0])
    drawn = learner.at_random(torch.zeros(20_000, JOINT_OBSERVATION_SIZE))
    first = drawn[:, learner.slices[RESPONDER].start]
    frequencies = [(first == level).float().mean().item() for level in (-1, 0, 1, 2)]
    assert frequencies == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("name", LEARNERS)
def test_time_limits_are_bootstrapped_and_ends_are_not(name: str) -> None:
    """A reward of 1 a step, discount 0.5: worth 2 if only time limits end episodes, 1 if each step does."""
    for ends, expected in ((False, 2.0), (True, 1.0)):
        learner = toy(name, "discount=0.5", "learning_rate=0.01", "target_rate=0.1")
        observation = torch.zeros(64, JOINT_OBSERVATION_SIZE)
        for _ in range(600):
            learner.replay.add(
                observation=observation,
                next_observation=observation,
                state=torch.zeros(64, 4),
                next_state=torch.zeros(64, 4),
                chosen=learner.at_random(observation),
                reward=torch.ones(64),
                terminated=torch.full((64,), ends),
                truncated=torch.full((64,), not ends),
            )
            learner.update()
        chosen = learner.greedy(observation[:1])
        value = learner.utilities(learner.networks, observation[:1], chosen)
        if name == "qmix":
            value = learner.networks["mixer"](value, torch.zeros(1, 4))
        assert value.detach().mean().item() == pytest.approx(expected, rel=0.1)


def test_the_mixer_grows_with_every_agents_value() -> None:
    mixer = qmix.Mixer(4, 8, (16,), torch.Generator().manual_seed(0))
    state = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    values = torch.randn(50, 4, generator=torch.Generator().manual_seed(2)).requires_grad_()
    (slopes,) = torch.autograd.grad(mixer(values, state).sum(), values)
    assert (slopes >= 0).all()
    assert (slopes > 0).any(0).all()


def test_choices_are_those_of_the_discrete_actions_wrapper() -> None:
    choices = Choices.of(soc_v0.SCENARIO(), 7)
    env = discrete_actions(soc_v0.vector_env(5), 7)
    plain, translated = soc_v0.vector_env(5), env
    plain.reset(seed=3)
    translated.reset(seed=3)
    random = np.random.default_rng(0)
    limits = np.concatenate([np.full(*choices.counts(agent)) for agent in AGENTS])
    for _ in range(10):
        chosen = random.integers(limits, size=(5, choices.size))
        theirs = {agent: chosen[:, part] for agent, part in choices.slices.items()}
        theirs[TRIAGE] = theirs[TRIAGE][:, 0]
        ours = plain.step(choices.actions(chosen))
        other = translated.step(theirs)
        np.testing.assert_array_equal(ours[1], other[1])
        for agent in AGENTS:
            np.testing.assert_array_equal(ours[0][agent], other[0][agent])


# Runs and files


class Killed(Exception):
    """Stands for a signal."""


@pytest.mark.parametrize("name", LEARNERS)
def test_a_killed_run_resumes_to_the_same_bytes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, module = config(name, *SHORT), LEARNERS[name]
    module.train(settings, seed=3, run_dir=tmp_path / "whole", progress=False)
    real = module.Learner.update
    calls = 0

    def update(self: ValueLearner) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls in (15, 40):
            raise Killed
        return real(self)

    monkeypatch.setattr(module.Learner, "update", update)
    for resume in (False, True):
        with pytest.raises(Killed):
            module.train(settings, seed=3, run_dir=tmp_path / "parts", resume=resume, progress=False)
    module.train(settings, seed=3, run_dir=tmp_path / "parts", resume=True, progress=False)
    for file in FILES:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes(), file


@pytest.mark.parametrize("name", LEARNERS)
def test_a_trained_team_is_one_file_that_loads_as_it_was(name: str, tmp_path: Path) -> None:
    path = LEARNERS[name].train(config(name, *SHORT), seed=3, run_dir=tmp_path / "run", progress=False)
    team = load_policy(path)
    assert isinstance(team, TeamPolicy)
    assert team.env_id == "soc_v0"
    joint = np.random.default_rng(0).normal(size=(20, JOINT_OBSERVATION_SIZE)).astype(np.float32)
    team.reset(20)
    actions = team.act(split_observations(joint))
    assert actions[TRIAGE].dtype == np.int64
    team.save(tmp_path / "again.safetensors")
    again = load_policy(tmp_path / "again.safetensors")
    for agent, action in actions.items():
        np.testing.assert_array_equal(again.act(split_observations(joint))[agent], action)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_untrained_team_is_reproducible_and_depends_on_its_seed(name: str) -> None:
    joint = np.random.default_rng(0).normal(size=(50, JOINT_OBSERVATION_SIZE)).astype(np.float32)
    first, same, other = (
        baselines.load(name, seed=seed, untrained=True).act(split_observations(joint)) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first[HUNTER], same[HUNTER])
    assert not np.array_equal(first[HUNTER], other[HUNTER])


@pytest.mark.parametrize("name", LEARNERS)
def test_training_that_diverges_names_the_step_and_the_checkpoint(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = LEARNERS[name]
    real = module.Learner.errors
    calls = 0

    def errors(self: ValueLearner, batch: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return real(self, batch) * (torch.nan if calls == 40 else 1.0)

    monkeypatch.setattr(module.Learner, "errors", errors)
    with pytest.raises(FloatingPointError, match=r"step \d+: loss is nan.*last good checkpoint: .*step-\d+"):
        module.train(config(name, *SHORT), seed=3, run_dir=tmp_path / "run", progress=False)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("levels=1", "levels must be an integer of at least 2, got 1"),
        ("discount=1.5", "discount must be a number from 0 to 1, got 1.5"),
        ("huber=0", "huber must be a number greater than 0, got 0"),
        ("warmup=300000", "warmup must be at most capacity = "),
    ],
)
def test_bad_configs_are_named(override: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config("iql", override)
