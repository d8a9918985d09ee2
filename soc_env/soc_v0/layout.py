"""What every entry of an observation and of the state means.

The same names serve documentation, pictures, wrappers and explanations.
"""

from __future__ import annotations

from soc_env.engine.fields import Field, Layout
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


def _add_net(layout: Layout, config: Config) -> None:
    for segment in config.segments:
        layout.add(f"{segment.name}.compromised", "share of hosts that are compromised", leaks_truth=True)
        layout.add(
            f"{segment.name}.stage", "mean stage of its hosts / 5, remediated ones included", leaks_truth=True
        )
        layout.add(f"{segment.name}.detected", "share of hosts that are detected")
        layout.add(f"{segment.name}.isolated", "share of hosts that are isolated")


def _coordinator(config: Config) -> tuple[Field, ...]:
    layout = Layout()
    _add_net(layout, config)
    layout.add("time", "step / max_steps")
    layout.add("queue", "alerts queued / capacity")
    layout.add("compromised", "share of all hosts that are compromised", leaks_truth=True)
    layout.add("detected", "detected hosts / (compromised hosts + 1)", leaks_truth=True)
    layout.add("noise", "pure noise", size=40, noise=COORDINATOR_NOISE)
    return layout.padded(OBSERVATION_SIZES[COORDINATOR])


def _hunter(config: Config) -> tuple[Field, ...]:
    layout = Layout()
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
    return layout.padded(OBSERVATION_SIZES[HUNTER])


def _triage(config: Config) -> tuple[Field, ...]:
    layout = Layout()
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
    return layout.padded(OBSERVATION_SIZES[TRIAGE])


def _responder(config: Config) -> tuple[Field, ...]:
    layout = Layout()
    _add_net(layout, config)
    layout.add("isolated", "share of all hosts that are isolated")
    for segment in config.segments:
        name = f"{segment.name}.response"
        layout.add(f"{name}.compromised", "share of hosts that are compromised", leaks_truth=True)
        layout.add(f"{name}.isolated", "share of hosts that are isolated")
        layout.add(f"{name}.value", "worth of the segment")
        layout.add(f"{name}.noise", "pure noise", size=5, noise=RESPONDER_NOISE)
    return layout.padded(OBSERVATION_SIZES[RESPONDER])


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
    layout = Layout()
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
