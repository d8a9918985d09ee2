"""A training that is told to stop keeps what it has, and says how to go on."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("tyro")
pytest.importorskip("torch")

from agent_zoo import interruption
from agent_zoo.interruption import Interruption, TrainingStopped, stop_training
from agent_zoo.learning.run_directory import RunDirectory
from evaluation.cli import main
from evaluation.commands.evaluate import Evaluate
from tests.sweeps import FILES, SHORT, contents, has_checkpoint, sweep, wait_for, written

SETTINGS = tuple(setting for setting in SHORT if not setting.startswith("checkpoint_seconds"))
"""With the default's minute between checkpoints: a stopped training makes its own."""


def train(*args: str, settings: tuple[str, ...] = SETTINGS) -> int:
    """The exit status of `soc-env train single-drl`."""
    try:
        main(["train", "single-drl", "--no-progress", *args, "--set", *settings])
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


def signalling(number: int, *, calls: int) -> Callable[..., None]:
    """`RunDirectory.log`, of which a call sends the process signals."""
    log, count = RunDirectory.log, 0

    def signalled(run: RunDirectory, *args: Any) -> None:
        nonlocal count
        count += 1
        if count == calls:
            signal.raise_signal(number)
        log(run, *args)

    return signalled


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("rounds", [1, 2], ids=["in the first round", "later"])
def test_a_stopped_training_goes_on_by_the_command_that_it_prints_as_if_it_had_not_been(
    number: int,
    status: int,
    rounds: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "it's broken"
    assert train("--output", str(whole)) == 0
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "log", signalling(number, calls=rounds))
        assert train("--output", str(broken)) == status
    assert has_checkpoint(broken)
    (line,) = capsys.readouterr().err.splitlines()
    assert "Traceback" not in line
    _, _, command = line.partition("to go on: ")
    program, *args = shlex.split(command)
    assert program == "soc-env"
    main(args)
    assert contents(broken) == contents(whole)


def test_signals_belong_to_whoever_had_them_once_a_training_is_over(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert train("--output", str(tmp_path / "run")) == 0
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_the_second_signal_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(run: RunDirectory, *args: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("training went on")

    monkeypatch.setattr(RunDirectory, "log", twice)
    assert train("--output", str(tmp_path / "run")) == 130
    assert not has_checkpoint(tmp_path / "run")


def test_a_round_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent_zoo.learning.episode_log import EpisodeLog

    monkeypatch.setattr(interruption, "SECONDS_TO_END", -1.0)
    monkeypatch.setattr(EpisodeLog, "record", lambda *args: signal.raise_signal(signal.SIGTERM))
    assert train("--output", str(tmp_path / "run")) == 143
    assert not has_checkpoint(tmp_path / "run")


def test_a_library_user_gets_an_exception_that_says_where_to_go_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import baselines

    trainer = baselines.trainer("single-drl")
    log = RunDirectory.log
    monkeypatch.setattr(RunDirectory, "log", lambda *args: (stop_training(), log(*args)))
    with pytest.raises(TrainingStopped) as stopped:
        trainer.train(trainer.load_config(None, SETTINGS), seed=1, run_dir=tmp_path / "run", progress=False)
    assert stopped.value.checkpoint is not None
    assert stopped.value.checkpoint.name == f"step-{stopped.value.step:012d}"
    assert not stop_training(), "no training is on now"


def test_a_training_that_is_told_twice_stops_by_the_first_signal() -> None:
    with Interruption() as training:
        assert stop_training(signal.SIGTERM)
        assert stop_training(signal.SIGINT)
    assert training.number == signal.SIGTERM


def test_resuming_without_a_run_says_so_and_begins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert train("--resume", "--output", str(tmp_path / "run")) == 0
    assert f"nothing to resume: there is no checkpoint in {tmp_path / 'run'}" in caplog.text
    caplog.clear()
    assert train("--resume", "--output", str(tmp_path / "run")) == 0
    assert f"nothing to resume: the run in {tmp_path / 'run'} is complete" in caplog.text


def test_a_sweep_that_is_stopped_starts_no_other_run_and_prints_the_command_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "it's broken"
    assert sweep("--seeds", "1", "2", output=whole, settings=SETTINGS) == 0
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "log", signalling(signal.SIGTERM, calls=1))
        assert sweep("--seeds", "1", "2", output=broken, settings=SETTINGS) == 143
    assert has_checkpoint(broken / "single-drl" / "1")
    assert [run["state"] for run in written(broken)] == ["waiting", "waiting"]
    _, _, command = capsys.readouterr().err.partition("to go on: ")
    main(shlex.split(command)[1:])
    for seed in "12":
        assert contents(broken / "single-drl" / seed) == contents(whole / "single-drl" / seed)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_any_other_command_leaves_with_one_line(
    number: int, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Evaluate, "run", lambda self: signal.raise_signal(number))
    with pytest.raises(SystemExit) as ending:
        main(["evaluate", "rule-soar"])
    assert ending.value.code == status
    cause = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}[signal.Signals(number)]
    assert capsys.readouterr().err == f"soc-env evaluate: stopped by {cause}\n"


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(("--workers", "2"), marks=pytest.mark.resume),
        pytest.param(("--ray",), marks=pytest.mark.ray),
    ],
    ids=["processes", "ray"],
)
def test_a_sweeps_workers_make_checkpoints_when_it_is_told_to_stop(
    where: tuple[str, ...], tmp_path: Path
) -> None:
    settings = (*SETTINGS[:-1], "num_episodes=100000")
    command = [sys.executable, "-m", "evaluation.cli", "sweep", "single-drl", "--seeds", "1", "2"]
    command += [*where, "--output", str(tmp_path), "--set", *settings]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    runs = [tmp_path / "single-drl" / seed for seed in "12"]
    logs = [run / FILES[0] for run in runs]
    try:
        wait_for(lambda: all(log.exists() and log.read_bytes().count(b"\n") > 1 for log in logs))
        if "--ray" in where:
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGTERM)  # as a cluster's scheduler does
        _, error = process.communicate(timeout=60)
    finally:  # a sweep that was not stopped would train for hours
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 143, error
    assert "soc-env sweep: stopped by SIGTERM; unfinished runs have their checkpoints; to go on: " in error
    assert all(has_checkpoint(run) for run in runs)
    assert not any((run / "worker.log").exists() for run in runs), "nobody had anything to say"
