"""One episode of CAGE-4 at a time in CybORG: the only module that needs it, and only when it is used.

Beside what `BlueFlatWrapper` shows, blue agents get what their own examinations find: after an `Analyse`
CybORG lets the agent observe the host's files with their densities, which the flat vector leaves out.

CybORG spends more than half of every step on gathering the whole network's state, three times, for rewards
that do not look at it. `_spare_unread_states` leaves that out; episodes stay the same in every number, as a
test shows.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import re
import warnings
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.interface import (
    ACTION_SLICES,
    BLUE_AGENTS,
    HOST_SLICES,
    INTERFACE,
    OBSERVATION_SLICES,
    check_interface,
)
from evaluation.cage4.lanes import Frame

HOW_TO_GET: Final = (
    "CybORG is not on the package index. Get it and tell Python where it is:\n"
    "  git clone https://github.com/cage-challenge/cage-challenge-4\n"
    "  export PYTHONPATH=$PWD/cage-challenge-4\n"
    "  pip install 'soc-env[rllib]' gym==0.26.2 matplotlib networkx paramiko prettytable pygame PyYAML"
)

MALWARE_DENSITY: Final = 0.9
"""Density from which CybORG's files are malware (its documentation of Analyse)."""

_MARKS: Final = re.compile(r"^\[Invalid\] | \(\d+\.\d+\.\d+\.\d+/\d+\)")


def load() -> dict[str, Any]:
    """What is used of CybORG, by name.

    Raises:
        ImportError: it, or something that it needs, is not there; the message says what and how to get it.
    """
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # it imports pygame, but shows nothing
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    found: dict[str, Any] = {}
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")  # of its old dependencies
        for name, module in _USED.items():
            found[name] = getattr(_import(module), name)
    return found


_USED: Final = {
    "CybORG": "CybORG",
    "CYBORG_VERSION": "CybORG",
    "SleepAgent": "CybORG.Agents",
    "EnterpriseGreenAgent": "CybORG.Agents",
    "FiniteStateRedAgent": "CybORG.Agents",
    "EnterpriseScenarioGenerator": "CybORG.Simulator.Scenarios",
    "BlueFlatWrapper": "CybORG.Agents.Wrappers",
    "BlueRewardMachine": "CybORG.Shared.BlueRewardMachine",
    "EmptyRewardCalculator": "CybORG.Shared.RewardCalculator",
}


def _import(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = error.name or module
        raise ImportError(f"CAGE-4 needs {missing}, which is not installed. {HOW_TO_GET}") from error


class CybORGLane:
    """Episodes of the challenge's own scenario, one after another.

    Args:
        spare_states: skip what the rewards do not read, see the module; False plays CybORG as it is.

    Raises:
        ImportError: CybORG is not there.
        ValueError: its blue agents are not those of `interface.json`.
    """

    def __init__(self, spare_states: bool = True) -> None:
        parts = load()
        scenario = parts["EnterpriseScenarioGenerator"](
            blue_agent_class=parts["SleepAgent"],
            green_agent_class=parts["EnterpriseGreenAgent"],
            red_agent_class=parts["FiniteStateRedAgent"],
            steps=INTERFACE.episode_steps,
        )
        self._cyborg = parts["CybORG"](scenario, "sim", seed=0)
        self._env = parts["BlueFlatWrapper"](self._cyborg)
        observations, _ = self._env.reset()
        check_interface(
            {agent: len(observations[agent]) for agent in self._env.possible_agents},
            {
                agent: [_MARKS.sub("", label) for label in self._env.action_labels(agent)]
                for agent in self._env.possible_agents
            },
            parts["CYBORG_VERSION"],
        )
        if spare_states:
            blind = (parts["BlueRewardMachine"], parts["EmptyRewardCalculator"])
            _spare_unread_states(self._cyborg.environment_controller, blind)

    def reset(self, seed: int) -> Frame:
        """Begin the episode of a seed; the frame has one lane."""
        observations, _ = self._env.reset(seed=seed)
        return self._frame(observations, examined=False)

    def step(self, actions: NDArray[np.int64]) -> Frame:
        """One step, the blue agents' actions (agents,)."""
        chosen = dict(zip(BLUE_AGENTS, actions.tolist(), strict=True))
        observations, rewards, terminated, _, _ = self._env.step(chosen)
        frame = self._frame(observations, examined=True)
        frame.rewards[0] = np.mean([rewards[agent] for agent in BLUE_AGENTS])
        frame.over[0] = all(terminated.values())
        return frame

    def _frame(self, observations: dict[str, Any], examined: bool) -> Frame:
        frame = Frame.empty(1)
        state = self._cyborg.environment_controller.state
        for zone, agent in enumerate(BLUE_AGENTS):
            frame.observations[0, OBSERVATION_SLICES[zone]] = observations[agent]
            frame.masks[0, ACTION_SLICES[zone]] = self._env.action_mask(agent)
            hosts = INTERFACE.hosts(agent)
            if examined:
                found = self._malware(agent)
                frame.malware[0, HOST_SLICES[zone]] = [host in found for host in hosts]
            frame.sessions[0, HOST_SLICES[zone]] = [_sessions(state, host) for host in hosts]
        return frame

    def _malware(self, agent: str) -> set[str]:
        """Hosts whose files the agent has just seen to be malware."""
        seen = self._cyborg.get_observation(agent)
        return {
            host
            for host, told in seen.items()
            if isinstance(told, dict)
            and any((file.get("Density") or 0.0) >= MALWARE_DENSITY for file in told.get("Files", ()))
        }


def _spare_unread_states(controller: Any, blind: tuple[type, ...]) -> None:
    """Rewards of the `blind` calculators, which do not look at the state, are given an empty one."""
    calculate = controller.calculate_reward

    def calculate_reward(calculator: Any) -> float:
        if type(calculator) not in blind:
            return calculate(calculator)
        told = controller.action, controller.observation, controller.done, controller.state
        return calculator.calculate_reward({}, *told)

    controller.calculate_reward = calculate_reward


def _sessions(state: Any, host: str) -> int:
    """0 where the attacker has no session on the host, 1 for a user's, 2 for a privileged one."""
    if host not in state.hosts:
        return 0
    red = [
        state.sessions[agent][number].has_privileged_access()
        for agent, numbers in state.hosts[host].sessions.items()
        if "red" in agent
        for number in numbers
    ]
    return 0 if not red else 1 + any(red)
