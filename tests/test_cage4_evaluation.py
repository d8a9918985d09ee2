"""Playing CAGE-4 on recorded episodes, without CybORG: the protocol, its tables and the command."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import get_args, get_type_hints

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("tyro")

from baselines.scripted import Random, TunedSOAR
from evaluation.cage4 import cyborg
from evaluation.cage4.interface import BLUE_AGENTS, NUM_HOSTS
from evaluation.cage4.lanes import Frame
from evaluation.cage4.measures import MEASURES
from evaluation.cage4.players import ADAPTERS, Sleep, SOCPlayer
from evaluation.cage4.protocol import BATCH, play_episodes
from evaluation.cage4.report import Results
from evaluation.cage4.rows import Row, difference, played, scripted_row, team_row
from evaluation.checks import PolicyError
from evaluation.cli import main
from evaluation.commands import transfer
from evaluation.entrants import Entrant
from soc_env.seeds import CAGE4_SEED
from soc_env.team import Actions
from tests.refusals import refused
from tests.test_cage4_interface import recorded

SEED = CAGE4_SEED
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
    scores = play_episodes(Sleep(), RecordedLanes(BATCH), SEED, 3)[:, 0]
    assert scores.tolist() == [-float(sum(range(2, LENGTH + 1)))] * 3


def test_every_episode_has_its_own_seed_and_every_team_the_same_ones():
    begun = []
    for player, episodes in ((Sleep(), 14), (SOCPlayer(TunedSOAR()), 20)):
        lanes = RecordedLanes(BATCH)
        play_episodes(player, lanes, SEED, episodes)
        begun.append(lanes.begun)
    assert begun[0] == begun[1]
    assert len({seed for seeds in begun[0] for seed in seeds}) == 2 * BATCH


def test_a_training_seed_is_refused():
    with pytest.raises(ValueError, match="evaluation_seed must be"):
        play_episodes(Sleep(), RecordedLanes(BATCH), 42, 3)


def test_a_team_behind_the_adapter_is_watched_strictly():
    with pytest.raises(PolicyError, match="no idea"):
        play_episodes(SOCPlayer(Failing()), RecordedLanes(BATCH), SEED, 3)
    team = TunedSOAR()
    team.env_id = "soc_v1"
    with pytest.raises(PolicyError, match="soc_v1"):
        SOCPlayer(team)


# Tables


def row(
    name: str, kind: str, scores: np.ndarray, seeds: tuple[int, ...] = (), adapter: str | None = "meaning"
) -> Row:
    others = np.random.default_rng(1).random((*scores.shape, len(MEASURES) - 1))
    figures = np.concatenate([scores[..., None], others], -1)
    label = name.rpartition("/")[2].title()
    method = name.partition("/")[2] or None
    return Row(name, label, kind, adapter, "soc_v0", method, seeds, {}, figures, None, 1.0)


def results() -> Results:
    noise = np.random.default_rng(0).normal(0.0, 30.0, 50)
    rows = [
        row("mine", "trained", np.stack([-200.0 + noise, -220.0 + noise]), (42, 123)),
        row("mine", "trained", np.stack([-900.0 + noise, -920.0 + noise]), (42, 123), "no-memory"),
        row("mine", "untrained", np.stack([-300.0 + noise, -320.0 + noise]), (42, 123)),
        row("runs/mine", "trained", -215.0 + noise[None], (123,)),
        row("reactive", "cage4", -2000.0 + noise[None], adapter=None),
        row("random", "fixed", -250.0 + noise[None, :20]),
        Row("broken", "Broken", "fixed", "meaning", error="act raised RuntimeError: no idea"),
    ]
    return Results(SEED, "2026-01-01T00:00:00+00:00", rows)


def test_differences_are_taken_episode_by_episode():
    found = {(one.key, other.key): estimate for one, other, estimate in results().differences}
    mine = ("mine", "trained", "meaning")
    less_random = found[mine, ("random", "fixed", "meaning")]
    assert less_random.mean[0] == pytest.approx(40.0)
    untrained = found[mine, ("mine", "untrained", "meaning")]
    assert untrained.mean_interval[:, 0].tolist() == pytest.approx([100.0, 100.0])
    assert (("random", "fixed", "meaning"), ("reactive", "cage4", None)) in found
    assert (("reactive", "cage4", None), ("random", "fixed", "meaning")) not in found
    assert not any("broken" in key.name for keys in found for key in keys)


def test_training_runs_are_compared_with_their_learner_seed_by_seed():
    found = {(one.name, other.name): estimate for one, other, estimate in results().differences}
    assert found["runs/mine", "mine"].mean[0] == pytest.approx(5.0)  # seed 123 has -220


def test_ablations_are_compared_with_the_whole_adapter_alone():
    of_ablation = [
        (other.key, estimate) for one, other, estimate in results().differences if one.adapter == "no-memory"
    ]
    ((key, estimate),) = of_ablation
    assert key == ("mine", "trained", "meaning")
    assert estimate.mean[0] == pytest.approx(-700.0)


def test_other_training_seeds_are_compared_with_the_mean_over_all():
    one = row("a", "trained", np.full((1, 4), -10.0), (7,))
    other = row("b", "trained", np.array([[-20.0] * 6, [-40.0] * 6]), (1, 2))
    assert difference(one, other).mean[0] == pytest.approx(20.0)


def test_tables_show_figures_failures_and_what_others_published():
    text = results().to_markdown()
    assert "| Mine | adapter | 2 x 50 | -2" in text
    assert "| Mine | adapter, no memory | 2 x 50 | -9" in text
    assert "| Broken | adapter | — | failed |" in text
    assert "-6003 ± 1533" in text
    assert text.index("| Mine |") < text.index("| Reactive |") < text.index("| Broken |")
    assert json.dumps(results().to_json(), allow_nan=False)


def test_results_come_back_as_they_were_written(tmp_path):
    written = results()
    written.write(tmp_path)
    read = Results.read(tmp_path, SEED, written.created)
    assert [one.key for one in read.rows] == [one.key for one in written.rows]
    for one, other in zip(read.rows, written.rows, strict=True):
        if other.figures is None:
            assert one == other
        else:
            np.testing.assert_allclose(one.figures, other.figures, atol=1e-4)
    assert read.to_markdown() == written.to_markdown()


def test_results_of_another_evaluation_seed_are_not_mixed_in(tmp_path):
    results().write(tmp_path)
    with pytest.raises(
        ValueError, match=f"evaluation_seed must be {SEED + 1} to add teams to it, got {SEED}"
    ):
        Results.read(tmp_path, SEED + 1, "")
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(
        ValueError, match="format must be 'soc-env cage4 results' to add teams to it, got None"
    ):
        Results.read(tmp_path, SEED, "")


def test_a_row_covers_what_has_the_same_weights_and_no_more_episodes():
    done = row("mine", "trained", np.zeros((2, 20)), (42, 123))
    same = Row("mine", "Mine", "trained", "meaning", training_seeds=(42, 123))
    assert done.covers(same, 20)
    assert not done.covers(same, 21)
    assert not done.covers(replace(same, training_seeds=(42,)), 20)
    assert not done.covers(replace(same, weights={"42": "abc"}), 20)
    assert not replace(done, figures=None, error="no idea").covers(same, 1)


def test_rows_are_played_and_a_team_that_fails_does_not_stop_the_others():
    def shape_of(row: Row, entrant: Entrant | None) -> tuple[int, ...]:
        return played(row, entrant, RecordedLanes(BATCH), SEED, 4).figures.shape

    assert shape_of(scripted_row("reactive"), None) == (1, 4, len(MEASURES))
    random, failing = fixed("random", Random), fixed("failing", Failing)
    assert shape_of(team_row(random), random) == (1, 4, len(MEASURES))
    assert "no idea" in played(team_row(failing), failing, RecordedLanes(BATCH), SEED, 4).error
    trained = Entrant("mine", "trained", lambda seed: Random(), (1, 2, 3))
    assert shape_of(team_row(trained), trained) == (3, 4, len(MEASURES))


class TestCommand:
    """`soc-env transfer cage4` on recorded lanes."""

    @pytest.fixture(autouse=True)
    def lanes(self, monkeypatch: pytest.MonkeyPatch) -> list[RecordedLanes]:
        begun: list[RecordedLanes] = []

        def make(num_lanes: int, processes: int | None) -> RecordedLanes:
            begun.append(RecordedLanes(num_lanes))
            return begun[-1]

        monkeypatch.setattr(transfer, "CybORGLanes", make)
        return begun

    def test_teams_are_added_to_those_that_are_there(self, tmp_path, lanes, capsys):
        command = ["transfer", "cage4", "--episodes", "4", "--output", str(tmp_path)]
        main([*command, "sleep"])
        first = Results.read(tmp_path, SEED, "")
        assert [one.name for one in first.rows] == ["sleep", "reactive", "random", "zero-enrich"]
        main([*command, "tuned-soar"])
        second = Results.read(tmp_path, SEED, "")
        assert [one.name for one in second.rows] == [*(one.name for one in first.rows), "tuned-soar"]
        assert [one.seconds for one in second.rows][:4] == [one.seconds for one in first.rows]
        assert all(one.closed for one in lanes)
        main([*command, "tuned-soar"])
        assert len(lanes) == 2  # nothing was left to play
        assert "Tuned-SOAR" in capsys.readouterr().out

    def test_ablations_are_rows_of_their_own(self, tmp_path):
        command = ["transfer", "cage4", "tuned-soar", "--episodes", "2", "--output", str(tmp_path)]
        for adapter in ("meaning", *ADAPTERS):
            main([*command, "--adapter", adapter])
        keys = [one.key for one in Results.read(tmp_path, SEED, "").rows]
        assert [key.adapter for key in keys if key.name == "tuned-soar"] == list(ADAPTERS)
        assert [key.adapter for key in keys if key.name == "random"] == ["meaning"]

    def test_packaged_weights_of_cage4_are_compared_with_those_they_began_with(self, tmp_path):
        command = ["transfer", "cage4", "--episodes", "2", "--seeds", "42", "--output", str(tmp_path)]
        main([*command, "hmarl-soc", "hmarl-soc@cage4", "--no-untrained"])
        results = Results.read(tmp_path, SEED, "")
        trained_on = {one.name: one.trained_on for one in results.rows}
        assert trained_on["hmarl-soc"] == "soc_v0"
        assert trained_on["hmarl-soc@cage4"] == "cage4"
        assert ("hmarl-soc@cage4", "hmarl-soc") in {(a.name, b.name) for a, b, _ in results.differences}

    def test_a_failed_team_is_told_and_the_others_stay(self, tmp_path):
        team = f"{__name__}:Failing"
        with pytest.raises(SystemExit) as ending:
            main(["transfer", "cage4", team, "--no-isolate", "--episodes", "2", "--output", str(tmp_path)])
        assert ending.value.code == 1
        assert [one.name for one in Results.read(tmp_path, SEED, "").rows if one.error] == [team]


# CybORG missing, or another one


@pytest.mark.skipif(importlib.util.find_spec("CybORG") is not None, reason="CybORG is there")
def test_the_command_says_how_to_get_cyborg_where_it_is_missing():
    said = refused("transfer", "cage4", "--processes", "1", "--episodes", "1")
    assert re.search(r"needs CybORG.*\n.*git clone https://github.com/cage-challenge", said)


def test_the_command_refuses_what_makes_no_sense():
    assert "--episodes must be at least 1, got 0" in refused("transfer", "cage4", "--episodes", "0")
    assert "--seed must be" in refused("transfer", "cage4", "--seed", "42")


def test_the_command_offers_every_adapter():
    assert get_args(get_type_hints(transfer.Transfer)["adapter"]) == tuple(ADAPTERS)


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
