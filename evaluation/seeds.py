"""Which seeds are for training and which for evaluation, and how evaluation picks its own.

The ranges, from `soc_env.seeds`, share nothing: a training run draws its environment seeds from
`TRAINING_SEEDS` (0 to 999,999,999), the held-out protocol from `EVALUATION_SEEDS` (1,000,000,000 to
2,147,483,647). Both sides check, so that no team is measured on episodes that it has trained on.
"""

from __future__ import annotations

from soc_env.seeds import EVALUATION_SEEDS, TRAINING_SEEDS, check_evaluation_seed, check_training_seed

__all__ = [
    "EVALUATION_SEEDS",
    "TRAINING_SEEDS",
    "check_evaluation_seed",
    "check_training_seed",
    "evaluation_seeds",
]


def evaluation_seeds(count: int, base: int = EVALUATION_SEEDS.start) -> tuple[int, ...]:
    """`count` consecutive evaluation seeds from `base`; training seed number k (0, 1, ...) plays the k-th.

    Raises:
        ValueError: one of them is no evaluation seed.
    """
    return tuple(check_evaluation_seed(base + position, "evaluation seed") for position in range(count))
