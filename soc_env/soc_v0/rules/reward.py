"""7. The reward that all four agents share."""

from __future__ import annotations

from soc_env.engine.compile import rule
from soc_env.soc_v0.rules.attack import LAST_STAGE


@rule
def reward(c, s, i, found, num_found, false_scans, suppressed, num_isolated, disruption, contained):
    """The step's reward; its four weighted terms are left in the lane.

    `found[:num_found]` are the hosts newly detected in this step; their stages are read as they are
    now, after the response.
    """
    lane = s.lanes[i]
    detection = 0.0
    for k in range(num_found):
        detection += s.stage[i, found[k]] / LAST_STAGE
    if lane.exfiltrated:
        detection -= c.exfiltration_penalty
    if lane.detection_time >= 0:
        response = num_isolated / max(1, lane.step - lane.detection_time)
    else:
        response = num_isolated * c.undetected_isolation_credit
    if contained:
        response += c.containment_bonus
    lane.detection_reward = c.detection_weight * detection
    lane.response_reward = c.response_weight * response
    lane.cost_reward = -c.cost_weight * disruption
    lane.false_positive_reward = -c.false_positive_weight * c.false_positive_cost * (false_scans + suppressed)
    total = lane.detection_reward + lane.response_reward + lane.cost_reward + lane.false_positive_reward
    lane.episode_return += total
    return total
