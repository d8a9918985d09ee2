"""Playing a number of teams under one protocol; a team that fails does not stop the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from evaluation import paper, statistics
from evaluation.checks import PolicyError
from evaluation.entrants import Entrant
from evaluation.environments import EnvSpec
from evaluation.protocol import Progress, play_held_out, play_paper_protocol
from evaluation.training_log import read_training_log
from evaluation.worlds import trained_in_runs
from soc_env.metrics import Metrics
from soc_env.policy import TeamPolicy


@dataclass(frozen=True)
class Row:
    """What one team did.

    Attributes:
        entrant: the team.
        spec: the environment that it played, or whose training log was read.
        seeds: environment seeds, the first axis of `values`.
        values: float (seeds, episodes, metrics); None where there is an error.
        error: why the team has no figures, None where it has.
        seconds: wall-clock time.
        note: what a reader of its figures should know; may be empty.
    """

    entrant: Entrant
    spec: EnvSpec
    seeds: tuple[int, ...]
    values: NDArray[np.float64] | None
    error: str | None
    seconds: float
    note: str = ""

    @cached_property
    def metrics(self) -> Metrics:
        """The last axis of `values`."""
        return self.spec.scenario.metrics

    @cached_property
    def estimate(self) -> statistics.Estimate:
        """Means with intervals, of a row that has values."""
        assert self.values is not None
        return statistics.estimate(self.values, resample_seeds=bool(self.entrant.training_seeds))


@dataclass(frozen=True)
class Difference:
    """A row less another, episode by episode; `estimate` is of those differences."""

    row: Row
    reference: Row
    estimate: statistics.Estimate


def held_out_row(
    entrant: Entrant,
    spec: EnvSpec,
    evaluation_seeds: Sequence[int],
    num_episodes: int,
    progress: Progress | None = None,
) -> Row:
    """One team under the held-out protocol: its k-th training seed, or a fixed team itself, on the k-th seed.

    A trained team with fewer training seeds than there are evaluation seeds plays the first of these.

    Raises:
        ValueError: there are fewer evaluation seeds than training seeds.
    """
    if len(evaluation_seeds) < len(entrant.training_seeds):
        raise ValueError(
            f"evaluation_seeds must be one for each of {len(entrant.training_seeds)} training seeds, "
            f"got {len(evaluation_seeds)}"
        )
    began = time.perf_counter()
    training_seeds = entrant.training_seeds or (None,) * len(evaluation_seeds)
    pairs = list(zip(evaluation_seeds, training_seeds, strict=False))
    blocks: list[NDArray[np.float64]] = []
    error = None
    for position, (evaluation_seed, training_seed) in enumerate(pairs):
        try:
            block = play_held_out(
                load(entrant, training_seed),
                spec,
                evaluation_seed,
                num_episodes=num_episodes,
                policy_seed=position,
                progress=progress,
            )
        except PolicyError as failure:
            trained = "" if training_seed is None else f"training seed {training_seed}, "
            error = f"{trained}evaluation seed {evaluation_seed}: {failure}"
            break
        blocks.append(block)
    values = None if error else np.stack(blocks)
    seeds = tuple(seed for seed, _ in pairs)
    return Row(entrant, spec, seeds, values, error, time.perf_counter() - began)


def paper_row(
    entrant: Entrant, spec: EnvSpec, seeds: Sequence[int], num_episodes: int, progress: Progress | None = None
) -> Row:
    """One team under the paper's protocol: from its training logs, or played if it does not learn.

    A log is of the environment that the team was trained in, whichever `spec` is; the row says so.
    """
    began = time.perf_counter()
    values, error, notes = None, None, []
    if entrant.training_seeds:
        seeds = entrant.training_seeds
        try:
            trained = trained_in_runs(entrant) or spec
            logs = [
                read_training_log(entrant.run_dirs[seed], trained.scenario.metrics.names, num_episodes)
                for seed in seeds
            ]
            values = np.stack([log.tail for log in logs])
            if any(log.num_episodes != paper.TRAINING_EPISODES for log in logs):
                counts = ", ".join(f"{log.num_episodes:,}" for log in logs)
                notes.append(f"trained for {counts} episodes, the paper's for {paper.TRAINING_EPISODES:,}")
            if trained != spec:
                notes.append(f"its training log is of {trained}, not of {spec}")
                spec = trained
        except (FileNotFoundError, ValueError) as failure:
            error = str(failure)
    else:
        try:
            policy = load(entrant, None)
            values = play_paper_protocol(policy, spec, seeds, num_episodes=num_episodes, progress=progress)
        except PolicyError as failure:
            error = str(failure)
    return Row(entrant, spec, tuple(seeds), values, error, time.perf_counter() - began, "; ".join(notes))


def differences(rows: Sequence[Row]) -> list[Difference]:
    """Each trained or fixed team less the references and, for a trained one, less its untrained networks.

    Rows are compared with those of the same environment alone.
    """
    found = []
    for row in rows:
        if row.values is None or row.entrant.kind == "untrained":
            continue
        for reference in rows:
            if (
                reference is row
                or reference.values is None
                or reference.spec != row.spec
                or not _is_reference(reference.entrant, row)
            ):
                continue
            values = statistics.paired_difference(row.values, row.seeds, reference.values, reference.seeds)
            estimate = statistics.estimate(values, resample_seeds=bool(row.entrant.training_seeds))
            found.append(Difference(row, reference, estimate))
    return found


def _is_reference(candidate: Entrant, row: Row) -> bool:
    name = row.entrant.name
    if candidate.kind == "untrained":
        return candidate.name == name
    others = row.spec.scenario.references
    if name in others:  # one reference less the other, but not the other way round too
        others = others[others.index(name) + 1 :]
    return candidate.name in others


def load(entrant: Entrant, training_seed: int | None) -> TeamPolicy:
    """Load a team.

    Raises:
        PolicyError: it cannot be loaded, whatever its own code raised.
    """
    try:
        return entrant.load(training_seed)
    except (Exception, SystemExit) as error:  # whatever a third party's constructor raises
        raise PolicyError(f"could not be loaded: {error or type(error).__name__}") from error
