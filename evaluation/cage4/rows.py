"""One team's episodes of CAGE-4: played, and kept as plain values."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation import statistics
from evaluation.cage4.lanes import Lanes
from evaluation.cage4.measures import MEASURES
from evaluation.cage4.players import SCRIPTED, Player, SOCPlayer
from evaluation.cage4.protocol import Progress, play_episodes
from evaluation.checks import PolicyError
from evaluation.entrants import Entrant
from evaluation.provenance import file_sha256

WHOLE: Final = "meaning"
"""The adapter with all its parts; others are its ablations."""

LABELS: Final = {"sleep": "Sleep", "random-valid": "Random valid actions", "reactive": "Reactive rule"}


class Key(NamedTuple):
    """What tells rows apart."""

    name: str
    kind: str
    adapter: str | None


@dataclass(frozen=True)
class Row:
    """One team's episodes.

    Attributes:
        name: what the user called it. label: how tables name it.
        kind: "cage4" for teams without adapter, otherwise as `evaluation.entrants.Entrant` has it.
        adapter: one of `players.ADAPTERS`; None for teams without.
        trained_on: the environment that the policy is for; None for teams without adapter.
        method: the registered learner, where `name` is the path of its training runs.
        training_seeds: one policy each; empty where there is one team only.
        weights: SHA-256 of the policies' files, by training seed ("" where there is none).
        figures: float (training seeds or 1, episodes, MEASURES); None where there is an error.
        error: why there are none.
        seconds: wall-clock time.
    """

    name: str
    label: str
    kind: str
    adapter: str | None = None
    trained_on: str | None = None
    method: str | None = None
    training_seeds: tuple[int, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)
    figures: NDArray[np.float64] | None = None
    error: str | None = None
    seconds: float = 0.0

    @property
    def key(self) -> Key:
        """What tells this row from others."""
        return Key(self.name, self.kind, self.adapter)

    @property
    def episodes(self) -> int:
        """Of each training seed; 0 where there is an error."""
        return 0 if self.figures is None else self.figures.shape[1]

    @cached_property
    def estimate(self) -> statistics.Estimate:
        """Means with their intervals by measure, of a row that has figures."""
        assert self.figures is not None
        return statistics.estimate(self.figures, resample_seeds=bool(self.training_seeds))

    def covers(self, other: Row, episodes: int) -> bool:
        """Whether it has what `other`, not yet played, asks for: the same policies, and enough episodes."""
        same = self.training_seeds == other.training_seeds and self.weights == other.weights
        return same and self.error is None and self.episodes >= episodes

    def to_json(self) -> dict[str, Any]:
        """Plain values, figures by measure."""
        told = asdict(self) | {"training_seeds": list(self.training_seeds), "seconds": round(self.seconds, 2)}
        if self.figures is not None:
            told["figures"] = {
                measure.name: np.round(self.figures[..., column], 4).tolist()
                for column, measure in enumerate(MEASURES)
            }
            told["mean"] = _by_measure(self.estimate.mean)
            told["mean_interval"] = _by_measure(self.estimate.mean_interval.T)
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Row:
        """The row of `to_json`."""
        given = {key: value for key, value in told.items() if key not in ("mean", "mean_interval")}
        given["training_seeds"] = tuple(given["training_seeds"])
        if given["figures"] is not None:
            columns = [given["figures"][measure.name] for measure in MEASURES]
            given["figures"] = np.stack([np.array(column, np.float64) for column in columns], -1)
        return cls(**given)


def _by_measure(values: NDArray[np.float64]) -> dict[str, Any]:
    return {measure.name: value for measure, value in zip(MEASURES, values.tolist(), strict=True)}


def difference(row: Row, reference: Row) -> statistics.Estimate:
    """`row` less `reference`, episode by episode, and seed by seed where both have the same training seeds.

    Over the episodes that both have played; those of a row are the first ones of the evaluation seed.
    """
    assert row.figures is not None
    assert reference.figures is not None
    shared = min(row.episodes, reference.episodes)
    if set(row.training_seeds) <= set(reference.training_seeds):
        places = [reference.training_seeds.index(seed) for seed in row.training_seeds]
        less = reference.figures[places or slice(None), :shared]
    else:
        less = reference.figures[:, :shared].mean(0, keepdims=True)
    return statistics.estimate(row.figures[:, :shared] - less, resample_seeds=bool(row.training_seeds))


def scripted_row(name: str) -> Row:
    """One of `SCRIPTED`, not yet played."""
    return Row(name, LABELS[name], "cage4")


def team_row(entrant: Entrant, adapter: str = WHOLE) -> Row:
    """A SOC team behind an adapter, not yet played."""
    weights = {}
    if entrant.weights is not None:
        for seed in entrant.training_seeds or (None,):
            weights["" if seed is None else str(seed)] = file_sha256(entrant.weights(seed))
    untrained = ", untrained" if entrant.kind == "untrained" else ""
    return Row(
        entrant.name,
        f"{entrant.label}{untrained}",
        entrant.kind,
        adapter,
        method=entrant.method,
        training_seeds=entrant.training_seeds,
        weights=weights,
    )


def played(
    row: Row,
    entrant: Entrant | None,
    lanes: Lanes,
    evaluation_seed: int,
    num_episodes: int,
    progress: Progress | None = None,
) -> Row:
    """The row with its figures, or with what went wrong; every training seed plays the same episodes."""
    began = time.perf_counter()
    figures, error, trained_on = [], None, None
    for seed in row.training_seeds or (None,):
        try:
            if entrant is None:
                player: Player = SCRIPTED[row.name]()
            else:
                policy = _load(entrant, seed)
                player, trained_on = SOCPlayer(policy, row.adapter or WHOLE), policy.env_id
            figures.append(play_episodes(player, lanes, evaluation_seed, num_episodes, progress))
        except PolicyError as failure:
            error = str(failure) if seed is None else f"training seed {seed}: {failure}"
            break
    return replace(
        row,
        trained_on=trained_on,
        figures=None if error else np.stack(figures),
        error=error,
        seconds=time.perf_counter() - began,
    )


def _load(entrant: Entrant, seed: int | None) -> Any:
    try:
        return entrant.load(seed)
    except (Exception, SystemExit) as error:  # whatever a third party's constructor raises
        raise PolicyError(f"could not be loaded: {error or type(error).__name__}") from error
