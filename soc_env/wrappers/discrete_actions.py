"""Every agent's action as choices among levels, for value-based learners."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from soc_env.engine.fields import used_numbers
from soc_env.engine.options import whole_number
from soc_env.engine.scenario import EngineScenario
from soc_env.team import CONTROL_SIZES, NUM_VERDICTS, TRIAGE
from soc_env.wrappers.translation import TeamEnv, Translation, scenario_of, wrap

MAX_LEVELS = 1001


class _DiscreteActions(Translation):
    name = "discrete_actions"

    def __init__(self, scenario: EngineScenario, levels: int) -> None:
        levels = whole_number("discrete_actions: levels", levels, 2, MAX_LEVELS)
        self.levels = np.linspace(-1.0, 1.0, levels, dtype=np.float32)
        self.entries = {agent: used_numbers(scenario.action_groups[agent]) for agent in CONTROL_SIZES}
        self.action_spaces = {
            agent: spaces.MultiDiscrete(np.full(len(entries), levels))
            for agent, entries in self.entries.items()
        }
        self.action_spaces[TRIAGE] = spaces.Discrete(NUM_VERDICTS)

    def action(self, agent: str, action: Any, batch: tuple[int, ...]) -> Any:
        if agent == TRIAGE:
            return action
        entries = self.entries[agent]
        chosen = self._checked(agent, np.asarray(action), (*batch, len(entries)))
        control = np.zeros((*batch, CONTROL_SIZES[agent]), np.float32)
        control[..., entries] = self.levels[chosen]
        return control

    def _checked(self, agent: str, chosen: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        expected = f"integers from 0 to {len(self.levels) - 1} of shape {shape}"
        if chosen.dtype.kind not in "iu":
            raise TypeError(f"{agent}: action must be {expected}, got dtype {chosen.dtype}: {chosen}")
        if chosen.shape != shape:
            raise ValueError(f"{agent}: action must be {expected}, got shape {chosen.shape}")
        outside = (chosen < 0) | (chosen >= len(self.levels))
        if outside.any():
            where = np.argwhere(outside)[0]
            raise ValueError(
                f"{agent}: action must be {expected}, got {chosen[tuple(where)]} at {where.tolist()}"
            )
        return chosen


def discrete_actions(env: TeamEnv, levels: int = 3) -> TeamEnv:
    """Let every agent choose each number of its action among a few levels.

    | agent | action |
    |---|---|
    | alert_triage | Discrete(4), as before |
    | all others | MultiDiscrete: for each number that has an effect 0 .. levels - 1, evenly over [-1, 1] |

    A number is an entry of the original Box; those that the scenario uses (its `action_groups`) follow
    one another in that order, so each segment is set on its own, and unused entries are 0. In soc_v0:

    | agent | choices |
    |---|---|
    | strategic_coordinator | 3: entries 0 (hunt intensity), 1 (hunt scope), 4 (isolation) of the directive |
    | threat_hunter | 10: intensity of the five segments, then scope |
    | response_orchestrator | 10: isolation of the five segments, then remediation |

    Args:
        env: a `parallel_env`, `env` or `vector_env` of soc_env, wrapped or not; the same kind comes back.
        levels: 2 to 1001; with 3 they are -1, 0 and 1.

    Raises:
        TypeError: another kind of environment, or `levels` is no integer.
        ValueError: `levels` out of range, or the environment's actions are no longer the team's own.
    """
    return wrap(env, _DiscreteActions(scenario_of(env, "discrete_actions"), levels))
