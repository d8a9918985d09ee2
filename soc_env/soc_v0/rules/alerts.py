"""2. Alerts: a bounded queue of true and benign ones."""

from __future__ import annotations

from soc_env.engine.compile import rule
from soc_env.engine.random import fold, uniform
from soc_env.soc_v0.config import NUM_SEGMENTS
from soc_env.soc_v0.rules import streams
from soc_env.soc_v0.rules.attack import EXFILTRATION, INITIAL_ACCESS


@rule
def raise_alerts(c, s, i, key, acted_phase):
    """Perhaps a true alert about the phase that acted, then perhaps a benign one."""
    lane = s.lanes[i]
    stream = fold(key, streams.ALERTS)
    visibility = c.visibility[lane.phase]
    if acted_phase >= INITIAL_ACCESS and uniform(stream, 0) < c.true_alert_factor * visibility:
        alert = new_alert(c, s, i)
        alert.severity = acted_phase / EXFILTRATION
        alert.confidence = 0.5 + 0.5 * visibility
        alert.segment = 0
        alert.is_true = 1
        alert.noise = visibility
    if uniform(stream, 1) < c.benign_alert_probability:
        alert = new_alert(c, s, i)
        alert.severity = 0.5 * uniform(stream, 2)
        alert.confidence = 0.4 * uniform(stream, 3)
        alert.segment = int(NUM_SEGMENTS * uniform(stream, 4))
        alert.is_true = 0
        alert.noise = 0.3 * uniform(stream, 5)


@rule
def new_alert(c, s, i):
    """Room for one more alert at the end of the queue; the oldest makes way if it is full."""
    lane = s.lanes[i]
    if lane.queue_length == c.queue_capacity:
        drop_oldest(c, s, i)
    alert = s.queue[i, place_in_ring(c, s, i, lane.queue_length)]
    alert.timestamp = lane.step
    lane.queue_length += 1
    lane.alerts += 1
    return alert


@rule
def drop_oldest(c, s, i):
    """Remove the alert at the front."""
    lane = s.lanes[i]
    lane.queue_start = place_in_ring(c, s, i, 1)
    lane.queue_length -= 1


@rule
def place_in_ring(c, s, i, position):
    """Where in the ring the alert at `position` (0: the oldest) is."""
    place = s.lanes[i].queue_start + position
    return place - c.queue_capacity if place >= c.queue_capacity else place
