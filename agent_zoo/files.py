"""Files that are whole or absent, whenever the process is killed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any, Final

_NO_SYNC: Final = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
"""What `fsync` answers where the file system has no such thing."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader, or a crash, meets the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            sync_file(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # the error that is raised says more than one of tidying up
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_json_atomically(path: Path, content: Any) -> None:
    """`write_atomically` of `content` as indented JSON (NaN and infinity are refused)."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def sync_file(descriptor: int) -> None:
    """Bring an open file to the disk, where its file system can; what is wrong with the disk is raised."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def sync_directory(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where folders can be opened and synced.

    They cannot on Windows and on some network file systems. The files are written by now, so that it fails
    is no error.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
