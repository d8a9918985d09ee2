"""The team of four agents that every scenario shares: names, sizes, spaces and the joint layout.

Observations of the whole team lie side by side in one float32 row of `JOINT_OBSERVATION_SIZE`
numbers, and the three continuous actions ("controls") in one row of `CONTROL_SIZE`; the slices
below say where each agent's part is. The triage verdict is an integer beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

COORDINATOR: Final = "strategic_coordinator"
HUNTER: Final = "threat_hunter"
TRIAGE: Final = "alert_triage"
RESPONDER: Final = "response_orchestrator"
AGENTS: Final = (COORDINATOR, HUNTER, TRIAGE, RESPONDER)

OBSERVATION_SIZES: Final = {COORDINATOR: 64, HUNTER: 128, TRIAGE: 64, RESPONDER: 96}
CONTROL_SIZES: Final = {COORDINATOR: 8, HUNTER: 16, RESPONDER: 12}

Observations = dict[str, NDArray[np.float32]]
Actions = dict[str, NDArray[np.float32] | NDArray[np.int64]]


class Verdict(IntEnum):
    """What the alert triage does with the oldest alert."""

    ESCALATE = 0
    SUPPRESS = 1
    CORRELATE = 2
    ENRICH = 3


NUM_VERDICTS: Final = len(Verdict)


def _consecutive_slices(sizes: Mapping[str, int]) -> dict[str, slice]:
    slices, start = {}, 0
    for name, size in sizes.items():
        slices[name] = slice(start, start + size)
        start += size
    return slices


OBSERVATION_SLICES: Final = _consecutive_slices(OBSERVATION_SIZES)
CONTROL_SLICES: Final = _consecutive_slices(CONTROL_SIZES)
JOINT_OBSERVATION_SIZE: Final = sum(OBSERVATION_SIZES.values())
CONTROL_SIZE: Final = sum(CONTROL_SIZES.values())

# In the joint action a verdict is four scores, the largest of which wins.
JOINT_ACTION_SLICES: Final = _consecutive_slices(
    {agent: CONTROL_SIZES.get(agent, NUM_VERDICTS) for agent in AGENTS}
)
JOINT_ACTION_SIZE: Final = CONTROL_SIZE + NUM_VERDICTS


def action_spaces() -> dict[str, spaces.Space]:
    """A fresh action space for each agent: Box in [-1, 1], Discrete(4) for the triage."""
    return {
        agent: spaces.Discrete(NUM_VERDICTS)
        if agent == TRIAGE
        else spaces.Box(-1.0, 1.0, (CONTROL_SIZES[agent],), np.float32)
        for agent in AGENTS
    }


def split_observations(joint: NDArray[np.float32]) -> Observations:
    """Views of each agent's part of a joint observation (..., 352)."""
    return {agent: joint[..., part] for agent, part in OBSERVATION_SLICES.items()}


def join_observations(observations: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    """The joint observation (..., 352) of a team's observations, agents in the order of `AGENTS`."""
    return np.concatenate([observations[agent] for agent in AGENTS], axis=-1)


def split_joint_action(joint: NDArray[np.floating]) -> Actions:
    """Each agent's action from a joint action (..., 40); the verdict is the largest of its four scores."""
    actions: Actions = {agent: joint[..., JOINT_ACTION_SLICES[agent]] for agent in CONTROL_SIZES}
    actions[TRIAGE] = np.argmax(joint[..., JOINT_ACTION_SLICES[TRIAGE]], axis=-1)
    return actions
