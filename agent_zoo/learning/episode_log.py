"""`episodes.csv`: one row for each finished training episode, in the paper's columns."""

from __future__ import annotations

import csv
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent_zoo.columns import METRIC_COLUMNS

COLUMNS: Final = ("episode", "step", "lane", *METRIC_COLUMNS)
RECENT: Final = 100
"""Episodes in the mean that the progress bar and TensorBoard show."""


class EpisodeLog:
    """Appends rows to the CSV; the file itself is the only record of how many episodes there were.

    Attributes:
        count: rows so far.
        limit: rows at most; further episodes are not recorded.
    """

    def __init__(self, path: Path, *, limit: int, keep_bytes: int = 0) -> None:
        """Open the log at `path`, keeping its first `keep_bytes` bytes (0: begin anew)."""
        self.limit = limit
        self._recent: deque[float] = deque(maxlen=RECENT)
        self.count = 0
        with open(path, "ab") as file:
            file.truncate(keep_bytes)
        if keep_bytes:
            for row in read_episodes(path):
                self.count += 1
                self._recent.append(row["reward"])
        self._file = open(path, "a", newline="", encoding="utf-8")  # noqa: SIM115 (closed by close)
        self._writer = csv.writer(self._file, lineterminator="\n")
        if not keep_bytes:
            self._writer.writerow(COLUMNS)

    @property
    def full(self) -> bool:
        return self.count >= self.limit

    @property
    def recent_return(self) -> float:
        """Mean return of the last `RECENT` episodes; NaN before the first."""
        return float(np.mean(self._recent)) if self._recent else float("nan")

    def record(self, info: Mapping[str, Any], step: int) -> None:
        """Record the episodes that ended in one vector step, lanes in order.

        Args:
            info: the vector environment's, in same-step autoreset mode.
            step: environment steps so far, of all lanes together.
        """
        final = info.get("final_info")
        if final is None:
            return
        metrics = final["episode_metrics"]
        for lane in np.flatnonzero(final["_episode_metrics"]):
            if self.full:
                return
            self.count += 1
            values = [float(metrics[name][lane]) * scale for name, scale in METRIC_COLUMNS.values()]
            self._recent.append(values[0])
            self._writer.writerow([self.count, step, lane, *map(_plain, values)])

    def sync(self) -> int:
        """Bring every row to the disk and return the length of the file in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return os.path.getsize(self._file.name)

    def close(self) -> None:
        self._file.close()


def _plain(value: float) -> str:
    """The shortest text that reads back as the same number, without a trailing .0."""
    return str(int(value)) if value.is_integer() else repr(value)


def read_episodes(path: Path) -> list[dict[str, float]]:
    """The rows of an `episodes.csv`, each {column: number}."""
    with open(path, newline="", encoding="utf-8") as file:
        return [{column: float(text) for column, text in row.items()} for row in csv.DictReader(file)]


def summarize_episodes(path: Path, last: int = 2000) -> dict[str, float]:
    """Mean of every metric column over the last rows: the paper's protocol takes 2,000 of 10,000."""
    rows = read_episodes(path)[-last:]
    return {column: float(np.mean([row[column] for row in rows])) for column in METRIC_COLUMNS}
