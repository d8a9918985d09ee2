"""The training loop of every learner: rounds until enough episodes are done, logged and kept."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from agent_zoo.interruption import Interruption, TrainingStopped
from agent_zoo.learning.checkpoint import Tensors
from agent_zoo.learning.episode_log import EpisodeLog
from agent_zoo.learning.progress import EpisodeProgress
from agent_zoo.learning.run_directory import RunDirectory, completed
from soc_env.scenarios import find_scenario

_log = logging.getLogger(__name__)

POLICY_FILE: Final = "policy.safetensors"
"""The trained team, in its run's directory."""


@dataclass
class Clock:
    """How far a training is.

    Attributes:
        step: environment steps so far, of all lanes together.
        episodes: those that have ended.
        num_envs: lanes.
        interruption: whether the training is to stop.
    """

    step: int
    episodes: EpisodeLog
    num_envs: int
    interruption: Interruption = field(default_factory=Interruption)

    def tick(self, info: Mapping[str, Any]) -> None:
        """Count one step of all lanes, whose info this is.

        Raises:
            KeyboardInterrupt: the training is to stop, and this round takes too long for that.
        """
        self.step += self.num_envs
        self.episodes.record(info, self.step)
        if self.interruption.overdue:
            raise KeyboardInterrupt

    @property
    def vector_steps(self) -> int:
        """Steps of each lane so far."""
        return self.step // self.num_envs

    @property
    def progress(self) -> float:
        """Part of the training's episodes that are done, in [0, 1]."""
        return min(1.0, self.episodes.count / self.episodes.limit)


class Training(Protocol):
    """A learner with what it learns from; all that `run` needs of it."""

    def learn_round(self, clock: Clock) -> Mapping[str, float]:
        """Play some steps, each of which ticks the clock, and learn; returns what is to be watched.

        Raises:
            FloatingPointError: training diverged; all parameters are still finite.
        """
        ...

    def tensors(self) -> Tensors:
        """Everything that later rounds depend on; what was learned is named `learner....`."""
        ...

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `tensors()`."""
        ...

    def save_policy(self, path: Path) -> None:
        """Write the team as it is now."""
        ...


def run(
    name: str,
    config: Any,
    training: Training,
    *,
    seed: int,
    run_dir: Path,
    resume: bool,
    progress: bool,
    on_round: Callable[[Clock], None] | None = None,
) -> Path:
    """Train to the end and return the path of the policy file.

    Args:
        name: of the learner, for instance "single-drl".
        config: the learner's config; `num_envs`, `num_episodes` and `checkpoint_seconds` are read here.
        training: as it begins.
        seed: the training seed, which the run remembers.
        run_dir: where the run's files go, see `run_directory`.
        resume: go on from the latest checkpoint there, with the same result as if never interrupted; where
            there is nothing to go on from, a warning is logged and training begins.
        progress: show a progress bar.
        on_round: called after every round.

    Raises:
        FloatingPointError: training diverged; the message names the step and the last good checkpoint.
        TrainingStopped: by SIGINT, SIGTERM or `stop_training`, after a checkpoint.
        CheckpointError: none of the checkpoints there is whole.
        OutputError: the run's directory cannot be written, or another process writes there.
    """
    if resume and completed(run_dir, config, learner=name, seed=seed):
        _log.warning("nothing to resume: the run in %s is complete", run_dir)
        return Path(run_dir) / POLICY_FILE
    with (
        Interruption() as interruption,
        RunDirectory(
            run_dir,
            config,
            learner=name,
            seed=seed,
            metrics=find_scenario(config.env_id).metrics,
            num_episodes=config.num_episodes,
            checkpoint_seconds=config.checkpoint_seconds,
            resume=resume,
        ) as files,
    ):
        clock = Clock(files.step, files.episodes, config.num_envs, interruption)
        if files.restored:
            training.load_tensors(files.restored)
        try:
            with EpisodeProgress(
                f"{name} {seed}", config.num_episodes, clock.episodes.count, progress
            ) as bar:
                _play_rounds(training, clock, files, bar, on_round)
            training.save_policy(files.path / POLICY_FILE)
        except FloatingPointError as error:
            last_good = files.last_checkpoint or "none was written yet"
            message = f"step {clock.step}: {error}; last good checkpoint: {last_good}"
            raise FloatingPointError(message) from None
        except KeyboardInterrupt:
            number = interruption.number or signal.SIGINT
            raise TrainingStopped(number, files.step, files.last_checkpoint) from None
        files.finish(clock.step)
        if interruption.number is not None:  # whoever would begin another run now is to stop, too
            raise TrainingStopped(interruption.number, clock.step, files.path / POLICY_FILE)
    return files.path / POLICY_FILE


def _play_rounds(
    training: Training,
    clock: Clock,
    files: RunDirectory,
    bar: EpisodeProgress,
    on_round: Callable[[Clock], None] | None,
) -> None:
    while not clock.episodes.full:
        if clock.interruption.number is not None:
            if clock.step > files.step:
                files.save_checkpoint(clock.step, training.tensors())
            raise KeyboardInterrupt
        watched = training.learn_round(clock)
        recent = clock.episodes.recent_return
        files.log(clock.step, {**watched, "recent_return": recent})
        bar.update(clock.episodes.count, recent)
        if on_round:
            on_round(clock)
        if files.checkpoint_due():
            files.save_checkpoint(clock.step, training.tensors())
