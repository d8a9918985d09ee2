"""One line a run: a table that keeps itself up to date in a terminal, a line for each change elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from threading import Lock
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agent_zoo.terminal import LINE_SECONDS, every
from evaluation.folding import Folding
from evaluation.sweep.schedule import Run, State
from evaluation.tables import NONE, number

LOOKS_A_SECOND = 2
HEADER_LINES = 3  # of the table, and one below it that counts what it leaves out

_STYLES = {State.RUNNING: "bold", State.DONE: "green", State.SKIPPED: "dim green", State.FAILED: "bold red"}
_FIRST_TO_SHOW = (State.RUNNING, State.FAILED, State.WAITING, State.DONE, State.SKIPPED)


class Display:
    """Shows runs while the block runs."""

    def __init__(self, runs: Sequence[Run], console: Console) -> None:
        self._runs, self._console = runs, console
        self._live: Live | None = None
        self._ended = False
        self._lines, self._printing = ExitStack(), Lock()
        if console.is_terminal:
            # The table looks at the logs itself, from a thread of its own: training may block this one.
            self._live = Live(console=console, get_renderable=self.table, refresh_per_second=LOOKS_A_SECOND)

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        else:
            for run in self._runs:
                if run.state is State.SKIPPED:
                    self._print(run)
            self._lines.enter_context(every(LINE_SECONDS, self._tell))
        return self

    def __exit__(self, *error: object) -> None:
        self._lines.close()
        if self._live:
            self._ended = True
            self._live.stop()

    def changed(self, run: Run) -> None:
        """Tell of a change; a live table shows most of them itself."""
        if not self._live or run.state is State.FAILED or (run.state is State.WAITING and run.deaths):
            self._print(run)

    def _print(self, run: Run) -> None:
        with self._printing:
            if not self._live:  # whose thread would be looking at the same time
                run.episodes.refresh()
            self._say(run, describe(run))

    def _tell(self) -> None:
        """How far the runs are that go on, now and then where no table shows it."""
        for run in [run for run in self._runs if run.state is State.RUNNING]:
            with self._printing:
                run.episodes.refresh()
                self._say(run, f"{_episodes(run)} episodes, return {_return(run)}")

    def _say(self, run: Run, text: str) -> None:
        line = f"{run.job.label} {run.job.seed}: {text}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def table(self) -> Group:
        """The runs as they are, as many as fit while the block runs, then all."""
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        for name in ("run", "seed", "state"):
            table.add_column(name)
        for name in ("episodes", "return", "time"):
            table.add_column(name, justify="right")
        num_lines = len(self._runs) if self._ended else self._console.height - HEADER_LINES
        shown = fitting(self._runs, num_lines)
        for run in shown:
            run.episodes.refresh()
            state = Text(_state(run), style=_STYLES.get(run.state, ""))
            label = Folding(run.job.label, overflow="fold")
            table.add_row(label, str(run.job.seed), state, _episodes(run), _return(run), _time(run))
        left_out = [run.state for run in self._runs if run not in shown]
        counts = [f"{left_out.count(state)} {state}" for state in State if state in left_out]
        return Group(table, Text(f"and {', '.join(counts)}" if counts else "", style="dim"))


def fitting(runs: Sequence[Run], num_lines: int) -> list[Run]:
    """As many runs as there are lines for, those that need watching first, in their own order."""
    wanted = sorted(runs, key=lambda run: _FIRST_TO_SHOW.index(run.state))[: max(num_lines, 1)]
    return [run for run in runs if run in wanted]


def describe(run: Run) -> str:
    """State and progress of a run in a few words."""
    match run.state:
        case State.WAITING if run.deaths:
            return f"its process died ({run.deaths[-1]}); it will be resumed"
        case State.RUNNING if run.started:
            return f"running, process {run.started.pid} on {run.started.host}"
        case State.SKIPPED:
            return f"skipped, since it is done: {_episodes(run)} episodes, return {_return(run)}"
        case State.DONE:
            return f"done: {_episodes(run)} episodes, return {_return(run)}, {_time(run)}"
        case State.FAILED:
            message = run.failure.message if run.failure else ""
            return f"failed after {_episodes(run)} episodes: {message}"
    return run.state


def as_time(seconds: float) -> str:
    """For instance "0:01:30"."""
    return str(timedelta(seconds=round(seconds)))


def _state(run: Run) -> str:
    again = f", resumed {len(run.deaths)}x" if run.deaths and run.state is not State.FAILED else ""
    return f"{run.state}{again}"


def _episodes(run: Run) -> str:
    return f"{run.episodes.count:,}/{run.num_episodes:,}"


def _return(run: Run) -> str:
    value = run.episodes.recent_return
    return number(value, 1 if abs(value) >= 100 else 2) if not math.isnan(value) else NONE


def _time(run: Run) -> str:
    return as_time(run.seconds) if run.state is not State.SKIPPED and run.seconds else NONE
