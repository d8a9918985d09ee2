"""The progress bar of a training run."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class EpisodeProgress:
    """A bar with episodes done, recent mean return, episodes per second and time to go."""

    def __init__(self, description: str, total: int, completed: int = 0, enabled: bool = True) -> None:
        """Args: completed: episodes of an earlier part of the run, which the rate leaves out."""
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("return {task.fields[recent_return]:.1f}"),
            TextColumn("{task.fields[rate]:.0f} episodes/s"),
            TimeRemainingColumn(),
            disable=not enabled,
        )
        self._already, self._started = completed, time.monotonic()
        self._task = self._bar.add_task(
            description, total=total, completed=completed, recent_return=float("nan"), rate=0.0
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, episodes: int, recent_return: float) -> None:
        """Show that `episodes` are done, and the mean return of the recent ones."""
        rate = (episodes - self._already) / max(time.monotonic() - self._started, 1e-9)
        self._bar.update(self._task, completed=episodes, recent_return=recent_return, rate=rate)
