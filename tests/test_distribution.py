"""The engine's episodes are distributed like those of the published simulator.

Slow because of the plain simulator, which plays one host at a time, and of the many networks and episodes
that the comparisons need to notice a wrong constant.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evaluation.bench.plain_simulator import PlainSimulator
from tests.reference import (
    METRIC_OF_COLUMN,
    OBSERVED_STEPS,
    POLICIES,
    Comparison,
    Policy,
    Sample,
    _actions,
    disagreements,
    judge_columns,
    judge_observations,
    sample_simulator,
    variance_components,
)
from tests.sampling import sample_engine

NETWORKS, EPISODES = 64, 300


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return {name: sample_engine(policy, NETWORKS, EPISODES, seed=7) for name, policy in POLICIES.items()}


def test_every_column_of_every_policy_agrees_with_the_reference(samples):
    assert disagreements(judge_columns(samples)) == []


def test_the_moments_of_every_observation_entry_agree_with_the_reference(samples):
    assert disagreements(judge_observations(samples["random"])) == []


@pytest.mark.parametrize(
    "wrong", [{"false_scan_probability": 0.06}, {"initial_targets": 4}, {"stealth": 0.6}]
)
def test_the_comparison_notices_a_wrong_constant(wrong):
    sample = sample_engine(POLICIES["random"], NETWORKS, 60, seed=7, **wrong)
    assert disagreements(judge_columns({"random": sample}) + judge_observations(sample)) != []


def hunt_lightly_and_correlate(rng, some_host_compromised):
    """Hunts below the false-scan threshold in two segments, and correlates."""
    hunting = [0.1, -1.0, 0.1, -1.0, -1.0]
    return _actions(len(some_host_compromised), 0.5, hunting, 0.0, 2, [0.9, 0.9, -1, -1, -1], [0.2] * 5)


def mixed_verdicts(rng, some_host_compromised):
    """Uniform verdicts with little response, so that the queue fills and overflows."""
    lanes = len(some_host_compromised)
    return _actions(lanes, -1, -0.2, -0.5, rng.integers(0, 4, lanes) | 1, -0.1, -1)


class SeldomObserved(PlainSimulator):
    """Observes only the steps that are compared; to observe all takes longer than to play them."""

    def _observations(self):
        return super()._observations() if self.t in OBSERVED_STEPS else {}


@pytest.mark.parametrize(
    ("policy", "hosts_per_segment", "max_steps", "networks", "episodes"),
    [
        (POLICIES["random"], 10, 60, 60, 20),
        (hunt_lightly_and_correlate, 8, 120, 50, 10),
        (mixed_verdicts, 10, 300, 40, 5),
        (POLICIES["rule_soar"], 3, 30, 100, 20),
        (POLICIES["random"], 200, 40, 20, 4),
    ],
)
def test_other_policies_host_counts_and_horizons_agree_with_the_plain_simulator(
    policy: Policy, hosts_per_segment: int, max_steps: int, networks: int, episodes: int
):
    config = {"hosts_per_segment": hosts_per_segment, "max_steps": max_steps}
    plain = sample_simulator(SeldomObserved(**config), policy, range(networks), episodes, seed=3)
    engine = sample_engine(policy, 256, 20, seed=11, **config)
    comparisons = [
        compare(name, engine.metrics[name], engine, plain.metrics[name], plain)
        for name in METRIC_OF_COLUMN.values()
    ]
    for step in plain.observations.keys() & engine.observations.keys():
        comparisons += compare_observations(step, engine, plain)
    assert disagreements(comparisons) == []


def compare(name: str, ours: np.ndarray, engine: Sample, theirs: np.ndarray, plain: Sample) -> Comparison:
    """Our mean and the plain simulator's, allowing for the spread within and between networks."""
    if np.ptp(ours) == 0 and np.ptp(theirs) == 0:
        return Comparison(name, theirs[0], ours[0], 0.0, float(ours[0] == theirs[0]))
    a = variance_components(np.asarray(ours, float)[:, None], engine.network)
    b = variance_components(np.asarray(theirs, float)[:, None], plain.network)
    z = float((a.mean - b.mean)[0] / np.sqrt(a.mean_error2 + b.mean_error2)[0])
    return Comparison(
        name, float(b.mean[0]), float(a.mean[0]), z, float(2 * stats.t.sf(abs(z), b.networks - 1))
    )


def compare_observations(step: int, engine: Sample, plain: Sample) -> list[Comparison]:
    """Means of the entries and of their squares; entries that hardly ever vary are left to the columns."""
    comparisons = []
    ours, theirs = engine.observations[step], plain.observations[step]
    if len(theirs) < 100:
        return []
    for power in (1, 2):
        a = variance_components(ours.astype(float) ** power, engine.observed_network[step])
        b = variance_components(theirs.astype(float) ** power, plain.observed_network[step])
        for entry in range(ours.shape[1]):
            values, counts = np.unique(theirs[:, entry], return_counts=True)
            name = f"step {step} entry {entry} power {power}"
            if len(values) == 1 and np.ptp(ours[:, entry]) == 0:
                comparisons.append(
                    Comparison(
                        name,
                        values[0],
                        ours[0, entry],
                        0.0,
                        float(np.isclose(values[0], ours[0, entry], rtol=1e-6)),
                    )
                )
            elif len(theirs) - counts.max() >= 30:
                z = float((a.mean - b.mean)[entry] / np.sqrt(a.mean_error2 + b.mean_error2)[entry])
                p = float(2 * stats.t.sf(abs(z), b.networks - 1))
                comparisons.append(Comparison(name, float(b.mean[entry]), float(a.mean[entry]), z, p))
    return comparisons
