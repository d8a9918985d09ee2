"""Which seeds are for training and which for evaluation, and how evaluation picks its own.

The ranges, from `soc_env.seeds`, share nothing: a training run draws its environment seeds from
`TRAINING_SEEDS` (0 to 999,999,999), the held-out protocol from `EVALUATION_SEEDS` (1,000,000,000 to
2,147,483,647). Both sides check, so that no team is measured on episodes that it has trained on. Some of the
latter are for choosing, the others for figures that are reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from soc_env.seeds import (
    CHOOSING_SEEDS,
    EVALUATION_SEEDS,
    FINAL_SEEDS,
    TRAINING_SEEDS,
    check_evaluation_seed,
    check_training_seed,
)

__all__ = [
    "CHOOSING_SEEDS",
    "EVALUATION_SEEDS",
    "FINAL_SEEDS",
    "TRAINING_SEEDS",
    "check_evaluation_seed",
    "check_training_seed",
    "evaluation_seeds",
    "in_words",
]


def evaluation_seeds(count: int, base: int = FINAL_SEEDS.start) -> tuple[int, ...]:
    """`count` consecutive evaluation seeds from `base`; training seed number k (0, 1, ...) plays the k-th.

    Raises:
        ValueError: one of them is no evaluation seed.
    """
    return tuple(check_evaluation_seed(base + position, "evaluation seed") for position in range(count))


def in_words(seeds: Sequence[int]) -> str:
    """Evaluation seeds as notes of tables name them, from the lowest to the highest, with their use."""
    low, high = min(seeds), max(seeds)
    span = f"evaluation seed {low}" if low == high else f"evaluation seeds {low} to {high}"
    return f"{span}, which are for choosing" if any(seed in CHOOSING_SEEDS for seed in seeds) else span
