"""The two disjoint ranges of seeds: one for training, one for held-out evaluation.

A learner that had seen an evaluation seed could have learned its networks' vulnerabilities, so
training refuses evaluation seeds and evaluation refuses training seeds.
"""

from __future__ import annotations

import operator
from typing import Final

TRAINING_SEEDS: Final = range(0, 10**9)
EVALUATION_SEEDS: Final = range(10**9, 2**31)

FINAL_SEEDS: Final = range(10**9, 2 * 10**9)
"""Those of the evaluation seeds that reported figures are of. Commands begin with the first, and so does the
leaderboard."""

CHOOSING_SEEDS: Final = range(2 * 10**9, 2**31)
"""Those to look at while something is still chosen: hyperparameters, rules, when to stop."""

RESULTS_SEED: Final = 1_500_000_000
"""The final seed that the project's own tables begin with, those in `results/soc_v0` and in the README."""

CAGE4_SEED: Final = 1_100_000_000
"""The final seed of the project's own figures on CAGE-4."""


def check_training_seed(seed: int, argument: str = "seed") -> int:
    """Return `seed` as an int.

    Raises:
        TypeError: it is no integer.
        ValueError: it lies outside `TRAINING_SEEDS`.
    """
    return _check(seed, argument, TRAINING_SEEDS, "training")


def check_evaluation_seed(seed: int, argument: str = "seed") -> int:
    """Return `seed` as an int.

    Raises:
        TypeError: it is no integer.
        ValueError: it lies outside `EVALUATION_SEEDS`.
    """
    return _check(seed, argument, EVALUATION_SEEDS, "evaluation")


def _check(seed: int, argument: str, allowed: range, use: str) -> int:
    expected = f"{argument} must be an integer from {allowed[0]} to {allowed[-1]} (the {use} seeds)"
    try:
        if isinstance(seed, bool):
            raise TypeError
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"{expected}, got {seed!r}") from None
    if number not in allowed:
        raise ValueError(f"{expected}, got {number}")
    return number
