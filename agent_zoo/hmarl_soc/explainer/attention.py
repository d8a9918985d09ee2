"""Multi-head attention of one query over the entries of an observation."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from agent_zoo.hmarl_soc.explainer.config import ExplainerConfig
from agent_zoo.learning.draws import normal


class AttentionExplainer(nn.Module):
    """Says of one agent how much its decision rests on each entry of what it sees.

    Entry i becomes the token relu(identity_i + value * direction_i), identity and direction being learned.
    In every head one query, a learned vector plus a linear map of the mean token, meets a key for each
    token (scaled dot products, Vaswani et al. 2017). There are no values: the weights are the output.
    """

    def __init__(self, entries: int, config: ExplainerConfig, generator: torch.Generator) -> None:
        super().__init__()
        size, heads, keys = config.token_size, config.heads, config.key_size

        def drawn(*shape: int, std: float) -> nn.Parameter:
            return nn.Parameter(std * normal(shape, generator))

        self.identity = drawn(entries, size, std=1.0)
        self.direction = drawn(entries, size, std=1.0)
        self.key = drawn(heads, size, keys, std=size**-0.5)
        # The query starts small, so that the attention starts nearly uniform.
        self.query = drawn(heads, keys, std=0.1)
        self.query_of_mean = drawn(heads, size, keys, std=0.1 * size**-0.5)

    def scores(self, seen: Tensor) -> Tensor:
        """What the softmax is taken of, (batch, heads, entries).

        Args:
            seen: (batch, entries), as the agent's network sees them.
        """
        tokens = torch.relu(self.identity + seen[..., None] * self.direction)
        query = self.query + torch.einsum("bt,htk->bhk", tokens.mean(1), self.query_of_mean)
        # The query is taken back to the tokens rather than every token to its keys: the same, and cheaper.
        weights = torch.einsum("bhk,htk->bht", query, self.key)
        return torch.einsum("bht,bet->bhe", weights, tokens) / math.sqrt(self.key.shape[-1])

    def forward(self, seen: Tensor) -> Tensor:
        """(batch, entries) to the attention (batch, heads, entries); each head's sums to 1."""
        return self.scores(seen).softmax(-1)

    def importance(self, seen: Tensor) -> Tensor:
        """(batch, entries) to the mean over the heads (batch, entries), which sums to 1."""
        return self(seen).mean(1)

    def log_importance(self, seen: Tensor) -> Tensor:
        """The logarithm of `importance`, with a gradient even where that is too small for its own."""
        logarithms = self.scores(seen).log_softmax(-1)
        return logarithms.logsumexp(1) - math.log(logarithms.shape[1])
