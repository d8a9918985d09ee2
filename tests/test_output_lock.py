"""One command at a time writes to an output, and a killed one locks nobody out."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("filelock")

from agent_zoo import output_lock
from agent_zoo.output_lock import OutputError, OutputInUseError, hold_file, hold_folder

HOLDER = """
import sys, time
from pathlib import Path
from agent_zoo.output_lock import hold_folder
with hold_folder(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_lock, "SECONDS_TO_WAIT", 0.0)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that writes into `tmp_path`."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path), "--learner", "two words"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_folder_that_another_process_writes_is_refused_with_who_it_is(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(OutputInUseError) as refused, hold_folder(tmp_path):
        pass
    message = str(refused.value)
    assert f"{tmp_path} is being written by process {holder.pid} on " in message
    assert " since " in message
    assert "--learner 'two words'" in message
    assert "\n" not in message


def test_a_killed_process_locks_nobody_out(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert list(tmp_path.iterdir()), "it left nothing behind, so this shows nothing"
    with hold_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_files_in_one_folder_are_held_one_by_one(tmp_path: Path) -> None:
    with hold_file(tmp_path / "a.json"), hold_file(tmp_path / "b.json"):
        with pytest.raises(OutputInUseError), hold_file(tmp_path / "a.json"):
            pass
        assert len(list(tmp_path.iterdir())) == 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("hold", [hold_folder, hold_file])
def test_what_cannot_be_written_is_refused_in_one_line(hold: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match=r"file/below.* cannot be written: "):
        enter(hold(tmp_path / "file" / "below"))


def test_a_folder_is_no_output_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="an output file must be none of the folders"):
        enter(hold_file(tmp_path))


def test_a_full_disk_is_found_when_the_folder_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(output_lock, "write_json_atomically", full)
    with pytest.raises(OutputError, match="No space left on device"):
        enter(hold_folder(tmp_path))
    monkeypatch.undo()
    with hold_folder(tmp_path):  # which the failure has given back
        pass


def test_a_file_system_without_locks_costs_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none_here(*args: object, **options: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(output_lock.filelock.FileLock, "acquire", none_here)
    with hold_folder(tmp_path):
        assert "is on a file system without locks" in caplog.text


def enter(context: AbstractContextManager[None]) -> None:
    with context:
        pass
