"""One step of soc_v0, in the order of its specification, and the other kernels Python calls."""

from __future__ import annotations

import numpy as np

from soc_env.engine.compile import entry_point, rule
from soc_env.engine.random import fold
from soc_env.engine.scenario import Kernels
from soc_env.soc_v0.config import NUM_SEGMENTS
from soc_env.soc_v0.layout import NUM_NORMALS
from soc_env.soc_v0.rules.alerts import raise_alerts
from soc_env.soc_v0.rules.attack import advance_attack
from soc_env.soc_v0.rules.direct import give_directive
from soc_env.soc_v0.rules.hunt import hunt
from soc_env.soc_v0.rules.network import clear_episode, draw_vulnerabilities
from soc_env.soc_v0.rules.observe import NUM_TALLIES, observe, write_truth
from soc_env.soc_v0.rules.respond import is_contained, respond
from soc_env.soc_v0.rules.reward import reward
from soc_env.soc_v0.rules.triage import judge_oldest
from soc_env.team import CONTROL_SLICES, COORDINATOR, HUNTER, RESPONDER

_COORDINATOR, _HUNTER, _RESPONDER = (CONTROL_SLICES[agent] for agent in (COORDINATOR, HUNTER, RESPONDER))
COORDINATOR_FIRST, COORDINATOR_LAST = _COORDINATOR.start, _COORDINATOR.stop
HUNTER_FIRST, HUNTER_LAST = _HUNTER.start, _HUNTER.stop
RESPONDER_FIRST, RESPONDER_LAST = _RESPONDER.start, _RESPONDER.stop


@rule
def step_lane(c, s, i, key, action, verdict, found, tally, normals, observation):
    """Advance one lane by the team's action; returns the reward, terminated and truncated."""
    lane = s.lanes[i]
    acted_phase = lane.phase
    advance_attack(c, s, i, key)
    raise_alerts(c, s, i, key, acted_phase)
    give_directive(s, i, action[COORDINATOR_FIRST:COORDINATOR_LAST])
    num_found, false_scans = hunt(c, s, i, key, action[HUNTER_FIRST:HUNTER_LAST], found)
    suppressed = judge_oldest(c, s, i, verdict)
    num_isolated, disruption = respond(c, s, i, key, action[RESPONDER_FIRST:RESPONDER_LAST])
    contained = is_contained(s, i)
    if contained:
        lane.containment_time = lane.step
    total = reward(c, s, i, found, num_found, false_scans, suppressed, num_isolated, disruption, contained)
    observe(c, s, i, key, tally, normals, observation)
    return total, contained or lane.exfiltrated != 0, lane.step >= c.max_steps


@entry_point
def step(
    parameters, s, active, episode_keys, controls, verdicts,
    observations, rewards, terminated, truncated, first, last,
):  # fmt: skip
    """Advance lanes; see `soc_env.engine.scenario.Kernels`."""
    found = np.empty(s.victims.shape[1], np.int32)
    tally = np.empty((NUM_TALLIES, NUM_SEGMENTS))
    normals = np.empty(NUM_NORMALS, np.float32)
    for i in range(first, last):
        if active[i]:
            s.lanes[i].step += 1
            key = fold(episode_keys[i], s.lanes[i].step)
            rewards[i], terminated[i], truncated[i] = step_lane(
                parameters[0], s, i, key, controls[i], verdicts[i], found, tally, normals, observations[i]
            )


@entry_point
def draw_network(parameters, s, active, network_keys, first, last):
    """Draw vulnerabilities; see `soc_env.engine.scenario.Kernels`."""
    hosts = s.vulnerability.shape[1]
    normals = np.empty(hosts + hosts % 2, np.float32)
    for i in range(first, last):
        if active[i]:
            draw_vulnerabilities(parameters[0], s, i, network_keys[i], normals)


@entry_point
def begin_episode(parameters, s, active, episode_keys, observations, first, last):
    """Clear lanes and observe them at t = 0; see `soc_env.engine.scenario.Kernels`."""
    tally = np.empty((NUM_TALLIES, NUM_SEGMENTS))
    normals = np.empty(NUM_NORMALS, np.float32)
    for i in range(first, last):
        if active[i]:
            clear_episode(s, i)
            observe(parameters[0], s, i, fold(episode_keys[i], 0), tally, normals, observations[i])


@entry_point
def write_state(parameters, s, active, state, first, last):
    """Write the truth; see `soc_env.engine.scenario.Kernels`."""
    tally = np.empty((NUM_TALLIES, NUM_SEGMENTS))
    for i in range(first, last):
        if active[i]:
            write_truth(parameters[0], s, i, tally, state[i])


KERNELS = Kernels(draw_network, begin_episode, step, write_state)
