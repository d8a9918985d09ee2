"""One run of a sweep, and the function that carries it out in whichever process it is called."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.entrants import find_trainer


@dataclass(frozen=True)
class Job:
    """A training run, in plain values so that any process can take it.

    Attributes:
        label: the learner, and behind an @ what the variant changes: "single-drl@learning_rate=1e-3".
        learner: a registered learner.
        seed: its training seed.
        config_name: the config that the variant begins with, None for the learner's default.
        overrides: the "key=value" changes to it.
        config: the resolved config.
        run_dir: an absolute path, since workers may have another current folder.
    """

    label: str
    learner: str
    seed: int
    config_name: str | None
    overrides: tuple[str, ...]
    config: Mapping[str, Any]
    run_dir: Path

    @property
    def done(self) -> bool:
        """Whether the run is complete: its metrics are what training writes last."""
        return (self.run_dir / "metrics.json").is_file()


class Failure(NamedTuple):
    """The exception that ended a training: its type and message, and where it was raised."""

    message: str
    traceback: str


def run_job(job: Job) -> Failure | None:
    """Train, from the latest checkpoint if there is one; returns what went wrong, if anything did."""
    try:
        trainer = find_trainer(job.learner)
        from agent_zoo.learning.config import from_mapping  # the trainer has imported torch already
        from agent_zoo.learning.run_directory import holds_run

        config, resume = from_mapping(trainer.config_class, job.config), holds_run(job.run_dir)
        trainer.train(config, seed=job.seed, run_dir=job.run_dir, resume=resume, progress=False)
    except Exception as error:  # whatever it is, the other runs go on
        return Failure(f"{type(error).__name__}: {error}", traceback.format_exc())
    return None
