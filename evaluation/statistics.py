"""How sure a figure is: means over seeds, interquartile means, 95 % stratified bootstrap intervals.

Figures come as `values`, float (seeds, episodes, metrics). A learner's first axis is its training seeds:
each is one draw from all the runs that training might have given, so the bootstrap draws seeds with
replacement, then episodes within each drawn seed. A scripted team has no training seeds; its first axis
only splits the episodes into blocks, and the bootstrap draws episodes within each block.

Every statistic is taken over the seeds' means, a seed being the unit as in Agarwal et al. (2021), "Deep
Reinforcement Learning at the Edge of the Statistical Precipice": an interquartile mean over single
episodes would turn a success rate of 70 % into 90 %. Percentile intervals from five seeds are somewhat
narrow (they cover the truth in some 85 to 90 % of cases instead of 95 %); those from one seed say nothing
about the spread between training runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from soc_env.extras import require

CONFIDENCE = 0.95
NUM_RESAMPLES = 2_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """What `values` (seeds, episodes, metrics) say about each metric; every array ends in (metrics,).

    Attributes:
        seed_means: (seeds, metrics), the mean over each seed's episodes.
        mean, iqm: mean and interquartile mean of the seeds' means.
        mean_interval, iqm_interval: (2, metrics), lower and upper ends of their 95 % intervals.
    """

    seed_means: Floats
    mean: Floats
    mean_interval: Floats
    iqm: Floats
    iqm_interval: Floats

    @property
    def std(self) -> Floats:
        """Standard deviation over the seeds' means, dividing by seeds - 1; NaN for a single seed."""
        return std_over_seeds(self.seed_means)


def std_over_seeds(seed_means: Floats) -> Floats:
    """Standard deviation of (seeds, metrics) over the seeds, dividing by seeds - 1; NaN for a single seed."""
    if len(seed_means) < 2:
        return np.full(seed_means.shape[1:], np.nan)
    return seed_means.std(axis=0, ddof=1)


def interquartile_mean(values: Floats, axis: int = 0) -> Floats:
    """The mean of the middle half along `axis`: a quarter of the entries, rounded down, goes at each end."""
    stats = require("scipy.stats", extra="evaluation", purpose="the interquartile mean")
    return stats.trim_mean(values, 0.25, axis=axis)


def estimate(
    values: Floats, *, resample_seeds: bool, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> Estimate:
    """Means, interquartile means and their stratified bootstrap intervals.

    Args:
        values: (seeds, episodes, metrics), finite.
        resample_seeds: whether the first axis is training seeds (see the module's docstring).
        num_resamples: bootstrap samples.
        seed: of the bootstrap; equal arguments give equal intervals.

    Raises:
        ValueError: `values` is empty, has another number of axes, or holds NaN or infinity.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"values must be a non-empty (seeds, episodes, metrics), got shape {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"values must be finite, got {values[~np.isfinite(values)][0]}")

    num_seeds, num_episodes, num_metrics = values.shape
    drawn_seeds, episode_counts = _draw(num_seeds, num_episodes, resample_seeds, num_resamples, seed)
    resampled = np.empty((num_resamples, num_seeds, num_metrics))
    for index in range(num_seeds):
        drawn = drawn_seeds == index
        resampled[drawn] = episode_counts[drawn] @ values[index] / num_episodes

    seed_means = values.mean(axis=1)
    return Estimate(
        seed_means=seed_means,
        mean=seed_means.mean(axis=0),
        mean_interval=_interval(resampled.mean(axis=1)),
        iqm=interquartile_mean(seed_means),
        iqm_interval=_interval(interquartile_mean(resampled, axis=1)),
    )


def paired_difference(
    values: Floats, seeds: Sequence[int], reference: Floats, reference_seeds: Sequence[int]
) -> Floats:
    """`values` less `reference`, episode by episode, matched by evaluation seed and lane.

    Args:
        values: (seeds, episodes, metrics), played on the evaluation seeds `seeds`.
        reference: the same of the team compared with, on `reference_seeds`; more seeds do no harm.

    Raises:
        ValueError: the reference lacks one of the seeds, or has another number of episodes.
    """
    missing = sorted(set(seeds) - set(reference_seeds))
    if missing:
        raise ValueError(f"reference_seeds must include {list(seeds)} to pair episodes, but lack {missing}")
    if values.shape[1:] != reference.shape[1:]:
        raise ValueError(
            f"reference must have the same episodes and metrics as values to pair them, {values.shape[1:]}, "
            f"got {reference.shape[1:]}"
        )
    place = {seed: index for index, seed in enumerate(reference_seeds)}
    return values - reference[[place[seed] for seed in seeds]]


def performance_profile(
    scores: Floats, thresholds: Floats, *, resample_seeds: bool, num_resamples: int = NUM_RESAMPLES
) -> tuple[Floats, Floats]:
    """The share of episodes whose score is above each threshold, and its interval.

    Args:
        scores: (seeds, episodes).
        thresholds: (n,).
        resample_seeds, num_resamples: as for `estimate`, whose errors it has.

    Returns:
        Shares (n,), and the lower and upper ends of their 95 % intervals (2, n).
    """
    above = (np.asarray(scores)[..., None] > thresholds).astype(np.float64)
    estimated = estimate(above, resample_seeds=resample_seeds, num_resamples=num_resamples)
    return estimated.mean, estimated.mean_interval


@lru_cache(maxsize=4)  # the rows of a table have one shape: they share their draws, which are some 20 MB
def _draw(
    num_seeds: int, num_episodes: int, resample_seeds: bool, num_resamples: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    """Which seed each place of a resample holds (resamples, seeds), and how often it holds each episode."""
    rng = np.random.default_rng(seed)
    if resample_seeds:
        drawn_seeds = rng.integers(num_seeds, size=(num_resamples, num_seeds))
    else:
        drawn_seeds = np.tile(np.arange(num_seeds), (num_resamples, 1))
    counts = np.empty((num_resamples, num_seeds, num_episodes), np.uint16)
    offsets = np.arange(num_seeds)[:, None] * num_episodes
    for resample in counts:
        episodes = rng.integers(num_episodes, size=(num_seeds, num_episodes)) + offsets
        resample[:] = np.bincount(episodes.ravel(), minlength=counts[0].size).reshape(resample.shape)
    return drawn_seeds, counts


def _interval(statistics: Floats) -> Floats:
    """The ends of the central 95 % of (resamples, metrics), as (2, metrics)."""
    tail = (1 - CONFIDENCE) / 2
    return np.quantile(statistics, [tail, 1 - tail], axis=0)
