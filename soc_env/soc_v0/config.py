"""The constants of soc_v0: a frozen config, checked when it is built.

Defaults are the published ones; `Config()` is the system of the HMARL-SOC paper. The sizes of the
world (segments, attack phases, the coordinator's directive) are fixed by the agents' observations:
exactly five segments and five phases, whose properties may differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from soc_env.engine import options
from soc_env.engine.options import flag, probability, real, whole

NUM_SEGMENTS = 5
NUM_PHASES = 5


@dataclass(frozen=True)
class Segment:
    """One network segment.

    Attributes:
        name: shown in pictures and observation names.
        value: worth of its hosts, 0 to 1.
        vulnerability_mean: mean of its hosts' vulnerabilities, 0 to 1.
        reaches: indices of the segments that an attacker can move to from here.
    """

    name: str
    value: float = real(0.5, 0.0, 1.0, "worth of its hosts")
    vulnerability_mean: float = probability(0.3, "mean of its hosts' vulnerabilities")
    reaches: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"soc_v0: a segment's name must be a non-empty string, got {self.name!r}")
        owner = f"soc_v0: segment {self.name!r}"
        options.check(self, owner)
        try:
            reaches = tuple(options.whole_number(owner, other, 0, NUM_SEGMENTS - 1) for other in self.reaches)
        except (TypeError, ValueError):
            reaches = None
        if reaches is None or len(set(reaches)) != len(reaches):
            raise ValueError(
                f"{owner}: reaches must be different segment indices from 0 to {NUM_SEGMENTS - 1}, "
                f"got {self.reaches!r}"
            )
        object.__setattr__(self, "reaches", reaches)


@dataclass(frozen=True)
class AttackPhase:
    """One phase of the attacker.

    Attributes:
        name: of the ATT&CK technique.
        technique: its id, for instance "T1595".
        visibility: how much of it shows to a defender before stealth, 0 to 1.
    """

    name: str
    technique: str
    visibility: float = probability(0.5, "how much of it shows before stealth")

    def __post_init__(self) -> None:
        for field in ("name", "technique"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value:
                raise TypeError(
                    f"soc_v0: an attack phase's {field} must be a non-empty string, got {value!r}"
                )
        options.check(self, f"soc_v0: attack phase {self.name!r}")

    @property
    def label(self) -> str:
        """Name and technique."""
        return f"{self.name} {self.technique}"


SEGMENTS = (
    Segment("DMZ", 0.6, 0.40, (1, 2)),
    Segment("Corporate", 0.8, 0.30, (0, 2, 3)),
    Segment("Development", 0.7, 0.35, (1, 3, 4)),
    Segment("DataCenter", 1.0, 0.20, (1, 2, 4)),
    Segment("Cloud", 0.9, 0.25, (2, 3)),
)

PHASES = (
    AttackPhase("Reconnaissance", "T1595", 0.1),
    AttackPhase("InitialAccess", "T1190", 0.3),
    AttackPhase("Execution", "T1059", 0.5),
    AttackPhase("LateralMovement", "T1021", 0.4),
    AttackPhase("Exfiltration", "T1048", 0.6),
)


@dataclass(frozen=True)
class Config:
    """Everything that a soc_v0 environment can be told; each field is a keyword of every face.

    Raises:
        TypeError, ValueError: a field of the wrong kind or outside its range; the message names the
            field, its value and what was expected.
    """

    hosts_per_segment: int = whole(40, 1, 100_000, "hosts in each of the five segments")
    max_steps: int = whole(200, 1, 1_000_000, "steps after which an episode is truncated")
    leak_free: bool = flag(False, "observations without the truth, see `soc_env.wrappers.leak_free`")

    # Network
    segments: tuple[Segment, ...] = SEGMENTS
    vulnerability_std: float = real(0.1, 0.0, 10.0, "standard deviation of hosts' vulnerabilities")
    vulnerability_low: float = probability(0.05, "smallest vulnerability of a host")
    vulnerability_high: float = probability(0.95, "largest vulnerability of a host")

    # Attacker
    phases: tuple[AttackPhase, ...] = PHASES
    stealth: float = probability(0.7, "how well the attacker hides; 1 shows nothing")
    min_phase_steps: int = whole(3, 1, 100, "steps that a phase lasts at least")
    initial_targets: int = whole(5, 1, 100, "hosts picked by reconnaissance")
    exploit_probability: float = probability(0.5, "of initial access, times vulnerability")
    execution_probability: float = probability(0.6, "of execution on a foothold")
    lateral_probability: float = probability(0.4, "of a lateral move, times vulnerability")
    exfiltration_probability: float = probability(0.3, "of exfiltration, a step")
    exfiltration_value: float = probability(0.9, "least segment value worth exfiltrating from")

    # Alerts
    queue_capacity: int = whole(50, 1, 10_000, "alerts that the queue holds; the oldest is dropped")
    true_alert_factor: float = real(2.0, 0.0, 100.0, "a true alert's probability, per visibility")
    benign_alert_probability: float = probability(0.3, "of a benign alert, a step")

    # Threat hunter
    hunt_threshold: float = probability(0.3, "intensity above which a segment is scanned")
    false_scan_threshold: float = probability(0.7, "intensity above which scans can be false")
    false_scan_probability: float = probability(0.05, "of a false scan of a clean host")
    stealth_penalty: float = probability(0.5, "share of detection that full stealth takes away")
    directive_intensity: float = real(0.3, 0.0, 10.0, "intensity that the directive can add")
    directive_scope: float = real(0.2, 0.0, 10.0, "scope that the directive can add")

    # Alert triage
    enrich_confidence: float = probability(0.2, "confidence that enriching adds")

    # Response orchestrator
    response_threshold: float = probability(0.5, "effort above which a segment's hosts are acted on")
    collateral_threshold: float = probability(0.9, "isolation effort above which clean hosts suffer")
    collateral_probability: float = probability(0.02, "of isolating a clean host then")
    directive_isolation: float = real(0.2, 0.0, 10.0, "isolation effort that the directive can add")
    isolation_disruption: float = real(0.1, 0.0, 1e6, "disruption of an isolation, times value")
    collateral_disruption: float = real(0.2, 0.0, 1e6, "disruption of a clean isolation, times value")

    # Reward
    detection_weight: float = real(1.0, -1e6, 1e6, "weight of R_det")
    response_weight: float = real(1.5, -1e6, 1e6, "weight of R_resp")
    cost_weight: float = real(0.3, -1e6, 1e6, "weight of R_cost, which counts negative")
    false_positive_weight: float = real(2.0, -1e6, 1e6, "weight of R_fp, which counts negative")
    exfiltration_penalty: float = real(10.0, -1e6, 1e6, "taken from R_det when data is exfiltrated")
    containment_bonus: float = real(5.0, -1e6, 1e6, "in R_resp when the attack is contained")
    undetected_isolation_credit: float = real(0.1, -1e6, 1e6, "an isolation's R_resp without detection")
    false_positive_cost: float = real(0.5, -1e6, 1e6, "R_fp of one false scan or suppressed true alert")

    def __post_init__(self) -> None:
        options.check(self, "soc_v0")
        self._check_members("segments", Segment, NUM_SEGMENTS)
        self._check_members("phases", AttackPhase, NUM_PHASES)
        if self.vulnerability_low > self.vulnerability_high:
            raise ValueError(
                f"soc_v0: vulnerability_low must be at most vulnerability_high={self.vulnerability_high}, "
                f"got {self.vulnerability_low}"
            )

    def _check_members(self, field: str, kind: type, count: int) -> None:
        value = getattr(self, field)
        try:
            members = tuple(value)
        except TypeError:
            members = ()
        if len(members) != count or not all(isinstance(member, kind) for member in members):
            raise ValueError(f"soc_v0: {field} must be exactly {count} of {kind.__name__}, got {value!r}")
        object.__setattr__(self, field, members)

    @property
    def num_hosts(self) -> int:
        """Hosts in the whole network."""
        return NUM_SEGMENTS * self.hosts_per_segment
