"""1. The attacker: five phases of ATT&CK, with no way back."""

from __future__ import annotations

import numpy as np

from soc_env.engine.compile import rule
from soc_env.engine.random import fold, uniform
from soc_env.soc_v0.config import NUM_SEGMENTS
from soc_env.soc_v0.rules import streams

RECONNAISSANCE, INITIAL_ACCESS, EXECUTION, LATERAL_MOVEMENT, EXFILTRATION = range(5)

# A host's stage once the attacker has done this to it.
STAGE_ACCESSED, STAGE_EXECUTED, STAGE_MOVED, STAGE_STAGED = 1, 2, 3, 4
LAST_STAGE = 5  # only a scale: no rule sets it


@rule
def advance_attack(c, s, i, key):
    """Let the present phase act, then move on to the next if it has succeeded for long enough."""
    lane = s.lanes[i]
    stream = fold(key, streams.ATTACK)
    lane.phase_steps += 1
    if lane.phase == RECONNAISSANCE:
        success = reconnoitre(c, s, i)
    elif lane.phase == INITIAL_ACCESS:
        success = access(c, s, i, stream)
    elif lane.phase == EXECUTION:
        success = execute(c, s, i, stream)
    elif lane.phase == LATERAL_MOVEMENT:
        success = move(c, s, i, stream)
    else:
        success = exfiltrate(c, s, i, stream)
    if success and lane.phase_steps >= c.min_phase_steps and lane.phase < EXFILTRATION:
        lane.phase += 1
        lane.phase_steps = 0


@rule
def reconnoitre(c, s, i):
    """Phase 0: note the most vulnerable reachable hosts of segment 0, by insertion in order."""
    lane = s.lanes[i]
    vulnerability, targets = s.vulnerability[i], s.targets[i]
    found = 0
    for h in range(c.hosts_per_segment):
        if s.compromised[i, h] or s.isolated[i, h]:
            continue
        if found == targets.shape[0]:
            if vulnerability[h] <= vulnerability[targets[found - 1]]:
                continue
            found -= 1
        place = found
        while place > 0 and vulnerability[h] > vulnerability[targets[place - 1]]:
            targets[place] = targets[place - 1]
            place -= 1
        targets[place] = h
        found += 1
    lane.num_targets = found
    return found > 0


@rule
def access(c, s, i, stream):
    """Phase 1: exploit each target that is not isolated, compromised already or not."""
    lane = s.lanes[i]
    success = False
    for k in range(lane.num_targets):
        h = s.targets[i, k]
        if not s.isolated[i, h] and uniform(stream, k) < c.exploit_probability * s.vulnerability[i, h]:
            take(s, i, h, STAGE_ACCESSED)
            success = True
    return success


@rule
def execute(c, s, i, stream):
    """Phase 2: run code from each foothold entry; a host that was cleaned meanwhile serves as well."""
    success = False
    for k in range(s.lanes[i].num_footholds):
        h = s.footholds[i, k]
        if s.isolated[i, h] or s.stage[i, h] >= STAGE_EXECUTED:
            continue
        if uniform(stream, k) < c.execution_probability:
            s.stage[i, h] = STAGE_EXECUTED
            success = True
    return success


@rule
def move(c, s, i, stream):
    """Phase 3: from each segment held, try one host of each segment that it reaches."""
    lane = s.lanes[i]
    held = 0  # a bit for each segment, taken before anything moves
    for k in range(lane.num_footholds):
        h = s.footholds[i, k]
        if not s.isolated[i, h]:
            held |= 1 << (h // c.hosts_per_segment)
    success = False
    for source in range(NUM_SEGMENTS):
        if not (held >> source) & 1:
            continue
        for target in range(NUM_SEGMENTS):
            if not c.reaches[source, target]:
                continue
            pair = 2 * (source * NUM_SEGMENTS + target)
            h = draw_clean_host(c, s, i, target, uniform(stream, pair))
            if h >= 0 and uniform(stream, pair + 1) < c.lateral_probability * s.vulnerability[i, h]:
                take(s, i, h, STAGE_MOVED)
                success = True
    return success


@rule
def draw_clean_host(c, s, i, segment, u):
    """One of the segment's hosts that are neither compromised nor isolated, or -1 if there is none."""
    first = segment * c.hosts_per_segment
    last = first + c.hosts_per_segment
    candidates = 0
    for h in range(first, last):
        candidates += is_clean(s, i, h)
    if candidates == 0:
        return -1
    rank = int(u * candidates)
    h = first - 1
    while rank >= 0:
        h += 1
        rank -= is_clean(s, i, h)
    return h


@rule
def is_clean(s, i, h):
    """1 for a host that is neither compromised nor isolated, else 0."""
    return 1 - np.int64(s.compromised[i, h] | s.isolated[i, h])


@rule
def exfiltrate(c, s, i, stream):
    """Phase 4: stage the data on every valuable foothold, and perhaps get it out."""
    lane = s.lanes[i]
    success = False
    for k in range(lane.num_footholds):
        h = s.footholds[i, k]
        if s.isolated[i, h] or s.stage[i, h] < STAGE_MOVED:
            continue
        if c.value[h // c.hosts_per_segment] >= c.exfiltration_value:
            s.stage[i, h] = STAGE_STAGED
            success = True
    if success and uniform(stream, 0) < c.exfiltration_probability:
        lane.exfiltrated = 1
    return success


@rule
def take(s, i, h, stage):
    """Compromise a host and note it as a foothold, once more if it is one already."""
    lane = s.lanes[i]
    s.compromised[i, h] = 1
    s.stage[i, h] = stage
    s.footholds[i, lane.num_footholds] = h
    lane.num_footholds += 1
    for k in range(lane.num_victims):
        if s.victims[i, k] == h:
            return
    s.victims[i, lane.num_victims] = h
    lane.num_victims += 1
