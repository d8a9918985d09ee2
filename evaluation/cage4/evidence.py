"""What the adapter remembers: CAGE-4 shows each event for one step only, the SOC has alerts and hosts.

An alert stands for one host. It is raised when a flag is seen there and closed when the triage says so, when
the host has been examined, removed from or restored since, or when nobody has dealt with it for long: a flag
says what happened in one step, and of later ones less and less. A host is

- flagged while its alert is open,
- suspected once the triage has escalated its alert, until it has been examined, removed from or restored,
- found to have malware once an examination says so, until it has been restored.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.flags import Flags
from evaluation.cage4.interface import (
    HOST_SLICES,
    KIND_NUMBERS,
    NUM_GUARDED,
    NUM_HOSTS,
    NUM_SOURCES,
    NUM_ZONES,
    STEPS,
    existing_hosts,
)
from evaluation.cage4.meaning import SCALE, SOC, ZONE_OF_HOST, ZONE_VALUES
from soc_env.team import Verdict

NEVER: Final = -1
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


_RESPONSES: Final = [KIND_NUMBERS["Remove"], KIND_NUMBERS["Restore"]]

# Name: dtype, shape in a lane, and what an episode begins with.
_ARRAYS: Final[dict[str, tuple[type, tuple[int, ...], int]]] = {
    "step": (np.int64, (), 0),
    "phase": (np.int64, (), 0),
    "blocked": (np.bool_, (NUM_GUARDED, NUM_SOURCES), 0),
    "unwanted": (np.bool_, (NUM_GUARDED, NUM_SOURCES), 0),
    "exists": (np.bool_, (NUM_HOSTS,), 0),
    "raised": (np.int64, (NUM_HOSTS,), NEVER),
    "process": (np.bool_, (NUM_HOSTS,), 0),
    "connection": (np.bool_, (NUM_HOSTS,), 0),
    "enriched": (np.float32, (NUM_HOSTS,), 0),
    "suspected": (np.bool_, (NUM_HOSTS,), 0),
    "found": (np.bool_, (NUM_HOSTS,), 0),
    "decoy": (np.bool_, (NUM_HOSTS,), 0),
    "examined": (np.int64, (NUM_HOSTS,), NEVER),
    "busy": (np.int64, (NUM_ZONES,), 0),
    "doing": (np.int64, (NUM_ZONES,), 0),
    "target": (np.int64, (NUM_ZONES,), 0),
    "effort": (np.float64, (NUM_ZONES,), 0),
    "alerts": (np.int64, (), 0),
    "examinations": (np.int64, (), 0),
}


class Evidence:
    """Memory of `num_envs` lanes; all arrays have a lane a row.

    Attributes:
        step: steps since the episode began.
        phase, blocked, unwanted: as last seen, see `Flags`.
        exists: (hosts,), whether the host exists in this episode.
        raised: (hosts,), the step that raised the open alert, `NEVER` without one.
        process, connection: (hosts,), what the open alert is about.
        enriched: (hosts,), confidence that the triage has added to it.
        suspected, found: (hosts,), see the module; `found` is where malware was.
        decoy: (hosts,), whether a decoy was put there since it was last restored.
        examined: (hosts,), the step of the last examination or restoration.
        busy: (zones,), steps until the agent is free. doing, target: its kind of action and its host.
        effort: (zones,), what the hunt has in hand for hosts that nothing points to.
        alerts, examinations: alerts raised and hosts examined so far.
    """

    step: Ints
    phase: Ints
    blocked: Bools
    unwanted: Bools
    exists: Bools
    raised: Ints
    process: Bools
    connection: Bools
    enriched: NDArray[np.float32]
    suspected: Bools
    found: Bools
    decoy: Bools
    examined: Ints
    busy: Ints
    doing: Ints
    target: Ints
    effort: NDArray[np.float64]
    alerts: Ints
    examinations: Ints

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        for name, (dtype, shape, start) in _ARRAYS.items():
            setattr(self, name, np.full((num_envs, *shape), start, dtype))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that is remembered, by name; the arrays themselves, not copies."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def begin(self, lanes: Bools, masks: Bools) -> None:
        """Forget these lanes' episodes; `masks` (num_envs, NUM_ACTIONS) say which hosts the new ones have."""
        for name, (_, _, start) in _ARRAYS.items():
            getattr(self, name)[lanes] = start
        self.exists[lanes] = existing_hosts(masks[lanes])

    @property
    def open(self) -> Bools:
        """Which hosts have an open alert, (lanes, hosts)."""
        return self.raised != NEVER

    @property
    def order(self) -> Ints:
        """The step that raised each host's alert, later than any where there is none, (lanes, hosts)."""
        return np.where(self.open, self.raised, np.iinfo(np.int64).max)

    @property
    def detected(self) -> Bools:
        """Hosts that are suspected or have malware, (lanes, hosts)."""
        return self.found | self.suspected

    @property
    def responding(self) -> Bools:
        """Hosts that are being removed from or restored, (lanes, hosts)."""
        hosts = np.zeros_like(self.found)
        lanes, zones = np.nonzero((self.busy > 0) & np.isin(self.doing, _RESPONSES))
        hosts[lanes, self.target[lanes, zones]] = True
        return hosts

    @property
    def examined_next(self) -> Bools:
        """Hosts whose examination ends with the next step, (lanes, hosts)."""
        hosts = np.zeros_like(self.found)
        lanes, zones = np.nonzero((self.busy == 1) & (self.doing == KIND_NUMBERS["Analyse"]))
        hosts[lanes, self.target[lanes, zones]] = True
        return hosts

    @property
    def certain(self) -> Bools:
        """Hosts whose open alert is about a process and a connection, (lanes, hosts).

        Users at work cause either, an exploit both: when Tuned-SOAR played, the attacker had a session on all
        hosts with both flags, 46 % with a process alone, 23 % with a connection alone and 29 % with neither.
        """
        return self.open & self.process & self.connection

    @property
    def compromised(self) -> Bools:
        """Hosts that are believed to be compromised, (lanes, hosts)."""
        return self.detected | self.certain

    @property
    def values(self) -> NDArray[np.float32]:
        """What the zones are worth in the mission's present phase, (lanes, zones)."""
        return ZONE_VALUES[self.phase]

    @property
    def critical(self) -> Bools:
        """Hosts in zones that are worth exfiltrating from, (lanes, hosts)."""
        return self.values[:, ZONE_OF_HOST] >= np.float32(SOC.exfiltration_value)

    @property
    def severity(self) -> NDArray[np.float32]:
        """Of the open alerts, 0 without one, (lanes, hosts)."""
        seen = np.where(self.process, SCALE.process_severity, SCALE.connection_severity)
        seen = np.where(self.certain, SCALE.certain_severity, seen)
        return np.where(self.open, seen + SCALE.critical_severity * self.critical, 0.0).astype(np.float32)

    @property
    def confidence(self) -> NDArray[np.float32]:
        """Of the open alerts, 0 without one, (lanes, hosts)."""
        seen = np.where(self.certain, SCALE.certain_confidence, SCALE.uncertain_confidence)
        return np.where(self.open, np.minimum(1.0, seen + self.enriched), 0.0).astype(np.float32)

    def see(self, lanes: Bools, flags: Flags, malware: Bools) -> None:
        """Take in observations of some lanes, `flags` and `malware` (hosts) having a row for each of these.

        Args:
            malware: where an examination that ended in this step found malware.
        """
        self.phase[lanes], self.blocked[lanes], self.unwanted[lanes] = flags[:3]
        found, process, connection = (np.zeros_like(self.found) for _ in range(3))
        found[lanes], process[lanes], connection[lanes] = malware, flags.process, flags.connection
        self.found |= found
        self.suspected &= ~self.found
        seen = (process | connection) & self.exists & ~self.found
        new = seen & ~self.open
        self.raised[new] = np.broadcast_to(self.step[:, None], new.shape)[new]
        self.process |= seen & process
        self.connection |= seen & connection
        self.alerts += new.sum(1)

    def advance(self) -> None:
        """A step passes in all lanes: what the agents are at goes on, and takes effect when it is finished.

        To be called before the step's observations are seen: what they show came after.
        """
        self.step += 1
        working = self.busy > 0
        self.busy -= working
        self._close(np.nonzero(self.open & (self.step[:, None] - self.raised > SCALE.alert_steps)))
        lanes, zones = np.nonzero(working & (self.busy == 0))
        doing, hosts = self.doing[lanes, zones], self.target[lanes, zones]
        for name in ("Analyse", "Remove", "Restore"):
            done = doing == KIND_NUMBERS[name]
            at = lanes[done], hosts[done]
            self._close(at)
            # Nobody has looked at a host that was only removed from: the next hunt goes there first.
            self.examined[at] = NEVER if name == "Remove" else self.step[at[0]]
            self.suspected[at] = False
            if name == "Analyse":
                self.examinations += np.bincount(lanes[done], minlength=self.num_envs)
            if name == "Restore":
                self.found[at] = self.decoy[at] = False
        done = doing == KIND_NUMBERS["DeployDecoy"]
        self.decoy[lanes[done], hosts[done]] = True

    def forget(self) -> None:
        """Close all alerts, and drop what was suspected or found."""
        self._close((slice(None),))
        self.suspected[:] = self.found[:] = False

    def start(self, kinds: NDArray[np.int64], hosts: NDArray[np.int64], free: Bools) -> None:
        """The agents that are `free` begin actions of these kinds on these hosts, all (lanes, zones)."""
        self.doing[free], self.target[free] = kinds[free], hosts[free]
        self.busy[free] = STEPS[kinds[free]]

    def judge(self, verdicts: NDArray[np.int64]) -> None:
        """The triage's verdicts (lanes,) on the oldest open alerts, see `soc_env.team.Verdict`."""
        hosts = self.order.argmin(1)
        lanes = np.flatnonzero(self.open[np.arange(self.num_envs), hosts])
        given, oldest = verdicts[lanes], hosts[lanes]

        popped = (given == Verdict.ESCALATE) | (given == Verdict.SUPPRESS)
        escalated = given == Verdict.ESCALATE
        self.suspected[lanes[escalated], oldest[escalated]] = True
        self._close((lanes[popped], oldest[popped]))
        enriched = given == Verdict.ENRICH
        self.enriched[lanes[enriched], oldest[enriched]] += SOC.enrich_confidence
        for lane, host in zip(*(part[given == Verdict.CORRELATE] for part in (lanes, oldest)), strict=True):
            self._correlate(lane, HOST_SLICES[ZONE_OF_HOST[host]])

    def _correlate(self, lane: int, zone: slice) -> None:
        """Close a zone's alerts but the most severe one, the oldest of them on ties."""
        severity, raised = self.severity[lane, zone], self.raised[lane, zone]
        candidates = np.flatnonzero(severity == severity.max())
        kept = candidates[raised[candidates].argmin()]
        others = np.flatnonzero((raised != NEVER) & (np.arange(len(raised)) != kept)) + zone.start
        self._close((np.full(len(others), lane), others))

    def _close(self, at: tuple[Any, ...]) -> None:
        self.raised[at] = NEVER
        self.process[at] = self.connection[at] = False
        self.enriched[at] = 0.0
