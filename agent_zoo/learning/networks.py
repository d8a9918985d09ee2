"""Networks of the paper's size."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn


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
