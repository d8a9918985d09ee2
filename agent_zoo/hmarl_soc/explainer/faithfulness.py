"""Is a ranking faithful? Deletion and insertion curves (Petsiuk et al. 2018), and what to compare with.

Entries of an observation are removed by giving them the values of another observation. Deletion removes
them one after the other from the first of the ranking on; insertion begins with all removed and gives them
back in that order. A curve tells after every entry how far the decision lies from that on the whole
observation: 0 is unchanged, 1 as far as it lies on average with all entries removed. The better a ranking,
the larger the area under the deletion curve and the smaller that under the insertion curve.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from agent_zoo.learning.draws import integers, permutation, uniform

Weigh = Callable[[Tensor], Tensor]

DONORS = 4
"""Other observations that give removed entries their values, for each observation."""


@torch.no_grad()
def curves(weigh: Weigh, seen: Tensor, importance: Tensor, generator: torch.Generator) -> Tensor:
    """Deletion and insertion curves, (2, n, entries + 1).

    Rankings that are measured with generators of the same state meet the same removals, and their curves
    can be compared observation by observation.

    Args:
        weigh: (batch, entries) to a decision (batch, numbers).
        seen: (n, entries), of n different episodes, n at least 2.
        importance: (n, entries); the larger, the earlier in the ranking.
    """
    count, entries = seen.shape
    place = importance.argsort(dim=-1, descending=True, stable=True).argsort(-1)
    # Shifted, and not drawn, so that no observation gives values to itself.
    order = permutation(count, generator)
    others = [
        seen[order[(order.argsort() + shift) % count]] for shift in range(1, min(DONORS, count - 1) + 1)
    ]
    decided = weigh(seen)
    found = seen.new_zeros(2, count, entries + 1)
    for k in range(entries + 1):
        first = place < k
        for other in others:
            deleted, inserted = torch.where(first, other, seen), torch.where(first, seen, other)
            found[0, :, k] += (weigh(deleted) - decided).norm(dim=-1)
            found[1, :, k] += (weigh(inserted) - decided).norm(dim=-1)
    # Deletion ends where insertion begins: with all entries removed.
    return found / found[0, :, -1].mean()


def areas(found: Tensor) -> Tensor:
    """The areas (2, n) under `curves`, the whole number of entries being 1 wide."""
    return ((found[..., 1:] + found[..., :-1]) / 2).mean(-1)


def by_gradient(weigh: Weigh, seen: Tensor, mean: Tensor) -> Tensor:
    """Importance (n, entries): the norm over the decision's numbers of |gradient x (entry - mean)|."""
    seen = seen.clone().requires_grad_()
    squares = torch.zeros_like(seen)
    for number in weigh(seen).unbind(-1):
        (gradient,) = torch.autograd.grad(number.sum(), seen, retain_graph=True)
        squares += (gradient * (seen.detach() - mean)).square()
    return squares.sqrt().detach()


@torch.no_grad()
def by_regression(weigh: Weigh, seen: Tensor, background: Tensor) -> Tensor:
    """Importance (n, entries): the same with the weights of a linear regression of the decision.

    Args:
        background: (m, entries) to fit it to.
    """
    mean = background.mean(0)
    centred, decided = background - mean, weigh(background)
    covariance = centred.T @ centred / len(centred)
    # Entries that are the same in two places have no weights of their own without a little ridge.
    ridge = torch.diag_embed((1e-3 * covariance.diagonal().mean().clamp_min(1e-12)).expand(len(covariance)))
    target = centred.T @ (decided - decided.mean(0)) / len(centred)
    weights = torch.linalg.solve(covariance + ridge, target)
    return weights.norm(dim=-1) * (seen - mean).abs()


def at_random(seen: Tensor, generator: torch.Generator) -> Tensor:
    """Importance (n, entries) that means nothing: another random order for every observation."""
    return uniform(seen.shape, generator)


def one_a_lane(gathered: Tensor, generator: torch.Generator) -> Tensor:
    """Of observations (steps, lanes, 352) one of every lane, at a random step: (lanes, 352).

    Lanes are independent of each other, and so are these; successive observations are not.
    """
    steps, lanes = gathered.shape[:2]
    drawn = integers(steps, lanes, generator)
    return gathered[drawn, torch.arange(lanes, device=drawn.device)]


def rankings(
    weigh: Weigh, seen: Tensor, background: Tensor, importance: Tensor, generator: torch.Generator
) -> dict[str, Tensor]:
    """The attention's importance and what it is compared with, by name, the random order last."""
    return {
        "attention": importance,
        "gradient": by_gradient(weigh, seen, background.mean(0)),
        "regression": by_regression(weigh, seen, background),
        RANDOM: at_random(seen, generator),
    }


RANDOM = "random"
NAMES: Sequence[str] = ("attention", "gradient", "regression", RANDOM)
