"""The clipped objective of PPO (Schulman et al. 2017)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class ClippedObjective(NamedTuple):
    """Scalars: the loss to minimise, and two to watch.

    Attributes:
        loss: less the clipped surrogate objective.
        kl: estimate of the divergence from the policy that acted to the present one, in nats.
        clipped_share: share of ratios outside the clipping range.
    """

    loss: Tensor
    kl: Tensor
    clipped_share: Tensor


def clipped_objective(
    log_prob: Tensor, played_log_prob: Tensor, advantage: Tensor, clip: float
) -> ClippedObjective:
    """PPO's objective over a batch of actions.

    Args:
        log_prob: of the actions that were played, under the present policy (batch,).
        played_log_prob: the same when they were drawn.
        advantage: their advantages.
        clip: epsilon: how far the ratio may move from 1 before its gradient is cut off.
    """
    log_ratio = log_prob - played_log_prob
    ratio = log_ratio.exp()
    loss = -torch.min(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()
    kl = (ratio - 1 - log_ratio).mean().detach()
    clipped_share = ((ratio - 1).abs() > clip).float().mean().detach()
    return ClippedObjective(loss, kl, clipped_share)


def standardized(advantage: Tensor) -> Tensor:
    """Advantages with mean 0 and standard deviation 1; a single one is 0."""
    if len(advantage) < 2:
        return torch.zeros_like(advantage)
    return (advantage - advantage.mean()) / (advantage.std() + 1e-8)
