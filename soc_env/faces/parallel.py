"""The PettingZoo parallel face."""

from __future__ import annotations

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
            TypeError, ValueError: the seed or `options["lane"]` is no integer >= 0.
        """
        observations = split_observations(self._lane.reset(seed, options))
        self.agents = list(AGENTS)
        if self.render_mode == "human":
            self.render()
        return observations, {agent: {} for agent in AGENTS}

    def step(
        self, actions: Actions
    ) -> tuple[Observations, dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Advance by one step with the action of every agent.

        Raises:
            RuntimeError: before `reset` or after the end of the episode.
            TypeError, ValueError: bad actions; nothing has changed then.
        """
        lane, engine = self._lane, self._lane.engine
        observations = split_observations(lane.act(actions))
        reward = float(engine.rewards[0])
        terminated, truncated = bool(engine.terminated[0]), bool(engine.truncated[0])
        if terminated or truncated:
            self.agents = []
            metrics = lane.metrics()
            infos: dict[str, dict[str, Any]] = {agent: {"episode_metrics": metrics} for agent in AGENTS}
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
