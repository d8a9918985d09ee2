"""What all wrappers share: one translation, applied to each kind of environment.

A wrapper says how one agent's actions and observations change, for a single lane or a batch of them.
The classes here do that around PettingZoo's parallel and AEC environments and around the vector
environment, each with that kind's own base class, and let everything else through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import gymnasium
import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils import BaseParallelWrapper, BaseWrapper

from soc_env.engine.scenario import EngineScenario
from soc_env.faces.aec import TeamAECEnv
from soc_env.faces.parallel import TeamParallelEnv
from soc_env.faces.vector import TeamVectorEnv
from soc_env.team import AGENTS, action_spaces

TeamEnv = TypeVar("TeamEnv", ParallelEnv, AECEnv, VectorEnv)


class Translation:
    """How one agent's actions and observations change; by default not at all.

    Attributes:
        name: the wrapper's name, for errors and `str`.
        action_spaces: the new action space of each agent, or None where the actions stay as they are.
    """

    name: str
    action_spaces: dict[str, gymnasium.Space] | None = None

    def action(self, agent: str, action: Any, batch: tuple[int, ...]) -> Any:
        """The team's own action for an action of the new space.

        Args:
            batch: () for one lane's action, (num_envs,) for those of all lanes.

        Raises:
            TypeError, ValueError: a bad action; the message names agent, value and expectation.
        """
        return action

    def observation(self, agent: str, observation: np.ndarray) -> np.ndarray:
        """What the agent sees instead of `observation` (..., size), which must not be modified."""
        return observation

    def actions(self, actions: Any, batch: tuple[int, ...]) -> Any:
        """The whole team's actions; unknown or missing agents are left for the environment to refuse."""
        if not isinstance(actions, Mapping):
            return actions
        return {
            agent: self.action(agent, action, batch) if agent in AGENTS else action
            for agent, action in actions.items()
        }

    def observations(self, observations: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The whole team's observations."""
        return {agent: self.observation(agent, one) for agent, one in observations.items()}


def scenario_of(env: Any, name: str) -> EngineScenario:
    """The scenario that `env` plays, for the wrapper called `name`.

    Raises:
        TypeError: no parallel, AEC or vector environment of soc_env.
    """
    base = getattr(env, "unwrapped", None)
    if not (
        isinstance(env, (ParallelEnv, AECEnv, VectorEnv))
        and isinstance(base, (TeamParallelEnv, TeamAECEnv, TeamVectorEnv))
    ):
        raise TypeError(
            f"{name} wraps a parallel_env, env (AEC) or vector_env of soc_env, "
            f"got {type(env).__name__}: {env!r}"
        )
    return base.scenario


def wrap(env: Any, translation: Translation) -> Any:
    """`env`, of one of the three kinds, with the translation around it.

    Raises:
        TypeError: another kind. ValueError: new action spaces around ones that are not the team's own.
    """
    scenario_of(env, translation.name)
    if translation.action_spaces is not None:
        for agent, own in action_spaces().items():
            space = _action_space(env, agent)
            if space != own:
                raise ValueError(
                    f"{translation.name} must wrap the team's own actions, {own} for {agent}, but the "
                    f"environment takes {space}: only one wrapper can change the actions"
                )
    if isinstance(env, VectorEnv):
        return TranslatedVectorEnv(env, translation)
    if isinstance(env, ParallelEnv):
        return TranslatedParallelEnv(env, translation)
    return TranslatedAECEnv(env, translation)


def _action_space(env: Any, agent: str) -> gymnasium.Space:
    if isinstance(env, VectorEnv):
        spaces: Any = env.single_action_space
        return spaces[agent]
    return env.action_space(agent)


class TranslatedParallelEnv(BaseParallelWrapper[str, Any, Any]):
    """A PettingZoo parallel environment with a translation around it."""

    def __init__(self, env: ParallelEnv, translation: Translation) -> None:
        super().__init__(env)
        self.translation = translation
        self.action_spaces = translation.action_spaces or {
            agent: env.action_space(agent) for agent in env.possible_agents
        }

    def action_space(self, agent: str) -> gymnasium.Space:
        """The action space of an agent, always the same object."""
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode, as the wrapped environment does."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self.translation.observations(observations), infos

    def step(self, actions: Any) -> Any:
        """Advance by one step, as the wrapped environment does."""
        observations, *rest = self.env.step(self.translation.actions(actions, ()))
        return self.translation.observations(observations), *rest

    def __str__(self) -> str:
        return f"{self.translation.name}<{self.env}>"


class TranslatedAECEnv(BaseWrapper[str, Any, Any]):
    """A PettingZoo AEC environment with a translation around it."""

    def __init__(self, env: AECEnv, translation: Translation) -> None:
        super().__init__(env)
        self.translation = translation
        self.action_spaces = translation.action_spaces or {
            agent: env.action_space(agent) for agent in env.possible_agents
        }

    def action_space(self, agent: str) -> gymnasium.Space:
        """The action space of an agent, always the same object."""
        return self.action_spaces[agent]

    def observe(self, agent: str) -> np.ndarray:
        """The agent's observation of the last completed step."""
        return self.translation.observation(agent, self.env.observe(agent))

    def step(self, action: Any) -> None:
        """Take the action of `agent_selection`, or None where that agent's episode is over."""
        env = self.env
        # Without agents the environment says what is wrong; an agent whose episode is over passes None.
        if env.agents:
            agent = env.agent_selection
            if not (env.terminations[agent] or env.truncations[agent]):
                action = self.translation.action(agent, action, ())
        env.step(action)

    def __str__(self) -> str:
        return f"{self.translation.name}<{self.env}>"


class TranslatedVectorEnv(VectorWrapper):
    """A vector environment with a translation around it."""

    def __init__(self, env: VectorEnv, translation: Translation) -> None:
        super().__init__(env)
        self.translation = translation
        if translation.action_spaces is not None:
            self.single_action_space = gymnasium.spaces.Dict(translation.action_spaces)
            self.action_space = batch_space(self.single_action_space, env.num_envs)

    def reset(
        self, *, seed: Any = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin episodes, as the wrapped environment does."""
        observations, info = self.env.reset(seed=seed, options=options)
        return self.translation.observations(observations), info

    def step(self, actions: Any) -> Any:
        """Advance all lanes by one step, as the wrapped environment does; `final_obs` is translated, too."""
        observations, rewards, terminated, truncated, info = self.env.step(
            self.translation.actions(actions, (self.num_envs,))
        )
        if "final_obs" in info:
            final = info["final_obs"].copy()
            for lane in np.flatnonzero(info["_final_obs"]):
                final[lane] = self.translation.observations(final[lane])
            info = info | {"final_obs": final}
        return self.translation.observations(observations), rewards, terminated, truncated, info

    def load_state(self, saved: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Go on where `save_state` was called; returns the observations of that moment, translated."""
        return self.translation.observations(self.env.load_state(saved))  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        """The wrapped environment's public attributes, such as `state` and `save_state`."""
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.env, name)

    def __repr__(self) -> str:
        return f"{self.translation.name}<{self.env}>"
