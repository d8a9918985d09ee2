"""Networks of the paper's kind, and what is done to their parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class _Linear(nn.Linear):
    """Without the default initialisation, which would draw from torch's global generator."""

    def reset_parameters(self) -> None:
        pass


def mlp(
    inputs: int, hidden_sizes: Sequence[int], outputs: int, *, output_gain: float, generator: torch.Generator
) -> nn.Sequential:
    """A ReLU network with orthogonal weights and zero biases.

    Args:
        inputs, outputs: sizes of its ends.
        hidden_sizes: (256, 256, 256) in the paper.
        output_gain: scale of the output layer: 0.01 makes a policy start near zero actions and equal
            choices, 1.0 suits a critic.
        generator: the only source of randomness.
    """
    sizes = [inputs, *hidden_sizes, outputs]
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(itertools.pairwise(sizes)):
        is_output = index == len(hidden_sizes)
        layer = _Linear(before, after, dtype=torch.float32, device="cpu")
        nn.init.orthogonal_(layer.weight, output_gain if is_output else math.sqrt(2), generator=generator)
        nn.init.zeros_(layer.bias)
        layers.append(layer)
        if not is_output:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def hats(actions: Tensor, knots: int) -> Tensor:
    """Actions (..., size) in [-1, 1] as weights (..., size * knots) of evenly spread knots.

    Each action has a weight for the two knots beside it, by how near they are, and none for the others, so
    that a network can tell what lies on the two sides of a step without bending far away from it.
    """
    places = torch.linspace(-1.0, 1.0, knots, dtype=actions.dtype, device=actions.device)
    distance = (actions[..., None] - places).abs() * ((knots - 1) / 2)
    return (1.0 - distance).clamp_min(0.0).flatten(-2)


def huber(errors: Tensor, bound: float) -> Tensor:
    """Squares of `errors` up to `bound`, beyond it growing linearly, with the slope there."""
    return (2 * errors.abs() - bound).mul(bound).where(errors.abs() > bound, errors.square())


@torch.no_grad()
def track(target: nn.Module, source: nn.Module, rate: float) -> None:
    """Move every parameter of `target` by the part `rate` of the way to that of `source`."""
    torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), rate)


def descend(
    optimizers: Sequence[torch.optim.Optimizer], loss: Tensor, max_gradient_norm: float, name: str
) -> None:
    """One step of these optimisers on their parameters alone, the norm of their gradients bounded.

    Raises:
        FloatingPointError: the loss (called `name`) or its gradient is not finite; the parameters still are.
    """
    parameters = [
        parameter
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    # Not loss.backward(), which would also compute the gradients of whatever else is in the loss: those of
    # the critic in an actor's.
    for parameter, gradient in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = gradient
    norm = nn.utils.clip_grad_norm_(parameters, max_gradient_norm)
    if not torch.isfinite(loss + norm):
        raise FloatingPointError(f"{name} is {loss.item():.4g}, its gradient's norm {norm.item():.4g}")
    for optimizer in optimizers:
        optimizer.step()
