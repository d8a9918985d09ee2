"""The network: vulnerabilities, and what an episode clears."""

from __future__ import annotations

import numpy as np

from soc_env.engine.compile import rule
from soc_env.engine.random import fill_normals
from soc_env.soc_v0.config import NUM_SEGMENTS
from soc_env.soc_v0.state import NEVER


@rule
def draw_vulnerabilities(c, s, i, key, normals):
    """Each host's vulnerability, Normal around its segment's mean, clipped.

    `normals` is scratch, float32 (hosts or one more, whichever is even).
    """
    fill_normals(key, normals)
    for segment in range(NUM_SEGMENTS):
        for h in range(segment * c.hosts_per_segment, (segment + 1) * c.hosts_per_segment):
            drawn = c.vulnerability_mean[segment] + c.vulnerability_std * np.float64(normals[h])
            s.vulnerability[i, h] = min(max(drawn, c.vulnerability_low), c.vulnerability_high)


@rule
def clear_episode(s, i):
    """Everything but the vulnerabilities as it is before the first step."""
    lane = s.lanes[i]
    lane.directive[:] = 0.0
    lane.episode_return = 0.0
    lane.detection_reward = lane.response_reward = lane.cost_reward = lane.false_positive_reward = 0.0
    lane.step = lane.phase = lane.phase_steps = 0
    lane.num_targets = lane.num_footholds = lane.num_victims = 0
    lane.queue_start = lane.queue_length = 0
    lane.detection_time = lane.containment_time = NEVER
    lane.exfiltrated = 0
    lane.scans = lane.true_positives = lane.false_positives = lane.alerts = 0
    s.compromised[i, :] = 0
    s.detected[i, :] = 0
    s.isolated[i, :] = 0
    s.stage[i, :] = 0
