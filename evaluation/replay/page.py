"""The page of an episode: what it is told, and how that gets into the template."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any, Final

import numpy as np

from evaluation import pages
from evaluation.replay.episode import Episode
from soc_env.rendering.actions import action_bars, last_verdict
from soc_env.rendering.hosts import STATE_LABELS, HostState, count_states, gather_hosts
from soc_env.rendering.snapshot import Snapshot
from soc_env.team import AGENTS, COORDINATOR, HUNTER, RESPONDER, TRIAGE, Verdict

MAX_CELLS: Final = 60  # squares of a segment; of more hosts several share one
SHOWN_ALERTS: Final = 5
_NOTES: Final = {
    COORDINATOR: "the directive in force",
    HUNTER: "how each segment is scanned",
    TRIAGE: "on the oldest alert",
    RESPONDER: "what is done in each segment",
}
_DECIMALS: Final = 4  # of shares, which the page shows in percent


def render(episode: Episode, team: str) -> str:
    """The page, one HTML document that refers to nothing outside itself, with the team under that name."""
    template = resources.files("evaluation.replay").joinpath("page.html")
    return pages.fill(template, f"{team} on {episode.spec.env_id}", page_data(episode, team))


def page_data(episode: Episode, team: str) -> dict[str, Any]:
    """What the page's script reads: plain values; lists over segments, states and reward terms in order."""
    first, last = episode.moments[0], episode.moments[-1]
    segments = [
        {
            "name": segment.name,
            "value": segment.value,
            "reaches": [first.segments[target].name for target in segment.reaches],
            "hosts": len(segment.compromised),
        }
        for segment in first.segments
    ]
    return {
        "team": team,
        "environment": episode.spec.env_id,
        "settings": ", ".join(f"{key}={value}" for key, value in episode.spec.config.items()),
        "seed": episode.seed,
        "lane": episode.lane,
        "max_steps": first.max_steps,
        "queue_capacity": first.queue_capacity,
        "segments": segments,
        "hosts_per_cell": max(
            (gather_hosts(segment, MAX_CELLS).hosts_per_cell for segment in first.segments), default=1
        ),
        "states": [STATE_LABELS[state] for state in HostState],
        "phases": list(first.phases),
        "terms": [_words(name) for name in first.reward_terms],
        "agents": [_agent(last, agent) for agent in AGENTS],
        "verdicts": [verdict.name.lower() for verdict in Verdict],
        "figures": [
            [metric.heading, episode.figures[metric.name]] for metric in episode.spec.scenario.metrics
        ],
        "moments": [
            _moment(now, episode.moments[max(0, index - 1)]) for index, now in enumerate(episode.moments)
        ],
    }


def _agent(snapshot: Snapshot, agent: str) -> dict[str, Any]:
    """The names of what an agent sets: for every segment, and once; the triage's verdict has none."""
    bars = action_bars(snapshot, agent)
    return {
        "name": agent,
        "note": _NOTES[agent] if agent == TRIAGE or bars.by_segment or bars.single else "nothing to set",
        "note_before": "no directive yet" if agent == COORDINATOR else "no action yet",
        "verdict": agent == TRIAGE,
        "by_segment": [label for label, _ in bars.by_segment],
        "single": [label for label, _ in bars.single],
    }


def _moment(now: Snapshot, before: Snapshot) -> dict[str, Any]:
    cells = [gather_hosts(segment, MAX_CELLS) for segment in now.segments]
    bars = [action_bars(now, agent) for agent in AGENTS]
    verdict = last_verdict(now)
    return {
        "phase": now.phase,
        "phase_steps": now.phase_steps,
        # A digit a cell, which is much shorter than a list.
        "cells": ["".join(map(str, cell.worst)) for cell in cells],
        "stages": ["".join(map(str, cell.stage)) for cell in cells],
        "counts": [count_states(segment).tolist() for segment in now.segments],
        "scanned": [segment.scanned for segment in now.segments],
        "waiting": len(now.alerts),
        "alerts": [
            [
                alert.timestamp,
                alert.segment,
                _short(alert.severity),
                _short(alert.confidence),
                alert.is_true,
            ]
            for alert in now.alerts[:SHOWN_ALERTS]
        ],
        "by_segment": [[_short(values) for _, values in bar.by_segment] for bar in bars],
        "single": [[_short(value) for _, value in bar.single] for bar in bars],
        "verdict": None if verdict is None else int(verdict),
        "reward": now.reward,
        "terms": list(now.reward_terms.values()),
        "return": now.episode_return,
        "outcome": now.outcome,
        "events": list(_events(now, before)),
    }


def _words(name: str) -> str:
    return name.replace("_", " ")


def _short(values: Any) -> Any:
    return np.round(np.asarray(values, np.float64), _DECIMALS).tolist()


def _events(now: Snapshot, before: Snapshot) -> Iterator[list[str]]:
    """What the step changed, as kinds and words: "compromised", "DMZ 2, Cloud 1"."""
    pairs = list(zip(now.segments, before.segments, strict=True))
    changes = {
        "compromised": [segment.compromised & ~was.compromised for segment, was in pairs],
        "detected": [segment.detected & ~was.detected for segment, was in pairs],
        "isolated": [segment.compromised & segment.isolated & ~was.isolated for segment, was in pairs],
        "isolated though clean": [
            ~segment.compromised & segment.isolated & ~was.isolated for segment, was in pairs
        ],
        "remediated": [~segment.compromised & was.compromised for segment, was in pairs],
    }
    for kind, changed in changes.items():
        counts = [
            (segment.name, int(hosts.sum())) for (segment, _), hosts in zip(pairs, changed, strict=True)
        ]
        words = ", ".join(f"{name} {count}" for name, count in counts if count)
        if words:
            yield [kind, words]
    if now.phase != before.phase:
        yield ["next phase", now.phases[now.phase]]
    if now.outcome is not None:
        yield ["end", now.outcome]
