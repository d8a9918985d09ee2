"""Networks of the paper's kind, and what is done to their parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


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
        # skip_init: the default initialisation would draw from torch's global generator
        layer = nn.utils.skip_init(nn.Linear, before, after)
        nn.init.orthogonal_(layer.weight, output_gain if is_output else math.sqrt(2), generator=generator)
        nn.init.zeros_(layer.bias)
        layers.append(layer)
        if not is_output:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class Twins(nn.Module):
    """Two networks of one shape, evaluated by batched products: the twin critics of SAC."""

    def __init__(self, first: nn.Sequential, second: nn.Sequential) -> None:
        super().__init__()
        pairs = [
            (one, other)
            for one, other in zip(first, second, strict=True)
            if isinstance(one, nn.Linear) and isinstance(other, nn.Linear)
        ]
        self.weights = nn.ParameterList([torch.stack([a.weight.T, b.weight.T]) for a, b in pairs])
        self.biases = nn.ParameterList([torch.stack([a.bias, b.bias])[:, None] for a, b in pairs])

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, inputs) to (2, batch, outputs)."""
        value = inputs.expand(2, *inputs.shape)
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            value = torch.baddbmm(bias, value, weight)
            if layer < last:
                value = value.relu()
        return value


class DuelingCritics(nn.Module):
    """Twin critics Q(s, a) = V(s) + F(s, a) - F(s, reference), the reference being the policy's own action.

    What an action is worth differs by little from state to state's worth. F, which learns from how actions
    differ from the reference only, is not disturbed by V's learning.
    """

    def __init__(
        self, state_size: int, action_size: int, hidden_sizes: Sequence[int], generator: torch.Generator
    ) -> None:
        super().__init__()

        def twins(inputs: int) -> Twins:
            first, second = (
                mlp(inputs, hidden_sizes, 1, output_gain=0.01, generator=generator) for _ in range(2)
            )
            return Twins(first, second)

        self.value, self.advantage = twins(state_size), twins(state_size + action_size)

    def forward(self, state: Tensor, action: Tensor, reference: Tensor) -> Tensor:
        """(batch, states), (batch, actions) and the like of the policy to values (2, batch)."""
        pairs = torch.cat([torch.cat([state, action], -1), torch.cat([state, reference], -1)])
        played, own = self.advantage(pairs).squeeze(-1).chunk(2, dim=-1)
        return self.value(state).squeeze(-1) + played - own

    def advantages(self, state: Tensor, action: Tensor) -> Tensor:
        """F (2, batch): the part of the values that depends on the action."""
        return self.advantage(torch.cat([state, action], -1)).squeeze(-1)


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
