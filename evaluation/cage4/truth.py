"""What only the simulator knows, for critics and for the figures of an episode; no policy sees any of it.

The layout is soc_v0's, so that learners find what they look for; `TABLE` says what its entries are here.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.evidence import NEVER, Evidence
from evaluation.cage4.interface import INTERFACE, NUM_HOSTS
from evaluation.cage4.meaning import SEGMENT_NAMES, SEGMENT_OF_ZONE, SOC, ZONE_OF_HOST, ZONE_OF_SEGMENT
from evaluation.cage4.observing import blocked_share, per_zone
from soc_env.soc_v0 import state_fields

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

TABLE: Final = {
    "time": "step / steps of an episode",
    "phase": "1 in this phase: no session in a guarded zone; a user's; a privileged one; sessions in two "
    "zones; a privileged one in a zone worth 0.9",
    "phase_steps": "0: the attacker has no such count",
    "visibility": "of the phase, after the SOC's stealth",
    "exfiltrated": "1 once there was a privileged session in a zone worth 0.9",
    "detection": "1 once a compromised host was detected",
    "since_detection": "steps since then / steps of an episode",
    "queue": "open alerts / the SOC's capacity, at most 1",
    "queue.true": "those on compromised hosts / the capacity, at most 1",
    "directive": "the directive in force",
    "compromised": "hosts with a session of the attacker / hosts that exist",
    "active": "as compromised: no host can be isolated",
    "stage": "mean stage / 5: 2 a user's session, 3 a privileged one, 4 that in a zone worth 0.9",
    "detected": "hosts detected / hosts that exist",
    "isolated": "subnets from which traffic into the zone is blocked / all others",
    "footholds": "hosts with a user's session at most / hosts that exist",
    "ready": "hosts with a privileged session / hosts that exist",
    "vulnerability": "0: hosts have no such number",
    "oldest_alert": "as in the triage's observation, but age / steps of an episode, for truth whether its "
    "host is compromised, and 0 for noise",
}
"""Entry of soc_v0's state: what it is here."""

_ARRAYS: Final[dict[str, tuple[type, tuple[int, ...], int]]] = {
    "sessions": (np.int8, (NUM_HOSTS,), 0),
    "detected": (np.bool_, (NUM_HOSTS,), 0),
    "detection": (np.int64, (), NEVER),
    "containment": (np.int64, (), NEVER),
    "exfiltrated": (np.bool_, (), 0),
    "true_positives": (np.int64, (), 0),
    "false_positives": (np.int64, (), 0),
    "episode_return": (np.float64, (), 0),
}


class Truth:
    """The truth of `num_envs` lanes, and what has happened in their episodes so far.

    Attributes:
        sessions: (lanes, hosts), see `Frame`.
        detected: (lanes, hosts), detected hosts as of the last step.
        detection, containment: (lanes,), the step that first detected a compromised host, and the first one
            after it without any session in the guarded zones; `NEVER` before.
        exfiltrated: (lanes,), whether there was a privileged session where the SOC's data would be worth it.
        true_positives, false_positives: (lanes,), detections of hosts with and without a session.
        episode_return: (lanes,), rewards so far.
    """

    sessions: NDArray[np.int8]
    detected: Bools
    detection: Ints
    containment: Ints
    exfiltrated: Bools
    true_positives: Ints
    false_positives: Ints
    episode_return: NDArray[np.float64]

    def __init__(self, num_envs: int) -> None:
        for name, (dtype, shape, start) in _ARRAYS.items():
            setattr(self, name, np.full((num_envs, *shape), start, dtype))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it by name; the arrays themselves, not copies."""
        return {name: getattr(self, name) for name in _ARRAYS}

    def begin(self, lanes: Bools, sessions: NDArray[np.int8]) -> None:
        """Episodes begin in some lanes; `sessions` (lanes, hosts) has rows for all."""
        for name, (_, _, start) in _ARRAYS.items():
            getattr(self, name)[lanes] = start
        self.sessions[lanes] = sessions[lanes]

    def see(self, evidence: Evidence, sessions: NDArray[np.int8], rewards: NDArray[np.float64]) -> None:
        """Take account of a step of all lanes."""
        self.sessions[:] = sessions
        self.episode_return += rewards
        held = sessions > 0
        new = evidence.detected & ~self.detected
        self.detected[:] = evidence.detected
        self.true_positives += (new & held).sum(1)
        self.false_positives += (new & ~held).sum(1)
        first = (self.detection == NEVER) & (new & held).any(1)
        self.detection[first] = evidence.step[first]
        first = (self.containment == NEVER) & (self.detection != NEVER) & ~held.any(1)
        self.containment[first] = evidence.step[first]
        self.exfiltrated |= ((sessions > 1) & evidence.critical).any(1)

    def metrics(self, evidence: Evidence, lanes: Ints) -> dict[str, NDArray[Any]]:
        """soc_v0's figures of an episode for some lanes, as far as CAGE-4 has them; times in steps."""
        steps = INTERFACE.episode_steps
        found, scans = self.true_positives[lanes], evidence.examinations[lanes]
        return {
            "episode_return": self.episode_return[lanes],
            "length": evidence.step[lanes],
            "mttd": np.where(self.detection[lanes] == NEVER, steps, self.detection[lanes]),
            "mttr": np.where(self.containment[lanes] == NEVER, steps, self.containment[lanes]),
            "fpr": np.minimum(1.0, self.false_positives[lanes] / np.maximum(1, scans - found)),
            "csr": (self.containment[lanes] != NEVER).astype(np.float64),
            "exfiltrated": self.exfiltrated[lanes].astype(np.int64),
            "compromised": (self.sessions[lanes] > 0).sum(1),
            "scans": scans,
            "true_positives": found,
            "false_positives": self.false_positives[lanes],
            "alerts": evidence.alerts[lanes],
            "attack_phase": self.phase(evidence)[lanes],
        }

    def phase(self, evidence: Evidence) -> Ints:
        """The attacker's phase, 0 to 4, (lanes,); see `TABLE`."""
        zones = (per_zone(self.sessions > 0) > 0).sum(1)
        phase = np.where(zones > 0, 1, 0)
        phase = np.where((self.sessions > 1).any(1), 2, phase)
        phase = np.where(zones > 1, 3, phase)
        return np.where(((self.sessions > 1) & evidence.critical).any(1), 4, phase)


def state(evidence: Evidence, truth: Truth, directive: NDArray[np.float32]) -> NDArray[np.float32]:
    """The truth for centralised critics, float32 (lanes, state size), bounded; `directive` is (lanes, 8)."""
    phase = truth.phase(evidence)
    visibility = np.array([one.visibility for one in SOC.phases]) * (1.0 - SOC.stealth)
    since = np.where(truth.detection == NEVER, 0, evidence.step - truth.detection)
    held, steps = truth.sessions > 0, INTERFACE.episode_steps
    values: dict[str, NDArray[Any]] = {
        "time": evidence.step / steps,
        "phase_steps": np.zeros(len(phase)),
        "visibility": visibility[phase],
        "exfiltrated": truth.exfiltrated,
        "detection": truth.detection != NEVER,
        "since_detection": since / steps,
        "queue": np.minimum(1.0, evidence.open.sum(1) / SOC.queue_capacity),
        "queue.true": np.minimum(1.0, (evidence.open & held).sum(1) / SOC.queue_capacity),
    }
    values |= {f"phase.{one.name}": phase == number for number, one in enumerate(SOC.phases)}
    values |= {f"directive[{number}]": directive[:, number] for number in range(directive.shape[1])}
    for name, of_zones in _of_zones(evidence, truth).items():
        for segment, zone in zip(SEGMENT_NAMES, ZONE_OF_SEGMENT, strict=True):
            values[f"{segment}.{name}"] = of_zones[:, zone]
    values |= {f"oldest_alert.{name}": value for name, value in _oldest_alert(evidence, held).items()}
    return np.stack([values[field.name] for field in state_fields()], 1).astype(np.float32)


def _of_zones(evidence: Evidence, truth: Truth) -> dict[str, NDArray[Any]]:
    hosts = np.maximum(1.0, per_zone(evidence.exists))
    held, privileged = truth.sessions > 0, truth.sessions > 1
    stages = 2 * held + privileged + (privileged & evidence.critical)
    compromised = per_zone(held) / hosts
    return {
        "compromised": compromised,
        "active": compromised,
        "stage": per_zone(stages) / hosts / 5,
        "detected": per_zone(evidence.detected) / hosts,
        "isolated": blocked_share(evidence),
        "footholds": per_zone(held & ~privileged) / hosts,
        "ready": per_zone(privileged) / hosts,
        "vulnerability": np.zeros_like(compromised),
    }


def _oldest_alert(evidence: Evidence, held: Bools) -> dict[str, NDArray[Any]]:
    lanes, host = np.arange(evidence.num_envs), evidence.order.argmin(1)
    there = evidence.open[lanes, host]
    return {
        "severity": evidence.severity[lanes, host],
        "confidence": evidence.confidence[lanes, host],
        "segment": there * SEGMENT_OF_ZONE[ZONE_OF_HOST[host]] / len(SEGMENT_NAMES),
        "truth": there & held[lanes, host],
        "age": there * (evidence.step - evidence.raised[lanes, host]) / INTERFACE.episode_steps,
        "noise": np.zeros(len(lanes)),
    }
