"""From what is remembered of CAGE-4 to the observations of the SOC's agents.

`TABLE` says where each kind of entry comes from; it is what the code goes by. `soc_v0` names the entries, and
one that the table does not know is an error when this module is imported, so none is forgotten.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.evidence import Evidence
from evaluation.cage4.interface import HOST_SLICES, NUM_ZONES, SUBNET_SLICES
from evaluation.cage4.meaning import (
    SCALE,
    SEGMENT_NAMES,
    SEGMENT_OF_ZONE,
    SOC,
    ZONE_OF_HOST,
    ZONE_OF_SEGMENT,
)
from soc_env import soc_v0
from soc_env.engine.fields import Field
from soc_env.soc_v0.layout import ALERTS_SHOWN, ENDPOINT_SIGNAL, ENDPOINTS_SHOWN
from soc_env.team import (
    AGENTS,
    JOINT_OBSERVATION_SIZE,
    OBSERVATION_SLICES,
    Observations,
    split_observations,
)

Numbers = NDArray[Any]

_HEADQUARTERS: Final = HOST_SLICES[ZONE_OF_SEGMENT[SEGMENT_NAMES.index("DMZ")]]
_LAST_STAGE: Final = 5
assert _HEADQUARTERS.stop - _HEADQUARTERS.start == ENDPOINTS_SHOWN

TABLE: Final = {
    # of a segment
    "compromised": "hosts detected, or with an alert of process and connection / 40, a segment of the SOC",
    "stage": "stages / 5 / 40: 1 connection, 2 process, 3 malware, 4 malware in a zone worth 0.9",
    "detected": "hosts with malware found, or whose alert was escalated / 40",
    "isolated": "hosts that are being removed from or restored / 40",
    "hunt.compromised": "as compromised",
    "hunt.visibility": "the SOC's visibility of the phase that the evidence shows",
    "response.compromised": "as compromised",
    "response.isolated": "as isolated",
    "response.value": "worth of the zone in the mission's phase",
    # of an alert, oldest first
    "alert.severity": "0.25 connection, 0.5 process, 0.75 both; 0.25 more in a zone worth 0.9",
    "alert.confidence": "0.2, or 0.55 for process and connection; and what enriching has added",
    "alert.segment": "index of the zone's segment / 5",
    "alert.truth": "1 for process and connection: the truth is not known",
    "alert.timestamp": "time, less its age / 200",
    "alert.noise": "visibility for process and connection, 0.15 otherwise",
    # of the whole
    "time": "steps / 200, as if the episode had begun 25 steps ago at most",
    "queue": "open alerts / the SOC's capacity, at most 1",
    "isolated.all": "those of all zones / 200",
    "compromised.all": "hosts believed compromised / 200",
    "detected.all": "hosts detected / (hosts believed compromised + 1)",
    "endpoint": "0.3 x stage / 5 of the hosts of headquarters",
    "noise": "0, the mean of the SOC's pure noise",
    "unused": "0",
}
"""Entry of the SOC's observations: what of CAGE-4 it is."""


class _Entries(NamedTuple):
    """Columns of the joint observation, and the index of what is written there (segment, alert, host)."""

    columns: NDArray[np.int64]
    indices: NDArray[np.int64]


def _source(agent: str, field: Field) -> tuple[str, int]:
    """Where in `TABLE` a field of soc_v0 is, and the number of its segment, alert or host."""
    source, number = field.quantity, 0
    if field.of is None:
        source = f"{source}.all" if f"{source}.all" in TABLE else source
    else:
        number = field.of.index
        if field.of.family != "segment":
            source = ".".join(part for part in (field.of.family, source) if part)
        elif field.noise:
            source = "noise"
    if source not in TABLE:
        raise ValueError(f"{agent}: TABLE must say where {field.name!r} comes from, and has no {source!r}")
    return source, number


def _entries() -> dict[str, _Entries]:
    found: dict[str, list[tuple[int, int]]] = {source: [] for source in TABLE}
    for agent in AGENTS:
        for field in soc_v0.fields(agent):
            source, number = _source(agent, field)
            start = OBSERVATION_SLICES[agent].start + field.start
            found[source] += [(start + entry, number) for entry in range(field.size)]
    return {source: _Entries(*np.array(pairs, np.int64).reshape(-1, 2).T) for source, pairs in found.items()}


_ENTRIES: Final = _entries()


def fields(agent: str) -> tuple[Field, ...]:
    """The fields of an agent's observation: soc_v0's names and places, with what they say of CAGE-4.

    Raises:
        ValueError: no such agent.
    """
    return tuple(
        replace(field, description=TABLE[_source(agent, field)[0]], leaks_truth=False, noise=0.0)
        for field in soc_v0.fields(agent)
    )


def observe(evidence: Evidence) -> Observations:
    """The team's observations {agent: float32 (lanes, size)}, in the spaces of soc_v0."""
    segments = {name: of_zones[:, ZONE_OF_SEGMENT] for name, of_zones in _of_zones(evidence).items()}
    known = (
        segments
        | {f"hunt.{name}": segments[name] for name in ("compromised", "visibility")}
        | {f"response.{name}": segments[name] for name in ("compromised", "isolated", "value")}
        | {f"alert.{name}": values for name, values in _alerts(evidence).items()}
        | {name: values[:, None] for name, values in _whole(evidence).items()}
        | {"endpoint": _endpoints(evidence)}
    )
    joint = np.zeros((evidence.num_envs, JOINT_OBSERVATION_SIZE), np.float32)
    for name, entries in _ENTRIES.items():
        if name not in ("noise", "unused"):
            joint[:, entries.columns] = known[name][:, entries.indices]
    return split_observations(joint)


def stages(evidence: Evidence) -> NDArray[np.int64]:
    """How far the attacker is believed to be on each host, 0 to 5, (lanes, hosts)."""
    stage = np.where(evidence.open, SCALE.connection_stage, 0)
    stage = np.where(evidence.open & evidence.process | evidence.suspected, SCALE.process_stage, stage)
    stage = np.where(evidence.found, SCALE.malware_stage, stage)
    return np.where(evidence.found & evidence.critical, SCALE.critical_stage, stage)


def attack_phase(evidence: Evidence) -> NDArray[np.int64]:
    """The SOC's phase that the evidence shows, 0 to 4, (lanes,).

    1 with any, 2 with a compromised host, 3 with some in two zones, 4 with malware in a zone worth 0.9.
    """
    compromised = per_zone(evidence.compromised).astype(bool).sum(1)
    phase = np.where(evidence.open.any(1), 1, 0)
    phase = np.where(compromised >= 1, 2, phase)
    phase = np.where(compromised >= 2, 3, phase)
    return np.where((evidence.found & evidence.critical).any(1), 4, phase)


def per_zone(of_hosts: Numbers) -> NDArray[np.float64]:
    """Sums over the hosts of each zone, (lanes, zones)."""
    return np.add.reduceat(of_hosts, [hosts.start for hosts in HOST_SLICES], axis=1, dtype=np.float64)


def _share(of_hosts: Numbers) -> NDArray[np.float64]:
    """Of each zone's hosts, (lanes, zones).

    A zone has fewer hosts than the SOC's segments have. One host looks as one looks there, so that teams see
    what they know.
    """
    return np.minimum(1.0, per_zone(of_hosts) / SOC.hosts_per_segment)


def blocked_share(evidence: Evidence) -> NDArray[np.float64]:
    """Share of the traffic into each zone's subnets that is blocked, (lanes, zones)."""
    return np.stack([evidence.blocked[:, subnets].mean((1, 2)) for subnets in SUBNET_SLICES], 1)


def _window(evidence: Evidence) -> NDArray[np.int64]:
    """Steps of the present incident, (lanes,).

    The SOC's episodes are one incident each and soon over. A long one of CAGE-4 looks as if it had begun when
    the oldest alert can have been raised.
    """
    return np.minimum(evidence.step, SCALE.alert_steps)


def _visibility(evidence: Evidence) -> Numbers:
    shown = np.array([phase.visibility for phase in SOC.phases], np.float32) * (1.0 - SOC.stealth)
    return shown[attack_phase(evidence)].astype(np.float32)


def _of_zones(evidence: Evidence) -> dict[str, Numbers]:
    visibility = np.repeat(_visibility(evidence)[:, None], NUM_ZONES, 1)
    return {
        "compromised": _share(evidence.compromised),
        "stage": _share(stages(evidence) / _LAST_STAGE),
        "detected": _share(evidence.detected),
        "isolated": _share(evidence.responding),
        "visibility": visibility,
        "value": evidence.values,
    }


def _alerts(evidence: Evidence) -> dict[str, Numbers]:
    """The oldest alerts, each (lanes, ALERTS_SHOWN), 0 where there is none."""
    oldest = np.argsort(evidence.order, axis=1, kind="stable")[:, :ALERTS_SHOWN]

    def shown(of_hosts: Numbers) -> Numbers:
        return np.take_along_axis(of_hosts, oldest, 1)

    there, certain = shown(evidence.open), shown(evidence.certain)
    segments = SEGMENT_OF_ZONE[ZONE_OF_HOST][oldest]
    age = evidence.step[:, None] - shown(evidence.raised)
    noise = np.where(certain, _visibility(evidence)[:, None], SCALE.uncertain_noise)
    return {
        "severity": shown(evidence.severity),
        "confidence": shown(evidence.confidence),
        "segment": there * segments / len(SEGMENT_NAMES),
        "truth": certain,
        "timestamp": there * (_window(evidence)[:, None] - age) / SOC.max_steps,
        "noise": there * noise,
    }


def _whole(evidence: Evidence) -> dict[str, Numbers]:
    compromised, detected = evidence.compromised.sum(1), evidence.detected.sum(1)
    return {
        "time": _window(evidence) / SOC.max_steps,
        "queue": np.minimum(1.0, evidence.open.sum(1) / SOC.queue_capacity),
        "isolated.all": evidence.responding.sum(1) / SOC.num_hosts,
        "compromised.all": compromised / SOC.num_hosts,
        "detected.all": detected / (compromised + 1),
    }


def _endpoints(evidence: Evidence) -> Numbers:
    return (ENDPOINT_SIGNAL * stages(evidence)[:, _HEADQUARTERS] / _LAST_STAGE).astype(np.float32)
