"""Lanes of CAGE-4 in processes of their own, since CybORG plays one episode at a time and slowly.

The processes are spawned with one and the same hash seed: CybORG goes through sets of strings, so that with
Python's random hashes equal seeds would give other episodes in every process.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.interface import NUM_ZONES
from evaluation.cage4.lanes import Frame

_HASH_SEED: Final = "PYTHONHASHSEED"
_END_SECONDS: Final = 5.0


class CybORGLanes:
    """`num_lanes` lanes, shared out among processes; what they give does not depend on how many there are.

    Args:
        num_lanes: lanes, 1 or more.
        num_processes: at most; None for one a lane, or a processor where there are fewer.

    Raises:
        ValueError: fewer than one lane or process.
        ImportError: CybORG is not there; the message says how to get it.
        RuntimeError: a process has failed.
    """

    def __init__(self, num_lanes: int, num_processes: int | None = None) -> None:
        limit = os.cpu_count() or 1 if num_processes is None else num_processes
        for name, value in (("num_lanes", num_lanes), ("num_processes", limit)):
            if value < 1:
                raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
        self.num_lanes = num_lanes
        self._frame = Frame.empty(num_lanes)
        self._parts = [part for part in np.array_split(np.arange(num_lanes), limit) if len(part)]
        self._workers: list[tuple[Any, Connection]] = []
        context = multiprocessing.get_context("spawn")
        try:
            with _fixed_hashes():
                for part in self._parts:
                    ours, theirs = context.Pipe()
                    process = context.Process(target=_serve, args=(theirs, len(part)), daemon=True)
                    process.start()
                    theirs.close()
                    self._workers.append((process, ours))
            for worker in range(len(self._workers)):
                self._answer(worker)  # that CybORG is there
        except BaseException:
            self.close()
            raise

    def reset(self, lanes: NDArray[np.bool_], seeds: Sequence[int]) -> Frame:
        """Begin episodes in some lanes, bool (num_lanes,); `seeds` has one for each lane of all."""
        asked = [part[lanes[part]] for part in self._parts]
        orders = [
            [("reset", int(np.searchsorted(part, lane)), int(seeds[lane])) for lane in begun]
            for part, begun in zip(self._parts, asked, strict=True)
        ]
        return self._play(orders, asked)

    def step(self, actions: NDArray[np.int64]) -> Frame:
        """One step of every lane: the blue agents' actions, indices (num_lanes, agents)."""
        if actions.shape != (self.num_lanes, NUM_ZONES):
            raise ValueError(f"actions must have shape {(self.num_lanes, NUM_ZONES)}, got {actions.shape}")
        orders = [[("step", place, actions[lane]) for place, lane in enumerate(part)] for part in self._parts]
        return self._play(orders, self._parts)

    def close(self) -> None:
        """End the processes."""
        for _, connection in self._workers:
            with suppress(OSError):
                connection.send(None)
            connection.close()
        for process, _ in self._workers:
            process.join(_END_SECONDS)
            if process.is_alive():
                process.terminate()
                process.join()
        self._workers = []

    def _play(self, orders: list[list[tuple[str, int, Any]]], lanes: list[NDArray[np.int64]]) -> Frame:
        for (_, connection), order in zip(self._workers, orders, strict=True):
            connection.send(order)
        self._frame = Frame._make(array.copy() for array in self._frame)
        for worker, played in enumerate(lanes):
            for lane, frame in zip(played, self._answer(worker), strict=True):
                for name, array in self._frame._asdict().items():
                    array[lane] = getattr(frame, name)[0]
        return self._frame

    def _answer(self, worker: int) -> Any:
        process, connection = self._workers[worker]
        try:
            answer = connection.recv()
        except EOFError:
            process.join()
            raise RuntimeError(f"a process of CybORG exited with status {process.exitcode}") from None
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def _fixed_hashes() -> Iterator[None]:
    """Processes started meanwhile hash strings alike."""
    before = os.environ.get(_HASH_SEED)
    os.environ[_HASH_SEED] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_HASH_SEED]
        else:
            os.environ[_HASH_SEED] = before


def _serve(connection: Connection, num_lanes: int) -> None:
    """The process's side: `num_lanes` lanes of CybORG, until None comes."""
    from evaluation.cage4.cyborg import CybORGLane

    try:
        lanes = [CybORGLane() for _ in range(num_lanes)]
        connection.send([])
        gc.disable()  # it looks through all of CybORG's many objects, again and again: a fifth of the time
        while (orders := connection.recv()) is not None:
            connection.send([getattr(lanes[place], method)(argument) for method, place, argument in orders])
            if any(method == "reset" for method, _, _ in orders):
                gc.collect()
    except (EOFError, KeyboardInterrupt):
        return
    except Exception as error:
        known = isinstance(error, (ImportError, ValueError))  # which a caller can do something about
        failure = type(error)(str(error)) if known else RuntimeError(f"CybORG failed: {error!r}")
        with suppress(OSError):  # nobody listens any more where another process has failed before
            connection.send(failure)
