"""What every entry of an observation and of the state means.

The same names serve documentation, pictures, wrappers and explanations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from soc_env.soc_v0.config import NUM_PHASES, NUM_SEGMENTS, Config
from soc_env.team import AGENTS, COORDINATOR, HUNTER, OBSERVATION_SIZES, RESPONDER, TRIAGE

NET_SIZE = 4 * NUM_SEGMENTS
ALERTS_SHOWN, ALERT_SIZE = 10, 6
ENDPOINTS_SHOWN = 48

# Standard deviations of the noise entries, and the weight of the stage in an endpoint's entry.
COORDINATOR_NOISE, HUNTER_SEGMENT_NOISE, HUNTER_NOISE, RESPONDER_NOISE = 0.1, 0.2, 0.1, 0.1
ENDPOINT_NOISE, ENDPOINT_SIGNAL = 0.15, 0.3

# Normal deviates in one joint observation: 40 + 98 + 25, rounded up to whole vector registers.
NUM_NORMALS = 176


@dataclass(frozen=True)
class Field:
    """One or more consecutive entries of an observation.

    Attributes:
        name: for instance "DMZ.compromised".
        start, size: where the entries are, from 0.
        low, high: bounds of each entry.
        description: what it says, with units.
        leaks_truth: whether it tells what a real SOC could not know.
        noise: standard deviation of Gaussian noise in it, 0 if exact.
    """

    name: str
    start: int
    size: int
    low: float
    high: float
    description: str
    leaks_truth: bool = False
    noise: float = 0.0

    @property
    def slice(self) -> slice:
        """The entries as a slice of the observation."""
        return slice(self.start, self.start + self.size)


class _Layout:
    """Fields laid one after the other."""

    def __init__(self) -> None:
        self.fields: list[Field] = []

    def add(
        self,
        name: str,
        description: str,
        *,
        size: int = 1,
        low: float = 0.0,
        high: float = 1.0,
        leaks_truth: bool = False,
        noise: float = 0.0,
    ) -> None:
        start = self.fields[-1].start + self.fields[-1].size if self.fields else 0
        if noise:
            low, high = -np.inf, np.inf
        self.fields.append(Field(name, start, size, low, high, description, leaks_truth, noise))

    def pad(self, size: int) -> tuple[Field, ...]:
        used = self.fields[-1].start + self.fields[-1].size
        if used < size:
            self.add("unused", "always 0", size=size - used, high=0.0)
        return tuple(self.fields)


def _add_net(layout: _Layout, config: Config) -> None:
    for segment in config.segments:
        layout.add(f"{segment.name}.compromised", "share of hosts that are compromised", leaks_truth=True)
        layout.add(
            f"{segment.name}.stage", "mean stage of its hosts / 5, remediated ones included", leaks_truth=True
        )
        layout.add(f"{segment.name}.detected", "share of hosts that are detected")
        layout.add(f"{segment.name}.isolated", "share of hosts that are isolated")


def _coordinator(config: Config) -> tuple[Field, ...]:
    layout = _Layout()
    _add_net(layout, config)
    layout.add("time", "step / max_steps")
    layout.add("queue", "alerts queued / capacity")
    layout.add("compromised", "share of all hosts that are compromised", leaks_truth=True)
    layout.add("detected", "detected hosts / (compromised hosts + 1)", leaks_truth=True)
    layout.add("noise", "pure noise", size=40, noise=COORDINATOR_NOISE)
    return layout.pad(OBSERVATION_SIZES[COORDINATOR])


def _hunter(config: Config) -> tuple[Field, ...]:
    layout = _Layout()
    _add_net(layout, config)
    for segment in config.segments:
        layout.add(
            f"{segment.name}.hunt.compromised", "share of hosts that are compromised", leaks_truth=True
        )
        layout.add(f"{segment.name}.hunt.visibility", "visibility of the attacker's phase", leaks_truth=True)
        layout.add(f"{segment.name}.hunt.noise", "pure noise", size=8, noise=HUNTER_SEGMENT_NOISE)
    layout.add("noise", "pure noise", size=10, noise=HUNTER_NOISE)
    for host in range(ENDPOINTS_SHOWN):
        if host < config.num_hosts:
            description = f"0.3 x stage / 5 of host {host}, a remediated one's too, with noise"
            layout.add(f"endpoint[{host}]", description, noise=ENDPOINT_NOISE)
    return layout.pad(OBSERVATION_SIZES[HUNTER])


def _triage(config: Config) -> tuple[Field, ...]:
    layout = _Layout()
    layout.add("queue", "alerts queued / capacity")
    for position in range(ALERTS_SHOWN):
        alert = f"alert[{position}]"
        layout.add(f"{alert}.severity", "severity; 0 without an alert, like the five that follow")
        layout.add(f"{alert}.confidence", "confidence")
        layout.add(f"{alert}.segment", "index of its segment / 5")
        layout.add(f"{alert}.truth", "1 if the alert is true", leaks_truth=True)
        layout.add(f"{alert}.timestamp", "the step that raised it / max_steps")
        layout.add(
            f"{alert}.noise", "the visibility behind a true alert, below 0.3 for others", leaks_truth=True
        )
    return layout.pad(OBSERVATION_SIZES[TRIAGE])


def _responder(config: Config) -> tuple[Field, ...]:
    layout = _Layout()
    _add_net(layout, config)
    layout.add("isolated", "share of all hosts that are isolated")
    for segment in config.segments:
        name = f"{segment.name}.response"
        layout.add(f"{name}.compromised", "share of hosts that are compromised", leaks_truth=True)
        layout.add(f"{name}.isolated", "share of hosts that are isolated")
        layout.add(f"{name}.value", "worth of the segment")
        layout.add(f"{name}.noise", "pure noise", size=5, noise=RESPONDER_NOISE)
    return layout.pad(OBSERVATION_SIZES[RESPONDER])


_LAYOUTS = {COORDINATOR: _coordinator, HUNTER: _hunter, TRIAGE: _triage, RESPONDER: _responder}


def fields(agent: str, config: Config | None = None) -> tuple[Field, ...]:
    """The fields of an agent's observation, in order; together they cover it.

    Raises:
        ValueError: no such agent.
    """
    if agent not in _LAYOUTS:
        raise ValueError(f"agent must be one of {', '.join(AGENTS)}, got {agent!r}")
    return _LAYOUTS[agent](config or Config())


def state_fields(config: Config | None = None) -> tuple[Field, ...]:
    """The fields of `state()`: the simulator's truth, without any noise."""
    config = config or Config()
    layout = _Layout()
    layout.add("time", "step / max_steps")
    for phase in config.phases:
        layout.add(f"phase.{phase.name}", "1 in this phase of the attacker")
    layout.add("phase_steps", "steps in the phase / the least it lasts, at most 1")
    layout.add("visibility", "of the phase, after stealth")
    layout.add("exfiltrated", "1 once data is exfiltrated")
    layout.add("detection", "1 once a host was ever detected")
    layout.add("since_detection", "steps since the first detection / max_steps")
    layout.add("queue", "alerts queued / capacity")
    layout.add("queue.true", "true alerts queued / capacity")
    for number in range(8):
        layout.add(f"directive[{number}]", "the directive in force", low=-1.0)
    for segment in config.segments:
        layout.add(f"{segment.name}.compromised", "share of hosts that are compromised")
        layout.add(f"{segment.name}.active", "share of hosts compromised and not isolated")
        layout.add(f"{segment.name}.stage", "mean stage of its hosts / 5, remediated ones included")
        layout.add(f"{segment.name}.detected", "share of hosts that are detected")
        layout.add(f"{segment.name}.isolated", "share of hosts that are isolated")
        layout.add(f"{segment.name}.footholds", "foothold entries not isolated / the list's bound")
        layout.add(f"{segment.name}.ready", "those of them with stage 3 or more")
        layout.add(f"{segment.name}.vulnerability", "mean vulnerability of its hosts")
    for name, description in (
        ("severity", "severity; 0 without an alert, like the five that follow"),
        ("confidence", "confidence"),
        ("segment", "index of its segment / 5"),
        ("truth", "1 if the alert is true"),
        ("age", "steps since it was raised / max_steps"),
        ("noise", "the visibility behind a true alert, below 0.3 for others"),
    ):
        layout.add(f"oldest_alert.{name}", description)
    return tuple(layout.fields)


STATE_SIZE = 1 + NUM_PHASES + 7 + 8 + 8 * NUM_SEGMENTS + 6


def box(described: tuple[Field, ...]) -> spaces.Box:
    """The space that fields span, float32."""
    low = np.concatenate([np.full(field.size, field.low, np.float32) for field in described])
    high = np.concatenate([np.full(field.size, field.high, np.float32) for field in described])
    return spaces.Box(low, high, dtype=np.float32)
