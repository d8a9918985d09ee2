"""Reading the log of a training run: one row of `episodes.csv` for each training episode, in order."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FILE_NAME = "episodes.csv"


class TrainingLog(NamedTuple):
    """The end of a training run.

    Attributes:
        tail: float (episodes, metrics), the last episodes, a column for each of the metrics asked for.
        num_episodes: how many episodes the whole log has.
    """

    tail: NDArray[np.float64]
    num_episodes: int


def read_training_log(run_dir: Path, names: Sequence[str], num_episodes: int) -> TrainingLog:
    """The last `num_episodes` episodes that the run in `run_dir` has logged, by the metrics of these names.

    Raises:
        FileNotFoundError: the directory holds no log.
        ValueError: the log lacks a column, has fewer episodes, or an entry that is no number.
    """
    path = run_dir / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(f"run_dir must hold the training log {FILE_NAME}, but {path} does not exist")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        missing = [name for name in names if name not in header]
        if missing:
            raise ValueError(f"{path}: the log must have the columns {', '.join(names)}; it lacks {missing}")
        columns = [header.index(name) for name in names]
        count, rows = 0, deque[list[str]](maxlen=num_episodes)
        for row in reader:
            count += 1
            rows.append(row)
    if count < num_episodes:
        raise ValueError(f"{path}: the log must have at least {num_episodes} episodes, it has {count}")
    try:
        tail = np.array([[float(row[column]) for column in columns] for row in rows])
    except (ValueError, IndexError) as error:
        raise ValueError(
            f"{path}: every entry of the last {num_episodes} rows must be a number: {error}"
        ) from None
    return TrainingLog(tail, count)
