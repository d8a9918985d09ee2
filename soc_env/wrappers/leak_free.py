"""Observations without what a real SOC could not know."""

from __future__ import annotations

import numpy as np

from soc_env.engine.fields import leaking
from soc_env.engine.scenario import EngineScenario
from soc_env.team import AGENTS
from soc_env.wrappers.translation import TeamEnv, Translation, scenario_of, wrap


class _LeakFree(Translation):
    name = "leak_free"

    def __init__(self, scenario: EngineScenario) -> None:
        self.leaks = {agent: leaking(scenario.fields(agent)) for agent in AGENTS}

    def observation(self, agent: str, observation: np.ndarray) -> np.ndarray:
        return np.where(self.leaks[agent], np.float32(0.0), observation)


def leak_free(env: TeamEnv) -> TeamEnv:
    """Hide the truth that observations leak: each such entry is always 0.

    The entries are those whose field has `leaks_truth` (for soc_v0 see `soc_v0.fields(agent)`): the
    shares of compromised hosts, mean stages, the attacker's visibility, the alerts' truth bits and the
    visibility behind them. Sizes and spaces stay as they are, so policies and networks still fit.
    The hunter's endpoint entries stay, too: drowned in noise, they are what a sensor could tell.
    `state()` and the episode's metrics keep the truth, which is what they are for.

    The keyword `leak_free=True` of soc_v0's faces does the same inside the environment, faster.
    Results without the leaks cannot be compared with the published ones.

    Args:
        env: a `parallel_env`, `env` or `vector_env` of soc_env, wrapped or not; the same kind comes back.

    Raises:
        TypeError: another kind of environment.
    """
    return wrap(env, _LeakFree(scenario_of(env, "leak_free")))
