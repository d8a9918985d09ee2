"""The state of a host as pictures show it, and many hosts gathered into few cells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering.snapshot import SegmentView


class HostState(IntEnum):
    """What a viewer needs to know of a host, the more worrying the larger."""

    CLEAN = 0
    ISOLATED_CLEAN = 1
    ISOLATED_COMPROMISED = 2
    DETECTED = 3
    UNDETECTED = 4


STATE_LABELS = {
    HostState.CLEAN: "clean",
    HostState.ISOLATED_CLEAN: "isolated, clean",
    HostState.ISOLATED_COMPROMISED: "isolated, compromised",
    HostState.DETECTED: "compromised, detected",
    HostState.UNDETECTED: "compromised, undetected",
}


def host_states(segment: SegmentView) -> NDArray[np.int64]:
    """`HostState` of each host, int64 (hosts,)."""
    at_large = np.where(segment.detected, HostState.DETECTED, HostState.UNDETECTED)
    infected = np.where(segment.isolated, HostState.ISOLATED_COMPROMISED, at_large)
    healthy = np.where(segment.isolated, HostState.ISOLATED_CLEAN, HostState.CLEAN)
    return np.where(segment.compromised, infected, healthy).astype(np.int64)


def count_states(segment: SegmentView) -> NDArray[np.int64]:
    """How many hosts are in each `HostState`, int64 (5,)."""
    return np.bincount(host_states(segment), minlength=len(HostState)).astype(np.int64)


@dataclass(frozen=True)
class HostCells:
    """Hosts in order, `hosts_per_cell` neighbours to a cell (the last cell may hold fewer).

    Attributes:
        counts: int64 (cells, 5), hosts of each `HostState`.
        stage: int64 (cells,), the highest attack stage in the cell.
    """

    hosts_per_cell: int
    counts: NDArray[np.int64]
    stage: NDArray[np.int64]

    @property
    def worst(self) -> NDArray[np.int64]:
        """The most worrying `HostState` in each cell, int64 (cells,)."""
        last = len(HostState) - 1
        return (last - np.argmax(self.counts[:, ::-1] > 0, axis=1)).astype(np.int64)


def gather_hosts(segment: SegmentView, max_cells: int) -> HostCells:
    """The segment's hosts in at most `max_cells` cells, a host each where they suffice."""
    states = host_states(segment)
    hosts_per_cell = max(1, -(-len(states) // max_cells))
    starts = np.arange(0, len(states), hosts_per_cell)
    one_hot = states[:, None] == np.arange(len(HostState))
    return HostCells(
        hosts_per_cell,
        np.add.reduceat(one_hot.astype(np.int64), starts),
        np.maximum.reduceat(np.asarray(segment.stage, np.int64), starts),
    )
