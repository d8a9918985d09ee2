"""The rules of `soc_v0` once more, as a researcher would write them down: one host at a time.

This simulator shares no code with the compiled engine of soc-env and serves two purposes:

- the tests compare it with the engine, for policies, network sizes and horizons that the published
  reference does not cover: an error would have to be made twice, independently, to go unseen;
- the benchmarks time it as the alternative to a compiled, batched engine. It is plain Python with a
  NumPy generator, written to be read: neither tuned nor slowed down.

The two agree in distribution only, since their random streams differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

COORDINATOR: Final = "strategic_coordinator"
HUNTER: Final = "threat_hunter"
TRIAGE: Final = "alert_triage"
RESPONDER: Final = "response_orchestrator"


@dataclass(frozen=True, slots=True)
class Segment:
    """A network segment: what it is worth, how vulnerable its hosts are and where one gets from it."""

    value: float
    mean_vulnerability: float
    reaches: tuple[int, ...]


SEGMENTS: Final = (
    Segment(0.6, 0.40, (1, 2)),  # DMZ
    Segment(0.8, 0.30, (0, 2, 3)),  # Corporate
    Segment(0.7, 0.35, (1, 3, 4)),  # Development
    Segment(1.0, 0.20, (1, 2, 4)),  # DataCenter
    Segment(0.9, 0.25, (2, 3)),  # Cloud
)
RECONNAISSANCE, INITIAL_ACCESS, EXECUTION, LATERAL_MOVEMENT, EXFILTRATION = range(5)
PHASE_VISIBILITY: Final = (0.1, 0.3, 0.5, 0.4, 0.6)
MIN_STEPS_IN_PHASE: Final = 3
MAX_TARGETS: Final = 5
MAX_STAGE: Final = 5
QUEUE_CAPACITY: Final = 50
ALERTS_SHOWN: Final = 10
ENDPOINTS_SHOWN: Final = 48
ESCALATE, SUPPRESS, CORRELATE, ENRICH = range(4)


@dataclass(slots=True)
class Host:
    """A host; `stage` is how far the attacker got on it, 0 to 5."""

    segment: int
    vulnerability: float
    compromised: bool = False
    detected: bool = False
    isolated: bool = False
    stage: int = 0


@dataclass(slots=True)
class Alert:
    """An entry of the alert queue; `is_true` tells an attack from a benign event."""

    severity: float
    confidence: float
    segment: int
    is_true: bool
    timestamp: int
    noise: float


class PlainSimulator:
    """One episode after another of the published SOC, on one network.

    Args:
        hosts_per_segment: hosts in each of the five segments.
        max_steps: steps after which an episode is truncated.
        stealth: how well the attacker hides, 0 to 1.
        detection_weight, response_weight, cost_weight, false_positive_weight: the weights of the reward,
            the last two of which are subtracted.
        seed: seed of all randomness, the vulnerabilities included; None takes fresh entropy.
    """

    def __init__(
        self,
        hosts_per_segment: int = 40,
        max_steps: int = 200,
        stealth: float = 0.7,
        detection_weight: float = 1.0,
        response_weight: float = 1.5,
        cost_weight: float = 0.3,
        false_positive_weight: float = 2.0,
        seed: int | None = None,
    ) -> None:
        self.hosts_per_segment = hosts_per_segment
        self.max_steps = max_steps
        self.stealth = stealth
        self.detection_weight = detection_weight
        self.response_weight = response_weight
        self.cost_weight = cost_weight
        self.false_positive_weight = false_positive_weight
        self.hosts: list[Host] = []
        self.directive: NDArray[np.floating] = np.zeros(8)
        self.detection_time: int | None = None
        self.containment_time: int | None = None
        self.exfiltrated = False
        self.episode_return = 0.0
        self._draw_network(seed)
        self._clear()

    def reset(self, seed: int | None = None) -> dict[str, NDArray[np.float32]]:
        """Begin an episode; a seed also restarts the randomness and draws the vulnerabilities anew.

        Returns:
            The observation of each agent at t = 0, sizes 64, 128, 64 and 96.
        """
        if seed is not None:
            self._draw_network(seed)
        self._clear()
        return self._observations()

    def step(
        self, actions: Mapping[str, ArrayLike]
    ) -> tuple[dict[str, NDArray[np.float32]], float, bool, bool]:
        """Play one step.

        Args:
            actions: 16 numbers in [-1, 1] for the hunter, 12 for the responder, a verdict 0 to 3 for the
                triage; and 8 numbers for the coordinator, or none to keep the directive.

        Returns:
            Observations after the step, the team's reward, whether the episode terminated, and whether
            it was truncated.
        """
        self.t += 1
        acting_phase = self.phase
        exfiltrated = self._attack()
        self._raise_alerts(acting_phase)
        if COORDINATOR in actions:
            self.directive = np.clip(actions[COORDINATOR], -1.0, 1.0)
        newly_detected, false_scans = self._hunt(np.clip(actions[HUNTER], -1.0, 1.0))
        suppressed_true = self._triage(int(np.asarray(actions[TRIAGE])))
        newly_isolated, disruption = self._respond(np.clip(actions[RESPONDER], -1.0, 1.0))

        contained = self.some_host_compromised and all(
            host.isolated for host in self.hosts if host.compromised
        )
        if contained and self.containment_time is None:
            self.containment_time = self.t
        self.exfiltrated = self.exfiltrated or exfiltrated

        detection = sum(host.stage / MAX_STAGE for host in newly_detected) - 10.0 * exfiltrated
        response = 5.0 * contained
        if self.detection_time is not None:  # only detected hosts are isolated with a reward
            response += newly_isolated / max(1, self.t - self.detection_time)
        reward = (
            self.detection_weight * detection
            + self.response_weight * response
            - self.cost_weight * disruption
            - self.false_positive_weight * 0.5 * (false_scans + suppressed_true)
        )
        self.episode_return += reward
        return self._observations(), reward, contained or exfiltrated, self.t >= self.max_steps

    def metrics(self) -> dict[str, float]:
        """The metrics of the episode so far; times in steps, `fpr` and `csr` as fractions."""
        return {
            "episode_return": self.episode_return,
            "length": self.t,
            "mttd": self.max_steps if self.detection_time is None else self.detection_time,
            "mttr": self.max_steps if self.containment_time is None else self.containment_time,
            "fpr": min(1.0, self.false_positives / max(1, self.scans - self.true_positives)),
            "csr": float(self.containment_time is not None),
            "exfiltrated": float(self.exfiltrated),
            "compromised": sum(host.compromised for host in self.hosts),
            "scans": self.scans,
            "true_positives": self.true_positives,
            "false_positives": self.false_positives,
            "alerts": self.alerts,
            "attack_phase": self.phase,
        }

    @property
    def some_host_compromised(self) -> bool:
        """Whether the attacker holds a host, isolated or not."""
        return any(host.compromised for host in self.hosts)

    @property
    def visibility(self) -> float:
        """How visible the attacker is in its present phase, 0 to 0.6."""
        return PHASE_VISIBILITY[self.phase] * (1.0 - self.stealth)

    def _draw_network(self, seed: int | None) -> None:
        self.rng = np.random.default_rng(seed)
        self.hosts = []
        for index, segment in enumerate(SEGMENTS):
            for _ in range(self.hosts_per_segment):
                vulnerability = self.rng.normal(segment.mean_vulnerability, 0.1)
                self.hosts.append(Host(index, min(0.95, max(0.05, vulnerability))))

    def _clear(self) -> None:
        for host in self.hosts:
            self._clean(host)
        self.t = 0
        self.phase = RECONNAISSANCE
        self.steps_in_phase = 0
        self.targets: list[Host] = []
        self.footholds: list[Host] = []  # a host may stand here several times, and never leaves
        self.queue: deque[Alert] = deque(maxlen=QUEUE_CAPACITY)  # drops the oldest when full
        self.directive = np.zeros(8)
        self.detection_time = None
        self.containment_time = None
        self.exfiltrated = False
        self.scans = self.true_positives = self.false_positives = self.alerts = 0
        self.episode_return = 0.0

    @staticmethod
    def _clean(host: Host) -> None:
        host.compromised = host.detected = host.isolated = False
        host.stage = 0

    def _happens(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def _hosts_of(self, segment: int) -> list[Host]:
        first = segment * self.hosts_per_segment
        return self.hosts[first : first + self.hosts_per_segment]

    def _attack(self) -> bool:
        """The attacker's turn; returns whether data is exfiltrated."""
        self.steps_in_phase += 1
        exfiltrated = False
        if self.phase == RECONNAISSANCE:
            success = self._choose_targets()
        elif self.phase == INITIAL_ACCESS:
            success = self._break_in()
        elif self.phase == EXECUTION:
            success = self._execute()
        elif self.phase == LATERAL_MOVEMENT:
            success = self._move_laterally()
        else:
            success = self._reach_data()
            exfiltrated = success and self._happens(0.3)
        if success and self.steps_in_phase >= MIN_STEPS_IN_PHASE and self.phase < EXFILTRATION:
            self.phase += 1
            self.steps_in_phase = 0
        return exfiltrated

    def _choose_targets(self) -> bool:
        candidates = [host for host in self._hosts_of(0) if not host.compromised and not host.isolated]
        candidates.sort(key=lambda host: host.vulnerability, reverse=True)
        self.targets = candidates[:MAX_TARGETS]
        return bool(self.targets)

    def _break_in(self) -> bool:
        success = False
        for host in self.targets:
            if not host.isolated and self._happens(0.5 * host.vulnerability):
                self._compromise(host, stage=1)
                success = True
        return success

    def _execute(self) -> bool:
        success = False
        for host in self.footholds:
            if not host.isolated and host.stage < 2 and self._happens(0.6):
                host.stage = 2  # of a remediated host too, which stays clean otherwise
                success = True
        return success

    def _move_laterally(self) -> bool:
        success = False
        for source in sorted({host.segment for host in self.footholds if not host.isolated}):
            for target in SEGMENTS[source].reaches:
                candidates = [
                    host for host in self._hosts_of(target) if not host.compromised and not host.isolated
                ]
                if not candidates:
                    continue
                host = candidates[self.rng.integers(len(candidates))]
                if self._happens(0.4 * host.vulnerability):
                    self._compromise(host, stage=3)
                    success = True
        return success

    def _reach_data(self) -> bool:
        reached = [
            host
            for host in self.footholds
            if not host.isolated and host.stage >= 3 and SEGMENTS[host.segment].value >= 0.9
        ]
        for host in reached:
            host.stage = 4
        return bool(reached)

    def _compromise(self, host: Host, stage: int) -> None:
        host.compromised = True
        host.stage = stage
        self.footholds.append(host)

    def _raise_alerts(self, acting_phase: int) -> None:
        visibility = self.visibility
        if acting_phase >= INITIAL_ACCESS and self._happens(2.0 * visibility):
            confidence = 0.5 + 0.5 * visibility
            self._enqueue(Alert(acting_phase / 4, confidence, 0, True, self.t, visibility))
        if self._happens(0.3):
            severity, confidence, noise = self.rng.random(3) * (0.5, 0.4, 0.3)
            segment = int(self.rng.integers(len(SEGMENTS)))
            self._enqueue(Alert(severity, confidence, segment, False, self.t, noise))

    def _enqueue(self, alert: Alert) -> None:
        self.queue.append(alert)
        self.alerts += 1

    def _hunt(self, action: NDArray[np.floating]) -> tuple[list[Host], int]:
        """The hunter's scans; returns the hosts detected and the number of false scans."""
        newly_detected: list[Host] = []
        false_scans = 0
        for index in range(len(SEGMENTS)):
            intensity = min(1.0, _unit(action[index]) + 0.3 * _unit(self.directive[0]))
            scope = min(1.0, _unit(action[5 + index]) + 0.2 * _unit(self.directive[1]))
            if intensity <= 0.3:
                continue
            thoroughness = intensity * scope * (1.0 - 0.5 * self.stealth)
            for host in self._hosts_of(index):
                self.scans += 1
                if host.compromised:
                    if not host.detected and self._happens(thoroughness * host.stage / MAX_STAGE):
                        host.detected = True
                        newly_detected.append(host)
                elif intensity > 0.7 and self._happens(0.05):
                    false_scans += 1
        if newly_detected and self.detection_time is None:
            self.detection_time = self.t
        self.true_positives += len(newly_detected)
        self.false_positives += false_scans
        return newly_detected, false_scans

    def _triage(self, verdict: int) -> int:
        """The verdict on the oldest alert; returns 1 if that suppressed a true one, else 0."""
        if not self.queue:
            return 0
        if verdict == ESCALATE:
            if self.queue.popleft().is_true:
                self.true_positives += 1
            else:
                self.false_positives += 1
        elif verdict == SUPPRESS:
            return int(self.queue.popleft().is_true)
        elif verdict == CORRELATE:
            segment = self.queue[0].segment
            related = [alert for alert in self.queue if alert.segment == segment]
            kept = max(related, key=lambda alert: alert.severity)  # the first, thus oldest, on ties
            remaining = [alert for alert in self.queue if alert.segment != segment or alert is kept]
            self.queue = deque(remaining, maxlen=QUEUE_CAPACITY)
        elif verdict == ENRICH:
            self.queue[0].confidence = min(1.0, self.queue[0].confidence + 0.2)
        return 0

    def _respond(self, action: NDArray[np.floating]) -> tuple[int, float]:
        """Isolation and remediation; returns the number of rightly isolated hosts and the disruption."""
        newly_isolated = 0
        disruption = 0.0
        for index, segment in enumerate(SEGMENTS):
            isolate = min(1.0, _unit(action[index]) + 0.2 * _unit(self.directive[4]))
            remediate = _unit(action[5 + index])
            for host in self._hosts_of(index):
                if isolate > 0.5:
                    if host.detected and host.compromised and not host.isolated:
                        if self._happens(isolate):
                            host.isolated = True
                            newly_isolated += 1
                            disruption += 0.1 * segment.value
                    elif not host.compromised and isolate > 0.9 and self._happens(0.02):
                        host.isolated = True
                        disruption += 0.2 * segment.value
                if remediate > 0.5 and host.isolated and host.compromised and self._happens(remediate):
                    self._clean(host)
        return newly_isolated, disruption

    def _observations(self) -> dict[str, NDArray[np.float32]]:
        size = self.hosts_per_segment
        compromised, stages, detected, isolated = np.zeros((4, len(SEGMENTS)))
        for host in self.hosts:
            compromised[host.segment] += host.compromised
            stages[host.segment] += host.stage / MAX_STAGE
            detected[host.segment] += host.detected
            isolated[host.segment] += host.isolated
        network = (np.stack([compromised, stages, detected, isolated], axis=1) / size).ravel()

        coordinator = np.zeros(64, np.float32)
        coordinator[:20] = network
        coordinator[20] = self.t / self.max_steps
        coordinator[21] = len(self.queue) / QUEUE_CAPACITY
        coordinator[22] = compromised.sum() / len(self.hosts)
        coordinator[23] = detected.sum() / max(1, compromised.sum() + 1)
        coordinator[24:] = self.rng.normal(0.0, 0.1, 40)

        hunter = np.zeros(128, np.float32)
        hunter[:20] = network
        for index in range(len(SEGMENTS)):
            at = 20 + 10 * index
            hunter[at] = compromised[index] / size
            hunter[at + 1] = self.visibility
            hunter[at + 2 : at + 10] = self.rng.normal(0.0, 0.2, 8)
        hunter[70:80] = self.rng.normal(0.0, 0.1, 10)
        for index, host in enumerate(self.hosts[:ENDPOINTS_SHOWN]):
            hunter[80 + index] = 0.3 * host.stage / MAX_STAGE + self.rng.normal(0.0, 0.15)

        triage = np.zeros(64, np.float32)
        triage[0] = len(self.queue) / QUEUE_CAPACITY
        for index, alert in enumerate(list(self.queue)[:ALERTS_SHOWN]):
            triage[1 + 6 * index : 7 + 6 * index] = (
                alert.severity,
                alert.confidence,
                alert.segment / 5,
                alert.is_true,
                alert.timestamp / self.max_steps,
                alert.noise,
            )

        responder = np.zeros(96, np.float32)
        responder[:20] = network
        responder[20] = isolated.sum() / len(self.hosts)
        for index, segment in enumerate(SEGMENTS):
            at = 21 + 8 * index
            responder[at] = compromised[index] / size
            responder[at + 1] = isolated[index] / size
            responder[at + 2] = segment.value
            responder[at + 3 : at + 8] = self.rng.normal(0.0, 0.1, 5)
        return {COORDINATOR: coordinator, HUNTER: hunter, TRIAGE: triage, RESPONDER: responder}


def _unit(action: float) -> float:
    """An action in [-1, 1] as a degree in [0, 1]."""
    return (action + 1.0) / 2.0
