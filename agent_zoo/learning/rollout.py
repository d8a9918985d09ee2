"""On-policy storage and generalised advantage estimation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Rollout:
    """A fixed number of steps of every lane, one tensor (num_steps, num_envs, ...) for each quantity."""

    def __init__(
        self, num_steps: int, num_envs: int, fields: Mapping[str, tuple[tuple[int, ...], torch.dtype]]
    ) -> None:
        """Args: fields: {name: (shape of one lane's entry, dtype)}."""
        self.num_steps = num_steps
        self.fields = {
            name: torch.zeros((num_steps, num_envs, *shape), dtype=dtype)
            for name, (shape, dtype) in fields.items()
        }

    def __getitem__(self, name: str) -> Tensor:
        return self.fields[name]

    def store(self, step: int, **values: Tensor) -> None:
        """Copy one step's values, each (num_envs, ...), into place."""
        for name, value in values.items():
            self.fields[name][step] = value

    def flat(self) -> dict[str, Tensor]:
        """Every quantity as (num_steps * num_envs, ...)."""
        return {name: tensor.flatten(0, 1) for name, tensor in self.fields.items()}


def generalized_advantages(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    discount: float,
    trace: float,
) -> Tensor:
    """GAE (Schulman et al. 2016) over lanes whose episodes end in the middle of a rollout.

    Termination ends the return; truncation ends the episode but not the return, which goes on with the
    value of the observation that the episode would have continued from.

    Args:
        rewards: (num_steps, num_envs), of step t.
        values: of the observation that step t acted on.
        next_values: of the observation after step t, before any autoreset: an episode's last one is valued
            by its `final_obs`. Ignored where step t terminated.
        terminated, truncated: bool, of step t.
        discount: gamma, in [0, 1].
        trace: lambda, in [0, 1].

    Returns:
        Advantages (num_steps, num_envs); advantages + values are the critic's targets.
    """
    continues = (~terminated).to(rewards.dtype)
    same_episode = (~(terminated | truncated)).to(rewards.dtype)
    errors = rewards + discount * continues * next_values - values
    advantages = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[0])
    for step in reversed(range(len(rewards))):
        following = errors[step] + discount * trace * same_episode[step] * following
        advantages[step] = following
    return advantages
