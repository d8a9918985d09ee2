"""The back end on a Ray cluster, whose nodes share the file system with the run directories."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from agent_zoo.interruption import SIGNALS
from evaluation.sweep.job import Failure, Job, run_job
from evaluation.sweep.schedule import Died, Ended, Event, Started
from soc_env.extras import require

SECONDS_TO_END: Final = 20.0
"""How long trainings that are stopped may take for their checkpoints, before they are killed."""

SECONDS_TO_ANSWER: Final = 10.0
"""How long a cluster's port may take to answer."""


class RayCluster:
    """Jobs as Ray tasks; Ray starts as many at once as its cluster has room for."""

    def __init__(self, address: str | None) -> None:
        """Connect to a cluster, or start one on this machine.

        Args:
            address: None: start one; "auto": one that runs on this machine; else its HOST:PORT. A cluster
                with Ray's token authentication wants RAY_AUTH_MODE and RAY_AUTH_TOKEN set as its own.

        Raises:
            ImportError: Ray is not installed.
            ValueError: `address` is none of these.
            ConnectionError: there is no cluster at that address.
        """
        self._ray: Any = require("ray", extra="ray", purpose="soc-env sweep --ray")
        if address not in (None, "auto"):
            _check_reachable(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray's developers need not know of it
        quiet = {"log_to_driver": False, "logging_level": "ERROR"}
        with _own_signals():
            if address is None:
                self._ray.init(address="local", include_dashboard=False, **quiet)
            else:
                self._ray.init(address=address, **quiet)
        # A cluster may grow to what a task asks for, this machine does not.
        self._most = self._ray.cluster_resources() if address is None else None
        # Retries are counted by `schedule`, the same way for every back end, and shown.
        self._task = self._ray.remote(max_retries=0)(_work)
        self._running: dict[Any, Job] = {}

    def submit(self, job: Job) -> None:
        options = resources(job.config, self._most)
        self._running[self._task.options(name=f"{job.label} {job.seed}", **options).remote(job)] = job

    def next_event(self) -> Event:
        (task, *_), _ = self._ray.wait(list(self._running), num_returns=1)
        job = self._running[task]
        try:
            event: Event = self._ray.get(next(task))
        except self._ray.exceptions.RayTaskError as error:  # of ours: `run_job` catches the training's
            event = Ended(job, Failure(f"{type(error.cause).__name__}: {error.cause}", str(error)))
        except self._ray.exceptions.RayError as error:
            event = Died(job, f"{type(error).__name__}: {error}")
        if not isinstance(event, Started):
            del self._running[task]
        return event

    def close(self) -> None:
        for task in self._running:
            self._ray.cancel(task)  # as Ctrl-C does: a training makes a checkpoint
        deadline = time.monotonic() + SECONDS_TO_END
        while self._running and (left := deadline - time.monotonic()) > 0:
            ended, _ = self._ray.wait(list(self._running), num_returns=1, timeout=left)
            if ended:
                self.next_event()
        for task in self._running:
            self._ray.cancel(task, force=True)
        self._running.clear()
        self._ray.shutdown()


def _work(job: Job) -> Iterator[Event]:
    """What a Ray worker does; the caller gets each event when it happens."""
    yield Started(job, os.getpid(), socket.gethostname())
    yield Ended(job, run_job(job))


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Give back the handlers that Ray replaces as it starts: its own would end the sweep without a word."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _check_reachable(address: str) -> None:
    """Say at once what Ray takes minutes to say."""
    host, colon, port = address.rpartition(":")
    if not (colon and port.isdigit()) or "/" in host:  # ray:// has no generators, which `next_event` needs
        raise ValueError(f"--ray must be auto or HOST:PORT, got {address!r}")
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_ANSWER).close()
    except OSError as error:
        raise ConnectionError(f"--ray must be the address of a cluster, got {address}: {error}") from None


def resources(config: Mapping[str, Any], most: Mapping[str, float] | None) -> dict[str, float]:
    """What to ask of Ray: a CPU for each of torch's threads, a GPU if the config computes on one.

    Args:
        config: of the job.
        most: what there will ever be, None where that is not known. Ray waits for what is not there.
    """
    wanted = {
        "CPU": config.get("num_threads", 1),
        "GPU": int(str(config.get("device", "")).startswith("cuda")),
    }
    if most is not None:
        wanted = {name: min(amount, most.get(name, 0)) for name, amount in wanted.items()}
    return {"num_cpus": wanted["CPU"], "num_gpus": wanted["GPU"]}
