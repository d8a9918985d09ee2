"""Where a command writes is looked at before its work, and what it found is shown if it cannot be written."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

pytest.importorskip("tyro")

from agent_zoo import files, output_lock
from agent_zoo.output_lock import hold_file, hold_folder
from evaluation.bench.timing import Report
from evaluation.cli import main
from evaluation.tables import Table

QUICK = ("--episodes", "2", "--env-set", "max_steps=5", "hosts_per_segment=4")
FOLDERS = {
    "evaluate": ("evaluate", "tuned-soar", *QUICK, "--output"),
    "evaluate --record": ("evaluate", "tuned-soar", *QUICK, "--record"),
    "leaderboard submit": ("leaderboard", "submit", "tuned-soar", *QUICK, "--output"),
    "leaderboard build": ("leaderboard", "build", "leaderboard/entries", "--output"),
    "figures": ("figures", "--output"),
}
FILES = {
    "bench": ("bench", "env", "--quick", "--output"),
    "replay": ("replay", "tuned-soar", "--env-set", "max_steps=5", "--output"),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_lock, "SECONDS_TO_WAIT", 0.0)
    table = Table("Speed", ("", "steps"), (("ours", "7"),))
    monkeypatch.setattr(
        "evaluation.bench.environment.measure", lambda *args: Report("env", [table], {"steps": 7})
    )


def status(*args: str | Path) -> int:
    try:
        main([str(arg) for arg in args])
    except SystemExit as ending:
        return int(ending.code or 0)
    return 0


@pytest.mark.parametrize("command", [*FOLDERS, *FILES])
def test_an_output_that_is_being_written_is_refused_before_the_work(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    held = hold_folder(output) if command in FOLDERS else hold_file(output)
    with held:
        assert status(*(FOLDERS | FILES)[command], output) == 2
    said = capsys.readouterr()
    (line,) = (line for line in said.err.splitlines() if "not drawn" not in line)
    assert f"{output} is being written by process {os.getpid()} on " in line
    assert not said.out


@pytest.mark.parametrize("command", [*FOLDERS, *FILES])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    assert status(*(FOLDERS | FILES)[command], tmp_path / "file" / "output") == 2
    said = capsys.readouterr()
    assert "file/output" in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out


SHOWN = {
    "evaluate": "Tuned-SOAR",
    "evaluate --record": "Tuned-SOAR",
    "leaderboard submit": "Tuned-SOAR",
    "leaderboard build": "Tuned-SOAR",
    "bench": "ours",
}


@pytest.mark.parametrize("command", SHOWN)
def test_a_result_that_cannot_be_written_after_all_is_shown_before_the_error(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replace = os.replace

    def full(source: Path, target: Path) -> None:
        if not Path(target).name.endswith(".lock.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    output, entries = tmp_path / "output", tmp_path / "entries"
    args = [str(entries) if arg == "leaderboard/entries" else arg for arg in (FOLDERS | FILES)[command]]
    if str(entries) in args:
        assert status(*FOLDERS["leaderboard submit"], entries) == 0
        capsys.readouterr()
    monkeypatch.setattr(files.os, "replace", full)
    assert status(*args, output) == 2
    said = capsys.readouterr()
    assert SHOWN[command] in said.out
    assert "Written" not in said.out
    (line,) = said.err.splitlines()
    assert "not everything could be written: [Errno 28] No space left on device: " in line
    assert not list(tmp_path.glob("output/*")), "neither locks nor parts of files are left"


def test_two_outputs_that_are_one_folder_are_held_once(tmp_path: Path) -> None:
    assert status(*FOLDERS["evaluate"], tmp_path, "--record", tmp_path) == 0
    assert {"results.json", "table.md", "tuned-soar.npz"} <= {path.name for path in tmp_path.iterdir()}
    assert not list(tmp_path.glob(".*"))
