"""What the two PettingZoo faces share: agents, spaces, state and pictures."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.utils.seeding import np_random

from soc_env.engine.scenario import EngineScenario
from soc_env.faces.single import FPS, RENDER_MODES, SingleLane
from soc_env.rendering import Snapshot
from soc_env.team import AGENTS, Observations, action_spaces, split_observations


class PettingZooFace:
    """To be mixed into PettingZoo's base classes.

    `np_random` is what wrappers that need chance draw from: a generator with the seed of the last
    seeded reset, `np_random_seed`. The world draws nothing from it. Both are None before the first reset.

    Args:
        scenario: what is simulated.
        render_mode: None, "human" (a window, drawn at every reset and step), "rgb_array" or "ansi".
    """

    metadata: dict[str, Any] = {
        "render_modes": list(RENDER_MODES),
        "render_fps": FPS,
        "is_parallelizable": True,
    }

    def __init__(self, scenario: EngineScenario, render_mode: str | None = None) -> None:
        self.metadata = self.metadata | {"name": scenario.env_id}
        self.scenario = scenario
        self.render_mode = render_mode
        self.possible_agents = list(AGENTS)
        self.agents: list[str] = []
        self.observation_spaces: dict[str, gymnasium.Space] = dict(scenario.observation_spaces)
        self.action_spaces: dict[str, gymnasium.Space] = action_spaces()
        self.state_space = scenario.state_space
        self.np_random: np.random.Generator | None = None
        self.np_random_seed: int | None = None
        self._lane = SingleLane(scenario, render_mode)

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> Observations:
        """Begin an episode; returns what the agents observe."""
        observation, new_seed = self._lane.reset(seed, options)
        if new_seed is not None:
            self.np_random, self.np_random_seed = np_random(new_seed)
        return split_observations(observation)

    def _final_infos(self) -> dict[str, dict[str, Any]]:
        """Every agent's info at the end of an episode, each a copy of its own."""
        metrics = self._lane.metrics()
        return {agent: {"episode_metrics": dict(metrics)} for agent in AGENTS}

    def observation_space(self, agent: str) -> gymnasium.Space:
        """The observation space of an agent, always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.Space:
        """The action space of an agent, always the same object."""
        return self.action_spaces[agent]

    def state(self) -> np.ndarray:
        """The truth of the simulator for centralised critics, float32, bounded."""
        return self._lane.state()

    def snapshot(self) -> Snapshot:
        """The present moment as pictures show it, the simulator's truth included.

        Raises:
            RuntimeError: before the first reset.
        """
        self._lane.check_started("snapshot")
        return self._lane.engine.snapshot()

    def render(self) -> Any:
        """A picture of the present moment: None, uint8 (height, width, 3), or a string."""
        return self._lane.render()

    def close(self) -> None:
        """Close the window, if there is one."""
        self._lane.close()

    def __str__(self) -> str:
        return self.scenario.env_id
