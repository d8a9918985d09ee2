"""The PettingZoo agent-environment-cycle face: the agents act one after the other in each step."""

from __future__ import annotations

from typing import Any

import numpy as np
from pettingzoo import AECEnv

from soc_env.engine.actions import checked_control, checked_verdict
from soc_env.faces.pettingzoo import PettingZooFace
from soc_env.team import AGENTS, CONTROL_SIZES, CONTROL_SLICES, TRIAGE, split_observations


class TeamAECEnv(PettingZooFace, AECEnv[str, np.ndarray, np.ndarray | int]):
    """The same episodes as the parallel face, one agent's action at a time.

    Agents act in the order of `soc_env.team.AGENTS`; the world moves when the last has acted. Each
    action is checked at its agent's step, before anything changes.

    Args:
        scenario: what is simulated.
        render_mode: None, "human" (a window, drawn when the world has moved), "rgb_array" or "ansi".
    """

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin an episode; seeds and options as for the parallel face."""
        self._observations = self._begin(seed, options)
        self.agents = list(AGENTS)
        self.agent_selection = AGENTS[0]
        self.rewards = dict.fromkeys(AGENTS, 0.0)
        self._cumulative_rewards = dict.fromkeys(AGENTS, 0.0)
        self.terminations = dict.fromkeys(AGENTS, False)
        self.truncations = dict.fromkeys(AGENTS, False)
        self.infos: dict[str, dict[str, Any]] = {agent: {} for agent in AGENTS}
        if self.render_mode == "human":
            self.render()

    def observe(self, agent: str) -> np.ndarray:
        """The agent's observation of the last completed step."""
        self._lane.check_started("observe")
        return self._observations[agent].copy()

    def last(self, observe: bool = True) -> tuple[np.ndarray | None, float, bool, bool, dict[str, Any]]:
        """Observation, reward since its last action, terminated, truncated and info of `agent_selection`."""
        self._lane.check_started("last")
        return super().last(observe)

    def step(self, action: np.ndarray | int | None) -> None:
        """Take the action of `agent_selection`, or None where that agent's episode is over.

        Raises:
            RuntimeError: before `reset` or after the end, when no agent is left.
            TypeError, ValueError: a bad action; the same agent is still to act then.
        """
        if not self.agents:
            self._lane.check_can_step()
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        engine = self._lane.engine
        if agent == TRIAGE:
            engine.verdicts[0] = checked_verdict(action)
        else:
            engine.controls[0, CONTROL_SLICES[agent]] = checked_control(
                agent, action, (CONTROL_SIZES[agent],)
            )

        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        if agent == AGENTS[-1]:
            self._move_world()
        self.agent_selection = AGENTS[(AGENTS.index(agent) + 1) % len(AGENTS)]
        self._accumulate_rewards()
        if agent == AGENTS[-1] and self.render_mode == "human":
            self.render()

    def _move_world(self) -> None:
        engine = self._lane.engine
        self._observations = split_observations(self._lane.step())
        self.rewards = dict.fromkeys(AGENTS, float(engine.rewards[0]))
        self.terminations = dict.fromkeys(AGENTS, bool(engine.terminated[0]))
        self.truncations = dict.fromkeys(AGENTS, bool(engine.truncated[0]))
        if engine.over[0]:
            self.infos = self._final_infos()
