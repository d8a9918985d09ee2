"""5. Alert triage: one verdict on the oldest alert."""

from __future__ import annotations

from soc_env.engine.compile import rule
from soc_env.soc_v0.rules.alerts import drop_oldest, place_in_ring
from soc_env.team import Verdict

ESCALATE, SUPPRESS, CORRELATE = int(Verdict.ESCALATE), int(Verdict.SUPPRESS), int(Verdict.CORRELATE)


@rule
def judge_oldest(c, s, i, verdict):
    """Apply the verdict; returns 1 if a true alert was suppressed, else 0."""
    lane = s.lanes[i]
    if lane.queue_length == 0:
        return 0
    oldest = s.queue[i, lane.queue_start]
    is_true = oldest.is_true
    if verdict == ESCALATE:
        lane.true_positives += is_true
        lane.false_positives += 1 - is_true
        drop_oldest(c, s, i)
        return 0
    if verdict == SUPPRESS:
        drop_oldest(c, s, i)
        return is_true
    if verdict == CORRELATE:
        keep_most_severe(c, s, i, oldest.segment)
    else:  # enrich
        oldest.confidence = min(1.0, oldest.confidence + c.enrich_confidence)
    return 0


@rule
def keep_most_severe(c, s, i, segment):
    """Of a segment's alerts only the most severe stays (the oldest on ties), in its place."""
    lane = s.lanes[i]
    kept = -1
    for position in range(lane.queue_length):
        alert = s.queue[i, place_in_ring(c, s, i, position)]
        if alert.segment != segment:
            continue
        if kept < 0 or alert.severity > s.queue[i, place_in_ring(c, s, i, kept)].severity:
            kept = position
    length = 0
    for position in range(lane.queue_length):
        alert = s.queue[i, place_in_ring(c, s, i, position)]
        if alert.segment != segment or position == kept:
            if position != length:
                copy_alert(s.queue[i, place_in_ring(c, s, i, length)], alert)
            length += 1
    lane.queue_length = length


@rule
def copy_alert(target, source):
    """Overwrite one alert with another."""
    target.severity = source.severity
    target.confidence = source.confidence
    target.noise = source.noise
    target.segment = source.segment
    target.timestamp = source.timestamp
    target.is_true = source.is_true
