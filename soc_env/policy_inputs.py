"""What a team is told, checked before it decides: one boundary for every team of this library.

Behind it are computations that check nothing themselves, machine code among them. Numbers of any float or
integer dtype are cast to float32, whatever their layout in memory. All else raises an error that names the
argument, and the team is as it was before.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soc_env.engine.actions import check_agents, check_finite
from soc_env.engine.options import check_count
from soc_env.engine.seeding import checked_seed
from soc_env.team import OBSERVATION_SIZES

NOT_RESET: Final = 0
"""`num_envs` of a team with memory that has not been reset."""

_FLOAT32: Final = np.dtype(np.float32)


def check_reset(num_envs: int, seed: int | None = None) -> None:
    """Check what `TeamPolicy.reset` is told.

    Raises:
        TypeError, ValueError: num_envs is no integer of at least 1, or seed neither None nor an integer of
            at least 0.
    """
    check_count("num_envs", num_envs)
    if seed is not None:
        checked_seed(seed)


def read_inputs(
    observations: Any, episode_starts: Any = None, num_envs: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """What `TeamPolicy.act` is told, as arrays that computations can rely on.

    Args:
        observations: {agent: finite numbers (num_envs, size)}.
        episode_starts: bool (num_envs,), or None.
        num_envs: lanes that `reset` prepared, or `NOT_RESET`; None for a team without memory, which plays
            as many as it is shown.

    Returns:
        The joint observations, float32 (num_envs, 352), contiguous, and new; and the starts.

    Raises:
        RuntimeError: the team has memory and was not reset.
        TypeError: no mapping, or not of numbers, or starts that are not bool.
        ValueError: missing or unknown agents, another shape, NaN, or infinity as float32.
    """
    if num_envs == NOT_RESET:
        raise RuntimeError("act() was called before reset(): call reset(num_envs) first")
    check_agents(observations, "observations")
    lanes, arrays = num_envs, []
    for agent, size in OBSERVATION_SIZES.items():
        array = observations[agent]
        if type(array) is not np.ndarray or array.dtype is not _FLOAT32:  # the usual case takes no call
            array = _numbers(agent, array)
        lanes = lanes if lanes is not None else len(np.atleast_1d(array))
        if array.shape != (lanes, size):
            after = "" if num_envs is None else f" after reset({num_envs})"
            expected = f"observations must have shape {(lanes, size)}{after}"
            raise ValueError(f"{agent}: {expected}, got {array.shape}")
        arrays.append(array)
    starts = None if episode_starts is None else _starts(episode_starts, len(arrays[0]))
    joint = np.ascontiguousarray(np.concatenate(arrays, 1))  # which keeps the order of Fortran's arrays
    if np.count_nonzero(np.isfinite(joint)) < joint.size:
        for agent, array in zip(OBSERVATION_SIZES, arrays, strict=True):
            check_finite(agent, array, "observations")
    return joint, starts


def _numbers(agent: str, given: Any) -> NDArray[np.float32]:
    array = _array(given)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{agent}: observations must be an array of numbers, got {_kind(given, array)}")
    with np.errstate(over="ignore"):  # what becomes infinite is refused
        return array.astype(_FLOAT32)


def _starts(given: Any, lanes: int) -> NDArray[np.bool_]:
    starts = _array(given)
    expected = f"episode_starts must be None or bool of shape {(lanes,)}"
    if starts.dtype != np.bool_:
        raise TypeError(f"{expected}, got {_kind(given, starts)}")
    if starts.shape != (lanes,):
        raise ValueError(f"{expected}, got shape {starts.shape}")
    return starts


def _array(given: Any) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError):  # rows of different lengths, a tensor on a GPU
        return np.asarray(None)


def _kind(given: Any, array: NDArray[Any]) -> str:
    return type(given).__name__ if array.dtype == object else f"dtype {array.dtype}"
