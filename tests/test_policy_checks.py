"""What a policy may not do under evaluation, and what it is told then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from baselines import scripted
from evaluation.checks import PolicyError
from evaluation.comparison import held_out_row
from evaluation.entrants import Entrant
from evaluation.environments import EnvSpec
from evaluation.protocol import play_held_out
from evaluation.seeds import evaluation_seeds
from soc_env.team import HUNTER, RESPONDER, TRIAGE, Actions
from tests.teams import SEED, SPEC, Recorder, fixed, load_nothing


def with_entry(agent: str, value: float, dtype: Any = np.float32) -> Callable[[Actions], Actions]:
    """Sets entry 2 of lane 1 of an agent's action."""

    def change(actions: Actions) -> Actions:
        changed = actions[agent].astype(dtype)
        changed[(1, 2) if changed.ndim > 1 else 1] = value
        return {**actions, agent: changed}

    return change


def without(agent: str) -> Callable[[Actions], Actions]:
    return lambda actions: {name: action for name, action in actions.items() if name != agent}


def raising(error: BaseException) -> Callable[[Actions], Actions]:
    def change(_: Actions) -> Actions:
        raise error

    return change


BROKEN: dict[str, tuple[Callable[[Actions], Any], str]] = {
    "NaN": (with_entry(HUNTER, np.nan), r"threat_hunter: .*finite.*got nan in entry 2 of lane 1 at step 3"),
    "infinity": (
        with_entry(RESPONDER, np.inf),
        r"response_orchestrator: .*got inf in entry 2 of lane 1 at step 3",
    ),
    "above the Box": (with_entry(HUNTER, 1.001), r"threat_hunter: .*from -1 to 1, got 1\.001.* at step 3"),
    "below the Box": (with_entry(RESPONDER, -7.0), r"response_orchestrator: .*got -7\.0 in entry 2"),
    "verdict too large": (
        with_entry(TRIAGE, 4, np.int64),
        r"alert_triage: .*from 0 to 3, got 4 in lane 1 at step 3",
    ),
    "verdict negative": (with_entry(TRIAGE, -1, np.int64), r"alert_triage: .*got -1 in lane 1"),
    "verdict of floats": (with_entry(TRIAGE, 1.0), r"alert_triage: .*integer dtype, got float32 at step 3"),
    "verdict of bools": (with_entry(TRIAGE, 1, bool), r"alert_triage: .*integer dtype, got bool"),
    "controls of integers": (with_entry(HUNTER, 0, int), r"threat_hunter: .*float dtype, got int64"),
    "controls of objects": (with_entry(HUNTER, 0.0, object), r"threat_hunter: .*float dtype, got object"),
    "too many lanes": (
        lambda actions: {agent: np.repeat(action, 2, axis=0) for agent, action in actions.items()},
        r"alert_triage: .*shape \(4,\), got \(8,\) at step 3",
    ),
    "one dimension too few": (
        lambda actions: {**actions, HUNTER: actions[HUNTER][0]},
        r"threat_hunter: .*shape \(4, 16\), got \(16,\)",
    ),
    "verdicts in a column": (
        lambda actions: {**actions, TRIAGE: actions[TRIAGE][:, None]},
        r"alert_triage: .*shape \(4,\), got \(4, 1\)",
    ),
    "missing agent": (without(TRIAGE), r"missing \['alert_triage'\] at step 3"),
    "unknown agent": (lambda actions: {**actions, "intern": np.zeros(4)}, r"unknown \['intern'\] at step 3"),
    "a list": (
        lambda actions: {**actions, HUNTER: [[0.0] * 16] * 4},
        r"threat_hunter: .*NumPy array, got list",
    ),
    "no mapping": (lambda _: None, r"\{agent: array\}, got NoneType at step 3"),
    "raising": (raising(KeyError("oops")), r"act raised KeyError: 'oops' at step 3"),
    "exiting": (raising(SystemExit(0)), r"act raised SystemExit: 0 at step 3"),
}


class TestStrictness:
    @pytest.mark.parametrize("fault", BROKEN)
    def test_a_broken_policy_is_told_agent_step_and_value(self, fault: str) -> None:
        change, message = BROKEN[fault]
        with pytest.raises(PolicyError, match=message):
            play_held_out(Recorder(change, from_step=3), SPEC, SEED, num_episodes=4)

    @pytest.mark.parametrize("value", [1.0 + 5e-7, -1.0 - 5e-7])
    def test_rounding_errors_at_the_edge_of_a_box_are_no_fault(self, value: float) -> None:
        figures = play_held_out(Recorder(with_entry(HUNTER, value, np.float64)), SPEC, SEED, num_episodes=4)
        assert np.isfinite(figures).all()

    def test_more_than_rounding_is_one(self) -> None:
        with pytest.raises(PolicyError, match=r"got 1\.0000"):
            play_held_out(Recorder(with_entry(HUNTER, 1.0 + 2e-6, np.float64)), SPEC, SEED, num_episodes=4)

    def test_a_policy_for_another_environment_is_refused(self) -> None:
        policy = Recorder()
        policy.env_id = "soc_v9"
        with pytest.raises(PolicyError, match=r"env_id must be 'soc_v0'.*'soc_v9'"):
            play_held_out(policy, SPEC, SEED, num_episodes=4)

    def test_a_policy_that_raises_when_it_is_reset_fails_too(self) -> None:
        class NoReset(Recorder):
            def reset(self, num_envs: int, seed: int | None = None) -> None:
                raise RuntimeError("no lanes for me")

        with pytest.raises(PolicyError, match="reset raised RuntimeError: no lanes for me"):
            play_held_out(NoReset(), SPEC, SEED, num_episodes=4)

    def test_a_failing_team_fails_its_own_row_and_the_others_go_on(self) -> None:
        seeds = evaluation_seeds(2)
        broken = Recorder(with_entry(HUNTER, np.nan), from_step=2)
        teams = [
            fixed(scripted.TunedSOAR()),
            fixed(broken),
            Entrant("gone", "fixed", load_nothing),
            fixed(Recorder()),
        ]
        rows = [held_out_row(team, SPEC, seeds, 4) for team in teams]
        assert [row.error is None for row in rows] == [True, False, False, True]
        assert "evaluation seed 1000000000: threat_hunter" in str(rows[1].error)
        assert "could not be loaded: no weights" in str(rows[2].error)
        assert rows[0].values is not None
        assert np.array_equal(rows[0].values, np.asarray(rows[3].values))

    def test_a_failure_names_the_training_seed(self) -> None:
        def load(seed: int | None) -> Any:
            return Recorder(with_entry(HUNTER, np.nan)) if seed == 123 else Recorder()

        row = held_out_row(Entrant("mine", "trained", load, (42, 123)), SPEC, evaluation_seeds(2), 2)
        assert row.values is None
        assert str(row.error).startswith("training seed 123, evaluation seed 1000000001: threat_hunter")

    def test_a_fault_of_the_evaluator_s_own_is_not_blamed_on_the_team(self) -> None:
        with pytest.raises(ValueError, match="hosts_per_segment"):
            play_held_out(Recorder(), EnvSpec("soc_v0", {"hosts_per_segment": 0}), SEED, num_episodes=2)
