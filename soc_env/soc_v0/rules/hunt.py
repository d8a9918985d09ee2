"""4. The threat hunter: scans by segment, at an intensity and a scope."""

from __future__ import annotations

from soc_env.engine.compile import rule
from soc_env.engine.random import fold, uniform
from soc_env.soc_v0.config import NUM_SEGMENTS
from soc_env.soc_v0.rules import streams
from soc_env.soc_v0.rules.attack import LAST_STAGE
from soc_env.soc_v0.rules.direct import clip, share


@rule
def hunt(c, s, i, key, action, found):
    """Scan the network.

    Args:
        action: (16,), intensity of segments 0-4, scope of segments 0-4, the rest unused.
        found: scratch; newly detected hosts are written here.

    Returns:
        How many hosts were newly detected, and how many false scans there were.
    """
    lane = s.lanes[i]
    detection, false_scan = fold(key, streams.DETECTION), fold(key, streams.FALSE_SCAN)
    num_found = false_scans = 0
    for segment in range(NUM_SEGMENTS):
        intensity = min(1.0, share(clip(action[segment])) + c.directive_intensity * share(lane.directive[0]))
        scope = min(
            1.0, share(clip(action[NUM_SEGMENTS + segment])) + c.directive_scope * share(lane.directive[1])
        )
        if intensity <= c.hunt_threshold:
            continue
        lane.scans += c.hosts_per_segment
        chance = intensity * scope * (1.0 - c.stealth_penalty * c.stealth)
        num_found = scan_victims(c, s, i, detection, segment, chance, found, num_found)
        if intensity > c.false_scan_threshold:
            false_scans += count_false_scans(c, s, i, false_scan, segment)
    if num_found > 0 and lane.detection_time < 0:
        lane.detection_time = lane.step
    lane.true_positives += num_found
    lane.false_positives += false_scans
    return num_found, false_scans


@rule
def scan_victims(c, s, i, stream, segment, chance, found, num_found):
    """Detect compromised hosts of a segment, the likelier the further the attacker is on them."""
    for k in range(s.lanes[i].num_victims):
        h = s.victims[i, k]
        if h // c.hosts_per_segment != segment or not s.compromised[i, h] or s.detected[i, h]:
            continue
        if uniform(stream, k) < chance * s.stage[i, h] / LAST_STAGE:
            s.detected[i, h] = 1
            found[num_found] = h
            num_found += 1
    return num_found


@rule
def count_false_scans(c, s, i, stream, segment):
    """How many clean hosts of a segment, isolated ones too, look bad to an intense scan."""
    first = segment * c.hosts_per_segment
    compromised = s.compromised[i, first : first + c.hosts_per_segment]
    count = 0
    for k in range(c.hosts_per_segment):
        count += (uniform(stream, first + k) < c.false_scan_probability) & (compromised[k] == 0)
    return count
