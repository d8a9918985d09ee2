"""How far a run is, from the log that its process writes: the same for every back end."""

from __future__ import annotations

import math
import os
from collections import deque
from pathlib import Path
from typing import Final

RECENT: Final = 100
"""Episodes in the mean return."""

WINDOW: Final = 1 << 16
"""Bytes read at once; more than `RECENT` rows have."""


class EpisodeTail:
    """Follows an `episodes.csv`, of which each look reads only what is new.

    Attributes:
        count: episodes logged so far.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self.count = path, 0, 0
        self._recent: deque[float] = deque(maxlen=RECENT)

    @property
    def recent_return(self) -> float:
        """Mean return of the last `RECENT` episodes; NaN before the first."""
        return sum(self._recent) / len(self._recent) if self._recent else math.nan

    def refresh(self) -> None:
        """Look at the file, if it is there."""
        try:
            size = os.path.getsize(self._path)
        except FileNotFoundError:
            return
        if size < self._offset:  # a resumed run has cut its log back to the latest checkpoint
            self._offset, self.count = 0, 0
            self._recent.clear()
        if size == self._offset:
            return
        with open(self._path, "rb") as file:
            columns = file.readline().rstrip().split(b",")
            self._offset = max(self._offset, file.tell())
            if size - self._offset > WINDOW:
                file.seek(size - WINDOW)
                self._offset = size - WINDOW + len(file.readline())  # the rest of some row
            file.seek(self._offset)
            complete, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(complete + newline)
        episode, reward = columns.index(b"episode"), columns.index(b"reward")
        for row in complete.splitlines():
            cells = row.split(b",")
            if len(cells) == len(columns):  # less where the file was cut and has grown again since
                self.count = int(cells[episode])
                self._recent.append(float(cells[reward]))
