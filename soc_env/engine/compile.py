"""How kernels are compiled, in one place.

`rule` marks a function that other compiled code calls; `entry_point` marks the few that Python calls.
Only entry points are cached on disk (their callees are compiled into them), and they release the
GIL, so that threads can share the lanes. With NUMBA_DISABLE_JIT=1 both leave plain Python behind,
which computes the same bits slowly: no fast-math is used, so floating point is exact IEEE either way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

from soc_env.engine.kernel_cache import use_cache

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILED = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]  # set at run time

_RULE_OPTIONS: dict[str, Any] = {
    "error_model": "numpy",
    "forceinline": True,
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
_ENTRY_POINT_OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True}


def rule(function: Function) -> Function:
    """Compile a function that only other compiled functions call.

    Rules are small, take many arrays and allocate none. Inlining spares passing those arrays, and
    leaving out reference counting spares an atomic operation at each use of one: together they make
    a step seven times faster (benchmarks/README.md). Wrappers for Python would add a third to the
    time that compiling takes.
    """
    return numba.njit(**_RULE_OPTIONS)(function) if COMPILED else function


def entry_point(function: Function) -> Function:
    """Compile a function that Python calls; its machine code is kept on disk for the next process."""
    if COMPILED:
        dispatcher = numba.njit(**_ENTRY_POINT_OPTIONS)(function)
        use_cache(dispatcher)
        return dispatcher
    # Hashing relies on integers that wrap around, about which plain NumPy scalars warn.
    return np.errstate(over="ignore")(function)


def records(shape: int | tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Zeroed records whose fields are attributes inside kernels, compiled or not."""
    array = np.zeros(shape, dtype)
    return array if COMPILED else array.view(np.recarray)
