"""What a picture of one moment of an episode shows, apart from any scenario's internals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc_env.engine.fields import ActionGroup


@dataclass(frozen=True)
class SegmentView:
    """One network segment and its hosts.

    Attributes:
        name: as in the scenario's config.
        value: worth of the segment, 0 to 1.
        reaches: indices of the segments that an attacker can move to from here.
        compromised, detected, isolated: bool (hosts,).
        stage: int (hosts,), how far the attacker is on each host, 0 (untouched) to 4.
        scanned: whether the last step's hunt covered the segment.
    """

    name: str
    value: float
    reaches: tuple[int, ...]
    compromised: NDArray[np.bool_]
    detected: NDArray[np.bool_]
    isolated: NDArray[np.bool_]
    stage: NDArray[np.integer]
    scanned: bool = False


@dataclass(frozen=True)
class AlertView:
    """One alert in the queue; `segment` is an index, severity and confidence lie in [0, 1]."""

    severity: float
    confidence: float
    segment: int
    is_true: bool
    timestamp: int


@dataclass(frozen=True)
class Fact:
    """One named number of the truth, with the least and the most that it can be."""

    name: str
    value: float
    low: float
    high: float

    @property
    def fraction(self) -> float:
        """Where it lies from least (0) to most (1)."""
        return (self.value - self.low) / max(1e-9, self.high - self.low)


@dataclass(frozen=True)
class Snapshot:
    """One moment of an episode, as a person would want to see it.

    Attributes:
        env_id: for instance "soc_v0".
        step, max_steps: steps taken and the episode's limit.
        segments: the network; empty where there is none, and `facts` are shown in its place.
        phases: the attacker's phases in order, for instance "Reconnaissance T1595".
        phase: index of the present one; phase_steps: steps spent in it.
        alerts: the queue, oldest first; queue_capacity: its bound, 0 where there is no queue.
        directive: float (8,), the coordinator's directive in force.
        actions: the last step's action of each agent (float arrays, an int verdict for the triage),
            clipped as the rules say; empty after a reset.
        action_groups: what the numbers of an agent's action mean, in the order to show them; -1 is drawn
            as an empty bar, +1 as a full one, numbers in no group are not drawn. A group as long as
            `segments` holds a number for each of them; any other number is a group of its own. The
            coordinator's speak of `directive`.
        reward: the last step's; reward_terms: its terms by name, weights applied, summing to it.
        episode_return: sum of rewards so far.
        facts: what there is to say of the moment where there is no network to draw.
        outcome: None while the episode runs, else for instance "contained", "exfiltrated", "time limit".
    """

    env_id: str
    step: int
    max_steps: int
    segments: tuple[SegmentView, ...]
    phases: tuple[str, ...]
    phase: int
    phase_steps: int
    alerts: tuple[AlertView, ...]
    queue_capacity: int
    directive: NDArray[np.floating]
    actions: Mapping[str, NDArray[np.floating] | int]
    action_groups: Mapping[str, tuple[ActionGroup, ...]]
    reward: float
    reward_terms: Mapping[str, float]
    episode_return: float
    outcome: str | None
    facts: tuple[Fact, ...] = ()
