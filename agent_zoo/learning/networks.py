"""Networks of the paper's size, and the observation normaliser in front of them."""

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


class RunningNormalizer(nn.Module):
    """Shifts and scales every input by its running moments, then clips to +-`CLIP`.

    Before the first `update` it passes inputs on unchanged (clipped).
    """

    CLIP = 10.0
    VARIANCE_FLOOR = 1e-4  # an input that has hardly moved yet is magnified 100 times at most

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def update(self, inputs: Tensor) -> None:
        """Take a batch (batch, size) into the moments (Chan et al. 1979)."""
        batch = inputs.to(torch.float64)
        count = len(batch)
        total = self.count + count
        shift = batch.mean(0) - self.mean
        squares = batch.var(0, correction=0) * count + shift.square() * self.count * count / total
        self.variance.copy_((self.variance * self.count + squares) / total)
        self.mean.add_(shift * count / total)
        self.count.copy_(total)

    def forward(self, inputs: Tensor) -> Tensor:
        scale = (self.variance + self.VARIANCE_FLOOR).rsqrt().to(inputs.dtype)
        return ((inputs - self.mean.to(inputs.dtype)) * scale).clamp(-self.CLIP, self.CLIP)
