"""The leaderboard: how entries are ranked and compared, and its command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip("jsonschema")

from evaluation.entrants import find_entrants
from evaluation.environments import EnvSpec
from evaluation.leaderboard.build import build, probability_of_improvement, to_markdown
from evaluation.leaderboard.entry import (
    digests,
    read_entry,
)
from evaluation.leaderboard.submit import submit
from evaluation.seeds import evaluation_seeds
from tests.leaderboard_entries import (
    MODULE,
    NUM_EPISODES,
    SEEDS,
    Document,
    honest,
    set_item,
    submitted,
    tampered,
)
from tests.soc_v0_metrics import NAMES
from tests.teams import SEED, SPEC
from tests.test_cli import FEW, run


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return honest(tmp_path_factory.mktemp("entries"))


@pytest.fixture(scope="module")
def document(entries: Path, tmp_path_factory: pytest.TempPathFactory) -> Document:
    """Of the honest entries, one on another environment, and two that are none."""
    folder = tmp_path_factory.mktemp("mixed")
    shutil.copytree(entries, folder, dirs_exist_ok=True)
    submitted("rule-soar", folder, spec=EnvSpec("soc_v0", {"hosts_per_segment": 4, "max_steps": 30}))
    for name, change in (("forged", set_item("aggregates", "reward", "mean", to=1e6)), ("old", None)):
        bad = json.loads((entries / "random.json").read_text("utf-8"))
        if change is not None:
            change(bad)
            bad["digests"] = digests(bad)
        else:
            bad["protocol_version"] = "0.1"
        (folder / f"{name}.json").write_text(json.dumps(bad))
    return build(folder)


class TestBuild:
    def test_ranks_by_mean_reward_among_those_of_one_environment(self, document: Document) -> None:
        small, board = document["boards"]
        assert [entry["file"] for entry in small["entries"]] == ["rule-soar.json"]
        files = [entry["file"] for entry in board["entries"]]
        assert sorted(files) == ["linear.json", "random.json", "tuned-soar.json"]
        assert [entry["rank"] for entry in board["entries"]] == [1, 2, 3]
        rewards = [entry["aggregates"]["reward"]["mean"] for entry in board["entries"]]
        assert rewards == sorted(rewards, reverse=True)
        assert files[0] == "tuned-soar.json"

    def test_takes_differences_to_tuned_soar_episode_by_episode(
        self, document: Document, entries: Path
    ) -> None:
        (alone,), board = (each["entries"] for each in document["boards"])
        by_file = {entry["file"]: entry for entry in board}
        assert by_file["tuned-soar.json"]["versus_reference"] is None
        assert alone["versus_reference"] is None
        versus = by_file["random.json"]["versus_reference"]
        assert versus["file"] == "tuned-soar.json"
        own, other = (read_entry(entries / name).values for name in ("random.json", "tuned-soar.json"))
        for index, name in enumerate(NAMES):
            difference = (own - other)[:, :, index].mean()
            assert versus["differences"][name]["mean"] == pytest.approx(difference)
        low, high = versus["differences"]["reward"]["mean_interval"]
        assert low < versus["differences"]["reward"]["mean"] < high < 0
        assert versus["probability_of_improvement"] == {"value": 0.0, "interval": [0.0, 0.0]}

    def test_takes_no_differences_where_seeds_do_not_agree(self, entries: Path, tmp_path: Path) -> None:
        shutil.copy(entries / "tuned-soar.json", tmp_path)
        team = find_entrants("random", "soc_v0", (), Path())[0]
        submit(team, SPEC, evaluation_seeds(2, SEED + 1), NUM_EPISODES, tmp_path, "Elsewhere")
        (board,) = build(tmp_path)["boards"]
        assert [entry["versus_reference"] for entry in board["entries"]] == [None, None]

    def test_names_what_it_refuses(self, document: Document) -> None:
        reasons = {refused["file"]: refused["reason"] for refused in document["refused"]}
        assert list(reasons) == ["forged.json", "old.json"]
        assert "aggregates.reward.mean must be that of the episodes" in reasons["forged.json"]
        assert "protocol_version must be" in reasons["old.json"]

    def test_makes_a_table_of_it(self, document: Document) -> None:
        text = to_markdown(document)
        assert "## soc_v0 with hosts_per_segment=8, max_steps=60: mean over seeds" in text
        assert "| 1 | tuned-soar<br>version 1 |" in text
        assert "random<br>less tuned-soar" in text
        assert "- old.json: protocol_version must be" in text

    @pytest.mark.parametrize(
        ("own", "other", "expected"),
        [
            ([3.0, 4.0], [1.0, 2.0], 1.0),
            ([1.0], [1.0], 0.5),
            ([1.0, 3.0], [2.0, 0.0], 0.75),
            ([0.0], [1.0], 0.0),
        ],
    )
    def test_probability_of_improvement(self, own: list[float], other: list[float], expected: float) -> None:
        found = probability_of_improvement(np.array(own), np.array(other))
        assert found["value"] == expected
        low, high = found["interval"]
        assert low <= expected <= high
        if expected == 0.75:
            assert (low, high) == (0.0, 1.0)


class TestCommand:
    def test_submits_verifies_and_builds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        mine = f"{MODULE}:Linear"
        assert run("leaderboard", "submit", mine, "tuned-soar", "--seeds", "1", *FEW) == 0
        files = sorted(path.name for path in Path("leaderboard/entries").iterdir())
        assert files == ["linear.json", "linear.npz", "tuned-soar.json", "tuned-soar.npz"]
        paths = ("leaderboard/entries/linear.json", "leaderboard/entries/tuned-soar.json")
        assert run("leaderboard", "verify", *paths) == 0
        assert run("leaderboard", "verify", paths[0], "--policy", mine) == 0
        printed = capsys.readouterr().out
        assert f"{paths[1]}: verified: 6 episodes replayed exactly; its policy acts as stored" in printed
        assert f"{paths[0]}: verified: 6 episodes replayed exactly; its policy acts as stored" in printed
        assert run("leaderboard", "build", "leaderboard/entries") == 0
        assert json.loads(Path("leaderboard/leaderboard.json").read_text())["refused"] == []
        assert "Tuned-SOAR" in Path("leaderboard/leaderboard.md").read_text()

    def test_a_team_that_fails_has_no_entry_and_does_not_stop_the_others(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        teams = (*(f"{MODULE}:{name}" for name in ("Broken", "Boastful", "NoSuchTeam")), "tuned-soar")
        assert run("leaderboard", "submit", *teams, "--seeds", "1", *FEW, "--output", str(tmp_path)) == 1
        assert sorted(path.name for path in tmp_path.iterdir()) == ["tuned-soar.json", "tuned-soar.npz"]
        printed = " ".join(capsys.readouterr().out.split())
        assert "threat_hunter: the action must be finite" in printed
        assert "Boastful: policy.version: '<b>the best</b>' " in printed
        assert "has no 'NoSuchTeam'" in printed

    def test_no_process_of_a_team_outlives_its_submission(self, tmp_path: Path) -> None:
        (team,) = find_entrants(f"{MODULE}:Linear", "soc_v0", (), Path())
        submission = submit(team, SPEC, SEEDS, 2, tmp_path, "Linear")
        assert submission.path is not None
        children = psutil.Process().children()
        assert not [child for child in children if "evaluation.isolation" in str(child.cmdline())]

    def test_an_entry_that_fails_does_not_stop_the_others(
        self, entries: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        bad = tampered(entries / "random.json", set_item("episodes", "reward", 0, 0, to=1.5), tmp_path)
        assert run("leaderboard", "verify", str(bad), str(entries / "tuned-soar.json")) == 1
        printed = capsys.readouterr().out
        assert f"{bad}: rejected: evaluation seed 1000000000, episode 0: reward is 1.5" in printed
        assert f"{entries / 'tuned-soar.json'}: verified" in printed
        shutil.copy(entries / "tuned-soar.json", tmp_path)
        assert run("leaderboard", "build", str(tmp_path), "--output", str(tmp_path / "out")) == 1
        assert "random.json: refused: aggregates.reward.mean" in capsys.readouterr().out
        document = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
        assert [entry["file"] for entry in document["boards"][0]["entries"]] == ["tuned-soar.json"]

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (("submit",), "at least one team"),
            (("submit", "rule-sour"), "rule-soar, tuned-soar"),
            (("submit", "rule-soar", "random", "--name", "Mine"), "--name must be left out with 2 teams"),
            (("submit", "rule-soar", "baselines.scripted:RuleSOAR", "rule-soar"), "different names"),
            (("submit", "rule-soar", "--name", "<b>", *FEW), "policy.name: '<b>' does not match"),
            (("verify", "x.json", "--memory-gib", "-1"), "memory_gib must be greater than 0"),
            (("submit", "rule-soar", "--act-seconds", "0"), "act_seconds must be greater than 0"),
            (("verify",), "at least one entry"),
            (("build", "."), "must hold .json files"),
            (("build", "leaderboard", "--output", "leaderboard"), "--output must be another folder"),
        ],
    )
    def test_refuses_what_makes_no_sense(
        self,
        args: tuple[str, ...],
        message: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert run("leaderboard", *args) != 0
        assert message in capsys.readouterr().err
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("step", ["submit", "verify", "build"])
    def test_explains_each_step(self, step: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("leaderboard", step, "--help") == 0
        assert "For example:" in capsys.readouterr().out
