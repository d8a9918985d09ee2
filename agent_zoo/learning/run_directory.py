"""A training run is a directory.

    config.yaml         the resolved config; usable as `--config` again
    run.json            learner, seed, versions
    episodes.csv        one row for each finished episode
    tensorboard/        events
    checkpoints/        the last two, see checkpoint.py; gone once the run is complete
    policy.safetensors  the trained team, once the run is complete
    metrics.json        its summary, once the run is complete

Killed at any moment, a run loses what came after its latest checkpoint; resumed, it sets the CSV and
TensorBoard back to that checkpoint and then writes what an uninterrupted run would have written. One process
at a time writes to it.
"""

from __future__ import annotations

import json
import logging
import platform
import shutil
import time
from collections.abc import Mapping
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from agent_zoo.files import write_atomically, write_json_atomically
from agent_zoo.learning.checkpoint import CheckpointClock, Tensors, load_newest, save_checkpoint
from agent_zoo.learning.config import ConfigError, flattened, read_yaml, to_mapping, to_yaml
from agent_zoo.learning.episode_log import EpisodeLog, summarize_episodes
from agent_zoo.output_lock import hold_folder
from soc_env.extras import require
from soc_env.metrics import Metrics

require("tensorboard", extra="zoo", purpose="agent_zoo")

_log = logging.getLogger(__name__)


class RunDirectory:
    """The files of one run, opened for writing: a context manager, which holds the directory.

    Attributes:
        path: the directory.
        restored: tensors of the checkpoint that the run goes on from; None for a run from the start.
        step: environment steps at the latest checkpoint, all lanes together; 0 before the first.
        episodes: the CSV.
        seconds: wall-clock time of training so far, that of earlier parts included.
        last_checkpoint: where the latest one lies, None before the first.
    """

    def __init__(
        self,
        path: Path,
        config: Any,
        *,
        learner: str,
        seed: int,
        metrics: Metrics,
        num_episodes: int,
        checkpoint_seconds: float,
        resume: bool,
    ) -> None:
        """Create the directory, or reopen it to go on from its latest checkpoint.

        Args:
            path: where; created if need be.
            config: the learner's config dataclass.
            learner: its name, for instance "single-drl".
            seed: the training seed.
            metrics: the columns of the CSV.
            num_episodes: rows of the finished CSV.
            checkpoint_seconds: least time between two checkpoints.
            resume: go on with a run that is there; one that is not there starts.

        Raises:
            FileExistsError: the directory holds a run and `resume` is false.
            ConfigError: the run there had another learner, seed or config.
            CheckpointError: it has checkpoints, but none is whole.
            OutputError: the directory cannot be written, or another process writes to it.
        """
        self.path, self._metrics = Path(path), metrics
        self._identity = {"learner": learner, "seed": seed}
        with ExitStack() as stack:
            stack.enter_context(hold_folder(self.path))
            self._open_config(config, resume)
            self._restore(num_episodes, resume)
            stack.callback(self.episodes.close)
            from torch.utils.tensorboard import SummaryWriter  # slow to import

            # What an earlier part of the run logged at later steps is hidden.
            self._tensorboard = SummaryWriter(str(self.path / "tensorboard"), purge_step=self.step + 1)
            stack.callback(self._tensorboard.close)
            self._open_files = stack.pop_all()
        self._clock = CheckpointClock(checkpoint_seconds)
        self._started = time.monotonic()

    def _restore(self, num_episodes: int, resume: bool) -> None:
        found = load_newest(self._checkpoints) if resume else None
        if resume and found is None:
            _log.warning("nothing to resume: there is no checkpoint in %s, so the run begins", self.path)
        self.last_checkpoint = found and found.path
        self.restored: Tensors | None = found and found.tensors
        about = found.rest if found else {"step": 0, "seconds": 0.0}
        self.step, self._earlier_seconds = int(about["step"]), about["seconds"]
        log = found.log if found else b""
        self.episodes = EpisodeLog(self.path / "episodes.csv", self._metrics, limit=num_episodes, content=log)

    @property
    def _checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def seconds(self) -> float:
        return self._earlier_seconds + time.monotonic() - self._started

    def _open_config(self, config: Any, resume: bool) -> None:
        if holds_run(self.path):
            if not resume:
                raise FileExistsError(
                    f"run_dir must be a new directory unless a run is resumed, got {self.path}, with a run"
                )
            _check_same(self.path, config, self._identity)
            return
        write_atomically(self.path / "config.yaml", to_yaml(config).encode())
        write_json_atomically(
            self.path / "run.json",
            {**self._identity, "metrics": self._metrics.to_json(), "versions": _versions()},
        )

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write scalars to TensorBoard."""
        for name, value in scalars.items():
            self._tensorboard.add_scalar(name, value, step)

    def checkpoint_due(self) -> bool:
        return self._clock.due()

    def save_checkpoint(self, step: int, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Write a checkpoint of the learner, after everything logged up to it has reached the disk."""
        begin = time.monotonic()
        self._tensorboard.flush()
        log, about = self.episodes.sync(), {"step": step, "seconds": self.seconds}
        self.last_checkpoint = save_checkpoint(self._checkpoints, step, tensors, about, log)
        self.step = step
        self._clock.took(time.monotonic() - begin)

    def finish(self, step: int) -> None:
        """Write `metrics.json`: the paper's training-time protocol, and how long it took.

        With it the run is complete, so its checkpoints go: what a replay holds takes hundreds of megabytes.
        """
        self.episodes.sync()
        summary = {
            **self._identity,
            "episodes": self.episodes.count,
            "steps": step,
            "seconds": round(self.seconds, 3),
            "last_2000_episodes": summarize_episodes(self.path / "episodes.csv", self._metrics),
        }
        write_json_atomically(self.path / "metrics.json", summary)
        shutil.rmtree(self._checkpoints, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open_files.close()


def holds_run(path: Path) -> bool:
    """Whether there is anything of a run in this directory that another one would mix with."""
    return any((Path(path) / name).exists() for name in ("run.json", "episodes.csv", "checkpoints"))


def completed(path: Path, config: Any, *, learner: str, seed: int) -> bool:
    """Whether the run in this directory, if there is one, is complete.

    Raises:
        ConfigError: it is, but of another learner, seed or config.
    """
    if not (Path(path) / "metrics.json").exists():
        return False
    _check_same(Path(path), config, {"learner": learner, "seed": seed})
    return True


def _check_same(path: Path, config: Any, identity: Mapping[str, Any]) -> None:
    try:
        about = json.loads((path / "run.json").read_text(encoding="utf-8"))
        before = {key: about[key] for key in identity} | flattened(read_yaml(path / "config.yaml"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"the run in {path} must have its run.json and config.yaml: {error}") from None
    wanted = dict(identity) | flattened(to_mapping(config))
    for key in before | wanted:
        if before.get(key) != wanted.get(key):
            expected = f"{key} must be {before.get(key)!r}, as in the run to resume in {path}"
            raise ConfigError(f"{expected}, got {wanted.get(key)!r}")


def _versions() -> dict[str, str]:
    try:
        own = metadata.version("soc-env")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        own = "unknown"
    return {
        "soc-env": own,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
    }
