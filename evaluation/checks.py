"""The strict side of the evaluator: whatever a policy does wrong becomes a `PolicyError`.

The environments clip actions outside a Box, as their rules say, and accept any dtype that can be cast.
An entry to a benchmark has no such excuse: here those are errors, with the agent, the step and the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from soc_env.policy import TeamPolicy

TOLERANCE = 1e-6  # how far outside its Box an action may lie: rounding, no more


class PolicyError(Exception):
    """A policy raised, or returned what is no valid action; its row fails, the others go on."""


class StrictPolicy:
    """A team policy as the evaluator calls it.

    The policy gets copies of the observations and nothing else, so it can neither change what the
    environment holds nor reach it through an array's `base`.

    Args:
        policy: the team to guard.
        action_space: the single (not batched) action space, a Dict of Box and Discrete by agent.
        env_id: the environment it is to play; it must say that it is for it.

    Raises:
        PolicyError: the policy is for another environment.
    """

    def __init__(self, policy: TeamPolicy, action_space: spaces.Dict, env_id: str) -> None:
        declared = getattr(policy, "env_id", None)
        if declared != env_id:
            raise PolicyError(
                f"env_id must be {env_id!r}, the environment to play; the policy says {declared!r}"
            )
        self._policy = policy
        self._action_space = action_space
        self._num_envs = 0
        self._step = 0

    def reset(self, num_envs: int, seed: int) -> None:
        """Tell the policy that `num_envs` lanes begin, with a seed for its own randomness."""
        self._num_envs = num_envs
        self._step = 0
        try:
            self._policy.reset(num_envs, seed=seed)
        except (Exception, SystemExit) as error:
            raise PolicyError(f"reset raised {_described(error)}") from error

    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_]
    ) -> dict[str, NDArray[Any]]:
        """The policy's actions {agent: (num_envs, ...)}, checked."""
        self._step += 1
        copies = {agent: observation.copy() for agent, observation in observations.items()}
        try:
            actions = self._policy.act(copies, episode_starts.copy())
        except (Exception, SystemExit) as error:
            raise PolicyError(f"act raised {_described(error)} at step {self._step}") from error
        check_actions(actions, self._action_space, self._num_envs, self._step)
        return dict(actions)


def check_actions(actions: object, action_space: spaces.Dict, num_envs: int, step: int) -> None:
    """Raise a `PolicyError` unless `actions` has just the right agents, shapes, dtypes and values.

    A Box takes floating-point arrays (num_envs, ...), finite and at most `TOLERANCE` outside its bounds,
    a Discrete integer arrays (num_envs,) in its range. `step` (1 for the first) is for the message.
    """
    if not isinstance(actions, Mapping):
        raise PolicyError(f"act must return {{agent: array}}, got {type(actions).__name__} at step {step}")
    missing = [agent for agent in action_space if agent not in actions]
    unknown = [agent for agent in actions if agent not in action_space.spaces]
    if missing or unknown:
        wrong = [f"missing {missing}"] if missing else []
        wrong += [f"unknown {unknown}"] if unknown else []
        expected = list(action_space)
        raise PolicyError(f"actions must be those of {expected}: {', '.join(wrong)} at step {step}")
    for agent, space in action_space.items():
        _check_action(agent, actions[agent], space, num_envs, step)


def _check_action(agent: str, action: object, space: spaces.Space, num_envs: int, step: int) -> None:
    where = f"at step {step}"
    if not isinstance(action, np.ndarray):
        raise PolicyError(f"{agent}: the action must be a NumPy array, got {type(action).__name__} {where}")
    shape = (num_envs, *(space.shape or ()))
    if action.shape != shape:
        raise PolicyError(f"{agent}: the action must have shape {shape}, got {action.shape} {where}")

    if isinstance(space, spaces.Discrete):
        low, high = int(space.start), int(space.start + space.n - 1)
        if not np.issubdtype(action.dtype, np.integer):
            raise PolicyError(f"{agent}: the action must have an integer dtype, got {action.dtype} {where}")
        outside = (action < low) | (action > high)
        expected = f"an integer from {low} to {high}"
    elif isinstance(space, spaces.Box):
        if not np.issubdtype(action.dtype, np.floating):
            raise PolicyError(f"{agent}: the action must have a float dtype, got {action.dtype} {where}")
        outside = ~(
            (action >= space.low - TOLERANCE) & (action <= space.high + TOLERANCE)
        )  # so NaN is outside
        expected = f"finite and from {space.low.min():g} to {space.high.max():g}"
    else:
        raise TypeError(f"{agent}: the action space must be a Box or a Discrete, got {space}")
    if outside.any():
        lane, *entry = (int(index) for index in np.argwhere(outside)[0])
        place = f"entry {entry[0]} of lane {lane}" if entry else f"lane {lane}"
        value = action[(lane, *entry)]
        raise PolicyError(f"{agent}: the action must be {expected}, got {value} in {place} {where}")


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
