"""Random tensors that depend on their generator alone, not on torch's default dtype and device."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def uniform(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Numbers from [0, 1), float32, where the generator is."""
    return torch.rand(shape, generator=generator, dtype=torch.float32, device=generator.device)


def normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard normal numbers, float32, where the generator is."""
    return torch.randn(shape, generator=generator, dtype=torch.float32, device=generator.device)


def integers(limit: int, count: int, generator: torch.Generator) -> Tensor:
    """Integers (count,) from 0 to limit - 1, int64, where the generator is."""
    return torch.randint(limit, (count,), generator=generator, dtype=torch.int64, device=generator.device)


def permutation(count: int, generator: torch.Generator) -> Tensor:
    """0 to count - 1 in random order, int64 (count,), where the generator is."""
    return torch.randperm(count, generator=generator, dtype=torch.int64, device=generator.device)
