"""The console command `soc-env`: its help, its errors, and evaluating scripted teams end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tyro")
pytest.importorskip("rich")
pytest.importorskip("scipy")

from baselines import scripted
from evaluation import paper
from evaluation.cli import COMMANDS
from evaluation.entrants import UnknownTeamError, find_entrants, find_trainer, known_teams, run_directory
from soc_env.command import main
from soc_env.team import HUNTER, Actions, Observations
from tests.soc_v0_metrics import NAMES

FEW = ("--episodes", "6", "--hosts-per-segment", "8", "--env-set", "max_steps=40")


class NaNAtStepThree(scripted.TunedSOAR):
    """A team whose hunter goes wrong."""

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.step = 0

    def act(self, observations: Observations, episode_starts: Any = None) -> Actions:
        self.step += 1
        actions = super().act(observations, episode_starts)
        if self.step == 3:
            actions[HUNTER] = actions[HUNTER] * float("nan")
        return actions


def run(*args: str) -> int:
    """The exit status of `soc-env` with these arguments."""
    try:
        main(args)
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
            return 1
        return error.code or 0
    return 0


class TestHelp:
    def test_names_every_command_with_a_line_about_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run("--help") == 0
        text = capsys.readouterr().out
        for name in COMMANDS:
            assert name in text
        assert "Play teams and show how good they are" in text

    @pytest.mark.parametrize(
        ("command", "options"),
        [
            (
                "evaluate",
                (
                    "--protocol {held-out,paper,both}",
                    "--seeds",
                    "--episodes",
                    "--seed",
                    "--env",
                    "--runs",
                    "--output",
                ),
            ),
            (
                "train",
                (
                    "--seed",
                    "--episodes",
                    "--num-envs",
                    "--config",
                    "--set",
                    "--device",
                    "--resume",
                    "--output",
                ),
            ),
        ],
    )
    def test_of_a_command_explains_every_option(
        self, command: str, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(command, "--help") == 0
        text = capsys.readouterr().out
        assert "For example:" in text
        for option in options:
            assert option in text
        assert "{None}" not in text  # how tyro would show an option that may be left out

    @pytest.mark.parametrize("args", [(), ("evaluat",), ("evaluate", "rule-soar", "--no-such-option")])
    def test_is_pointed_at_where_the_arguments_are_not_understood(
        self, args: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(*args) == 2
        assert "--help" in capsys.readouterr().err

    @pytest.mark.parametrize("missing", ["tyro", "rich", "scipy"])
    def test_without_the_extra_one_line_says_what_to_install(self, missing: str) -> None:
        code = (
            f"import sys; sys.modules[{missing!r}] = None; from soc_env.command import main; main(['--help'])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert done.stderr.strip() == (
            f"soc-env needs {missing}, which is not installed: pip install 'soc-env[evaluation]'"
        )

    def test_scripted_teams_need_no_torch(self, tmp_path: Path) -> None:
        code = f"""
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, NoTorch())
from soc_env.command import main
main(["evaluate", "rule-soar", *{FEW!r}, "--output", {str(tmp_path)!r}])
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "results.json").is_file()


class TestEvaluate:
    def test_scripted_teams_under_both_protocols_end_to_end(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        output = tmp_path / "results" / "scripted"
        assert (
            run("evaluate", "rule-soar", "random", "--protocol", "both", *FEW, "--output", str(output)) == 0
        )

        printed = capsys.readouterr().out
        for title in (
            "The paper's protocol",
            "Held out: mean",
            "Held out: interquartile mean",
            "paired differences",
        ):
            assert title in printed
        assert sorted(path.name for path in output.iterdir()) == ["results.json", "table.md"]
        assert "| Rule-SOAR |" in (output / "table.md").read_text("utf-8")

        results = json.loads((output / "results.json").read_text("utf-8"))
        held_out = {row["name"]: row for row in results["held_out"]}
        assert list(held_out) == ["rule-soar", "random", "tuned-soar", "zero-enrich"]
        assert [row["name"] for row in results["paper_protocol"]] == ["rule-soar", "random"]
        assert results["environment"]["config"] == {"hosts_per_segment": 8, "max_steps": 40}
        seeds = [seed["environment_seed"] for seed in held_out["rule-soar"]["seeds"]]
        assert seeds == [10**9 + k for k in range(5)]
        assert list(held_out["rule-soar"]["metrics"]) == list(NAMES)
        assert [seed["environment_seed"] for seed in results["paper_protocol"][0]["seeds"]] == list(
            paper.SEEDS
        )
        assert {difference["less"]["name"] for difference in results["differences"]} == {
            "tuned-soar",
            "zero-enrich",
        }

    def test_a_learner_without_a_training_log_keeps_the_paper_s_row(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("evaluate", "single-drl", "--protocol", "paper", "--runs", str(tmp_path), *FEW) == 1
        printed = capsys.readouterr().out
        assert "-336.5 ± 34.0" in printed
        assert "episodes.csvdoesnotexist" in "".join(printed.split())  # a narrow terminal breaks it anywhere

    def test_gives_the_same_figures_again(self, tmp_path: Path) -> None:
        for name in "ab":
            assert run("evaluate", "random", "--seeds", "1", *FEW, "--output", str(tmp_path / name)) == 0
        rows = [json.loads((tmp_path / name / "results.json").read_text())["held_out"] for name in "ab"]
        assert rows[0][0]["metrics"] == rows[1][0]["metrics"]

    def test_a_failing_team_is_told_and_the_others_are_measured(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        mine = f"{__name__}:{NaNAtStepThree.__name__}"
        assert run("evaluate", mine, "rule-soar", "--seeds", "1", *FEW, "--output", str(tmp_path)) == 1
        assert "failed" in capsys.readouterr().out
        rows = json.loads((tmp_path / "results.json").read_text())["held_out"]
        assert "threat_hunter: the action must be finite" in rows[0]["error"]
        assert "at step 3" in rows[0]["error"]
        assert all(row["error"] is None and row["metrics"] for row in rows[1:])

    def test_takes_a_saved_policy(self, tmp_path: Path) -> None:
        path = tmp_path / "saved.json"
        scripted.TunedSOAR().save(path)
        assert run("evaluate", str(path), "--seeds", "1", *FEW, "--output", str(tmp_path)) == 0
        rows = json.loads((tmp_path / "results.json").read_text())["held_out"]
        assert [row["label"] for row in rows] == ["saved.json", "Tuned-SOAR", "Zero+enrich"]
        assert rows[0]["metrics"] == rows[1]["metrics"]

    def test_other_evaluation_seeds_can_be_asked_for(self, tmp_path: Path) -> None:
        assert (
            run(
                "evaluate",
                "rule-soar",
                "--seeds",
                "7",
                "--seed",
                "2000000000",
                *FEW,
                "--output",
                str(tmp_path),
            )
            == 0
        )
        rows = json.loads((tmp_path / "results.json").read_text())["held_out"]
        assert rows[0]["seeds"][0]["environment_seed"] == 2_000_000_000

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (("rule-sour",), "rule-soar, tuned-soar, single-drl"),
            ((), "at least one team"),
            (("rule-soar", "--env", "soc_v9"), "env must be one of soc_v0; got 'soc_v9'"),
            (("rule-soar", "--episodes", "0"), "--episodes must be at least 1, got 0"),
            (("rule-soar", "--seeds", "42", "42"), "different training seeds"),
            (("rule-soar", "--seeds", "1000000000"), "--seeds must be"),
            (("rule-soar", "--seed", "42"), "evaluation seed must be"),
            (("rule-soar", "--env-set", "stealth"), "--env-set must be KEY=VALUE, got 'stealth'"),
            (("rule-soar", "--env-set", "stealth=2.5"), "stealth"),
            (("rule-soar", "--env-set", "no_such=1"), "no_such"),
            (("rule-soar", "--hosts-per-segment", "-3"), "hosts_per_segment"),
        ],
    )
    def test_refuses_what_makes_no_sense_before_playing(
        self, args: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run("evaluate", *args, "--output", str(tmp_path / "out")) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


class TestEntrants:
    def test_a_learner_brings_its_untrained_networks_along(self, tmp_path: Path) -> None:
        trained, untrained = find_entrants("single-drl", "soc_v0", (42, 123), tmp_path)
        assert (trained.kind, untrained.kind) == ("trained", "untrained")
        assert trained.training_seeds == untrained.training_seeds == (42, 123)
        assert trained.run_dirs[123] == tmp_path / "soc_v0" / "single-drl-123"
        assert trained.label == "Single-DRL"

    def test_a_folder_of_runs_is_one_row_with_its_seeds_in_order(self, tmp_path: Path) -> None:
        for seed in (123, 42, 1024):
            run_of(tmp_path / f"run-{seed}", "single-drl", seed)
        trained, _ = find_entrants(str(tmp_path), "soc_v0", (1,), tmp_path)
        assert trained.training_seeds == (42, 123, 1024)
        assert trained.label == f"Single-DRL ({tmp_path.name})"
        alone, _ = find_entrants(str(tmp_path / "run-42"), "soc_v0", (1,), tmp_path)
        assert alone.training_seeds == (42,)

    def test_runs_that_make_no_row_are_refused(self, tmp_path: Path) -> None:
        run_of(tmp_path / "a", "single-drl", 42)
        run_of(tmp_path / "b", "single-drl", 42)
        with pytest.raises(ValueError, match=r"different seeds.*\[42, 42\]"):
            find_entrants(str(tmp_path), "soc_v0", (1,), tmp_path)
        run_of(tmp_path / "b", "qmix", 43)
        with pytest.raises(ValueError, match=r"one learner.*qmix, single-drl"):
            find_entrants(str(tmp_path), "soc_v0", (1,), tmp_path)

    def test_an_empty_folder_is_no_team(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownTeamError, match=", ".join(known_teams())):
            find_entrants(str(tmp_path), "soc_v0", (1,), tmp_path)


class TestTrain:
    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (
                ("rule-soar",),
                "learner must be one of hmarl-soc, single-drl, mappo, iql, qmix; got 'rule-soar'",
            ),
            (("single-drl", "--seed", "1000000000"), "--seed must be"),
            (("single-drl", "--set", "no_such=1"), "no_such"),
            (("single-drl", "--config", "no-such.yaml"), "no-such.yaml"),
        ],
    )
    def test_refuses_what_makes_no_sense_before_training(
        self, args: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("torch")
        assert run("train", *args, "--output", str(tmp_path / "run")) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "run").exists()

    def test_says_what_a_learner_needs(self, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
        monkeypatch.setitem(sys.modules, "torch", None)
        assert run("train", "single-drl") == 2
        assert "pip install 'soc-env[zoo]'" in capsys.readouterr().err

    def test_a_trained_run_is_measured_beside_its_untrained_network(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("torch")
        monkeypatch.chdir(tmp_path)
        small = (
            "hidden_sizes=[8]",
            "rollout_steps=16",
            "noise_steps=1",
            "minibatch_size=32",
            "env.max_steps=20",
        )
        assert (
            run(
                "train", "single-drl", "--episodes", "12", "--num-envs", "4", "--no-progress", "--set", *small
            )
            == 0
        )
        run_dir = run_directory(Path("runs"), "soc_v0", "single-drl", 42)
        assert f"soc-env evaluate {run_dir}" in capsys.readouterr().out
        assert run("train", "single-drl") == 2
        assert str(run_dir) in capsys.readouterr().err  # which holds a run already

        assert (
            run("evaluate", str(run_dir), "--protocol", "both", "--seeds", "42", *FEW, "--output", "out") == 0
        )
        results = json.loads(Path("out/results.json").read_text("utf-8"))
        rows = {row["kind"]: row for row in results["held_out"]}
        assert rows["trained"]["error"] is None
        assert rows["untrained"]["error"] is None
        assert rows["trained"]["seeds"][0]["training_seed"] == 42
        assert {"name": str(run_dir), "kind": "untrained"} in [
            entry["less"] for entry in results["differences"]
        ]
        logged = results["paper_protocol"][0]
        assert logged["note"].startswith(
            "trained for 12 episodes, the paper's for 10,000; its training log is of"
        )
        assert logged["metrics"]["length"]["mean"] <= 20
        assert logged["published"]["reward"]["mean"] == -336.5

    def test_a_registered_learner_s_trainer_is_found(self) -> None:
        pytest.importorskip("torch")
        assert find_trainer("single-drl").default_config().env_id == "soc_v0"


def run_of(run_dir: Path, learner: str, seed: int) -> None:
    run_dir.mkdir(exist_ok=True)
    (run_dir / "run.json").write_text(json.dumps({"learner": learner, "seed": seed}))
