"""Playing CAGE-4 on recorded episodes, without CybORG: the protocol, its tables and the command."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("tyro")

from baselines.scripted import Random, TunedSOAR
from evaluation.cage4 import cyborg
from evaluation.cage4.interface import BLUE_AGENTS, NUM_HOSTS
from evaluation.cage4.lanes import Frame
from evaluation.cage4.players import Sleep, SOCPlayer
from evaluation.cage4.protocol import BATCH, play_scores
from evaluation.cage4.report import Results, Row, scripted_row, team_row
from evaluation.checks import PolicyError
from evaluation.cli import main
from evaluation.entrants import Entrant
from soc_env.team import Actions
from tests.test_cage4_interface import recorded

SEED = 1_000_000_000
LENGTH = 30


class RecordedLanes:
    """Lanes that play the recorded reactive episode from a place that the seed says, whatever is done."""

    def __init__(self, num_lanes: int) -> None:
        self.num_lanes = num_lanes
        self.observations = recorded("reactive", "observation")
        self.mask = recorded("reactive", "mask")
        self.begun: list[list[int]] = [[] for _ in range(num_lanes)]
        self.steps = np.zeros(num_lanes, np.int64)
        self.closed = False

    def reset(self, lanes: np.ndarray, seeds: Sequence[int]) -> Frame:
        for lane in np.flatnonzero(lanes):
            self.begun[lane].append(seeds[lane])
        self.steps[lanes] = 0
        return self._frame()

    def step(self, actions: np.ndarray) -> Frame:
        assert actions.shape == (self.num_lanes, len(BLUE_AGENTS))
        self.steps += 1
        return self._frame()

    def close(self) -> None:
        self.closed = True

    def _frame(self) -> Frame:
        starts = np.array([seeds[-1] % 80 for seeds in self.begun])
        generator = np.random.default_rng([int(self.steps.sum()), *starts])
        exists = self.mask[:16].repeat(7)  # any pattern will do
        sessions = (generator.integers(12, size=(self.num_lanes, NUM_HOSTS)) - 9).clip(0) * exists
        return Frame(
            self.observations[starts + self.steps].astype(np.int8),
            np.tile(self.mask, (self.num_lanes, 1)),
            (sessions > 0) & (generator.random(sessions.shape) < 0.1),
            sessions.astype(np.int8),
            -1.0 - self.steps,
            self.steps == LENGTH,
        )


class Failing(TunedSOAR):
    """A team that gives up."""

    def act(self, observations: object, episode_starts: object = None) -> Actions:
        raise RuntimeError("no idea")


def fixed(name: str, make: type) -> Entrant:
    return Entrant(name, "fixed", lambda _: make())


# The protocol


def test_the_last_steps_reward_is_not_counted_as_in_the_challenges_own_evaluation():
    scores = play_scores(Sleep(), RecordedLanes(BATCH), SEED, 3)
    assert scores.tolist() == [-float(sum(range(2, LENGTH + 1)))] * 3


def test_every_episode_has_its_own_seed_and_every_team_the_same_ones():
    begun = []
    for player, episodes in ((Sleep(), 14), (SOCPlayer(TunedSOAR()), 20)):
        lanes = RecordedLanes(BATCH)
        play_scores(player, lanes, SEED, episodes)
        begun.append(lanes.begun)
    assert begun[0] == begun[1]
    assert len({seed for seeds in begun[0] for seed in seeds}) == 2 * BATCH


def test_a_training_seed_is_refused():
    with pytest.raises(ValueError, match="evaluation_seed must be"):
        play_scores(Sleep(), RecordedLanes(BATCH), 42, 3)


def test_a_team_behind_the_adapter_is_watched_strictly():
    with pytest.raises(PolicyError, match="no idea"):
        play_scores(SOCPlayer(Failing()), RecordedLanes(BATCH), SEED, 3)
    team = TunedSOAR()
    team.env_id = "soc_v1"
    with pytest.raises(PolicyError, match="soc_v1"):
        SOCPlayer(team)


# Tables


def row(name: str, kind: str, scores: np.ndarray, seeds: tuple[int, ...] = ()) -> Row:
    return Row(name, name.title(), kind, seeds, scores, None, 1.0)


def results() -> Results:
    noise = np.random.default_rng(0).normal(0.0, 30.0, 50)
    rows = [
        row("mine", "trained", np.stack([-200.0 + noise, -220.0 + noise]), (42, 123)),
        row("mine", "untrained", np.stack([-300.0 + noise, -320.0 + noise]), (42, 123)),
        row("reactive", "cage4", -2000.0 + noise[None]),
        row("random", "fixed", -250.0 + noise[None]),
        Row("broken", "Broken", "fixed", (), None, "act raised RuntimeError: no idea", 1.0),
    ]
    return Results(rows, SEED, 50, 1.0, "2026-01-01T00:00:00+00:00")


def test_differences_are_taken_episode_by_episode():
    found = {
        (one.name, one.kind, other.name, other.kind): estimate
        for one, other, estimate in results().differences
    }
    assert found["mine", "trained", "random", "fixed"].mean[0] == pytest.approx(40.0)
    untrained = found["mine", "trained", "mine", "untrained"]
    assert untrained.mean_interval[:, 0].tolist() == pytest.approx([100.0, 100.0])
    assert ("random", "fixed", "reactive", "cage4") in found
    assert ("reactive", "cage4", "random", "fixed") not in found
    assert not any("broken" in key for key in found)


def test_tables_show_scores_failures_and_what_others_published():
    text = results().to_markdown()
    assert "| Mine | through the adapter | -2" in text
    assert "| Broken | through the adapter | failed |" in text
    assert "-6003 ± 1533" in text
    assert json.dumps(results().to_json(), allow_nan=False)


def test_rows_are_played_and_a_team_that_fails_does_not_stop_the_others():
    lanes = RecordedLanes(BATCH)
    assert scripted_row("reactive", lanes, SEED, 4).scores.shape == (1, 4)
    assert team_row(fixed("random", Random), lanes, SEED, 4).scores.shape == (1, 4)
    assert "no idea" in team_row(fixed("failing", Failing), lanes, SEED, 4).error
    trained = Entrant("mine", "trained", lambda seed: Random(), (1, 2, 3))
    assert team_row(trained, lanes, SEED, 4).scores.shape == (3, 4)


# CybORG missing, or another one


@pytest.mark.skipif(importlib.util.find_spec("CybORG") is not None, reason="CybORG is there")
def test_the_command_says_how_to_get_cyborg_where_it_is_missing():
    with pytest.raises(SystemExit, match=r"needs CybORG.*\n.*git clone https://github.com/cage-challenge"):
        main(["transfer", "cage4", "--processes", "1", "--episodes", "1"])


def test_the_command_refuses_what_makes_no_sense():
    with pytest.raises(SystemExit, match="--episodes must be at least 1, got 0"):
        main(["transfer", "cage4", "--episodes", "0"])
    with pytest.raises(SystemExit, match="--seed must be"):
        main(["transfer", "cage4", "--seed", "42"])


def test_sessions_are_told_by_their_worst():
    def session(privileged: bool) -> SimpleNamespace:
        return SimpleNamespace(has_privileged_access=lambda: privileged)

    state = SimpleNamespace(
        hosts={
            "a": SimpleNamespace(sessions={"blue_agent_0": [0], "red_agent_1": [0, 1]}),
            "b": SimpleNamespace(sessions={"red_agent_1": [0]}),
            "c": SimpleNamespace(sessions={"blue_agent_0": [0], "red_agent_1": []}),
        },
        sessions={"blue_agent_0": [session(True)], "red_agent_1": [session(False), session(True)]},
    )
    assert [cyborg._sessions(state, host) for host in "abcd"] == [2, 1, 0, 0]
