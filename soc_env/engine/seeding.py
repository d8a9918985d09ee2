"""From the seeds users give to the keys of lanes."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soc_env.engine.compile import entry_point
from soc_env.engine.random import fold

_NETWORK, _EPISODES = 0, 1


def fresh_seed() -> int:
    """A seed from the operating system's entropy."""
    return int.from_bytes(os.urandom(8), "little")


def checked_seed(seed: object, name: str = "seed") -> int:
    """`seed` as a Python int; any integer will do, NumPy's as well.

    Raises:
        TypeError: it is no integer. ValueError: it is negative.
    """
    try:
        if isinstance(seed, bool):
            raise TypeError
        value = operator.index(seed)  # type: ignore[arg-type]  # which is what this checks
    except TypeError:
        raise TypeError(f"{name} must be an integer >= 0 or None, got {seed!r}") from None
    if value < 0:
        raise ValueError(f"{name} must be an integer >= 0, got {value}")
    return value


def checked_lane(options: Any, num_envs: int = 1) -> int | None:
    """`options["lane"]`, the number of the first of `num_envs` lanes under a seed; None if not given.

    Raises:
        TypeError: the options are no dictionary, or the lane is no integer.
        ValueError: it is negative, or too large to be numbered.
    """
    if options is None:
        return None
    if not isinstance(options, Mapping):
        raise TypeError(f"options must be a dictionary or None, got {options!r}")
    lane = options.get("lane")
    if lane is None:
        return None
    lane, most = checked_seed(lane, "options['lane']"), int(np.iinfo(np.int64).max) - num_envs
    if lane > most:
        raise ValueError(f"options['lane'] must be an integer from 0 to {most}, got {lane}")
    return lane


def root_keys(seeds: Sequence[int]) -> NDArray[np.uint64]:
    """One well-mixed 64-bit key for each seed, which may have any number of bits."""
    return np.array(
        [np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] for seed in seeds], np.uint64
    )


@entry_point
def fold_lanes(
    roots: NDArray[np.uint64],
    lanes: NDArray[np.int64],
    lane_keys: NDArray[np.uint64],
    network_keys: NDArray[np.uint64],
) -> None:
    """The keys of lanes number `lanes` under `roots`, and those of their networks; all (num_envs,)."""
    for i in range(roots.shape[0]):
        lane_key = fold(roots[i], lanes[i])
        lane_keys[i] = fold(lane_key, _EPISODES)
        network_keys[i] = fold(lane_key, _NETWORK)


@entry_point
def fold_episodes(
    lane_keys: NDArray[np.uint64], episodes: NDArray[np.int64], episode_keys: NDArray[np.uint64]
) -> None:
    """The keys of the lanes' present episodes; all (num_envs,)."""
    for i in range(lane_keys.shape[0]):
        episode_keys[i] = fold(lane_keys[i], episodes[i])
