"""6. The response orchestrator: isolation and remediation by segment, and containment."""

from __future__ import annotations

from soc_env.engine.compile import rule
from soc_env.engine.random import fold, uniform
from soc_env.soc_v0.config import NUM_SEGMENTS
from soc_env.soc_v0.rules import streams
from soc_env.soc_v0.rules.direct import clip, share


@rule
def respond(c, s, i, key, action):
    """Isolate, then remediate, segment by segment.

    Args:
        action: (12,), isolation of segments 0-4, remediation of segments 0-4, the rest unused.

    Returns:
        How many detected hosts were isolated, and the disruption caused.
    """
    lane = s.lanes[i]
    isolation, collateral = fold(key, streams.ISOLATION), fold(key, streams.COLLATERAL)
    remediation = fold(key, streams.REMEDIATION)
    num_isolated = 0
    disruption = 0.0
    for segment in range(NUM_SEGMENTS):
        isolate = min(1.0, share(clip(action[segment])) + c.directive_isolation * share(lane.directive[4]))
        remediate = share(clip(action[NUM_SEGMENTS + segment]))
        if isolate > c.response_threshold:
            hits = isolate_detected(c, s, i, isolation, segment, isolate)
            num_isolated += hits
            disruption += hits * c.isolation_disruption * c.value[segment]
            if isolate > c.collateral_threshold:
                hits = isolate_clean(c, s, i, collateral, segment)
                disruption += hits * c.collateral_disruption * c.value[segment]
        if remediate > c.response_threshold:
            remediate_isolated(c, s, i, remediation, segment, remediate)
    return num_isolated, disruption


@rule
def isolate_detected(c, s, i, stream, segment, chance):
    """Isolate detected hosts that are compromised; returns how many."""
    hits = 0
    for k in range(s.lanes[i].num_victims):
        h = s.victims[i, k]
        if h // c.hosts_per_segment != segment or s.isolated[i, h]:
            continue
        if s.detected[i, h] and s.compromised[i, h] and uniform(stream, k) < chance:
            s.isolated[i, h] = 1
            hits += 1
    return hits


@rule
def isolate_clean(c, s, i, stream, segment):
    """Isolate hosts that are not compromised, isolated already or not, by mistake; returns how many."""
    first = segment * c.hosts_per_segment
    last = first + c.hosts_per_segment
    compromised, isolated = s.compromised[i, first:last], s.isolated[i, first:last]
    hits = 0
    for k in range(c.hosts_per_segment):
        if (uniform(stream, first + k) < c.collateral_probability) & (compromised[k] == 0):
            isolated[k] = 1
            hits += 1
    return hits


@rule
def remediate_isolated(c, s, i, stream, segment, chance):
    """Clean isolated hosts that are compromised and give them back."""
    for k in range(s.lanes[i].num_victims):
        h = s.victims[i, k]
        if h // c.hosts_per_segment != segment or not (s.isolated[i, h] and s.compromised[i, h]):
            continue
        if uniform(stream, k) < chance:
            s.compromised[i, h] = 0
            s.stage[i, h] = 0
            s.isolated[i, h] = 0
            s.detected[i, h] = 0


@rule
def is_contained(s, i):
    """Whether some host is compromised, and every compromised one isolated."""
    some = False
    for k in range(s.lanes[i].num_victims):
        h = s.victims[i, k]
        if s.compromised[i, h]:
            if not s.isolated[i, h]:
                return False
            some = True
    return some
