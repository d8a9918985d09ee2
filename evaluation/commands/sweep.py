"""`soc-env sweep`: train learners on several seeds, in several variants."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import tyro

from agent_zoo.files import write_json_atomically
from agent_zoo.output_lock import hold_folder
from agent_zoo.terminal import console, say, show
from evaluation import paper
from evaluation.commands import arg
from evaluation.interrupts import Stopped, signal_of
from evaluation.outputs import Outputs
from evaluation.sweep import report
from evaluation.sweep.display import Display
from evaluation.sweep.local import InProcess, LocalPool
from evaluation.sweep.on_ray import RayCluster
from evaluation.sweep.plan import plan
from evaluation.sweep.schedule import Backend, Run, State, carry_out
from evaluation.usage import checking


@dataclass(frozen=True)
class Sweep:
    """Train learners on several seeds, in several variants of their configs.

    - Every run has a directory as `soc-env train` makes it, OUTPUT/LEARNER@VARIANT/SEED; the folder
      of a variant is what `soc-env evaluate` makes a row of. Variants are named by what they change.
    - Runs that are done are skipped and unfinished ones go on, so that the same command continues
      a sweep that was stopped, and a longer one extends it. A run of another config is refused.
    - A run whose process dies (killed, out of memory) is resumed; one whose training raises fails.
      Neither stops the others. The exit status is 1 if a run failed.
    - With --ray the nodes must share OUTPUT, and have soc-env installed.

    For example:
      soc-env sweep single-drl --workers 2
      soc-env sweep single-drl --seeds 42 123 --vary learning_rate=3e-4,1e-3 env.stealth=0.3,0.7
      soc-env sweep single-drl --config single-drl single-drl-demo --ray auto --output /shared/sweeps
    """

    learners: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="LEARNER [LEARNER ...]", help_behavior_hint="(required)"),
    ]
    """Registered learners, for instance single-drl."""

    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT [INT ...]")] = paper.SEEDS
    """Training seeds, 0 to 999999999."""

    config: Annotated[tuple[str, ...], arg("NAME [NAME ...]")] = ()
    """YAML files with some or all keys, or names of packaged configs; each is a variant."""

    vary: Annotated[
        tuple[tuple[str, ...], ...], tyro.conf.UseAppendAction, arg("KEY=V1,V2,... [KEY=V1,V2,... ...]")
    ] = ()
    """Keys of the config and values to try; every combination is a variant."""

    overrides: Annotated[tuple[str, ...], arg("KEY=VALUE [KEY=VALUE ...]", name="set")] = ()
    """Keys of the config to change in all variants."""

    episodes: Annotated[int | None, arg("INT")] = None
    """Episodes to train for; by default the config's num_episodes."""

    num_envs: Annotated[int | None, arg("INT")] = None
    """Lanes of the environment that collect side by side; by default the config's."""

    env: Annotated[str | None, arg("ENV")] = None
    """The environment to train on; by default the config's env_id."""

    device: Annotated[str | None, arg("DEVICE")] = None
    """Where to compute, for instance cpu or cuda, for learners whose config has the key device."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("sweeps")
    """Where the runs' folders go, and sweep.json, which says what came of them."""

    workers: int = 1
    """Runs at once on this machine: 1 in this process, more in processes of their own."""

    ray: Annotated[tuple[str, ...] | None, arg("[ADDRESS]")] = None
    """Run on a Ray cluster: one started here, the one that runs here (auto), or that at an address."""

    retries: int = 2
    """How often a run whose process dies is resumed before it counts as failed."""

    def run(self) -> None:
        """Train what is not done yet, and say what came of it."""
        with checking():
            self._check()
            vary = [text for group in self.vary for text in group]
            jobs = plan(
                self.learners,
                self.seeds,
                configs=self.config,
                vary=vary,
                overrides=self._overrides(),
                output=self.output,
                here=self.ray is None,
            )
            runs = [Run(job) for job in jobs]
            backend = self._backend(runs)

        with closing(backend), Outputs(folders=[self.output]) as outputs:
            self._check_free(runs)
            self._carry_out(runs, backend, outputs)

    def _check_free(self, runs: list[Run]) -> None:
        """Refuse runs that another process writes, before any of them begins."""
        for run in runs:
            if run.state is State.WAITING and run.job.run_dir.is_dir():
                with checking(), hold_folder(run.job.run_dir):
                    pass

    def _carry_out(self, runs: list[Run], backend: Backend, outputs: Outputs) -> None:
        began, created = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        stopped: int | None = None
        with closing(backend), Display(runs, console()) as display:
            try:
                carry_out(runs, backend, self.retries, display.changed)
            except KeyboardInterrupt as error:
                stopped = signal_of(error)
        for run in runs:
            run.episodes.refresh()
        seconds = time.monotonic() - began
        written = report.to_json(runs, type(backend).__name__, seconds, created)
        outputs.write(write_json_atomically, self.output / "sweep.json", written)
        if stopped is not None:
            raise Stopped(stopped, "unfinished runs have their checkpoints", go_on=[])
        show("", report.summary_table(runs).to_rich(), "")
        for measure in report.hints(runs, self.output):
            say(f"To measure them: {measure}")
        if any(run.state is State.FAILED for run in runs):
            raise SystemExit(1)

    def _check(self) -> None:
        if self.workers < 1:
            raise ValueError(f"--workers must be at least 1, got {self.workers}")
        if self.retries < 0:
            raise ValueError(f"--retries must be at least 0, got {self.retries}")
        if self.ray is not None and len(self.ray) > 1:
            raise ValueError(f"--ray must have at most one address, got {list(self.ray)}")
        if self.ray is not None and self.workers > 1:
            raise ValueError(
                f"--workers must be left out with --ray, which fills its cluster, got {self.workers}"
            )

    def _backend(self, runs: list[Run]) -> Backend:
        if all(run.state is State.SKIPPED for run in runs):
            return InProcess()  # which costs nothing to start
        if self.ray is not None:
            return RayCluster(*self.ray or (None,))
        return LocalPool(self.workers) if self.workers > 1 else InProcess()

    def _overrides(self) -> list[str]:
        options = {
            "num_episodes": self.episodes,
            "num_envs": self.num_envs,
            "env_id": self.env,
            "device": self.device,
        }
        return [*self.overrides, *(f"{key}={value}" for key, value in options.items() if value is not None)]
