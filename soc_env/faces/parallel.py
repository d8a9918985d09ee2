"""The PettingZoo parallel face."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pettingzoo import ParallelEnv

from soc_env.faces.pettingzoo import PettingZooFace
from soc_env.team import AGENTS, Actions, Observations, split_observations


class TeamParallelEnv(PettingZooFace, ParallelEnv[str, np.ndarray, np.ndarray | int]):
    """A team of four agents that all act in every step and share one reward.

    All agents begin and end together. `reset(seed=s)` plays lane 0 of seed s, `options={"lane": i}`
    lane i; `reset()` without a seed goes on to the next episode of the present seed and keeps its
    network. When an episode ends, every agent's info holds `episode_metrics`.

    Args:
        scenario: what is simulated.
        render_mode: None, "human" (a window, drawn at every reset and step), "rgb_array" or "ansi".
    """

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, dict[str, Any]]]:
        """Begin an episode; returns observations and infos by agent.

        Raises:
            TypeError, ValueError: the seed or `options["lane"]` is no integer >= 0; nothing has changed then.
        """
        observations = self._begin(seed, options)
        self.agents = list(AGENTS)
        if self.render_mode == "human":
            self.render()
        return observations, {agent: {} for agent in AGENTS}

    def step(
        self, actions: Actions
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Advance by one step with the action of every agent.

        After the end, when there is none to act, a step with {} gives five empty dictionaries, as
        PettingZoo's own environments do.

        Raises:
            RuntimeError: before `reset`, or with actions after the end of the episode.
            TypeError, ValueError: bad actions; nothing has changed then.
        """
        if not self.agents and isinstance(actions, Mapping) and not actions:
            self._lane.check_started("step")
            return {}, {}, {}, {}, {}
        lane, engine = self._lane, self._lane.engine
        observations = split_observations(lane.act(actions))
        reward = float(engine.rewards[0])
        terminated, truncated = bool(engine.terminated[0]), bool(engine.truncated[0])
        if terminated or truncated:
            self.agents = []
            infos = self._final_infos()
        else:
            infos = {agent: {} for agent in AGENTS}
        if self.render_mode == "human":
            self.render()
        return (
            observations,
            dict.fromkeys(AGENTS, reward),
            dict.fromkeys(AGENTS, terminated),
            dict.fromkeys(AGENTS, truncated),
            infos,
        )
