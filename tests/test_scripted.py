"""The scripted teams do what their descriptions say, without torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import baselines
from baselines import scripted
from soc_env.team import (
    AGENTS,
    CONTROL_SIZES,
    COORDINATOR,
    HUNTER,
    OBSERVATION_SIZES,
    RESPONDER,
    TRIAGE,
    Verdict,
)

NUM_ENVS = 3


def observations(compromised_ratio: float = 0.0) -> dict[str, np.ndarray]:
    observed = {agent: np.zeros((NUM_ENVS, size), np.float32) for agent, size in OBSERVATION_SIZES.items()}
    observed[COORDINATOR][:, 22] = compromised_ratio
    return observed


@pytest.mark.parametrize("name", list(baselines.SCRIPTED))
def test_actions_fit_the_spaces_and_observations_stay_as_they_were(name: str) -> None:
    policy, observed = baselines.load(name), observations(0.1)
    before = {agent: array.copy() for agent, array in observed.items()}
    policy.reset(NUM_ENVS, seed=7)
    actions = policy.act(observed)
    assert list(actions) == list(AGENTS)
    for agent, size in CONTROL_SIZES.items():
        assert actions[agent].shape == (NUM_ENVS, size)
        assert actions[agent].dtype == np.float32
        assert np.abs(actions[agent]).max() <= 1.0
    assert actions[TRIAGE].shape == (NUM_ENVS,)
    assert actions[TRIAGE].dtype == np.int64
    assert set(actions[TRIAGE]) <= set(Verdict)
    for agent, array in before.items():
        np.testing.assert_array_equal(observed[agent], array)
    assert policy.env_id == "soc_v0"


@pytest.mark.parametrize("name", list(baselines.SCRIPTED))
def test_a_saved_team_loads_as_an_equal_one(name: str, tmp_path) -> None:
    policy = baselines.load(name)
    policy.save(tmp_path / "team.json")
    loaded = type(policy).load(tmp_path / "team.json")
    for team in (policy, loaded):
        team.reset(NUM_ENVS, seed=3)
    original, again = policy.act(observations(0.2)), loaded.act(observations(0.2))
    for agent in AGENTS:
        np.testing.assert_array_equal(original[agent], again[agent])


def test_loading_the_file_of_another_class_says_which_it_is(tmp_path) -> None:
    scripted.RuleSOAR().save(tmp_path / "team.json")
    with pytest.raises(ValueError, match=r"must hold a team of baselines.scripted:Random.*scripted:RuleSOAR"):
        scripted.Random.load(tmp_path / "team.json")


def test_random_repeats_itself_under_the_same_seed_only() -> None:
    policy = baselines.load("random")

    def first_action(seed: int) -> np.ndarray:
        policy.reset(NUM_ENVS, seed)
        return policy.act(observations())[HUNTER]

    np.testing.assert_array_equal(first_action(5), first_action(5))
    assert not np.array_equal(first_action(5), first_action(6))


def test_random_is_uniform() -> None:
    policy = baselines.load("random")
    policy.reset(NUM_ENVS, seed=0)
    drawn = [policy.act(observations()) for _ in range(2000)]
    controls = np.concatenate([actions[HUNTER].ravel() for actions in drawn])
    verdicts = np.concatenate([actions[TRIAGE] for actions in drawn])
    assert abs(controls.mean()) < 0.01  # standard error 0.002
    assert abs(controls.std() - 1 / np.sqrt(3)) < 0.01
    np.testing.assert_allclose(np.bincount(verdicts) / len(verdicts), 0.25, atol=0.03)


def test_rule_soar_responds_where_a_host_is_compromised_and_only_there() -> None:
    observed = observations()
    observed[COORDINATOR][1, 22] = 1 / 200
    actions = scripted.RuleSOAR().act(observed)
    np.testing.assert_array_equal(actions[RESPONDER][1], [0.5] * 10 + [0.0] * 2)
    np.testing.assert_array_equal(actions[RESPONDER][[0, 2]], 0.0)
    np.testing.assert_array_equal(actions[COORDINATOR], [[1.0] + [0.0] * 7] * NUM_ENVS)
    np.testing.assert_array_equal(actions[HUNTER], 0.0)
    assert (actions[TRIAGE] == Verdict.ESCALATE).all()


def test_tuned_soar_is_the_specifications_constant() -> None:
    actions = baselines.load("tuned-soar").act(observations())
    np.testing.assert_array_equal(actions[COORDINATOR], -1.0)
    np.testing.assert_allclose(actions[HUNTER][0], [0.38] * 5 + [1.0] * 5 + [0.0] * 6)
    np.testing.assert_allclose(actions[RESPONDER][0], [0.78] * 5 + [-1.0] * 5 + [0.0] * 2)
    assert (actions[TRIAGE] == Verdict.ENRICH).all()


def test_zero_enrich_is_zero_and_enriches() -> None:
    actions = baselines.load("zero-enrich").act(observations())
    assert all((actions[agent] == 0).all() for agent in CONTROL_SIZES)
    assert (actions[TRIAGE] == Verdict.ENRICH).all()


def test_a_constant_outside_its_space_is_refused() -> None:
    controls = {agent: [0.0] * size for agent, size in CONTROL_SIZES.items()}
    with pytest.raises(ValueError, match="controls\\['threat_hunter'\\] must be 16 numbers in"):
        scripted.Constant({**controls, HUNTER: [1.5] * 16}, 0)
    with pytest.raises(ValueError, match="controls\\['threat_hunter'\\] must be 16 numbers in"):
        scripted.Constant({**controls, HUNTER: [0.0] * 15}, 0)
    with pytest.raises(ValueError, match="verdict must be an integer from 0 to 3, got 4"):
        scripted.Constant(controls, 4)


def test_loading_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"name must be one of random, .*, got 'hal'"):
        baselines.load("hal")
    with pytest.raises(ValueError, match=r"seed must be None .* for rule-soar"):
        baselines.load("rule-soar", seed=42)
    with pytest.raises(ValueError, match="env_id must be 'soc_v0' for rule-soar, got 'soc_v1'"):
        baselines.load("rule-soar", env_id="soc_v1")


def test_scripted_teams_do_not_import_torch() -> None:
    script = (
        "import sys, baselines, agent_zoo; [baselines.load(name) for name in baselines.SCRIPTED]; "
        "baselines.list_entries(); agent_zoo.list_entries(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_without_torch_a_trainer_says_what_to_install() -> None:
    script = "import sys; sys.modules['torch'] = None; import baselines; baselines.trainer('single-drl')"
    result = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert "pip install 'soc-env[zoo]'" in result.stderr
