"""Training that goes on from a team that was trained before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("scipy")

import torch

import agent_zoo
import baselines
from agent_zoo.hmarl_soc.team import HMARLSOC
from agent_zoo.hmarl_soc.training import TeamTraining
from agent_zoo.learning.config import ConfigError
from baselines import iql, mappo, qmix, single_drl
from baselines.policy_learning import PolicyTraining
from baselines.value_learning import ValueTraining
from evaluation.entrants import find_trainer
from soc_env import soc_v0

SMALL = ["num_envs=4", "env.hosts_per_segment=4", "normalization_steps=20"]


def config(learner: str, *overrides: str, variant: str | None = None) -> Any:
    small = [one for one in SMALL if learner not in ("single-drl", "mappo") or "normalization" not in one]
    if learner == "hmarl-soc":
        small += ["replay.capacity=4096", "replay.warmup=64", "replay.batch_size=32"]
    elif learner in ("iql", "qmix"):
        small += ["capacity=4096", "warmup=64"]
    else:
        small += ["minibatch_size=32"]
    return find_trainer(learner).load_config(variant, [*small, *overrides])


def played(team: Any) -> list[dict[str, np.ndarray]]:
    """What the team does in some steps."""
    env = soc_v0.vector_env(4, hosts_per_segment=4)
    observations, _ = env.reset(seed=3)
    team.reset(4, seed=0)
    done, starts = [], np.ones(4, np.bool_)
    for _ in range(8):
        done.append(team.act(observations, starts))
        observations, _, terminated, truncated, _ = env.step(done[-1])
        starts = terminated | truncated
    return done


def of_policies(team_class: Any) -> Any:
    return lambda one: team_class(PolicyTraining(team_class, one, 1).learner.actor, one)


def of_values(team_class: Any) -> Any:
    return lambda one: team_class.of(ValueTraining(team_class, one, 1).learner)


BEGUN = {
    "hmarl-soc": lambda one: HMARLSOC.of(TeamTraining(one, 1).learner),
    "single-drl": of_policies(single_drl.SingleDRL),
    "mappo": of_policies(mappo.MAPPO),
    "iql": of_values(iql.IQL),
    "qmix": of_values(qmix.QMIX),
}


@pytest.mark.parametrize("learner", BEGUN)
def test_a_training_begins_with_what_the_team_did(learner):
    begun = BEGUN[learner]
    zoo = agent_zoo if learner == "hmarl-soc" else baselines
    variant = None if learner == "hmarl-soc" else f"{learner}-100k"
    start = zoo.load(learner, seed=42)
    team = begun(config(learner, f"initial_policy={learner}-42", variant=variant))
    for one, other in zip(played(team), played(start), strict=True):
        for agent, action in other.items():
            np.testing.assert_allclose(one[agent], action, atol=1e-5)
    other = begun(config(learner, variant=variant))
    assert any(
        not np.allclose(one[agent], action, atol=1e-3)
        for one, same in zip(played(other), played(start), strict=True)
        for agent, action in same.items()
    )


def test_a_run_directory_and_a_file_are_teams_to_begin_with(tmp_path: Path):
    team = agent_zoo.load("hmarl-soc", seed=42)
    team.save(tmp_path / "policy.safetensors")
    for name in (tmp_path, tmp_path / "policy.safetensors"):
        training = TeamTraining(config("hmarl-soc", f"initial_policy={name}"), 1)
        begun, saved = training.learner.responder.actor.body.which, team.actors.responder.body.which
        assert torch.equal(begun, saved)


def test_packaged_weights_are_those_of_soc_v0_unless_another_scenario_is_named():
    def first_weights(name: str) -> torch.Tensor:
        training = TeamTraining(config("hmarl-soc", f"initial_policy={name}"), 1)
        return training.learner.hunter.actor.body.which.detach()

    assert torch.equal(first_weights("hmarl-soc-42"), first_weights("soc_v0/hmarl-soc-42"))
    assert not torch.equal(first_weights("hmarl-soc-42"), first_weights("cage4/hmarl-soc-42"))


def test_what_cannot_be_begun_with_is_refused():
    with pytest.raises(ConfigError, match=r"initial_policy must be the path of .* hmarl-soc-42.*'nobody-1'"):
        TeamTraining(config("hmarl-soc", "initial_policy=nobody-1"), 1)
    with pytest.raises(ConfigError, match=r"hidden_sizes must be \(32, 32\), as in initial_policy"):
        TeamTraining(config("hmarl-soc", "initial_policy=hmarl-soc-42", "hidden_sizes=[8]"), 1)


def test_a_team_of_another_class_is_refused(tmp_path: Path):
    baselines.load("iql", seed=42).save(tmp_path / "iql.safetensors")
    with pytest.raises(ConfigError, match=r"initial_policy: path must hold a policy of agent_zoo.hmarl_soc"):
        TeamTraining(config("hmarl-soc", f"initial_policy={tmp_path / 'iql.safetensors'}"), 1)
