"""`episodes.csv`: one row for each finished training episode, a column for each of the scenario's metrics."""

from __future__ import annotations

import csv
import io
import logging
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from agent_zoo.files import sync_file, write_atomically
from soc_env.metrics import Metrics

COLUMNS: Final = ("episode", "step", "lane")
"""Before those of the metrics."""

RECENT: Final = 100
"""Episodes in the mean that the progress bar and TensorBoard show."""

_log = logging.getLogger(__name__)


class EpisodeLog:
    """Appends rows to the CSV.

    Attributes:
        count: rows so far.
        limit: rows at most; further episodes are not recorded.
    """

    def __init__(self, path: Path, metrics: Metrics, *, limit: int, content: bytes = b"") -> None:
        """Open the log at `path` with `content`, which a checkpoint has kept; without any, begin anew.

        Where the file that is there does not begin with it, a warning is logged.
        """
        self.limit, self._path, self._metrics = limit, path, metrics
        if content and not _begins_with(path, content):
            _log.warning("%s is gone or was changed: it is restored from the checkpoint", path)
        rows = _rows(content)
        self.count = len(rows)
        self._recent: deque[float] = deque(
            (row[metrics.reward.name] for row in rows[-RECENT:]), maxlen=RECENT
        )
        self._open(content or (",".join((*COLUMNS, *metrics.names)) + "\n").encode())

    def _open(self, content: bytes) -> None:
        write_atomically(self._path, content)
        self._file = open(self._path, "a+", newline="", encoding="utf-8")  # noqa: SIM115 (closed by close)
        self._writer = csv.writer(self._file, lineterminator="\n")

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
        figures = np.stack(self._metrics.figures(final["episode_metrics"]), -1).astype(np.float64)
        reward = self._metrics.column(self._metrics.reward.name)
        for lane in np.flatnonzero(final["_episode_metrics"]):
            if self.full:
                return
            self.count += 1
            self._recent.append(float(figures[lane, reward]))
            self._writer.writerow([self.count, step, lane, *map(_plain, figures[lane].tolist())])

    def sync(self) -> bytes:
        """Bring every row to the disk and return the whole file."""
        self._file.flush()
        sync_file(self._file.fileno())
        self._file.seek(0)
        content = self._file.read().encode()
        self._file.seek(0, io.SEEK_END)
        if not self._path.exists():
            _log.warning("%s is gone: it is written again", self._path)
            self._file.close()
            self._open(content)
        return content

    def close(self) -> None:
        self._file.close()


def _plain(value: float) -> str:
    """The shortest text that reads back as the same number, without a trailing .0."""
    return str(int(value)) if value.is_integer() else repr(value)


def read_episodes(path: Path) -> list[dict[str, float]]:
    """The rows of an `episodes.csv`, each {column: number}."""
    return _rows(Path(path).read_bytes())


def _rows(content: bytes) -> list[dict[str, float]]:
    reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
    return [{column: float(text) for column, text in row.items()} for row in reader]


def _begins_with(path: Path, content: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(content)) == content
    except OSError:
        return False


def summarize_episodes(path: Path, metrics: Metrics, last: int = 2000) -> dict[str, float]:
    """Mean of every metric over the last rows: the paper's protocol takes 2,000 of 10,000."""
    rows = read_episodes(path)[-last:]
    return {column: float(np.mean([row[column] for row in rows])) for column in metrics.names}
