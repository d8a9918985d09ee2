"""On-policy storage and generalised advantage estimation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Rollout:
    """A fixed number of steps of every lane, one tensor (num_steps, num_envs, ...) for each quantity."""

    def __init__(
        self,
        num_steps: int,
        num_envs: int,
        fields: Mapping[str, tuple[tuple[int, ...], torch.dtype]],
        device: str = "cpu",
    ) -> None:
        """Args: fields: {name: (shape of one lane's entry, dtype)}."""
        self.num_steps = num_steps
        self.fields = {
            name: torch.zeros((num_steps, num_envs, *shape), dtype=dtype, device=device)
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
    discount: float | Tensor,
    trace: float,
    complete: Tensor | None = None,
) -> Tensor:
    """GAE (Schulman et al. 2016) over lanes whose episodes end in the middle of a rollout.

    Termination ends the return; truncation ends the episode but not the return, which goes on with the
    value of the observation that the episode would have continued from.

    A decision that lasts k steps (an option of a semi-Markov decision process, Sutton et al. 1999) stands
    at the step that completes it, with the discounted sum of its rewards and gamma ** k as its discount;
    steps that complete none are passed over.

    Args:
        rewards: (num_steps, num_envs), of step t.
        values: of the observation that step t acted on.
        next_values: of the observation after step t, before any autoreset: an episode's last one is valued
            by its `final_obs`. Ignored where step t terminated.
        terminated, truncated: bool, of step t.
        discount: gamma, in [0, 1], or that of each decision (num_steps, num_envs).
        trace: lambda, in [0, 1], for each decision.
        complete: bool, whether step t completes a decision; None: every step does.

    Returns:
        Advantages (num_steps, num_envs), 0 where none is complete; advantages + values are the critic's
        targets.
    """
    discounts = torch.as_tensor(discount, dtype=rewards.dtype, device=rewards.device).expand_as(rewards)
    complete = torch.ones_like(terminated) if complete is None else complete
    errors = rewards + discounts * ~terminated * next_values - values
    carries = discounts * trace * ~(terminated | truncated)
    advantages = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[0])
    for step in reversed(range(len(rewards))):
        advantage = errors[step] + carries[step] * following
        advantages[step] = advantage * complete[step]
        following = torch.where(complete[step], advantage, following)
    return advantages
