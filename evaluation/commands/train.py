"""`soc-env train`: train a learner on one seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agent_zoo.interruption import TrainingStopped
from agent_zoo.output_lock import OutputError
from agent_zoo.terminal import say
from evaluation.commands import arg
from evaluation.entrants import find_trainer, run_directory
from evaluation.environments import measuring_command
from evaluation.interrupts import Stopped
from evaluation.seeds import check_training_seed
from evaluation.usage import UsageError, checking


@dataclass(frozen=True)
class Train:
    """Train a learner on one seed.

    - The run directory holds the resolved config, episodes.csv in the paper's columns,
      TensorBoard events, checkpoints and at the end the trained policy.
    - A run that was stopped goes on with --resume and gives the same numbers as one that was not.
    - Ctrl-C or SIGTERM makes a checkpoint and ends; a second one ends at once.
    - With --set initial_policy=NAME-SEED, or a run's folder, training goes on from a trained team.

    For example:
      soc-env train single-drl --seed 42
      soc-env train single-drl --episodes 2000 --set learning_rate=1e-3 env.stealth=0.5
    """

    learner: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="LEARNER")]
    """A registered learner, for instance single-drl."""

    seed: int = 42
    """Training seed, 0 to 999999999; larger ones are kept for evaluation."""

    output: Annotated[Path | None, arg("FOLDER")] = None
    """The run directory; by default runs/ENV/LEARNER-SEED, where `soc-env evaluate` looks for it."""

    config: Annotated[str | None, arg("FILE")] = None
    """A YAML file with some or all keys of the learner's config, or the name of a packaged one."""

    episodes: Annotated[int | None, arg("INT")] = None
    """Episodes to train for; by default the config's num_episodes."""

    num_envs: Annotated[int | None, arg("INT")] = None
    """Lanes of the environment that collect side by side; by default the config's."""

    env: Annotated[str | None, arg("ENV")] = None
    """The environment to train on; by default the config's env_id."""

    device: Annotated[str | None, arg("DEVICE")] = None
    """Where to compute, for instance cpu or cuda, for learners whose config has the key device."""

    overrides: Annotated[tuple[str, ...], arg("KEY=VALUE [KEY=VALUE ...]", name="set")] = ()
    """Keys of the config to change, for instance learning_rate=1e-3 env.stealth=0.5."""

    resume: bool = False
    """Go on from the latest checkpoint in the run directory; where there is none, training begins."""

    progress: bool = True
    """Show a progress bar."""

    def run(self) -> None:
        """Train, and say where the result is."""
        with checking():
            seed = check_training_seed(self.seed, "--seed")
            trainer = find_trainer(self.learner)
            config = trainer.load_config(self.config, self._overrides())
            trainer.check(config)
        run_dir = self.output or run_directory(Path("runs"), config.env_id, self.learner, seed)
        # The trainer has imported torch already.
        from agent_zoo.learning.checkpoint import CheckpointError
        from agent_zoo.learning.config import ConfigError

        try:
            trainer.train(config, seed=seed, run_dir=run_dir, resume=self.resume, progress=self.progress)
        except TrainingStopped as stop:
            kept = f"step {stop.step:,} is kept" if stop.checkpoint else "there was nothing to keep yet"
            raise Stopped(stop.number, kept, go_on=["--resume"]) from None
        except (ConfigError, CheckpointError, FileExistsError, OutputError) as error:
            raise UsageError(str(error)) from error
        except FloatingPointError as error:
            raise SystemExit(f"soc-env train: {error}") from None
        say(f"Trained: {run_dir}; to measure it: {measuring_command(config.env_id, [run_dir])}")

    def _overrides(self) -> list[str]:
        options = {
            "num_episodes": self.episodes,
            "num_envs": self.num_envs,
            "env_id": self.env,
            "device": self.device,
        }
        return [*self.overrides, *(f"{key}={value}" for key, value in options.items() if value is not None)]
