"""The progress of a training run."""

from __future__ import annotations

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

from agent_zoo import terminal


class EpisodeProgress:
    """A bar with episodes done, recent mean return, episodes per second and time to go."""

    def __init__(self, description: str, total: int, completed: int = 0, enabled: bool = True) -> None:
        """Args: completed: episodes of an earlier part of the run, which the rate leaves out."""
        self._description, self._total, self._enabled = description, total, enabled
        self._already, self._started = completed, time.monotonic()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        if self._enabled:
            columns = (
                terminal.text("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                terminal.text("return {task.fields[recent_return]:.1f}"),
                terminal.text("{task.fields[rate]:.0f} episodes/s"),
                TimeRemainingColumn(),
            )
            self._bar = self._open.enter_context(terminal.progress(*columns))
            self._task = self._bar.add_task(
                self._description,
                total=self._total,
                completed=self._already,
                recent_return=float("nan"),
                rate=0.0,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def update(self, episodes: int, recent_return: float) -> None:
        """Show that `episodes` are done, and the mean return of the recent ones."""
        if self._enabled:
            rate = (episodes - self._already) / max(time.monotonic() - self._started, 1e-9)
            self._bar.update(self._task, completed=episodes, recent_return=recent_return, rate=rate)
