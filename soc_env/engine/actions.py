"""From the actions users give to the engine's buffers, checked before anything changes.

Any float dtype and any integer is cast. Finite values are taken as they are (the rules clip them);
NaN and infinity, wrong shapes, missing or unknown agents, and verdicts that are no integer in 0..3
raise an error that names the agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soc_env.engine.compile import entry_point
from soc_env.team import AGENTS, CONTROL_SIZE, CONTROL_SIZES, CONTROL_SLICES, NUM_VERDICTS, TRIAGE

_AGENT_SET = frozenset(AGENTS)
_FLOAT32 = np.dtype(np.float32)


def check_agents(given: Any, argument: str = "actions") -> None:
    """Raise unless what was given as `argument` is a mapping with exactly the team's agents."""
    if not isinstance(given, Mapping):
        raise TypeError(f"{argument} must be a dictionary keyed by agent, got {type(given).__name__}")
    if given.keys() != _AGENT_SET:
        missing = [agent for agent in AGENTS if agent not in given]
        unknown = [agent for agent in given if agent not in _AGENT_SET]
        problems = ([f"missing {missing}"] if missing else []) + ([f"unknown {unknown}"] if unknown else [])
        raise ValueError(f"{argument} must have exactly the agents {list(AGENTS)}: {', '.join(problems)}")


def checked_control(agent: str, action: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A continuous action as float32 of `shape`, all finite; errors as for `checked_numbers`."""
    array = checked_numbers(agent, action, shape)
    if array.dtype == _FLOAT32:
        return array
    # Values beyond float32's range are finite all the same and mean the bound.
    return np.clip(array, -1.0, 1.0).astype(np.float32)


def checked_numbers(owner: str, action: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """`action` as an array of `shape`, of floats or integers, all finite; `owner` is whose it is.

    Raises:
        TypeError: not numeric. ValueError: another shape, NaN or infinity.
    """
    try:
        array = np.asarray(action)
    except (TypeError, ValueError, RuntimeError) as error:  # rows of unequal length, a tensor on a GPU
        raise TypeError(f"{owner}: action must be an array of numbers: {error}") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{owner}: action must be an array of numbers, got dtype {array.dtype}: {action!r}")
    if array.shape != shape:
        raise ValueError(f"{owner}: action must have shape {shape}, got {array.shape}")
    check_finite(owner, array)
    return array


def check_finite(agent: str, array: NDArray[Any], what: str = "action") -> None:
    """Raise ValueError naming the first entry that is NaN or infinite."""
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0]
        index = ", ".join(map(str, where))
        raise ValueError(f"{agent}: {what} must be finite, got {array[tuple(where)]} at [{index}]")


def checked_verdict(verdict: Any) -> int:
    """The triage's verdict as an int.

    Raises:
        TypeError: no integer scalar. ValueError: outside 0..3.
    """
    if isinstance(verdict, np.ndarray):
        if verdict.shape != ():
            raise ValueError(f"{TRIAGE}: verdict must be a scalar, got an array of shape {verdict.shape}")
        verdict = verdict[()]
    if isinstance(verdict, bool) or not isinstance(verdict, (int, np.integer)):
        raise TypeError(f"{TRIAGE}: verdict must be an integer from 0 to {NUM_VERDICTS - 1}, got {verdict!r}")
    if not 0 <= verdict < NUM_VERDICTS:
        raise ValueError(
            f"{TRIAGE}: verdict must be an integer from 0 to {NUM_VERDICTS - 1}, got {verdict!r}"
        )
    return int(verdict)


def checked_verdicts(verdicts: Any, num_envs: int) -> NDArray[np.int64]:
    """The verdicts of all lanes, integers (num_envs,) in 0..3; errors as for one."""
    array = np.asarray(verdicts)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"{TRIAGE}: verdicts must be integers from 0 to {NUM_VERDICTS - 1}, got dtype {array.dtype}"
        )
    if array.shape != (num_envs,):
        raise ValueError(f"{TRIAGE}: verdicts must have shape {(num_envs,)}, got {array.shape}")
    if num_envs and (array.min() < 0 or array.max() >= NUM_VERDICTS):
        lane = np.flatnonzero((array < 0) | (array >= NUM_VERDICTS))[0]
        raise ValueError(
            f"{TRIAGE}: verdicts must be integers from 0 to {NUM_VERDICTS - 1}, "
            f"got {array[lane]} in lane {lane}"
        )
    return array


def read_batch(actions: Any, controls: NDArray[np.float32], verdicts: NDArray[np.int64]) -> None:
    """Check the actions of all lanes, then write them to the buffers.

    Args:
        actions: {agent: (num_envs, size)}, the triage's integers (num_envs,).
        controls: float32 (num_envs, 36). verdicts: int64 (num_envs,).
    """
    check_agents(actions)
    num_envs = len(verdicts)
    checked = {
        agent: checked_control(agent, actions[agent], (num_envs, size))
        for agent, size in CONTROL_SIZES.items()
    }
    checked_verdict_array = checked_verdicts(actions[TRIAGE], num_envs)
    for agent, array in checked.items():
        controls[:, CONTROL_SLICES[agent]] = array
    verdicts[:] = checked_verdict_array


_PARTS = tuple((agent, (size,), CONTROL_SLICES[agent]) for agent, size in CONTROL_SIZES.items())


@entry_point
def _all_finite(row: NDArray[np.float32]) -> bool:
    # Without arithmetic, which would have NumPy warn of infinities before the error does.
    for value in row:  # noqa: SIM110  # compiled, and faster so
        if not np.isfinite(value):
            return False
    return True


def read_single(actions: Any, controls: NDArray[np.float32], verdicts: NDArray[np.int64]) -> None:
    """Check one lane's actions, {agent: (size,)} and an integer, then write them to lane 0's buffers.

    A single lane's step is mostly such handling, so the usual case takes the shortest way.
    """
    check_agents(actions)
    row = np.empty(CONTROL_SIZE, np.float32)
    for agent, shape, part in _PARTS:
        action = actions[agent]
        if type(action) is np.ndarray and action.dtype is _FLOAT32 and action.shape == shape:
            row[part] = action
        else:
            row[part] = checked_control(agent, action, shape)
    if not _all_finite(row):
        for agent, _, part in _PARTS:
            check_finite(agent, row[part])
    verdict = checked_verdict(actions[TRIAGE])
    controls[0] = row
    verdicts[0] = verdict
