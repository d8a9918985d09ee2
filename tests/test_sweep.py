"""`soc-env sweep`: what it plans, carries out in this process, shows and writes."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tyro")
pytest.importorskip("rich")
pytest.importorskip("scipy")
pytest.importorskip("torch")

from rich.console import Console

from agent_zoo.learning.run_directory import RunDirectory
from evaluation.cli import main
from evaluation.sweep.display import Display, fitting
from evaluation.sweep.job import Failure, Job
from evaluation.sweep.local import InProcess
from evaluation.sweep.plan import parse_axis, plan
from evaluation.sweep.progress import EpisodeTail
from evaluation.sweep.schedule import Died, Ended, Event, Started, State, carry_out
from tests.sweeps import SHORT, contents, has_checkpoint, runs_of, sweep, written


class TestPlan:
    def test_every_learner_variant_and_seed_is_a_run_with_a_folder_of_its_own(self, tmp_path: Path) -> None:
        jobs = plan(
            ["single-drl"],
            [42, 7],
            configs=["single-drl", "single-drl-demo"],
            vary=["learning_rate=1e-3,3e-4", "env.stealth=0.5"],
            overrides=["num_envs=16"],
            output=tmp_path,
        )
        assert [str(job.run_dir.relative_to(tmp_path)) for job in jobs[:5]] == [
            "single-drl@learning_rate=1e-3,env.stealth=0.5/42",
            "single-drl@learning_rate=1e-3,env.stealth=0.5/7",
            "single-drl@learning_rate=3e-4,env.stealth=0.5/42",
            "single-drl@learning_rate=3e-4,env.stealth=0.5/7",
            "single-drl@demo,learning_rate=1e-3,env.stealth=0.5/42",
        ]
        assert len(jobs) == 8
        assert [job.config["learning_rate"] for job in jobs] == [1e-3, 1e-3, 3e-4, 3e-4] * 2
        assert {job.config["num_episodes"] for job in jobs[:4]} == {10_000}
        assert {job.config["num_episodes"] for job in jobs[4:]} == {40_000}
        assert all(job.config["num_envs"] == 16 and job.config["env"] == {"stealth": 0.5} for job in jobs)
        assert jobs[0].overrides == ("num_envs=16", "learning_rate=1e-3", "env.stealth=0.5")

    def test_a_file_is_a_variant_that_has_its_name(self, tmp_path: Path) -> None:
        (tmp_path / "wide nets.yaml").write_text("hidden_sizes: [512]\n")
        (job,) = plan(["single-drl"], [1], configs=[str(tmp_path / "wide nets.yaml")], output=tmp_path)
        assert job.label == "single-drl@wide_nets"
        assert job.config["hidden_sizes"] == [512]

    @pytest.mark.parametrize(
        ("values", "label"),
        [
            ("hidden_sizes=[64,64]", "single-drl@hidden_sizes=64_64"),
            ("initial_log_std=-1.5", "single-drl@initial_log_std=-1.5"),
            ("env={stealth: 0.5}", "single-drl@env=stealth_0.5"),
        ],
    )
    def test_variants_are_named_by_what_they_change_safely_for_files_and_shells(
        self, values: str, label: str, tmp_path: Path
    ) -> None:
        (job,) = plan(["single-drl"], [1], vary=[values], output=tmp_path)
        assert job.label == label

    def test_commas_in_brackets_do_not_separate_values(self) -> None:
        assert parse_axis("k=[64,64],{a: [1, 2], b: 3},5").values == ("[64,64]", "{a: [1, 2], b: 3}", "5")

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (("--seeds", "1", "1"), "--seeds must be different training seeds, got [1, 1]"),
            (("--seeds", "1000000000"), "--seeds must be"),
            (("rule-soar",), "learner must be one of"),
            (("single-drl",), "single-drl and single-drl are duplicate jobs: their folder is the same"),
            (("--vary", "learning_rate=1e-3,0.001"), "are duplicate jobs: their config is the same"),
            (("--vary", "learning_rate"), "--vary must be KEY=VALUE,VALUE,..., got 'learning_rate'"),
            (("--vary", "clip=0.1,"), "--vary must be KEY=VALUE,VALUE,..., got 'clip=0.1,'"),
            (
                ("--vary", "clip=0.1", "--vary", "clip=0.2"),
                "--vary must name each key once, got clip 2 times",
            ),
            (("--vary", "num_envs=16,32"), "num_envs must be either varied or set, got both"),
            (("--vary", "clip=0.2,-1"), "single-drl@clip=-1: clip must be a number greater than 0"),
            (("--vary", "no_such=1,2"), "no_such (= 1) is no config key"),
            (("--vary", "env.stealth=0.5,2.5"), "stealth must be a number from 0 to 1, got 2.5"),
            (("--env", "soc_v9"), "got 'soc_v9'"),
            (("--config", "no-such"), "config must be a YAML file or one of"),
            (("--workers", "0"), "--workers must be at least 1, got 0"),
            (("--retries", "-1"), "--retries must be at least 0, got -1"),
            (("--workers", "2", "--ray"), "--workers must be left out with --ray"),
            (("--ray", "one", "two"), "--ray must have at most one address"),
        ],
    )
    def test_what_makes_no_sense_is_refused_before_anything_starts(
        self, args: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sweep(*args, output=tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert error.startswith("soc-env sweep: ")
        assert message in error
        assert not (tmp_path / "out").exists()

    def test_the_help_explains_every_option(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="0"):
            main(["sweep", "--help"])
        text = capsys.readouterr().out
        for option in ("--seeds", "--config", "--vary", "--set", "--episodes", "--num-envs", "--env"):
            assert option in text
        for option in ("--device", "--output", "--workers", "--ray [ADDRESS]", "--retries", "For example:"):
            assert option in text


class TestInThisProcess:
    def test_a_sweep_trains_all_its_runs_and_makes_rows_for_evaluate(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sweep("--seeds", "1", "2", "--vary", "clip=0.1,0.2", output=tmp_path) == 0
        printed = capsys.readouterr().out
        assert re.search(r"single-drl@clip=0.1 2: running, process \d+ on", printed)
        assert re.search(r"single-drl@clip=0.2 1: done: 40/40 episodes, return -?\d+", printed)
        folders = [tmp_path / f"single-drl@clip={clip}" for clip in ("0.1", "0.2")]
        assert f"soc-env evaluate {folders[0]} {folders[1]}" in printed

        entries = written(tmp_path)
        assert [entry["state"] for entry in entries] == ["done"] * 4
        assert [entry["folder"] for entry in entries][:2] == [
            "single-drl@clip=0.1/1",
            "single-drl@clip=0.1/2",
        ]
        assert entries[0]["overrides"] == [*SHORT, "clip=0.1"]
        assert all(entry["episodes"] == 40 and entry["training_seconds"] > 0 for entry in entries)
        assert len({contents(folder / seed)[1] for folder in folders for seed in "12"}) == 4

        main(["evaluate", str(folders[0]), "--episodes", "4", "--output", str(tmp_path / "table")])
        rows = json.loads((tmp_path / "table" / "results.json").read_text())["held_out"]
        assert [seed["training_seed"] for seed in rows[0]["seeds"]] == [1, 2]
        assert rows[0]["error"] is None

    def test_the_same_command_again_trains_nothing_and_more_seeds_train_only_those(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sweep("--seeds", "1", output=tmp_path) == 0
        metrics = tmp_path / "single-drl" / "1" / "metrics.json"
        before = metrics.stat().st_mtime_ns
        assert sweep("--seeds", "1", "2", output=tmp_path) == 0
        assert metrics.stat().st_mtime_ns == before
        assert [entry["state"] for entry in written(tmp_path)] == ["skipped", "done"]
        assert "single-drl 1: skipped, since it is done: 40/40 episodes" in capsys.readouterr().out

    @pytest.mark.parametrize("done", [True, False])
    def test_a_run_that_is_there_with_another_config_is_refused_by_the_key_that_differs(
        self, done: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sweep("--seeds", "1", output=tmp_path) == 0
        if not done:
            (tmp_path / "single-drl" / "1" / "metrics.json").unlink()
        assert sweep("--seeds", "5", "1", output=tmp_path, settings=(*SHORT, "env.max_steps=21")) == 2
        assert "env.max_steps must be 20, as in the run in" in capsys.readouterr().err
        assert not (tmp_path / "single-drl" / "5").exists()

    def test_a_training_that_raises_is_told_and_not_tried_again_and_the_others_go_on(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sweep("--seeds", "1", "--vary", "reward_scale=1e38,0.1", output=tmp_path) == 1
        printed = capsys.readouterr().out
        assert "single-drl@reward_scale=1e38 1: failed after" in printed
        assert "FloatingPointError: step 256: loss or gradient is not finite" in printed
        assert f"soc-env evaluate {tmp_path / 'single-drl@reward_scale=0.1'}\n" in printed
        failed, done = written(tmp_path)
        assert (failed["state"], failed["deaths"], done["state"]) == ("failed", [], "done")
        assert "raise FloatingPointError" in failed["traceback"]

    def test_ctrl_c_leaves_a_sweep_that_the_same_command_finishes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert sweep("--seeds", "1", "2", output=tmp_path / "whole") == 0
        broken = tmp_path / "broken"
        with monkeypatch.context() as patch:
            patch.setattr(RunDirectory, "log", interrupt_at_call(2))
            assert sweep("--seeds", "1", "2", output=broken) == 130
        assert "stopped by Ctrl-C; unfinished runs have their checkpoints; to go on: soc-env sweep" in (
            capsys.readouterr().err
        )
        assert [entry["state"] for entry in written(broken)] == ["waiting", "waiting"]
        assert has_checkpoint(broken / "single-drl" / "1")
        assert sweep("--seeds", "1", "2", output=broken) == 0
        for seed in "12":
            assert contents(broken / "single-drl" / seed) == contents(
                tmp_path / "whole" / "single-drl" / seed
            )


def interrupt_at_call(number: int) -> Callable[..., None]:
    calls = iter(range(1, number))

    def interrupted(*_: Any) -> None:
        if next(calls, None) is None:
            raise KeyboardInterrupt

    return interrupted


class Scripted:
    """A back end on which each try at a job ends as the script says."""

    def __init__(self, script: dict[int, list[Any]]) -> None:
        """Args: script: by seed; None: trained, a Failure: it raised, a string: died, an exception: here."""
        self.script = script
        self.events: list[Event] = []

    def submit(self, job: Job) -> None:
        end = self.script[job.seed].pop(0)
        self.events += [Started(job, 1, "here"), Died(job, end) if isinstance(end, str) else Ended(job, end)]

    def next_event(self) -> Event:
        event = self.events.pop(0)
        if isinstance(event, Ended) and isinstance(event.failure, BaseException):
            raise event.failure
        return event

    def close(self) -> None: ...


class TestSchedule:
    def test_a_process_that_dies_is_tried_again_as_often_as_allowed(self, tmp_path: Path) -> None:
        runs = runs_of(tmp_path, 1, 2, 3)
        states = []
        carry_out(
            runs,
            Scripted({1: ["killed", "killed", None], 2: ["a", "b", "c"], 3: [None]}),
            retries=2,
            on_change=lambda run: states.append((run.job.seed, run.state)),
        )
        assert [run.state for run in runs] == [State.DONE, State.FAILED, State.DONE]
        assert [run.deaths for run in runs] == [["killed", "killed"], ["a", "b", "c"], []]
        assert runs[1].failure is not None
        assert runs[1].failure.message == "its process died: c, 3 times in all"
        assert states.count((1, State.RUNNING)) == 3

    def test_a_training_that_raises_is_not_tried_again(self, tmp_path: Path) -> None:
        runs = runs_of(tmp_path, 1, 2)
        carry_out(runs, Scripted({1: [Failure("it went wrong", "")], 2: [None]}), retries=2)
        assert [run.state for run in runs] == [State.FAILED, State.DONE]

    def test_an_interrupt_makes_unfinished_runs_wait_again(self, tmp_path: Path) -> None:
        runs = runs_of(tmp_path, 1, 2, 3)
        with pytest.raises(KeyboardInterrupt):
            carry_out(runs, Scripted({1: [None], 2: [KeyboardInterrupt()], 3: [None]}), retries=0)
        assert [run.state for run in runs] == [State.DONE, State.WAITING, State.WAITING]


class TestProgress:
    ROW = "{0},{0},0,{1},7\n"
    HEADER = "episode,step,lane,reward,mttd\n"

    def test_counts_episodes_and_averages_the_recent_returns_of_whole_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "episodes.csv"
        tail = EpisodeTail(path)
        tail.refresh()
        assert tail.count == 0  # there is no file yet
        path.write_text(self.HEADER + self.ROW.format(1, 4) + "2,2,0,")
        tail.refresh()
        assert (tail.count, tail.recent_return) == (1, 4)
        with open(path, "a") as file:
            file.write("6,7\n" + "".join(self.ROW.format(k, 10) for k in range(3, 203)))
        tail.refresh()
        assert (tail.count, tail.recent_return) == (202, 10)

    def test_goes_back_with_a_log_that_a_resumed_run_has_cut(self, tmp_path: Path) -> None:
        path = tmp_path / "episodes.csv"
        path.write_text(self.HEADER + self.ROW.format(1, 4) + self.ROW.format(2, 8))
        tail = EpisodeTail(path)
        tail.refresh()
        path.write_text(self.HEADER + self.ROW.format(1, 4))
        tail.refresh()
        assert (tail.count, tail.recent_return) == (1, 4)

    def test_reads_little_of_a_long_log(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "episodes.csv"
        path.write_text(self.HEADER + "".join(self.ROW.format(k, k) for k in range(1, 100_001)))
        tail, read = EpisodeTail(path), 0

        class Counting(io.FileIO):
            def readinto(self, buffer: Any) -> int:
                nonlocal read
                count = super().readinto(buffer)
                read += count
                return count

            def readall(self) -> bytes:
                nonlocal read
                content = super().readall()
                read += len(content)
                return content

        monkeypatch.setattr(
            "builtins.open", lambda name, mode: io.BufferedReader(Counting(name, "r"), buffer_size=512)
        )
        tail.refresh()
        assert (tail.count, tail.recent_return) == (100_000, 99_950.5)
        assert 0 < read < path.stat().st_size / 10
        before = read
        with path.open("a") as file:
            file.write(self.ROW.format(100_001, 1))
        tail.refresh()
        assert tail.count == 100_001
        assert read - before < 2_000


class TestDisplay:
    def test_the_table_has_a_line_for_each_run(self, tmp_path: Path) -> None:
        runs = runs_of(tmp_path, 1, 22, vary=["clip=0.1"])
        carry_out(runs, Scripted({1: ["killed", None], 22: [Failure("no", "")]}), retries=1)
        console = Console(file=io.StringIO(), width=100)
        console.print(Display(runs, console).table())
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO
        assert lines[0].split() == ["run", "seed", "state", "episodes", "return", "time"]
        assert lines[1].split()[:-1] == ["single-drl@clip=0.1", "1", "done,", "resumed", "1x", "0/40", "—"]
        assert lines[2].split()[:-1] == ["single-drl@clip=0.1", "22", "failed", "0/40", "—"]

    def test_where_not_all_fit_those_that_run_or_failed_are_shown(self, tmp_path: Path) -> None:
        runs = runs_of(tmp_path, *range(6))
        for run, state in zip(
            runs, ("done", "skipped", "running", "waiting", "failed", "waiting"), strict=True
        ):
            run.enter(State(state))
        assert [run.job.seed for run in fitting(runs, 3)] == [2, 3, 4]
        assert fitting(runs, 6) == runs


def test_this_process_takes_jobs_in_turn(tmp_path: Path) -> None:
    first, second = runs_of(tmp_path, 1, 2)
    backend = InProcess()
    for run in (first, second):
        backend.submit(run.job)
    kinds = [(type(event), event.job.seed) for event in (backend.next_event() for _ in range(4))]
    assert kinds == [(Started, 1), (Ended, 1), (Started, 2), (Ended, 2)]
