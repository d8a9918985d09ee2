"""Means, interquartile means, bootstrap intervals and pairing, on data with known answers."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from evaluation.statistics import (
    estimate,
    interquartile_mean,
    paired_difference,
    performance_profile,
    std_over_seeds,
)


def hierarchical(
    rng: np.random.Generator, num_seeds: int, num_episodes: int, between: float, within: float
) -> np.ndarray:
    """Episodes around seeds' own means, those around 0: (seeds, episodes, 1)."""
    seed_means = rng.normal(0, between, (num_seeds, 1, 1))
    return seed_means + rng.normal(0, within, (num_seeds, num_episodes, 1))


def coverage(values: list[np.ndarray], truth: float, *, resample_seeds: bool, interval: str) -> float:
    """How often the interval of each of `values` holds the truth."""
    inside = []
    for sample in values:
        found = estimate(sample, resample_seeds=resample_seeds, num_resamples=400)
        low, high = getattr(found, interval)[:, 0]
        inside.append(low <= truth <= high)
    return float(np.mean(inside))


class TestInterquartileMean:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([1.0, 2.0, 3.0, 100.0], 2.5),  # one of four goes at each end
            ([5.0, 1.0, 2.0, 90.0, 3.0], (2.0 + 3.0 + 5.0) / 3),  # of five one, a quarter rounded down
            ([0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 9.0, 9.0], 1.5),
            ([7.0], 7.0),
            ([3.0, 5.0], 4.0),
        ],
    )
    def test_equals_the_value_worked_out_by_hand(self, values: list[float], expected: float) -> None:
        assert interquartile_mean(np.array(values)) == pytest.approx(expected)

    def test_is_taken_over_seeds_and_not_over_episodes(self) -> None:
        # Every seed succeeds in 70 of 100 episodes. Over the pooled episodes it would be 0.9.
        values = np.repeat([0.0, 1.0], [30, 70])[None, :, None].repeat(5, axis=0)
        assert estimate(values, resample_seeds=True).iqm[0] == pytest.approx(0.7)


class TestEstimate:
    def test_mean_is_the_mean_of_the_seeds_means(self) -> None:
        values = np.array([[1.0, 3.0], [10.0, 20.0], [0.0, 1.0]])[:, :, None]
        found = estimate(values, resample_seeds=True)
        assert found.seed_means[:, 0].tolist() == [2.0, 15.0, 0.5]
        assert found.mean[0] == pytest.approx(17.5 / 3)
        assert found.std[0] == pytest.approx(np.std([2.0, 15.0, 0.5], ddof=1))

    def test_intervals_hold_the_truth_about_as_often_as_they_say(self) -> None:
        rng = np.random.default_rng(1)
        samples = [hierarchical(rng, 20, 30, between=1.0, within=2.0) for _ in range(300)]
        for interval in ("mean_interval", "iqm_interval"):
            assert 0.90 <= coverage(samples, 0.0, resample_seeds=True, interval=interval) <= 0.985

    def test_blocks_without_training_seeds_are_resampled_by_episode_alone(self) -> None:
        rng = np.random.default_rng(2)
        samples = [hierarchical(rng, 5, 100, between=0.0, within=1.0) for _ in range(300)]
        assert 0.91 <= coverage(samples, 0.0, resample_seeds=False, interval="mean_interval") <= 0.985

    def test_leaving_training_seeds_out_of_the_bootstrap_would_be_overconfident(self) -> None:
        rng = np.random.default_rng(3)
        samples = [hierarchical(rng, 20, 30, between=1.0, within=0.5) for _ in range(100)]
        assert coverage(samples, 0.0, resample_seeds=False, interval="mean_interval") < 0.5

    def test_width_agrees_with_the_normal_approximation(self) -> None:
        values = np.random.default_rng(4).normal(3.0, 2.0, (5, 2000, 1))
        low, high = estimate(values, resample_seeds=False).mean_interval[:, 0]
        assert high - low == pytest.approx(2 * 1.96 * 2.0 / np.sqrt(10_000), rel=0.1)

    def test_metrics_do_not_influence_each_other(self) -> None:
        values = np.random.default_rng(5).normal(size=(4, 50, 3))
        together = estimate(values, resample_seeds=True)
        alone = estimate(values[:, :, 1:2], resample_seeds=True)
        assert np.allclose(together.mean_interval[:, 1], alone.mean_interval[:, 0])

    def test_is_reproducible_and_depends_on_the_seed(self) -> None:
        values = np.random.default_rng(6).normal(size=(5, 40, 2))
        first = estimate(values, resample_seeds=True, seed=7)
        again = estimate(values.copy(), resample_seeds=True, seed=7)
        other = estimate(values, resample_seeds=True, seed=8)
        assert np.array_equal(first.mean_interval, again.mean_interval)
        assert not np.array_equal(first.mean_interval, other.mean_interval)

    def test_a_constant_has_an_interval_of_no_width(self) -> None:
        found = estimate(np.full((3, 10, 1), 4.0), resample_seeds=True)
        assert found.mean_interval[:, 0] == pytest.approx([4.0, 4.0])
        assert found.iqm_interval[:, 0] == pytest.approx([4.0, 4.0])

    def test_one_seed_has_no_deviation(self) -> None:
        assert np.isnan(std_over_seeds(np.array([[1.0, 2.0]]))).all()

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (np.zeros((3, 4)), r"\(seeds, episodes, metrics\), got shape \(3, 4\)"),
            (np.zeros((0, 4, 1)), "non-empty"),
            (np.array([[[1.0], [np.nan]]]), "finite, got nan"),
        ],
    )
    def test_refuses_what_has_no_answer(self, values: np.ndarray, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            estimate(values, resample_seeds=True)


class TestPairedDifference:
    def test_matches_episodes_by_evaluation_seed_and_lane(self) -> None:
        ours = np.arange(8.0).reshape(2, 4, 1)
        reference = np.stack([ours[1] + 1, ours[0] - 2])  # the same seeds, the other way round
        difference = paired_difference(ours, (10, 11), reference, (11, 10))
        assert difference[0, :, 0].tolist() == [2.0] * 4
        assert difference[1, :, 0].tolist() == [-1.0] * 4

    def test_takes_of_the_reference_only_the_seeds_that_were_played(self) -> None:
        reference = np.arange(15.0).reshape(5, 3, 1)
        assert not paired_difference(reference[1:2], (11,), reference, (10, 11, 12, 13, 14)).any()

    def test_pairing_removes_what_both_teams_share(self) -> None:
        rng = np.random.default_rng(9)
        luck = rng.normal(0, 10, (5, 500, 1))
        ours, reference = luck + rng.normal(0.5, 1, luck.shape), luck + rng.normal(0, 1, luck.shape)
        seeds = tuple(range(5))
        paired = estimate(paired_difference(ours, seeds, reference, seeds), resample_seeds=False)
        assert paired.mean_interval[0, 0] > 0  # told apart
        alone = estimate(ours, resample_seeds=False)
        assert np.ptp(paired.mean_interval) < np.ptp(alone.mean_interval) / 5

    def test_refuses_a_reference_that_did_not_play_the_same(self) -> None:
        values = np.zeros((2, 4, 1))
        with pytest.raises(ValueError, match=r"lack \[11\]"):
            paired_difference(values, (10, 11), values, (10, 12))
        with pytest.raises(ValueError, match=r"got \(5, 1\)"):
            paired_difference(values, (10, 11), np.zeros((2, 5, 1)), (10, 11))


class TestPerformanceProfile:
    def test_is_the_share_of_episodes_above_each_threshold(self) -> None:
        scores = np.array([[0.0, 1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 9.0]])
        shares, band = performance_profile(scores, np.array([-1.0, 0.0, 2.0, 9.0]), resample_seeds=True)
        np.testing.assert_array_equal(shares, [1.0, 7 / 8, 2 / 8, 0.0])
        assert (band[0] <= shares).all()
        assert (band[1] >= shares).all()
        assert (np.ptp(band, axis=0) > 0).tolist() == [False, True, True, False]

    def test_training_seeds_that_differ_widen_the_band(self) -> None:
        scores = np.repeat(np.array([[0.0], [1.0], [0.0], [1.0]]), 200, axis=1)
        for resample_seeds, width in ((False, 0.0), (True, 0.5)):
            _, band = performance_profile(scores, np.array([0.5]), resample_seeds=resample_seeds)
            assert np.ptp(band, axis=0)[0] >= width
            assert (np.ptp(band, axis=0)[0] == 0) is not resample_seeds
