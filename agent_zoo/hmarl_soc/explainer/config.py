"""What an explainer depends on besides its seed and the observations that it is trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agent_zoo.learning.config import check


@dataclass(frozen=True)
class ExplainerConfig:
    """Sizes of the attention, and how it is trained; heads and key size are the paper's."""

    heads: int = 4
    """Attention heads."""
    key_size: int = 64
    """d_k: size of queries and keys."""
    token_size: int = 32
    """Size of what an entry of the observation is turned into."""
    updates: int = 1500
    """Steps of Adam, for each agent."""
    observations: int = 64
    """Observations in one update."""
    removals: int = 8
    """Ways in which entries of each of them are removed."""
    learning_rate: float = 5e-3
    """Adam's step size at the first update; it falls to 0 along a cosine."""
    temperature: float = 0.3
    """Width of the step from kept to removed, in units of the logarithm of the attention."""

    def __post_init__(self) -> None:
        for key in ("heads", "key_size", "token_size", "updates", "observations", "removals"):
            check(getattr(self, key) >= 1, key, getattr(self, key), "an integer of at least 1")
        for key in ("learning_rate", "temperature"):
            check(0 < getattr(self, key) < math.inf, key, getattr(self, key), "a number greater than 0")
