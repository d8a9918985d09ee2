"""What an episode of CAGE-4 is judged by, beside its score: clean hosts, and recoveries right and wrong.

They count the truth, which no team sees. A recovery is a Remove or a Restore that a free agent begins; it is
right where the attacker has a session on the host in that moment. What an agent is told while an earlier
action goes on is ignored by CybORG, and so here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.interface import (
    FIRST_ACTIONS,
    HOST_SLICES,
    KIND_NUMBERS,
    NUM_HOSTS,
    NUM_ZONES,
    STEPS,
    existing_hosts,
)
from evaluation.cage4.lanes import Frame
from soc_env.metrics import Metric

Ints = NDArray[np.int64]


MEASURES: Final = (
    Metric("score", "sum over the steps of the mean reward over the blue agents", better="higher"),
    Metric(
        "clean",
        "guarded hosts without a session of the attacker, mean over steps",
        label="clean hosts",
        unit="%",
        better="higher",
        headline=True,
    ),
    Metric(
        "held",
        "guarded hosts where the attacker has privileges, mean over steps",
        label="hosts held",
        unit="%",
        better="lower",
        headline=True,
    ),
    Metric("right", "hosts removed from or restored while the attacker was there", label="right recoveries"),
    Metric(
        "wrong",
        "hosts removed from or restored while he was not",
        label="wrong recoveries",
        better="lower",
        headline=True,
    ),
)
"""Columns of an episode's figures, in order."""

_RECOVERIES: Final = [KIND_NUMBERS["Remove"], KIND_NUMBERS["Restore"]]
_FIRST_HOSTS: Final = np.array([hosts.start for hosts in HOST_SLICES])


class Measures:
    """Counts for lanes whose episodes begin with a frame."""

    def __init__(self, frame: Frame) -> None:
        self._exists = existing_hosts(frame.masks)
        self._busy = np.zeros((len(frame.over), NUM_ZONES), np.int64)
        self._steps = np.zeros(len(frame.over))
        self._sums = np.zeros((len(frame.over), len(MEASURES)))

    def begin(self, lanes: NDArray[np.bool_], frame: Frame) -> None:
        """Episodes begin anew in some lanes, with this frame."""
        self._exists[lanes] = existing_hosts(frame.masks)[lanes]
        self._busy[lanes] = self._steps[lanes] = 0
        self._sums[lanes] = 0.0

    def see(self, before: Frame, actions: Ints, after: Frame) -> None:
        """A step that led from `before` to `after`; for lanes whose episode it ended, it does not count.

        CybORG's last call is left out of the score by the challenge's own evaluation, see `protocol`.
        """
        counts = ~after.over
        right, wrong = self._recoveries(before, actions)
        hosts = self._exists.sum(1)
        clean = ((after.sessions == 0) & self._exists).sum(1) / hosts
        held = ((after.sessions == 2) & self._exists).sum(1) / hosts
        self._sums += counts[:, None] * np.stack([after.rewards, 100 * clean, 100 * held, right, wrong], 1)
        self._steps += counts

    def result(self) -> NDArray[np.float64]:
        """The figures of the lanes' episodes so far, (lanes, MEASURES)."""
        means = np.isin([measure.name for measure in MEASURES], ["clean", "held"])
        return np.where(means, self._sums / np.maximum(1, self._steps)[:, None], self._sums)

    def _recoveries(self, before: Frame, actions: Ints) -> tuple[Ints, Ints]:
        kinds = (actions[..., None] >= FIRST_ACTIONS).sum(-1) - 1
        free = self._busy == 0
        self._busy = np.where(free, STEPS[kinds], self._busy) - 1
        hosts = _FIRST_HOSTS + actions - np.take_along_axis(FIRST_ACTIONS, kinds.T, 1).T
        begun = free & np.isin(kinds, _RECOVERIES)
        there = np.take_along_axis(before.sessions > 0, np.minimum(hosts, NUM_HOSTS - 1), 1)
        return (begun & there).sum(1), (begun & ~there).sum(1)
