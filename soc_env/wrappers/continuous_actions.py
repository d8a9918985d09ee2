"""The triage's verdict as scores, so that every agent's action is a Box."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from soc_env.engine.actions import checked_control
from soc_env.team import NUM_VERDICTS, TRIAGE, action_spaces
from soc_env.wrappers.translation import TeamEnv, Translation, wrap


class _ContinuousActions(Translation):
    name = "continuous_actions"

    def __init__(self) -> None:
        self.action_spaces = action_spaces() | {TRIAGE: spaces.Box(-1.0, 1.0, (NUM_VERDICTS,), np.float32)}

    def action(self, agent: str, action: Any, batch: tuple[int, ...]) -> Any:
        if agent != TRIAGE:
            return action
        checked_control(agent, action, (*batch, NUM_VERDICTS))
        return np.argmax(action, axis=-1)


def continuous_actions(env: TeamEnv) -> TeamEnv:
    """Let the triage give each verdict a score; the largest wins, the first one of equals.

    | agent | action |
    |---|---|
    | alert_triage | Box(-1, 1, (4,)): scores of escalate, suppress, correlate, enrich |
    | all others | as before |

    Every action is a Box then, which libraries that pad or share spaces (SuperSuit) need. Scores are
    compared as they are, also outside the Box, as in `joint_env`.

    Args:
        env: a `parallel_env`, `env` or `vector_env` of soc_env, wrapped or not; the same kind comes back.

    Raises:
        TypeError: another kind of environment. ValueError: its actions are no longer the team's own.
    """
    return wrap(env, _ContinuousActions())
