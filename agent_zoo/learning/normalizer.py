"""Observations brought to comparable scales by what has been seen, entries without memory faded out."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Normalizer(nn.Module):
    """Standardises each entry and multiplies it by its correlation from one step to the next.

    Mean, variance and the covariance of successive steps are running ones (Chan et al. 1979). An entry that
    is drawn anew in every step correlates with nothing that came before: it is noise, and standardising it
    would only make it louder. What describes a lasting state correlates with its past and stays. Before the
    first `observe` nothing is changed.
    """

    LIMIT = 10.0
    """Bound on standardised entries."""

    LEAST_MEMORY = 0.05
    """Correlation below which an entry counts as noise and becomes 0."""

    mean: Tensor
    variance: Tensor
    covariance: Tensor
    count: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float32, device="cpu"))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float32, device="cpu"))
        self.register_buffer("covariance", torch.ones(size, dtype=torch.float32, device="cpu"))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64, device="cpu"))

    @torch.no_grad()
    def observe(self, before: Tensor, after: Tensor) -> None:
        """Take account of observations (n, size) of successive steps of the same episodes; n may be 0.

        Raises:
            ValueError: an observation is not finite, or too large for its square to be; nothing has changed.
        """
        if len(before) == 0:  # all episodes have just ended, and nothing has no mean
            return
        mean = before.mean(0)
        total = self.count + len(before)
        share = (len(before) / total).float()
        difference = mean - self.mean
        between = share * (1 - share) * difference.square()
        deviation = before - mean
        variance = deviation.square().mean(0)
        covariance = (deviation * (after - mean)).mean(0)
        variance = self.variance + (share * (variance - self.variance) + between)
        covariance = self.covariance + (share * (covariance - self.covariance) + between)
        if not (variance + covariance).isfinite().all():
            largest = torch.cat([before, after]).abs().max().item()
            raise ValueError(f"observations must be finite, and so must their squares, got {largest:g}")
        self.variance.copy_(variance)
        self.covariance.copy_(covariance)
        self.mean += share * difference
        self.count.copy_(total)

    def forward(self, observation: Tensor) -> Tensor:
        scaled = (observation - self.mean) * (self.variance + 1e-8).rsqrt()
        return scaled.clamp(-self.LIMIT, self.LIMIT) * self.memory()

    def used(self) -> Tensor:
        """Numbers, int64, of the entries that are not always 0."""
        return self.memory().nonzero().squeeze(-1)

    def memory(self) -> Tensor:
        """Correlation (size,) of each entry with itself a step later, 0 where that is small."""
        memory = (self.covariance / (self.variance + 1e-8)).clamp(0.0, 1.0)
        return memory * (memory >= self.LEAST_MEMORY)
