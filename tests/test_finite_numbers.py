"""However little there is to learn from, what is learned is finite; what is not is neither kept nor read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from agent_zoo.learning import checkpoint
from agent_zoo.learning.config import ConfigError
from agent_zoo.learning.normalizer import Normalizer
from agent_zoo.learning.policy_file import halve_policy_file, load_policy_file, save_policy_file
from agent_zoo.learning.run_directory import RunDirectory
from agent_zoo.learning.sight import take_sight
from evaluation.entrants import find_trainer
from soc_env import soc_v0
from soc_env.policy import load_policy
from tests.small_trainings import LEARNERS, train_small

NOT_FINITE = (np.nan, np.inf, -np.inf)
RATES = {
    "hmarl-soc": ("coordinator.learning_rate=1e39",),
    **dict.fromkeys(
        ("single-drl", "mappo", "iql", "qmix"), ("learning_rate=1e39", "final_learning_rate=1e39")
    ),
}
"""Finite, but each step of an optimiser leaves the range of 32 bits."""

ONE_UPDATE = {
    "hmarl-soc": ("coordinator.epochs=1", "coordinator.minibatch_size=64"),
    **dict.fromkeys(("single-drl", "mappo"), ("epochs=1", "minibatch_size=32")),
    **dict.fromkeys(("iql", "qmix"), ("noise_steps=16", "warmup=64")),
}
"""Nothing comes after it that would notice a divergence."""


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


# The normalizer


def state(normalizer: Normalizer) -> dict[str, list[float]]:
    return {name: tensor.tolist() for name, tensor in normalizer.state_dict().items()}


def test_a_batch_of_nothing_changes_nothing_before_or_after_others() -> None:
    nothing, rows = torch.zeros(0, 3), torch.randn(6, 3, generator=torch.Generator().manual_seed(1))
    one, other = Normalizer(3), Normalizer(3)
    one.observe(nothing, nothing)
    assert state(one) == state(other)
    for normalizer in (one, other):
        normalizer.observe(rows[:-1], rows[1:])
    one.observe(nothing, nothing)
    assert state(one) == state(other)


@pytest.mark.parametrize("value", [0.0, 0.6, -1e6])
@pytest.mark.parametrize("count", [1, 5])
def test_what_never_changed_is_zero_and_finite(count: int, value: float) -> None:
    normalizer, rows = Normalizer(2), torch.full((count, 2), value)
    normalizer.observe(rows, rows)
    assert (normalizer(rows) == 0.0).all()
    assert len(normalizer.used()) == 0
    assert torch.isfinite(normalizer(torch.tensor([[1e30, -1e30]]))).all()


@pytest.mark.parametrize("value", [*NOT_FINITE, 1e30])
@pytest.mark.parametrize("place", ["before", "after"])
def test_observations_without_finite_statistics_are_refused_and_change_nothing(
    place: str, value: float
) -> None:
    normalizer = Normalizer(2)
    rows = torch.randn(4, 2, generator=torch.Generator().manual_seed(1))
    normalizer.observe(rows, rows)
    before = state(normalizer)
    wrong = {"before": rows.clone(), "after": rows.clone()}
    for each in wrong.values() if place == "after" else [wrong["before"]]:
        each[2, 1] = value
    with pytest.raises(ValueError, match="observations must be finite"):
        normalizer.observe(**wrong)
    assert state(normalizer) == before


@pytest.mark.parametrize("max_steps", [1, 2])
def test_what_cannot_be_told_from_too_few_steps_is_seen_as_it_is(max_steps: int) -> None:
    """Episodes of one step have no successive observations, and one pair of them tells nothing."""
    sight = take_sight(soc_v0.vector_env(1, hosts_per_segment=4, max_steps=max_steps), 1, seed=1)
    rows = torch.randn(4, 352, generator=torch.Generator().manual_seed(1))
    assert torch.equal(sight(rows), rows)


# Trainings on next to nothing


@pytest.mark.parametrize("learner", LEARNERS)
@pytest.mark.parametrize(
    "settings",
    [
        ("num_envs=1", "env.max_steps=1"),
        ("num_envs=1", "env.max_steps=2"),
        ("num_envs=2", "env.max_steps=5"),
    ],
    ids=" ".join,
)
def test_a_team_of_few_lanes_and_short_episodes_is_finite(
    learner: str, settings: tuple[str, ...], tmp_path: Path
) -> None:
    policy = train_small(learner, tmp_path / "run", *settings)
    for name, array in safetensors.numpy.load_file(policy).items():
        assert np.isfinite(array).all(), name
    team = load_policy(policy)
    env = soc_v0.vector_env(3)
    team.reset(3, seed=0)
    env.step(team.act(env.reset(seed=5)[0], np.ones(3, np.bool_)))  # which checks that actions are finite


@pytest.mark.parametrize("learner", ["hmarl-soc", "iql", "qmix"])
def test_a_team_that_sees_nothing_that_lasts_learns_all_the_same(
    learner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(Normalizer, "LEAST_MEMORY", 2.0)
    load_policy(train_small(learner, tmp_path / "run"))
    assert not [each for each in recwarn if "zero-element" in str(each.message)]


@pytest.mark.parametrize("learner", ["single-drl", "mappo"])
@pytest.mark.parametrize(("rollout_steps", "minibatch_size"), [(1, 1), (4, 1), (4, 64)])
def test_rollouts_and_minibatches_of_one_transition_and_minibatches_of_more_than_there_are_are_learned_from(
    learner: str, rollout_steps: int, minibatch_size: int, tmp_path: Path
) -> None:
    sizes = (f"rollout_steps={rollout_steps}", f"minibatch_size={minibatch_size}", "noise_steps=1")
    load_policy(train_small(learner, tmp_path / "run", "num_envs=1", "num_episodes=2", *sizes))


@pytest.mark.parametrize("learner", LEARNERS)
def test_every_learners_own_config_takes_one_lane(learner: str) -> None:
    assert find_trainer(learner).load_config(None, ["num_envs=1"]).num_envs == 1


# What is not finite


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_training_whose_last_step_diverges_writes_no_team(learner: str, tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match=r"step \d+: .*; last good checkpoint: none"):
        train_small(learner, tmp_path / "run", *RATES[learner], *ONE_UPDATE[learner], "num_episodes=1")
    assert not list(tmp_path.glob("**/policy*"))
    assert not (tmp_path / "run" / "metrics.json").exists(), "or the run would count as complete"


@pytest.mark.parametrize("learner", LEARNERS)
def test_what_diverged_is_no_checkpoint(
    learner: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunDirectory, "checkpoint_due", lambda run: True)
    with pytest.raises(FloatingPointError, match=r"step \d+: .*; last good checkpoint: "):
        train_small(learner, tmp_path / "run", *RATES[learner], "num_episodes=40")
    for path in tmp_path.glob("**/checkpoints/step-*"):
        assert checkpoint.not_finite(checkpoint.load_checkpoint(path).tensors) is None


@pytest.mark.parametrize("value", NOT_FINITE)
def test_a_checkpoint_whose_learner_is_not_finite_is_not_written_and_not_gone_on_from(
    value: float, tmp_path: Path
) -> None:
    good, bad = ({"learner.a": np.array([1.0, number])} for number in (2.0, value))
    whole = checkpoint.save_checkpoint(tmp_path, 1, good, {})
    with pytest.raises(FloatingPointError, match=r"learned must be finite, got -?(nan|inf) in a"):
        checkpoint.save_checkpoint(tmp_path, 2, bad, {})
    assert [path.name for path in tmp_path.iterdir()] == [whole.name]
    content = safetensors.numpy.save(bad)
    (whole / "tensors.safetensors").write_bytes(content)
    digests = json.loads((whole / "sha256.json").read_text("utf-8"))
    digests["tensors.safetensors"] = hashlib.sha256(content).hexdigest()
    (whole / "sha256.json").write_text(json.dumps(digests), "utf-8")
    with pytest.raises(ValueError, match=r"step-000000000001 is damaged: .* must be finite, got .* in a"):
        checkpoint.load_checkpoint(whole)


def test_an_environments_own_state_may_hold_what_it_likes(tmp_path: Path) -> None:
    state = {"env.never_yet": np.array([np.nan])}
    loaded = checkpoint.load_checkpoint(checkpoint.save_checkpoint(tmp_path, 1, state, {}))
    assert np.isnan(loaded.tensors["env.never_yet"]).all()


ABOUT: dict[str, Any] = {"class_name": "a:B", "config": {}, "env_id": "soc_v0", "env": {}, "version": "1"}


@pytest.mark.parametrize("value", NOT_FINITE)
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_a_policy_file_holds_finite_numbers_alone(
    value: float, kind: type[np.floating[Any]], tmp_path: Path
) -> None:
    path, tensors = tmp_path / "team.safetensors", {"a": np.zeros(3, kind), "b": np.array([1, value], kind)}
    with pytest.raises(FloatingPointError, match=r"must be finite, got -?(nan|inf) in b"):
        save_policy_file(path, tensors, **ABOUT)
    assert not path.exists()
    metadata = {"class": "a:B", "config": "{}"}
    path.write_bytes(safetensors.numpy.save(tensors, metadata))
    with pytest.raises(ValueError, match=r"finite, got .*team.safetensors with -?(nan|inf) in b"):
        load_policy_file(path, "a:B")


def test_a_matrix_beyond_the_range_of_16_bits_is_not_halved(tmp_path: Path) -> None:
    source, path = tmp_path / "team.safetensors", tmp_path / "halved.safetensors"
    save_policy_file(source, {"a": np.full((2, 2), 70_000.0, np.float32)}, **ABOUT)
    with np.errstate(over="ignore"), pytest.raises(FloatingPointError, match="finite, got inf in a"):
        halve_policy_file(source, path)
    assert not path.exists()


@pytest.mark.parametrize("learner", LEARNERS)
def test_no_team_of_numbers_that_are_not_finite_is_loaded_or_begun_with(learner: str, tmp_path: Path) -> None:
    good = train_small(learner, tmp_path / "run")
    with safetensors.safe_open(good, framework="np") as file:
        metadata = dict(file.metadata())
    tensors = safetensors.numpy.load_file(good)
    name = max(tensors, key=lambda each: tensors[each].size)
    tensors[name].flat[-1] = np.nan
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(safetensors.numpy.save(tensors, metadata))
    with pytest.raises(ValueError, match=f"finite, got .*bad.safetensors with nan in {name}"):
        load_policy(bad)
    with pytest.raises(ConfigError, match=f"initial_policy: .*finite.*nan in {name}"):
        train_small(learner, tmp_path / "other", f"initial_policy={bad}")
