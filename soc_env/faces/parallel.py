"""The PettingZoo parallel face."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from pettingzoo import ParallelEnv

from soc_env.engine.scenario import Scenario
from soc_env.faces.single import FPS, RENDER_MODES, SingleLane
from soc_env.team import AGENTS, Actions, Observations, action_spaces, split_observations


class TeamParallelEnv(ParallelEnv[str, np.ndarray, np.ndarray | int]):
    """A team of four agents that all act in every step and share one reward.

    All agents begin and end together. `reset(seed=s)` plays lane 0 of seed s, `options={"lane": i}`
    lane i; `reset()` without a seed goes on to the next episode of the present seed and keeps its
    network. When an episode ends, every agent's info holds `episode_metrics`.

    Args:
        scenario: what is simulated.
        render_mode: None, "human" (a window, drawn at every reset and step), "rgb_array" or "ansi".
    """

    metadata: dict[str, Any] = {
        "render_modes": list(RENDER_MODES),
        "render_fps": FPS,
        "is_parallelizable": True,
    }

    def __init__(self, scenario: Scenario, render_mode: str | None = None) -> None:
        self.metadata = self.metadata | {"name": scenario.env_id}
        self.scenario = scenario
        self.render_mode = render_mode
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self.observation_spaces: dict[str, gymnasium.Space] = dict(scenario.observation_spaces)
        self.action_spaces: dict[str, gymnasium.Space] = action_spaces()
        self.state_space = scenario.state_space
        self._lane = SingleLane(scenario, render_mode)

    def observation_space(self, agent: str) -> gymnasium.Space:
        """The observation space of an agent, always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.Space:
        """The action space of an agent, always the same object."""
        return self.action_spaces[agent]

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

    def state(self) -> np.ndarray:
        """The truth of the simulator for centralised critics, float32, bounded."""
        return self._lane.state()

    def render(self) -> Any:
        """A picture of the present moment: None, uint8 (height, width, 3), or a string."""
        return self._lane.render()

    def close(self) -> None:
        """Close the window, if there is one."""
        self._lane.close()

    def __str__(self) -> str:
        return self.scenario.env_id
