"""A user's mistake ends a command with one line; a bug keeps its traceback."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_MACHINE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
"""Of writing, where Python does not say to which file: full, over a quota, broken, read-only."""


class UsageError(Exception):
    """A command cannot be carried out as it was given; the message says why."""


@contextmanager
def checking() -> Iterator[None]:
    """Arguments are checked while the block runs, so that what is wrong then is wrong with them.

    Work does not belong in it: a `ValueError` from there is a bug.

    Raises:
        UsageError: the block raised what checks raise.
    """
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        raise UsageError(str(error)) from error


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what the user or the machine has to answer for into a `UsageError`; let bugs pass."""
    try:
        yield
    except MemoryError as error:
        raise UsageError(str(error) or "more memory is needed than there is") from error
    except OSError as error:
        if isinstance(error, ConnectionError) or (error.filename is None and error.errno not in _MACHINE):
            raise
        raise UsageError(str(error)) from error


def as_one_line(box: str) -> str:
    """The text of an error as tyro shows it, in a box with rules between its parts."""
    lines = [line.strip(" │╭╮╰╯") for line in box.splitlines()][1:]  # the first is the box's title
    parts = re.split(r"\n[─-]+\n", "\n" + "\n".join(lines) + "\n")
    return "; ".join(joined for part in parts if (joined := " ".join(part.split()).strip("─- .:")))
