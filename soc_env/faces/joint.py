"""One `gymnasium.Env` in which a single controller plays the whole team."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from soc_env.engine.actions import checked_numbers
from soc_env.engine.scenario import EngineScenario
from soc_env.faces.single import FPS, RENDER_MODES, SingleLane
from soc_env.team import AGENTS, JOINT_ACTION_SIZE, split_joint_action


class TeamJointEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """The team as one agent.

    The observation is the agents' observations side by side, float32 (352,), in the order of
    `soc_env.team.AGENTS`. The action is a Box (40,) in [-1, 1]: the coordinator's 8 numbers, the
    hunter's 16, four scores of which the largest is the triage's verdict, and the responder's 12.

    Args:
        scenario: what is simulated.
        render_mode: None, "human", "rgb_array" or "ansi".
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": FPS}

    def __init__(self, scenario: EngineScenario, render_mode: str | None = None) -> None:
        self.scenario = scenario
        self.render_mode = render_mode
        parts = [scenario.observation_spaces[agent] for agent in AGENTS]
        self.observation_space = spaces.Box(
            np.concatenate([part.low for part in parts]), np.concatenate([part.high for part in parts])
        )
        self.action_space = spaces.Box(-1.0, 1.0, (JOINT_ACTION_SIZE,), np.float32)
        self.state_space = scenario.state_space
        self._lane = SingleLane(scenario, render_mode)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode; seeds and options as for the parallel face."""
        observation, new_seed = self._lane.reset(seed, options)
        super().reset(seed=new_seed)
        if self.render_mode == "human":
            self.render()
        return observation, {}

    def step(
        self, action: NDArray[np.floating]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Advance by one step; at the end the info holds `episode_metrics`.

        Raises:
            RuntimeError: before `reset` or after the end of the episode.
            TypeError, ValueError: a bad action; nothing has changed then.
        """
        action = checked_numbers("joint", action, (JOINT_ACTION_SIZE,))
        engine = self._lane.engine
        observation = self._lane.act(split_joint_action(action))
        terminated, truncated = bool(engine.terminated[0]), bool(engine.truncated[0])
        info = {"episode_metrics": self._lane.metrics()} if terminated or truncated else {}
        if self.render_mode == "human":
            self.render()
        return observation, float(engine.rewards[0]), terminated, truncated, info

    def state(self) -> NDArray[np.float32]:
        """The truth of the simulator for centralised critics, float32, bounded."""
        return self._lane.state()

    def render(self) -> Any:
        """A picture of the present moment: None, uint8 (height, width, 3), or a string."""
        return self._lane.render()

    def close(self) -> None:
        """Close the window, if there is one."""
        self._lane.close()
