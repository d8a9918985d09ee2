"""Whether there is as much memory as something is about to take."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_GIB: Final = 2**30
_CGROUPS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_memory(needed: int, purpose: str) -> None:
    """Refuse to begin what would end in swapping, or with the process being killed.

    Args:
        needed: bytes.
        purpose: what needs them, for the message.

    Raises:
        MemoryError: this machine, or the container that the process runs in, has not as many.
    """
    there = available()
    if there is not None and needed > there:
        amounts = f"{needed / _GIB:,.1f} GiB of memory, there are {there / _GIB:,.1f} GiB"
        raise MemoryError(f"{purpose} need {amounts}")


def available() -> int | None:
    """Bytes that processes can still get, None where the system does not say."""
    return min(_limits(), default=None)


def _limits() -> Iterator[int]:
    with suppress(AttributeError, ValueError, OSError):  # where it is no POSIX system
        yield os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in _lines("/proc/meminfo"):
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            yield int(amount.split()[0]) * 1024
    for path in _CGROUPS:
        yield from (int(line) for line in _lines(path) if line.isdigit())  # "max" is no limit


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []
