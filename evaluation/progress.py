"""Progress in the terminal: a bar a team, with episodes done and their rate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TimeElapsedColumn,
)
from rich.text import Text

from agent_zoo import terminal


class EpisodeRate(ProgressColumn):
    """Episodes a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{_rounded(speed)} episodes/s", style="progress.data.speed")


def _rounded(speed: float) -> str:
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.1g}"


class EpisodeProgress:
    """The bars of several teams."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def bar(self, description: str, num_episodes: int) -> Callable[[int], None]:
        """A new bar; call what comes back with the number of episodes that have just ended."""
        task = self._progress.add_task(description, total=num_episodes)
        return lambda count: self._progress.advance(task, count)


@contextmanager
def episode_progress() -> Iterator[EpisodeProgress]:
    """Bars while the block runs; a line now and then where there is no terminal."""
    columns = (
        terminal.text("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        EpisodeRate(),
        TimeElapsedColumn(),
    )
    with terminal.progress(*columns) as progress:
        yield EpisodeProgress(progress)
