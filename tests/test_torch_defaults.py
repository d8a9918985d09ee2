"""What torch's default dtype and device are set to changes nothing: teams have their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import agent_zoo
import baselines
from agent_zoo.hmarl_soc import HMARLSOC
from agent_zoo.hmarl_soc.explainer import ExplainerConfig, TeamExplainer, faithfulness, train_explainer
from agent_zoo.inference import FusedPolicy, FusedTeam
from agent_zoo.inference.fused import example_inputs
from agent_zoo.learning.normalizer import Normalizer
from soc_env.policy import TeamPolicy
from soc_env.team import JOINT_OBSERVATION_SIZE, split_observations
from tests.small_trainings import LEARNERS, train_small

LANES = 5


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(params=[(torch.float64, "cpu"), (torch.float32, "meta")], ids=["float64", "meta"])
def other_defaults(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whoever uses the library works in other numbers, or on a device: meta stands for any but the CPU."""
    dtype = torch.get_default_dtype()
    with torch.device(request.param[1]):
        torch.set_default_dtype(request.param[0])
        yield
    torch.set_default_dtype(dtype)


def played(policy: TeamPolicy) -> dict[str, np.ndarray]:
    """What a team does in some lanes, on observations of any kind."""
    joint = np.random.default_rng(1).normal(size=(LANES, JOINT_OBSERVATION_SIZE)).astype(np.float32)
    policy.reset(LANES, seed=0)
    return policy.act(split_observations(joint), np.ones(LANES, np.bool_))


def assert_equal_actions(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for agent, actions in one.items():
        np.testing.assert_array_equal(other[agent], actions)
        assert other[agent].dtype == actions.dtype


@pytest.fixture(scope="module")
def usual_trainings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("usual")
    return {name: train_small(name, folder / name).read_bytes() for name in LEARNERS}


@pytest.mark.parametrize("learner", LEARNERS)
def test_training_gives_the_same_team(
    usual_trainings: dict[str, bytes], learner: str, tmp_path: Path, other_defaults: None
) -> None:
    assert train_small(learner, tmp_path / "run").read_bytes() == usual_trainings[learner]


@pytest.fixture(scope="module")
def usual_play() -> dict[str, dict[str, np.ndarray]]:
    return {name: played(team(name)) for name in LEARNERS}


def team(name: str) -> TeamPolicy:
    package = agent_zoo if name in agent_zoo.list_learners() else baselines
    policy: TeamPolicy = package.load(name, seed=42)
    return policy


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_trained_team_plays_the_same(
    usual_play: dict[str, dict[str, np.ndarray]], learner: str, other_defaults: None
) -> None:
    assert_equal_actions(usual_play[learner], played(team(learner)))


def fused(policy: HMARLSOC) -> FusedPolicy:
    return FusedPolicy(FusedTeam(policy), policy.env_id, policy.config.coordinator.interval)


@pytest.fixture(scope="module")
def usual_fused_play() -> dict[str, np.ndarray]:
    return played(fused(agent_zoo.load("hmarl-soc")))


def test_a_fused_team_plays_the_same(usual_fused_play: dict[str, np.ndarray], other_defaults: None) -> None:
    assert_equal_actions(usual_fused_play, played(fused(agent_zoo.load("hmarl-soc"))))


def test_exports_are_traced_with_inputs_of_the_same_kind(other_defaults: None) -> None:
    observation, directive, age = example_inputs(3)
    assert (observation.dtype, directive.dtype, age.dtype) == (torch.float32, torch.float32, torch.int64)
    assert {each.device.type for each in (observation, directive, age)} == {"cpu"}


def explained(path: Path) -> tuple[bytes, np.ndarray]:
    """The file of a short training of an explainer, and the curves of its ranking's rivals."""
    team = agent_zoo.load("hmarl-soc")
    random = np.random.default_rng(2).normal(size=(64, JOINT_OBSERVATION_SIZE)).astype(np.float32)
    seen = torch.from_numpy(random)
    few = ExplainerConfig(heads=2, key_size=4, token_size=4, updates=3, observations=8, removals=2)
    train_explainer(team, seen, seed=1, config=few).save(path)
    TeamExplainer.load(path, team)
    generator = torch.Generator().manual_seed(3)
    rows = faithfulness.one_a_lane(seen.unflatten(0, (4, 16)), generator)[:, :12]
    rankings = faithfulness.rankings(torch.sin, rows, rows, rows.abs(), generator)
    curves = [faithfulness.curves(torch.sin, rows, each, generator) for each in rankings.values()]
    return path.read_bytes(), torch.stack(curves).numpy()


@pytest.fixture(scope="module")
def usual_explanation(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, np.ndarray]:
    return explained(tmp_path_factory.mktemp("usual") / "explainer.safetensors")


def test_an_explanation_is_the_same(
    usual_explanation: tuple[bytes, np.ndarray], tmp_path: Path, other_defaults: None
) -> None:
    file, curves = explained(tmp_path / "explainer.safetensors")
    assert file == usual_explanation[0]
    np.testing.assert_array_equal(curves, usual_explanation[1])


def test_a_normalizer_computes_in_its_own_numbers(other_defaults: None) -> None:
    rows = torch.from_numpy(np.random.default_rng(4).normal(size=(6, 3)).astype(np.float32))
    normalizer = Normalizer(3)
    normalizer.observe(rows[:-1], rows[1:])
    assert normalizer(rows).dtype == torch.float32
    np.testing.assert_allclose(normalizer.mean, rows[:-1].mean(0), rtol=1e-5)
