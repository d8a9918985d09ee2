"""What commands and trainings write to: one kind of console, and progress with and without a terminal."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn

PIPED_WIDTH: Final = 100
"""Columns, where the output is no terminal."""

LINE_SECONDS: Final = 20.0
"""Between two lines of progress, where the output is no terminal."""


def tolerate_encodings() -> None:
    """Let the process write what its output's encoding has not: escaped, instead of an error at the end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def console(*, stderr: bool = False) -> Console:
    """Rich's console, for which text is text: brackets and colons in a path or a name are no markup."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


def show(*renderables: RenderableType) -> None:
    """Print tables and the like."""
    console().print(*renderables)


def say(*lines: str, stderr: bool = False) -> None:
    """Print lines as they are, however long."""
    out = console(stderr=stderr)
    for line in lines:
        out.print(line, soft_wrap=True)


def text(template: str) -> TextColumn:
    """A column of a progress display that takes what is in it literally."""
    return TextColumn(template, markup=False)


@contextmanager
def every(seconds: float, action: Callable[[], None]) -> Iterator[None]:
    """Call `action` from another thread every so many seconds while the block runs."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(seconds):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def progress(*columns: ProgressColumn) -> Iterator[Progress]:
    """Tasks to advance while the block runs: bars in a terminal, elsewhere a line now and then, both on
    standard error."""
    out = console(stderr=True)
    shown = Progress(*columns, console=out, disable=not out.is_terminal)
    if out.is_terminal:
        with shown:
            yield shown
    else:
        with every(LINE_SECONDS, lambda: _tell(shown)):
            yield shown


@contextmanager
def working(description: str) -> Iterator[None]:
    """`progress` for one thing of which nobody knows how long it takes."""
    with progress(SpinnerColumn(), text("{task.description}"), TimeElapsedColumn()) as shown:
        shown.add_task(description, total=None)
        yield


def _tell(shown: Progress) -> None:
    """A line about the task that goes on; those before it that did not end have failed."""
    for task in [task for task in shown.tasks if not task.finished][-1:]:
        say(f"{task.description}: {_done(task)}", stderr=True)


def _done(task: Task) -> str:
    elapsed = str(timedelta(seconds=round(task.elapsed or 0.0)))
    if task.total is None:
        return elapsed
    if task.total <= 1.0:
        return f"{task.percentage:.0f} %, {elapsed}"
    return f"{task.completed:,.0f} of {task.total:,.0f}, {elapsed}"
