"""What only the simulator knows, for centralised critics; no policy sees any of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.evidence import NEVER, Evidence
from evaluation.cage4.interface import INTERFACE, NUM_HOSTS
from evaluation.cage4.meaning import SEGMENT_NAMES, SEGMENT_OF_ZONE, SOC, ZONE_OF_HOST, ZONE_OF_SEGMENT
from evaluation.cage4.observing import blocked_share, per_zone
from soc_env.engine.fields import Field, Layout, Member, members
from soc_env.team import CONTROL_SIZES, COORDINATOR

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

DIRECTIVE_SIZE: Final = CONTROL_SIZES[COORDINATOR]
SOC_PHASES: Final = tuple(f"phase.{phase.name}" for phase in SOC.phases)
_PHASES: Final = (
    "no session in a guarded zone",
    "a user's session",
    "a privileged one",
    "sessions in two zones",
    "a privileged one in a zone worth 0.9",
)
_OF_A_ZONE: Final = {
    "compromised": "hosts with a session of the attacker / hosts that exist",
    "stage": "mean stage / 5: 2 a user's session, 3 a privileged one, 4 that in a zone worth 0.9",
    "detected": "hosts detected / hosts that exist",
    "isolated": "subnets from which traffic into the zone is blocked / all others",
    "users": "hosts with a user's session at most / hosts that exist",
    "privileged": "hosts with a privileged session / hosts that exist",
}
_OF_THE_OLDEST_ALERT: Final = {
    "severity": "severity; 0 without an alert, like the four that follow",
    "confidence": "confidence",
    "segment": "index of its zone's segment / 5",
    "truth": "1 if its host is compromised",
    "age": "steps since it was raised / steps of an episode",
}


def state_fields() -> tuple[Field, ...]:
    """The fields of the state: what the simulator knows, without any noise."""
    layout = Layout()
    layout.add("time", "step / steps of an episode")
    for phase, description in zip(members("phase", SOC_PHASES), _PHASES, strict=True):
        layout.add("", f"1 in this phase of the attacker: {description}", of=phase)
    layout.add("exfiltrated", "1 once there was a privileged session in a zone worth 0.9")
    layout.add("detection", "1 once a compromised host was detected")
    layout.add("since_detection", "steps since then / steps of an episode")
    layout.add("queue", "open alerts / the SOC's capacity, at most 1")
    layout.add("queue.true", "those on compromised hosts / the capacity, at most 1")
    for number in members("directive", (f"directive[{number}]" for number in range(DIRECTIVE_SIZE))):
        layout.add("", "the directive in force", of=number, low=-1.0)
    for segment in members("segment", SEGMENT_NAMES):
        for quantity, description in _OF_A_ZONE.items():
            layout.add(quantity, description, of=segment)
    for quantity, description in _OF_THE_OLDEST_ALERT.items():
        layout.add(quantity, description, of=Member("oldest_alert", 0, "oldest_alert"))
    return tuple(layout.fields)


_ARRAYS: Final[dict[str, tuple[type, tuple[int, ...], int]]] = {
    "sessions": (np.int8, (NUM_HOSTS,), 0),
    "detected": (np.bool_, (NUM_HOSTS,), 0),
    "detection": (np.int64, (), NEVER),
    "exfiltrated": (np.bool_, (), 0),
    "episode_return": (np.float64, (), 0),
}


class Truth:
    """The truth of `num_envs` lanes, and what has happened in their episodes so far.

    Attributes:
        sessions: (lanes, hosts), see `Frame`.
        detected: (lanes, hosts), detected hosts as of the last step.
        detection: (lanes,), the step that first detected a compromised host; `NEVER` before.
        exfiltrated: (lanes,), whether there was a privileged session where the SOC's data would be worth it.
        episode_return: (lanes,), rewards so far.
    """

    sessions: NDArray[np.int8]
    detected: Bools
    detection: Ints
    exfiltrated: Bools
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
        new = evidence.detected & ~self.detected
        self.detected[:] = evidence.detected
        first = (self.detection == NEVER) & (new & (sessions > 0)).any(1)
        self.detection[first] = evidence.step[first]
        self.exfiltrated |= ((sessions > 1) & evidence.critical).any(1)

    def phase(self, evidence: Evidence) -> Ints:
        """The attacker's phase, 0 to 4, (lanes,); see `state_fields`."""
        zones = (per_zone(self.sessions > 0) > 0).sum(1)
        phase = np.where(zones > 0, 1, 0)
        phase = np.where((self.sessions > 1).any(1), 2, phase)
        phase = np.where(zones > 1, 3, phase)
        return np.where(((self.sessions > 1) & evidence.critical).any(1), 4, phase)


def state(evidence: Evidence, truth: Truth, directive: NDArray[np.float32]) -> NDArray[np.float32]:
    """The truth for centralised critics, float32 (lanes, state size), bounded; `directive` is (lanes, 8)."""
    phase = truth.phase(evidence)
    since = np.where(truth.detection == NEVER, 0, evidence.step - truth.detection)
    held, steps = truth.sessions > 0, INTERFACE.episode_steps
    values: dict[str, NDArray[Any]] = {
        "time": evidence.step / steps,
        "exfiltrated": truth.exfiltrated,
        "detection": truth.detection != NEVER,
        "since_detection": since / steps,
        "queue": np.minimum(1.0, evidence.open.sum(1) / SOC.queue_capacity),
        "queue.true": np.minimum(1.0, (evidence.open & held).sum(1) / SOC.queue_capacity),
    }
    values |= {name: phase == number for number, name in enumerate(SOC_PHASES)}
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
    return {
        "compromised": per_zone(held) / hosts,
        "stage": per_zone(stages) / hosts / 5,
        "detected": per_zone(evidence.detected) / hosts,
        "isolated": blocked_share(evidence),
        "users": per_zone(held & ~privileged) / hosts,
        "privileged": per_zone(privileged) / hosts,
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
    }
