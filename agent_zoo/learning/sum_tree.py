"""A tree of partial sums: draws in proportion to priorities, in logarithmic time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soc_env.engine.compile import entry_point


class SumTree:
    """Priorities of `capacity` entries, all 0 at first.

    Node k has the children 2k and 2k + 1 and holds their sum; node 1 is the root, and entry i is node
    `size + i`. Every sum is computed from its two children, never by adding differences, so that it
    depends on the priorities alone and errors do not pile up.
    """

    def __init__(self, capacity: int) -> None:
        self.size = 1 << max(0, capacity - 1).bit_length()
        self.nodes = np.zeros(2 * self.size)

    @property
    def total(self) -> float:
        return float(self.nodes[1])

    def priorities(self, entries: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.nodes[self.size + entries]

    def set(self, entries: NDArray[np.int64], priorities: NDArray[np.float64]) -> None:
        """Set priorities, each >= 0; of an entry that is named twice, the last."""
        _set(self.nodes, self.size, entries, priorities)

    def find(self, sums: NDArray[np.float64]) -> NDArray[np.int64]:
        """For each number in [0, total): the entry in whose stretch of the running sum it falls."""
        return _find(self.nodes, self.size, sums)


@entry_point
def _set(nodes: Any, size: int, entries: Any, priorities: Any) -> None:
    for k in range(len(entries)):
        nodes[size + entries[k]] = priorities[k]
    for k in range(len(entries)):
        node = (size + entries[k]) >> 1
        while node >= 1:
            nodes[node] = nodes[2 * node] + nodes[2 * node + 1]
            node >>= 1


@entry_point
def _find(nodes: Any, size: int, sums: Any) -> Any:
    found = np.empty(len(sums), np.int64)
    for k in range(len(sums)):
        rest, node = sums[k], 1
        while node < size:
            node *= 2
            # Rounding may lead past the last entry with a priority: never enter an empty branch.
            if rest >= nodes[node] and nodes[node + 1] > 0.0:
                rest -= nodes[node]
                node += 1
        found[k] = node - size
    return found
