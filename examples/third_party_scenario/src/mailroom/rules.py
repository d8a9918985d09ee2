"""What happens in a step, in order, for one lane after the other."""

from __future__ import annotations

import numpy as np

from soc_env.engine.compile import entry_point, rule
from soc_env.engine.random import fold, uniform
from soc_env.engine.scenario import Kernels
from soc_env.team import CONTROL_SLICES, HUNTER, OBSERVATION_SLICES, TRIAGE, Verdict

ESCALATE, SUPPRESS, ENRICH = int(Verdict.ESCALATE), int(Verdict.SUPPRESS), int(Verdict.ENRICH)
EFFORT = CONTROL_SLICES[HUNTER].start
HUNTER_SEES, TRIAGE_SEES = OBSERVATION_SLICES[HUNTER].start, OBSERVATION_SLICES[TRIAGE].start
ARRIVAL, TRUTH, LOOK, SWEEP = range(4)  # a stream of chance for each use


@rule
def look(c, lane, stream):
    """One more look at the report at the head: evidence for phishing goes up if it is, down if not."""
    signed = 1.0 if lane.is_phishing else -1.0
    lane.evidence += c.signal * signed + 2.0 * uniform(stream, 0) - 1.0
    lane.looks += 1


@rule
def take_next(c, lane, key):
    """The next report comes to the head, if one waits."""
    lane.at_head = 0
    if lane.waiting > 0:
        lane.waiting -= 1
        lane.at_head = 1
        lane.looks, lane.evidence = 0, 0.0
        lane.is_phishing = uniform(fold(key, TRUTH), 0) < c.phishing_share
        look(c, lane, fold(key, LOOK))


@rule
def step_lane(c, lane, key, effort, verdict):
    """Advance one lane; returns its reward."""
    lane.waiting += uniform(fold(key, ARRIVAL), 0) < c.arrival
    caught, wasted, missed = 0, 0, 0
    if lane.at_head == 0:
        take_next(c, lane, key)
    elif verdict == ENRICH:
        look(c, lane, fold(key, LOOK))
    else:
        if verdict == ESCALATE:
            caught, wasted = lane.is_phishing, 1 - lane.is_phishing
        elif verdict == SUPPRESS:
            missed = lane.is_phishing
        else:
            lane.waiting += 1
        take_next(c, lane, key)
    lane.loose += missed
    found = lane.loose > 0 and uniform(fold(key, SWEEP), 0) < 0.5 * effort
    lane.loose -= found
    lane.caught += caught + found
    lane.wasted += wasted
    lane.phishing += caught + missed
    lane.backlog += lane.waiting
    return caught - c.waste_cost * wasted - c.loose_cost * lane.loose - c.effort_cost * effort


@rule
def observe(c, lane, seen):
    """What the hunter and the triage see; all else is 0."""
    seen[:] = 0.0
    seen[HUNTER_SEES] = seen[TRIAGE_SEES] = min(1.0, lane.waiting / 10)
    seen[HUNTER_SEES + 1] = min(1.0, lane.caught / 20)
    seen[TRIAGE_SEES + 1] = lane.at_head
    seen[TRIAGE_SEES + 2] = lane.at_head * max(-1.0, min(1.0, lane.evidence / 5))
    seen[TRIAGE_SEES + 3] = lane.at_head * min(1.0, lane.looks / 5)


@entry_point
def draw_network(parameters, s, active, network_keys, first, last):
    """Nothing is kept from one episode to the next."""


@entry_point
def begin_episode(parameters, s, active, episode_keys, observations, first, last):
    """A new day."""
    for i in range(first, last):
        if active[i]:
            lane = s.lanes[i]
            lane.step = lane.waiting = lane.at_head = lane.is_phishing = lane.looks = lane.loose = 0
            lane.caught = lane.wasted = lane.phishing = lane.backlog = 0
            lane.evidence = lane.episode_return = 0.0
            observe(parameters[0], lane, observations[i])


@entry_point
def step(
    parameters, s, active, episode_keys, controls, verdicts,
    observations, rewards, terminated, truncated, first, last,
):  # fmt: skip
    """One step of every lane."""
    c = parameters[0]
    for i in range(first, last):
        if active[i]:
            lane = s.lanes[i]
            lane.step += 1
            effort = (min(1.0, max(-1.0, np.float64(controls[i, EFFORT]))) + 1.0) / 2.0
            rewards[i] = step_lane(c, lane, fold(episode_keys[i], lane.step), effort, verdicts[i])
            lane.episode_return += rewards[i]
            terminated[i], truncated[i] = False, lane.step >= c.max_steps
            observe(c, lane, observations[i])


@entry_point
def write_state(parameters, s, active, state, first, last):
    """The truth, in the order of `Mailroom.state_fields`."""
    for i in range(first, last):
        if active[i]:
            lane = s.lanes[i]
            state[i, 0] = lane.step / parameters[0].max_steps
            state[i, 1] = min(1.0, lane.waiting / 10)
            state[i, 2] = lane.at_head * lane.is_phishing
            state[i, 3] = min(1.0, lane.loose / 10)


KERNELS = Kernels(draw_network, begin_episode, step, write_state)
