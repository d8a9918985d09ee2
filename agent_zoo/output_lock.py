"""One command at a time writes to an output: a folder, or a single file.

The lock is held by a process and goes with it, however it ends; the files that a killed one leaves behind
lock nobody out. Beside the lock lies who holds it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from agent_zoo.files import write_json_atomically
from soc_env.extras import require

filelock: Any = require("filelock", extra="evaluation", purpose="agent_zoo")

LOCK_FILE: Final = ".soc-env.lock"
"""In a folder; the lock of a single file is named after it."""

SECONDS_TO_WAIT: Final = 1.0
"""A process that has just been killed may take a moment to end."""

_LONGEST_COMMAND: Final = 300  # characters
_NO_LOCKS: Final = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
_log = logging.getLogger(__name__)


class OutputError(OSError):
    """An output that cannot be written; the message names it and says why."""


class OutputInUseError(OutputError):
    """An output that another process is writing; the message says which one."""


@contextlib.contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Be the only one that writes into `folder`, which is made if need be, until the block ends.

    Raises:
        OutputInUseError: another process writes into it, or this one elsewhere.
        OutputError: nothing can be written into it.
    """
    with _hold(Path(folder), Path(folder) / LOCK_FILE):
        yield


@contextlib.contextmanager
def hold_file(file: Path) -> Iterator[None]:
    """Likewise for a single file; others may write other files beside it."""
    if Path(file).is_dir():
        raise OutputError(f"an output file must be none of the folders that are there, got {file}")
    with _hold(Path(file), Path(file).with_name(f".{Path(file).name}.lock")):
        yield


@contextlib.contextmanager
def _hold(output: Path, lock_file: Path) -> Iterator[None]:
    owner_file, folder = lock_file.with_name(f"{lock_file.name}.json"), lock_file.parent
    lock, is_new = filelock.FileLock(lock_file), not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _acquire(lock, output, owner_file)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{output} cannot be written: {error}") from None
    try:
        try:
            write_json_atomically(owner_file, _this_process())
        except OSError as error:
            raise OutputError(f"{output} cannot be written: {error}") from None
        yield
    finally:
        for file in (owner_file, lock_file):  # before others get the lock: afterwards they would be theirs
            with contextlib.suppress(OSError):  # Windows removes no file that is open
                file.unlink()
        lock.release()
        if is_new:
            with contextlib.suppress(OSError):  # something was written into it
                folder.rmdir()


def _acquire(lock: Any, output: Path, owner_file: Path) -> None:
    try:
        lock.acquire(timeout=SECONDS_TO_WAIT, poll_interval=0.05)
    except filelock.Timeout:
        raise OutputInUseError(
            f"{output} is being written by {_owner(owner_file)}; wait for it to end, or write elsewhere"
        ) from None
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in _NO_LOCKS:
            raise
        _log.warning("%s is on a file system without locks: let no other command write to it", output)


def _this_process() -> dict[str, Any]:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": command[:_LONGEST_COMMAND],
        "since": datetime.now().astimezone().isoformat(sep=" ", timespec="seconds"),
    }


def _owner(owner_file: Path) -> str:
    try:
        told = json.loads(owner_file.read_text(encoding="utf-8"))
        return "process {pid} on {host} since {since} ({command})".format_map(told)
    except (OSError, ValueError, KeyError, TypeError):  # it is just beginning, or just ending
        return "another process"
