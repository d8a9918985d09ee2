"""The published reference of `soc_v0`: its data, its policies, and how to judge agreement with it.

The reference played 300 episodes on each of five networks (a seed draws the vulnerabilities once).
Episodes of one network are alike, so each comparison allows for two variances, both estimated from our
own sample by one-way analysis of variance with random network effects:

    variance of the reference's mean = between / its networks + within / its episodes,

and likewise for our mean. The z scores are judged by Student's t with one degree of freedom less than
our networks, which is exact for normal network means and 300 episodes a network, as the reference has;
with fewer, the variance between networks is known less well than that, so prefer many episodes a network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

REFERENCE: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "data" / "v0_reference.json").read_text()
)
OBSERVED_STEPS: Final = (1, 10, 50)
# The reference's name of each metric -> ours.
METRIC_OF_COLUMN: Final = {column: column for column in REFERENCE["columns"]} | {
    "reward": "episode_return",
    "episode_length": "length",
    "final_attack_phase": "attack_phase",
}
COLUMN_ROUNDING: Final = 1e-5
OBSERVATION_ROUNDING: Final = 1e-4
# Fewer departures than this from an entry's usual value are counted, not averaged: no bell curve there.
MIN_EXPECTED_DEPARTURES: Final = 10
# Joint observation entries of the endpoints: 40 hosts of the DMZ and 8 of the corporate segment. Which of
# them the attacker picks depends on the network alone, and a given host is seldom picked.
EXCHANGEABLE_ENTRIES: Final = (slice(144, 184), slice(184, 192))

Actions = dict[str, NDArray[Any]]
Policy = Callable[[np.random.Generator, NDArray[np.bool_]], Actions]


def _actions(
    lanes: int, coordinator: Any, scan: Any, scope: Any, verdict: Any, isolate: Any, remediate: Any
) -> Actions:
    """Actions (lanes, size) from constants or (lanes, ...) arrays; entries not named are 0."""
    actions: Actions = {
        "strategic_coordinator": np.zeros((lanes, 8), np.float32),
        "threat_hunter": np.zeros((lanes, 16), np.float32),
        "alert_triage": np.full(lanes, verdict, np.int64),
        "response_orchestrator": np.zeros((lanes, 12), np.float32),
    }
    actions["strategic_coordinator"][:] = coordinator
    actions["threat_hunter"][:, :5] = scan
    actions["threat_hunter"][:, 5:10] = scope
    actions["response_orchestrator"][:, :5] = isolate
    actions["response_orchestrator"][:, 5:10] = remediate
    return actions


def rule_soar(rng: np.random.Generator, some_host_compromised: NDArray[np.bool_]) -> Actions:
    strength = np.where(some_host_compromised, 0.5, 0.0)[:, None]
    return _actions(len(some_host_compromised), [1, 0, 0, 0, 0, 0, 0, 0], 0, 0, 0, strength, strength)


def contain(rng: np.random.Generator, some_host_compromised: NDArray[np.bool_]) -> Actions:
    return _actions(len(some_host_compromised), -1, 0.38, 1, 3, 0.78, -1)


def contain_and_remediate(rng: np.random.Generator, some_host_compromised: NDArray[np.bool_]) -> Actions:
    return _actions(len(some_host_compromised), -1, 0.38, 1, 3, 0.78, 1)


def neutral(rng: np.random.Generator, some_host_compromised: NDArray[np.bool_]) -> Actions:
    return _actions(len(some_host_compromised), 0, 0, 0, 1, 0, 0)


def random(rng: np.random.Generator, some_host_compromised: NDArray[np.bool_]) -> Actions:
    lanes = len(some_host_compromised)
    return {
        "strategic_coordinator": rng.uniform(-1, 1, (lanes, 8)).astype(np.float32),
        "threat_hunter": rng.uniform(-1, 1, (lanes, 16)).astype(np.float32),
        "alert_triage": rng.integers(4, size=lanes),
        "response_orchestrator": rng.uniform(-1, 1, (lanes, 12)).astype(np.float32),
    }


POLICIES: Final[dict[str, Policy]] = {
    policy.__name__: policy for policy in (rule_soar, contain, contain_and_remediate, neutral, random)
}


@dataclass(frozen=True)
class Sample:
    """Episodes of our own under one policy.

    Attributes:
        metrics: each metric by its name in `METRIC_OF_COLUMN`'s values, (episodes,).
        network: which network (vulnerabilities) each episode had, (episodes,).
        observations: step -> joint observations (n, 352) after it, of the episodes that reached it.
        observed_network: step -> the network of each of those, (n,).
    """

    metrics: Mapping[str, NDArray[Any]]
    network: NDArray[Any]
    observations: Mapping[int, NDArray[np.float32]]
    observed_network: Mapping[int, NDArray[Any]]


class Simulator(Protocol):
    """What `sample_simulator` needs: the interface of evaluation.bench.plain_simulator."""

    @property
    def some_host_compromised(self) -> bool: ...
    def reset(self, seed: int | None = None) -> dict[str, NDArray[np.float32]]: ...
    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, NDArray[np.float32]], float, bool, bool]: ...
    def metrics(self) -> dict[str, float]: ...


def sample_simulator(
    simulator: Simulator, policy: Policy, networks: Iterable[int], episodes: int, seed: int = 0
) -> Sample:
    """Play `episodes` on each network (each the seed that draws it) with a simulator of one lane."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, float]] = []
    labels: list[int] = []
    seen: dict[int, list[NDArray[np.float32]]] = {step: [] for step in OBSERVED_STEPS}
    seen_labels: dict[int, list[int]] = {step: [] for step in OBSERVED_STEPS}
    for network in networks:
        for episode in range(episodes):
            simulator.reset(network if episode == 0 else None)
            done, step = False, 0
            while not done:
                actions = policy(rng, np.array([simulator.some_host_compromised]))
                observations, _, terminated, truncated = simulator.step(
                    {agent: action[0] for agent, action in actions.items()}
                )
                done, step = terminated or truncated, step + 1
                if step in seen:
                    seen[step].append(np.concatenate(list(observations.values())))
                    seen_labels[step].append(network)
            rows.append(simulator.metrics())
            labels.append(network)
    return Sample(
        {name: np.array([row[name] for row in rows]) for name in METRIC_OF_COLUMN.values()},
        np.array(labels),
        {step: np.stack(values) for step, values in seen.items() if values},
        {step: np.array(values) for step, values in seen_labels.items() if values},
    )


@dataclass(frozen=True)
class Comparison:
    """One number of the reference beside ours; `adjusted_p` is set by `holm`."""

    name: str
    reference: float
    own: float
    z: float
    p: float
    adjusted_p: float = float("nan")

    def __str__(self) -> str:
        return (
            f"{self.name}: reference {self.reference:.5g}, own {self.own:.5g}, z {self.z:.2f}, "
            f"p {self.p:.2g}, adjusted {self.adjusted_p:.2g}"
        )


def holm(comparisons: Iterable[Comparison]) -> list[Comparison]:
    """The comparisons by increasing p, with p adjusted for all of them by Holm's method."""
    ordered = sorted(comparisons, key=lambda comparison: comparison.p)
    adjusted = np.maximum.accumulate([(len(ordered) - i) * c.p for i, c in enumerate(ordered)])
    return [replace(c, adjusted_p=min(1.0, float(p))) for c, p in zip(ordered, adjusted, strict=True)]


def disagreements(comparisons: Iterable[Comparison], level: float = 0.01) -> list[Comparison]:
    """The comparisons that fail at `level` over all of them together."""
    return [comparison for comparison in holm(comparisons) if comparison.adjusted_p < level]


@dataclass(frozen=True)
class Components:
    """One-way random-effects estimates of k variables, each (k,): variances of the network effect and of
    an episode around its network, and the squared standard error of the mean over our episodes."""

    mean: NDArray[np.float64]
    between: NDArray[np.float64]
    within: NDArray[np.float64]
    mean_error2: NDArray[np.float64]
    networks: int


def variance_components(
    values: NDArray[Any], network: NDArray[Any], exchangeable: Iterable[slice] = ()
) -> Components:
    """ANOVA estimates from values (episodes, k) and the network (episodes,) that each was played on.

    Variables of a range in `exchangeable` have the same variance between networks: it is pooled.
    """
    values = np.asarray(values, np.float64)
    _, group, sizes = np.unique(network, return_inverse=True, return_counts=True)
    episodes, networks = len(values), len(sizes)
    mean = values.mean(axis=0)
    group_means = _sum_by(group, values, networks) / sizes[:, None]
    within = ((values - group_means[group]) ** 2).sum(axis=0) / (episodes - networks)
    between_square = (sizes[:, None] * (group_means - mean) ** 2).sum(axis=0) / (networks - 1)
    size_for_between = (episodes - (sizes**2).sum() / episodes) / (networks - 1)
    between = np.maximum(0.0, (between_square - within) / size_for_between)
    for alike in exchangeable:
        between[alike] = between[alike].mean()
    mean_error2 = between * (sizes**2).sum() / episodes**2 + within / episodes
    return Components(mean, between, within, mean_error2, networks)


def _sum_by(group: NDArray[np.intp], values: NDArray[np.float64], groups: int) -> NDArray[np.float64]:
    return np.stack([values[group == number].sum(axis=0) for number in range(groups)])


def judge_columns(samples: Mapping[str, Sample]) -> list[Comparison]:
    """Compare the pooled means of all 13 columns for each policy in `samples`.

    A column without spread in the reference must be matched to the reference's rounding (p is 0 or 1).
    """
    seeds, episodes = len(REFERENCE["seeds"]), REFERENCE["episodes_per_seed"]
    comparisons = []
    for policy, sample in samples.items():
        per_seed = REFERENCE["policies"][policy]["per_seed"].values()
        for column in REFERENCE["columns"]:
            values = np.asarray(sample.metrics[METRIC_OF_COLUMN[column]], np.float64)
            means, deviations = np.array([seed[column] for seed in per_seed]).T
            expected, name = float(means.mean()), f"{policy} {column}"
            if not deviations.any() and np.ptp(means) == 0:
                same = abs(values - expected).max() <= COLUMN_ROUNDING / 2
                comparisons.append(
                    Comparison(name, expected, float(values.mean()), 0.0 if same else np.inf, float(same))
                )
                continue
            parts = variance_components(values[:, None], sample.network)
            # Rare events (exfiltration under `contain`) may be missing in a small sample of ours, but not
            # in the reference's: pool the spread around the network means.
            own_freedom, freedom = len(values) - parts.networks, seeds * (episodes - 1)
            within = (own_freedom * parts.within[0] + freedom * (deviations**2).mean()) / (
                own_freedom + freedom
            )
            error2 = (
                parts.between[0] / seeds
                + within / (seeds * episodes)
                + parts.mean_error2[0]
                + (within - parts.within[0]) / len(values)
            )
            z = float((parts.mean[0] - expected) / np.sqrt(error2))
            comparisons.append(Comparison(name, expected, float(parts.mean[0]), z, _two_sided(z, parts)))
    return comparisons


def judge_observations(sample: Sample) -> list[Comparison]:
    """Compare the moments of the 352 observation entries under `random` after steps 1, 10 and 50.

    The reference has one network here. Per entry:

    - means: z score as for the columns, with one network and the episodes that reached the step;
    - deviations around a network's mean: ours is the root of the mean of q = (x - network mean)^2
      n / (n - 1), and the standard error that of q's mean, halved and divided by the deviation. So the
      kurtosis counts (the variance of q is that of x squared times kurtosis - 1), as do differences of
      spread between networks. The deviations themselves are compared, not their logarithms, because
      the deviation of a rare event grows as the root of its count, which is far closer to normal;
    - an entry that hardly ever leaves its usual value in our sample, or never does in the reference: an
      exact test on the number of departures, given how many the reference's moments imply at least. For
      a constant that differs its p is practically 0, for one that agrees 1.
    """
    comparisons: list[Comparison] = []
    for step, reference in REFERENCE["policies"]["random"]["obs"].items():
        values = np.asarray(sample.observations[int(step)], np.float64)
        network = sample.observed_network[int(step)]
        # A network with a single survivor says nothing about the spread within networks.
        _, group, sizes = np.unique(network, return_inverse=True, return_counts=True)
        kept = sizes[group] > 1
        values, network = values[kept], network[kept]
        _, group, sizes = np.unique(network, return_inverse=True, return_counts=True)
        centred = values - (_sum_by(group, values, len(sizes)) / sizes[:, None])[group]
        squares = centred**2 * (sizes / (sizes - 1))[group][:, None]

        episodes = reference["episodes"]
        rounding = OBSERVATION_ROUNDING**2 / 12
        mean, deviation = np.array(reference["mean"]), np.array(reference["std"])
        parts = variance_components(values, network, EXCHANGEABLE_ENTRIES)
        square_parts = variance_components(squares, network, EXCHANGEABLE_ENTRIES)
        mean_error2 = parts.between + parts.within / episodes + parts.mean_error2 + rounding
        own_deviation = np.sqrt(square_parts.mean * (episodes - 1) / episodes)  # theirs divides by n
        square_error2 = square_parts.between + square_parts.within / episodes + square_parts.mean_error2
        for entry in range(values.shape[1]):
            name = f"random step {step} entry {entry}"
            counted = _judge_departures(values[:, entry], mean[entry], deviation[entry], episodes, name)
            if counted is not None:
                comparisons.append(counted)
                continue
            z = float((parts.mean[entry] - mean[entry]) / np.sqrt(mean_error2[entry]))
            comparisons.append(
                Comparison(f"{name} mean", mean[entry], parts.mean[entry], z, _two_sided(z, parts))
            )
            error2 = square_error2[entry] / (4 * square_parts.mean[entry]) + rounding
            z = float((own_deviation[entry] - deviation[entry]) / np.sqrt(error2))
            comparisons.append(
                Comparison(f"{name} std", deviation[entry], own_deviation[entry], z, _two_sided(z, parts))
            )
    return comparisons


def _judge_departures(
    values: NDArray[np.float64], mean: float, deviation: float, episodes: int, name: str
) -> Comparison | None:
    """Judge an entry by its departures from its usual value; None if it has enough for moments."""
    if deviation == 0:
        usual, departures = mean, 0
    else:
        candidates, counts = np.unique(values, return_counts=True)
        usual = candidates[counts.argmax()]
        # Cauchy-Schwarz: at least so many values differ from `usual`, given their mean and deviation,
        # both of which are rounded.
        shift2 = max(0.0, abs(mean - usual) - OBSERVATION_ROUNDING / 2) ** 2
        second_moment = shift2 + (deviation + OBSERVATION_ROUNDING / 2) ** 2
        departures = max(1, int(np.ceil(episodes * shift2 / second_moment)))
    own = int((abs(values - usual) > OBSERVATION_ROUNDING).sum())
    if deviation > 0 and episodes * own / len(values) >= MIN_EXPECTED_DEPARTURES:
        return None
    table = [[departures, episodes - departures], [own, len(values) - own]]
    p = float(stats.fisher_exact(table, "less" if departures == 0 else "greater").pvalue)
    return Comparison(f"{name} departures", departures / episodes, own / len(values), float("nan"), p)


def _two_sided(z: float, parts: Components) -> float:
    return float(2 * stats.t.sf(abs(z), parts.networks - 1))
