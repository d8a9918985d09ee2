"""What CAGE-4 and the SOC have in common: which zone is which segment, and what counts as how bad.

Zones and segments. The reach of an attacker decides: from headquarters, which hold the public access zone,
he gets into both restricted zones, and from a restricted zone into the other one and into its own
operational zone, which is where the mission is and what is worth most.

| blue agent | guards | is the segment | reached from there |
|---|---|---|---|
| blue_agent_4 | headquarters: admin, office, public access | DMZ | Corporate, Development |
| blue_agent_0 | restricted zone A | Corporate | DMZ, Development, DataCenter |
| blue_agent_2 | restricted zone B | Development | Corporate, (DataCenter,) Cloud |
| blue_agent_1 | operational zone A | DataCenter | Corporate |
| blue_agent_3 | operational zone B | Cloud | Development |

The three subnets of headquarters have one agent, so they are one segment. Every zone has its own agent and
none waits for another; so there is no order of zones to be set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from evaluation.cage4.interface import BLUE_AGENTS, HOST_SLICES, NUM_HOSTS
from soc_env.soc_v0 import Config

SOC: Final = Config()
"""The published SOC, whose thresholds and weights hold here as they do there."""

SEGMENT_OF_AGENT: Final = {
    "blue_agent_0": "Corporate",
    "blue_agent_1": "DataCenter",
    "blue_agent_2": "Development",
    "blue_agent_3": "Cloud",
    "blue_agent_4": "DMZ",
}

SEGMENT_NAMES: Final = tuple(segment.name for segment in SOC.segments)
SEGMENT_OF_ZONE: Final = np.array([SEGMENT_NAMES.index(SEGMENT_OF_AGENT[agent]) for agent in BLUE_AGENTS])
ZONE_OF_SEGMENT: Final = np.argsort(SEGMENT_OF_ZONE)

ZONE_OF_HOST: Final = np.empty(NUM_HOSTS, np.int64)
for _zone, _hosts in enumerate(HOST_SLICES):
    ZONE_OF_HOST[_hosts] = _zone

_PLANNING: Final = {segment.name: segment.value for segment in SOC.segments}
VALUES: Final = (
    _PLANNING,
    # What failed work costs there, 10, 2 or 1, in the steps of the SOC's own values.
    {"DMZ": 0.6, "Corporate": 0.8, "Development": 0.6, "DataCenter": 1.0, "Cloud": 0.6},
    {"DMZ": 0.6, "Corporate": 0.6, "Development": 0.8, "DataCenter": 0.6, "Cloud": 1.0},
)
"""Worth of the segments in each phase of the mission: planning, mission A, mission B."""

ZONE_VALUES: Final = np.array(
    [[values[SEGMENT_OF_AGENT[agent]] for agent in BLUE_AGENTS] for values in VALUES], np.float32
)
"""(phases, zones), the same by blue agent."""


@dataclass(frozen=True)
class Scale:
    """How long evidence counts and how bad it is, on the SOC's scales.

    Attributes:
        alert_steps: steps after which an alert that nobody has dealt with is closed.
        connection_severity, process_severity, certain_severity: of an alert, by what was seen on its host,
            the last for both; the SOC's alerts have 0.25, 0.5, 0.75 and 1 by the attacker's phase.
        critical_severity: added where the zone's worth makes it one to exfiltrate from.
        uncertain_confidence, certain_confidence: of an alert, like the SOC's benign and true ones.
        uncertain_noise: an alert's last entry, which for a certain one is the visibility.
        connection_stage, process_stage, malware_stage, critical_stage: the attacker's stage on a host, by
            what is known of it; the last for malware where there is something to exfiltrate.
    """

    alert_steps: int = 25
    connection_severity: float = 0.25
    process_severity: float = 0.5
    certain_severity: float = 0.75
    critical_severity: float = 0.25
    uncertain_confidence: float = 0.2
    certain_confidence: float = 0.55
    uncertain_noise: float = 0.15
    connection_stage: int = 1
    process_stage: int = 2
    malware_stage: int = 3
    critical_stage: int = 4


SCALE: Final = Scale()
