"""Observations of the four agents, and the truth for centralised critics.

The layout is that of `soc_env.soc_v0.layout`, which names every entry.
"""

from __future__ import annotations

import numpy as np

from soc_env.engine.compile import rule
from soc_env.engine.random import fill_normals, fold
from soc_env.soc_v0.config import NUM_PHASES, NUM_SEGMENTS
from soc_env.soc_v0.layout import (
    ALERT_SIZE,
    ALERTS_SHOWN,
    COORDINATOR_NOISE,
    ENDPOINT_NOISE,
    ENDPOINT_SIGNAL,
    ENDPOINTS_SHOWN,
    HUNTER_NOISE,
    HUNTER_SEGMENT_NOISE,
    NET_SIZE,
    RESPONDER_NOISE,
)
from soc_env.soc_v0.rules import streams
from soc_env.soc_v0.rules.alerts import place_in_ring
from soc_env.soc_v0.rules.attack import LAST_STAGE, STAGE_MOVED
from soc_env.team import COORDINATOR, HUNTER, OBSERVATION_SIZES, OBSERVATION_SLICES, RESPONDER, TRIAGE

COORDINATOR_START, COORDINATOR_SIZE = OBSERVATION_SLICES[COORDINATOR].start, OBSERVATION_SIZES[COORDINATOR]
HUNTER_START = OBSERVATION_SLICES[HUNTER].start
TRIAGE_START, TRIAGE_SIZE = OBSERVATION_SLICES[TRIAGE].start, OBSERVATION_SIZES[TRIAGE]
RESPONDER_START, RESPONDER_SIZE = OBSERVATION_SLICES[RESPONDER].start, OBSERVATION_SIZES[RESPONDER]

# Rows of the tally of a lane, float64 (5, segments).
COMPROMISED, STAGE, DETECTED, ISOLATED, ACTIVE = range(5)
NUM_TALLIES = 5


@rule
def observe(c, s, i, key, tally, normals, out):
    """Write the joint observation, float32 (352,), into `out`.

    `tally` (float64 (5, 5)) and `normals` (float32 (NUM_NORMALS,)) are scratch.
    """
    count_hosts(c, s, i, tally)
    fill_normals(fold(key, streams.OBSERVATION_NOISE), normals)
    used = observe_as_coordinator(c, s, i, tally, normals, 0, out)
    used = observe_as_hunter(c, s, i, tally, normals, used, out)
    observe_as_triage(c, s, i, out)
    observe_as_responder(c, s, i, tally, normals, used, out)


@rule
def count_hosts(c, s, i, tally):
    """Per segment: hosts compromised, sum of stages, detected, isolated, compromised and not isolated."""
    tally[:, :] = 0.0
    for k in range(s.lanes[i].num_victims):
        h = s.victims[i, k]
        segment = h // c.hosts_per_segment
        tally[COMPROMISED, segment] += s.compromised[i, h]
        tally[STAGE, segment] += s.stage[i, h]
        tally[DETECTED, segment] += s.detected[i, h]
        tally[ACTIVE, segment] += s.compromised[i, h] & (1 - s.isolated[i, h])
    for segment in range(NUM_SEGMENTS):
        isolated = np.int64(0)
        first = segment * c.hosts_per_segment
        for flag in s.isolated[i, first : first + c.hosts_per_segment]:
            isolated += flag
        tally[ISOLATED, segment] = isolated


@rule
def observe_net(c, tally, out, start):
    """The network's statistics: four ratios for each segment."""
    n = c.hosts_per_segment
    for segment in range(NUM_SEGMENTS):
        at = start + 4 * segment
        out[at] = tally[COMPROMISED, segment] / n
        out[at + 1] = tally[STAGE, segment] / n / LAST_STAGE
        out[at + 2] = tally[DETECTED, segment] / n
        out[at + 3] = tally[ISOLATED, segment] / n


@rule
def share_net(out, start):
    """Give another agent the network's statistics that the coordinator has been given."""
    for j in range(NET_SIZE):
        out[start + j] = out[COORDINATOR_START + j]


@rule
def add_noise(out, start, count, std, normals, used):
    """Write `count` noise entries; returns how many normals are used up."""
    for j in range(count):
        out[start + j] = np.float32(std) * normals[used + j]
    return used + count


@rule
def observe_as_coordinator(c, s, i, tally, normals, used, out):
    lane = s.lanes[i]
    at = COORDINATOR_START
    observe_net(c, tally, out, at)
    compromised, detected = tally[COMPROMISED].sum(), tally[DETECTED].sum()
    out[at + NET_SIZE] = lane.step / c.max_steps
    out[at + NET_SIZE + 1] = lane.queue_length / c.queue_capacity
    out[at + NET_SIZE + 2] = compromised / (NUM_SEGMENTS * c.hosts_per_segment)
    out[at + NET_SIZE + 3] = detected / max(1.0, compromised + 1.0)
    noise = at + NET_SIZE + 4
    return add_noise(out, noise, COORDINATOR_SIZE - NET_SIZE - 4, COORDINATOR_NOISE, normals, used)


@rule
def observe_as_hunter(c, s, i, tally, normals, used, out):
    share_net(out, HUNTER_START)
    at = HUNTER_START + NET_SIZE
    for segment in range(NUM_SEGMENTS):
        out[at] = tally[COMPROMISED, segment] / c.hosts_per_segment
        out[at + 1] = c.visibility[s.lanes[i].phase]
        used = add_noise(out, at + 2, 8, HUNTER_SEGMENT_NOISE, normals, used)
        at += 10
    used = add_noise(out, at, 10, HUNTER_NOISE, normals, used)
    at += 10
    hosts = min(ENDPOINTS_SHOWN, s.stage.shape[1])
    add_noise(out, at, hosts, ENDPOINT_NOISE, normals, used)
    out[at + hosts : at + ENDPOINTS_SHOWN] = 0.0
    for k in range(s.lanes[i].num_victims):
        h = s.victims[i, k]
        if h < hosts:
            out[at + h] += np.float32(ENDPOINT_SIGNAL * s.stage[i, h] / LAST_STAGE)
    return used + ENDPOINTS_SHOWN


@rule
def observe_as_triage(c, s, i, out):
    lane = s.lanes[i]
    out[TRIAGE_START] = lane.queue_length / c.queue_capacity
    at = TRIAGE_START + 1
    shown = min(lane.queue_length, ALERTS_SHOWN)
    for position in range(shown):
        alert = s.queue[i, place_in_ring(c, s, i, position)]
        out[at] = alert.severity
        out[at + 1] = alert.confidence
        out[at + 2] = alert.segment / NUM_SEGMENTS
        out[at + 3] = alert.is_true
        out[at + 4] = alert.timestamp / c.max_steps
        out[at + 5] = alert.noise
        at += ALERT_SIZE
    out[at : TRIAGE_START + TRIAGE_SIZE] = 0.0


@rule
def observe_as_responder(c, s, i, tally, normals, used, out):
    share_net(out, RESPONDER_START)
    at = RESPONDER_START + NET_SIZE
    out[at] = tally[ISOLATED].sum() / (NUM_SEGMENTS * c.hosts_per_segment)
    at += 1
    for segment in range(NUM_SEGMENTS):
        out[at] = tally[COMPROMISED, segment] / c.hosts_per_segment
        out[at + 1] = tally[ISOLATED, segment] / c.hosts_per_segment
        out[at + 2] = c.value[segment]
        used = add_noise(out, at + 3, 5, RESPONDER_NOISE, normals, used)
        at += 8
    out[at : RESPONDER_START + RESPONDER_SIZE] = 0.0


@rule
def write_truth(c, s, i, tally, out):
    """Write the state, float32 (STATE_SIZE,): what `soc_env.soc_v0.layout.state_fields` names."""
    lane = s.lanes[i]
    n = c.hosts_per_segment
    count_hosts(c, s, i, tally)
    out[:] = 0.0
    out[0] = lane.step / c.max_steps
    out[1 + lane.phase] = 1.0
    at = 1 + NUM_PHASES
    out[at] = min(1.0, lane.phase_steps / c.min_phase_steps)
    out[at + 1] = c.visibility[lane.phase]
    out[at + 2] = lane.exfiltrated
    out[at + 3] = lane.detection_time >= 0
    out[at + 4] = (lane.step - lane.detection_time) / c.max_steps if lane.detection_time >= 0 else 0.0
    out[at + 5] = lane.queue_length / c.queue_capacity
    true_alerts = 0
    for position in range(lane.queue_length):
        true_alerts += s.queue[i, place_in_ring(c, s, i, position)].is_true
    out[at + 6] = true_alerts / c.queue_capacity
    at += 7
    for k in range(lane.directive.shape[0]):
        out[at + k] = lane.directive[k]
    at += lane.directive.shape[0]
    for segment in range(NUM_SEGMENTS):
        entry = at + 8 * segment
        out[entry] = tally[COMPROMISED, segment] / n
        out[entry + 1] = tally[ACTIVE, segment] / n
        out[entry + 2] = tally[STAGE, segment] / n / LAST_STAGE
        out[entry + 3] = tally[DETECTED, segment] / n
        out[entry + 4] = tally[ISOLATED, segment] / n
        total = 0.0
        for h in range(segment * n, (segment + 1) * n):
            total += np.float64(s.vulnerability[i, h])
        out[entry + 7] = total / n
    for k in range(lane.num_footholds):
        h = s.footholds[i, k]
        if not s.isolated[i, h]:
            entry = at + 8 * (h // n)
            out[entry + 5] += np.float32(1.0) / np.float32(s.footholds.shape[1])
            if s.stage[i, h] >= STAGE_MOVED:
                out[entry + 6] += np.float32(1.0) / np.float32(s.footholds.shape[1])
    at += 8 * NUM_SEGMENTS
    if lane.queue_length > 0:
        oldest = s.queue[i, lane.queue_start]
        out[at] = oldest.severity
        out[at + 1] = oldest.confidence
        out[at + 2] = oldest.segment / NUM_SEGMENTS
        out[at + 3] = oldest.is_true
        out[at + 4] = (lane.step - oldest.timestamp) / c.max_steps
        out[at + 5] = oldest.noise
