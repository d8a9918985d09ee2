"""Share the lanes of a compiled kernel among threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

# Below this many lanes a thread's start costs more than it saves (some 30 microseconds a call).
LANES_WORTH_A_THREAD = 128

_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}


def available_threads() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_over_lanes(kernel: Callable[..., None], arguments: tuple[Any, ...], lanes: int, threads: int) -> None:
    """Call `kernel(*arguments, first, last)` on consecutive ranges that cover `lanes`.

    Kernels release the GIL and lanes are independent, so the division changes nothing but the time.
    """
    threads = min(threads, lanes // LANES_WORTH_A_THREAD)
    if threads < 2:
        kernel(*arguments, 0, lanes)
        return
    bounds = [lanes * k // threads for k in range(threads + 1)]
    pool = _pool(threads - 1)
    others = [pool.submit(kernel, *arguments, first, last) for first, last in pairwise(bounds[1:])]
    kernel(*arguments, bounds[0], bounds[1])
    for other in others:
        other.result()


def _pool(threads: int) -> ThreadPoolExecutor:
    # Keyed by process: a forked child inherits the pool's object but not its threads.
    key = (os.getpid(), threads)
    if key not in _pools:
        _pools[key] = ThreadPoolExecutor(threads, thread_name_prefix="soc-env-lanes")
    return _pools[key]
