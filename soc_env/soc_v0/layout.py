"""What every entry of an observation and of the state means.

The same names serve documentation, pictures, wrappers and explanations.
"""

from __future__ import annotations

from soc_env.engine.fields import Field, Layout, Member, members
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


def segments(config: Config) -> tuple[Member, ...]:
    """What entries of observations and numbers of actions belong to."""
    return members("segment", (segment.name for segment in config.segments))


def _add_net(layout: Layout, config: Config) -> None:
    for segment in segments(config):
        layout.add("compromised", "share of hosts that are compromised", of=segment, leaks_truth=True)
        layout.add(
            "stage", "mean stage of its hosts / 5, remediated ones included", of=segment, leaks_truth=True
        )
        layout.add("detected", "share of hosts that are detected", of=segment)
        layout.add("isolated", "share of hosts that are isolated", of=segment)


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
    for segment in segments(config):
        layout.add("hunt.compromised", "share of hosts that are compromised", of=segment, leaks_truth=True)
        layout.add("hunt.visibility", "visibility of the attacker's phase", of=segment, leaks_truth=True)
        layout.add("hunt.noise", "pure noise", of=segment, size=8, noise=HUNTER_SEGMENT_NOISE)
    layout.add("noise", "pure noise", size=10, noise=HUNTER_NOISE)
    hosts = range(min(ENDPOINTS_SHOWN, config.num_hosts))
    for endpoint in members("endpoint", (f"endpoint[{host}]" for host in hosts)):
        description = f"0.3 x stage / 5 of host {endpoint.index}, a remediated one's too, with noise"
        layout.add("", description, of=endpoint, noise=ENDPOINT_NOISE)
    return layout.padded(OBSERVATION_SIZES[HUNTER])


def _triage(config: Config) -> tuple[Field, ...]:
    layout = Layout()
    layout.add("queue", "alerts queued / capacity")
    for alert in members("alert", (f"alert[{position}]" for position in range(ALERTS_SHOWN))):
        layout.add("severity", "severity; 0 without an alert, like the five that follow", of=alert)
        layout.add("confidence", "confidence", of=alert)
        layout.add("segment", "index of its segment / 5", of=alert)
        layout.add("truth", "1 if the alert is true", of=alert, leaks_truth=True)
        layout.add("timestamp", "the step that raised it / max_steps", of=alert)
        layout.add(
            "noise", "the visibility behind a true alert, below 0.3 for others", of=alert, leaks_truth=True
        )
    return layout.padded(OBSERVATION_SIZES[TRIAGE])


def _responder(config: Config) -> tuple[Field, ...]:
    layout = Layout()
    _add_net(layout, config)
    layout.add("isolated", "share of all hosts that are isolated")
    for segment in segments(config):
        layout.add(
            "response.compromised", "share of hosts that are compromised", of=segment, leaks_truth=True
        )
        layout.add("response.isolated", "share of hosts that are isolated", of=segment)
        layout.add("response.value", "worth of the segment", of=segment)
        layout.add("response.noise", "pure noise", of=segment, size=5, noise=RESPONDER_NOISE)
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
    for phase in members("phase", (f"phase.{phase.name}" for phase in config.phases)):
        layout.add("", "1 in this phase of the attacker", of=phase)
    layout.add("phase_steps", "steps in the phase / the least it lasts, at most 1")
    layout.add("visibility", "of the phase, after stealth")
    layout.add("exfiltrated", "1 once data is exfiltrated")
    layout.add("detection", "1 once a host was ever detected")
    layout.add("since_detection", "steps since the first detection / max_steps")
    layout.add("queue", "alerts queued / capacity")
    layout.add("queue.true", "true alerts queued / capacity")
    for number in members("directive", (f"directive[{number}]" for number in range(8))):
        layout.add("", "the directive in force", of=number, low=-1.0)
    for segment in segments(config):
        layout.add("compromised", "share of hosts that are compromised", of=segment)
        layout.add("active", "share of hosts compromised and not isolated", of=segment)
        layout.add("stage", "mean stage of its hosts / 5, remediated ones included", of=segment)
        layout.add("detected", "share of hosts that are detected", of=segment)
        layout.add("isolated", "share of hosts that are isolated", of=segment)
        layout.add("footholds", "foothold entries not isolated / the list's bound", of=segment)
        layout.add("ready", "those of them with stage 3 or more", of=segment)
        layout.add("vulnerability", "mean vulnerability of its hosts", of=segment)
    oldest = Member("oldest_alert", 0, "oldest_alert")
    for name, description in (
        ("severity", "severity; 0 without an alert, like the five that follow"),
        ("confidence", "confidence"),
        ("segment", "index of its segment / 5"),
        ("truth", "1 if the alert is true"),
        ("age", "steps since it was raised / max_steps"),
        ("noise", "the visibility behind a true alert, below 0.3 for others"),
    ):
        layout.add(name, description, of=oldest)
    return tuple(layout.fields)


STATE_SIZE = 1 + NUM_PHASES + 7 + 8 + 8 * NUM_SEGMENTS + 6
