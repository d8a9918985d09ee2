"""Back ends on this machine: one job after the other in this process, or some at once in their own.

Each job has a process of its own, so that one that is killed costs nothing but its own job: a
`ProcessPoolExecutor` would give up all of them.
"""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final, NamedTuple

from agent_zoo.interruption import stop_training
from evaluation.sweep.job import Job, run_job
from evaluation.sweep.schedule import Died, Ended, Event, Started

SECONDS_TO_END: Final = 20.0
"""How long a process may take to end when it should, with a checkpoint, before it is killed."""

_STOPPED: Final = 128 + signal.SIGTERM


class InProcess:
    """Jobs in this process, one after the other."""

    def __init__(self) -> None:
        self._waiting: deque[Job] = deque()
        self._started: Job | None = None

    def submit(self, job: Job) -> None:
        self._waiting.append(job)

    def next_event(self) -> Event:
        if self._started is None:
            self._started = self._waiting.popleft()
            return Started(self._started, os.getpid(), socket.gethostname())
        job, self._started = self._started, None
        return Ended(job, run_job(job))

    def close(self) -> None:
        """Nothing runs once `next_event` has returned."""


class _Worker(NamedTuple):
    job: Job
    process: SpawnProcess
    answer: Connection
    stop: Connection


class LocalPool:
    """Jobs in processes of their own, at most `num_workers` at once.

    What a process prints goes to worker.log in its run directory; a log with nothing in it is removed.
    """

    def __init__(self, num_workers: int) -> None:
        self._num_workers = num_workers
        self._waiting: deque[Job] = deque()
        self._running: list[_Worker] = []
        self._spawn = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork

    def submit(self, job: Job) -> None:
        self._waiting.append(job)

    def next_event(self) -> Event:
        if self._waiting and len(self._running) < self._num_workers:
            return self._start(self._waiting.popleft())
        (first, *_) = wait([worker.answer for worker in self._running])
        (worker,) = [worker for worker in self._running if worker.answer is first]
        self._running.remove(worker)
        try:
            failure = worker.answer.recv()
        except (EOFError, OSError):
            _end(worker)
            return Died(worker.job, _how_it_ended(worker))
        _end(worker)
        return Ended(worker.job, failure)

    def close(self) -> None:
        for worker in self._running:
            with contextlib.suppress(OSError):  # it has just died
                worker.stop.send(None)
        deadline = time.monotonic() + SECONDS_TO_END
        for worker in self._running:
            _end(worker, deadline - time.monotonic())
        self._running.clear()

    def _start(self, job: Job) -> Started:
        answer, theirs = self._spawn.Pipe(duplex=False)
        told, stop = self._spawn.Pipe(duplex=False)
        process = self._spawn.Process(target=_work, args=(job, theirs, told), daemon=True)
        with _interrupts_held_back():
            process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        told.close()
        self._running.append(_Worker(job, process, answer, stop))
        assert process.pid is not None
        return Started(job, process.pid, socket.gethostname())


def _work(job: Job, answer: Connection, told_to_stop: Connection) -> None:
    """What a worker process does."""
    threading.Thread(target=_watch, args=(told_to_stop,), daemon=True).start()
    job.run_dir.mkdir(parents=True, exist_ok=True)
    with open(_log(job), "ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    faulthandler.enable()
    try:
        answer.send(run_job(job))
    except KeyboardInterrupt:  # the sweep, or whoever has sent a signal to all of it, stops the training
        os._exit(_STOPPED)


def _watch(told_to_stop: Connection) -> None:
    """Stop the training when the sweep says so; end at once when it is gone.

    Two processes would write to one run directory later.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    if told_to_stop in wait([told_to_stop, parent.sentinel]):
        with contextlib.suppress(EOFError):  # which says that the sweep is gone
            told_to_stop.recv()
            if stop_training():
                parent.join()
    os._exit(_STOPPED)


@contextlib.contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Start processes that Ctrl-C, which a terminal sends to all of them, does not reach: we end them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # processes inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(worker: _Worker, seconds: float = SECONDS_TO_END) -> None:
    worker.process.join(max(seconds, 0.0))
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    worker.answer.close()
    worker.stop.close()
    log = _log(worker.job)
    if log.is_file() and log.stat().st_size == 0:
        log.unlink()


def _log(job: Job) -> Path:
    return job.run_dir / "worker.log"


def _how_it_ended(worker: _Worker) -> str:
    status = worker.process.exitcode
    assert status is not None
    reason = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    log = _log(worker.job)
    return f"{reason}, see {log}" if log.is_file() else reason
