"""Carrying out a sweep's runs on a back end, with another try for those whose process dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from evaluation.sweep.job import Failure, Job
from evaluation.sweep.progress import EpisodeTail


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Started:
    """A process has begun with a job."""

    job: Job
    pid: int
    host: str


@dataclass(frozen=True)
class Ended:
    """A job's training has returned or, with a failure, raised."""

    job: Job
    failure: Failure | None


@dataclass(frozen=True)
class Died:
    """A job's process has ended without an answer; the reason names the signal or exit status."""

    job: Job
    reason: str


Event = Started | Ended | Died


class Backend(Protocol):
    """Where jobs run."""

    def submit(self, job: Job) -> None:
        """Take a job, to be started when there is room."""
        ...

    def next_event(self) -> Event:
        """Wait until something happens to a job that was submitted."""
        ...

    def close(self) -> None:
        """End what still runs; its run directories can be resumed."""
        ...


@dataclass(eq=False)
class Run:
    """A job and what has become of it.

    Attributes:
        state: a run that is there already is skipped.
        started: the process that has, or had, it.
        deaths: why earlier processes of it died.
        failure: why it failed.
    """

    job: Job
    state: State = State.WAITING
    started: Started | None = None
    deaths: list[str] = field(default_factory=list)
    failure: Failure | None = None
    _began: float | None = None
    _seconds: float = 0.0

    def __post_init__(self) -> None:
        self.episodes = EpisodeTail(self.job.run_dir / "episodes.csv")
        if self.job.done:
            self.state = State.SKIPPED

    @property
    def num_episodes(self) -> int:
        """Episodes that it is to train for."""
        return int(self.job.config["num_episodes"])

    @property
    def seconds(self) -> float:
        """Wall-clock time since its first process began, until its end."""
        if self.state is State.RUNNING and self._began is not None:
            return time.monotonic() - self._began
        return self._seconds

    def enter(self, state: State) -> None:
        """Change the state."""
        if state is State.RUNNING and self._began is None:
            self._began = time.monotonic()
        self._seconds = self.seconds
        self.state = state


def carry_out(
    runs: Iterable[Run], backend: Backend, retries: int, on_change: Callable[[Run], None] = lambda run: None
) -> None:
    """Carry out all runs that wait, calling `on_change` after each change to one.

    Args:
        runs: they end done or failed.
        backend: where.
        retries: how often a run whose process dies is resumed. One that raises would raise again.

    Raises:
        KeyboardInterrupt: runs that had begun wait again.
    """
    unfinished = {run.job.run_dir: run for run in runs if run.state is State.WAITING}
    for run in unfinished.values():
        backend.submit(run.job)
    try:
        while unfinished:
            event = backend.next_event()
            run = unfinished[event.job.run_dir]
            _apply(event, run, retries)
            if run.state is State.WAITING:
                backend.submit(run.job)
            elif run.state is not State.RUNNING:
                del unfinished[run.job.run_dir]
            on_change(run)
    except KeyboardInterrupt:
        for run in unfinished.values():
            run.enter(State.WAITING)
        raise


def _apply(event: Event, run: Run, retries: int) -> None:
    match event:
        case Started():
            run.started = event
            run.enter(State.RUNNING)
        case Ended(failure=failure):
            run.failure = failure
            run.enter(State.FAILED if failure else State.DONE)
        case Died(reason=reason):
            run.deaths.append(reason)
            if len(run.deaths) <= retries:
                run.enter(State.WAITING)
            else:
                times = f", {len(run.deaths)} times in all" if retries else ""
                run.failure = Failure(f"its process died: {reason}{times}", "")
                run.enter(State.FAILED)
