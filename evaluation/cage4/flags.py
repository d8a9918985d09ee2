"""What the numbers of the blue agents' observations are, by name and for many lanes at once."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.interface import (
    BLUE_AGENTS,
    HOSTS_PER_SUBNET,
    INTERFACE,
    OBSERVATION_SIZE,
    OBSERVATION_SLICES,
)

Bools = NDArray[np.bool_]


class Flags(NamedTuple):
    """The observations of lanes, taken apart.

    Attributes:
        phase: int (lanes,), the mission's phase: 0 planning, 1 mission A, 2 mission B.
        blocked: (lanes, guarded subnets, sources), whether traffic from a source into the subnet is blocked.
        unwanted: the same shape, whether the mission's policy says that it should be.
        process: (lanes, hosts), a malicious process was seen in this step.
        connection: (lanes, hosts), a suspicious connection was seen in this step.
    """

    phase: NDArray[np.int64]
    blocked: Bools
    unwanted: Bools
    process: Bools
    connection: Bools


class _Places(NamedTuple):
    """Entries of the joint row: `subnet` (guarded, subnets) says which one it is; others as in `Flags`."""

    subnet: NDArray[np.int64]
    blocked: NDArray[np.int64]
    unwanted: NDArray[np.int64]
    process: NDArray[np.int64]
    connection: NDArray[np.int64]


def _places() -> _Places:
    count = len(INTERFACE.subnets)
    parts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in _Places._fields}
    for agent, observation in zip(BLUE_AGENTS, OBSERVATION_SLICES, strict=True):
        start = observation.start + 1
        for subnet in INTERFACE.guarded[agent]:
            sources = np.flatnonzero([source != subnet for source in INTERFACE.subnets])
            parts["subnet"].append(start + np.arange(count))
            parts["blocked"].append(start + count + sources)
            parts["unwanted"].append(start + 2 * count + sources)
            parts["process"].append(start + 3 * count + np.arange(HOSTS_PER_SUBNET))
            parts["connection"].append(start + 3 * count + HOSTS_PER_SUBNET + np.arange(HOSTS_PER_SUBNET))
            start += 3 * count + 2 * HOSTS_PER_SUBNET
    hosts = {name: np.concatenate(parts.pop(name)) for name in ("process", "connection")}
    return _Places(**{name: np.stack(rows) for name, rows in parts.items()}, **hosts)


PLACES: Final = _places()
_PHASE: Final = OBSERVATION_SLICES[0].start
_EXPECTED_SUBNETS: Final = np.array(
    [
        [subnet == name for name in INTERFACE.subnets]
        for agent in BLUE_AGENTS
        for subnet in INTERFACE.guarded[agent]
    ]
)


def read_flags(observations: NDArray[np.integer]) -> Flags:
    """Take the agents' observations apart, integers (lanes, OBSERVATION_SIZE).

    Raises:
        ValueError: they are not of that size, a phase or a flag has another value than it can have, or an
            agent says that it guards another subnet than `interface.json` has.
    """
    if observations.ndim != 2 or observations.shape[1] != OBSERVATION_SIZE:
        raise ValueError(
            f"observations must have shape (lanes, {OBSERVATION_SIZE}), got {observations.shape}"
        )
    phase = observations[:, _PHASE].astype(np.int64)
    phases = len(INTERFACE.mission_phases)
    if ((phase < 0) | (phase >= phases)).any():
        raise ValueError(f"the mission phase must be from 0 to {phases - 1}, got {phase.tolist()}")
    subnets = observations[:, PLACES.subnet]
    if (subnets != _EXPECTED_SUBNETS).any():
        lane, place, _ = np.argwhere(subnets != _EXPECTED_SUBNETS)[0]
        raise ValueError(
            f"guarded subnet {place} must be {_EXPECTED_SUBNETS[place].astype(int).tolist()} of "
            f"{list(INTERFACE.subnets)}, got {subnets[lane, place].tolist()} in lane {lane}"
        )
    named = {name: observations[:, getattr(PLACES, name)] for name in Flags._fields[1:]}
    for name, values in named.items():
        if ((values != 0) & (values != 1)).any():
            raise ValueError(f"{name} must be 0 or 1, got {sorted(set(values.ravel().tolist()))}")
    return Flags(phase, **{name: values.astype(np.bool_) for name, values in named.items()})
