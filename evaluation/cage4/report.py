"""The scores of several teams on CAGE-4: played, compared, as tables and as JSON."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation import statistics
from evaluation.cage4.interface import INTERFACE, NUM_ZONES
from evaluation.cage4.lanes import Lanes
from evaluation.cage4.players import SCRIPTED, Player, SOCPlayer
from evaluation.cage4.protocol import Progress, play_scores
from evaluation.checks import PolicyError
from evaluation.entrants import Entrant
from evaluation.tables import NONE, Table, with_interval

FORMAT_VERSION: Final = 1

LABELS: Final = {"sleep": "Sleep", "random-valid": "Random valid actions", "reactive": "Reactive rule"}

REFERENCES: Final = ("reactive", "random", "zero-enrich")
"""What others are compared with: CAGE-4's rule, and teams that put nothing of their own into the adapter."""


class Published(NamedTuple):
    """A score that others report, without our having measured it."""

    team: str
    score: str


PUBLISHED: Final = (
    Published("HMARL-SOC's paper, through random projections, 100 episodes", "-6003 ± 1533"),
    Published("IPPO trained on it for 3 M steps (jaxborg project)", "about -1854"),
    Published("KEEP, graph PPO, 5th of the challenge", "-193.68"),
)


@dataclass(frozen=True)
class Row:
    """One team's scores.

    Attributes:
        name: what the user called it. label: how tables name it.
        kind: "cage4" for teams without adapter, otherwise as `evaluation.entrants.Entrant` has it.
        training_seeds: one policy each; empty where there is one team only.
        scores: float (training seeds or 1, episodes); None where there is an error.
        error: why there are none.
        seconds: wall-clock time.
    """

    name: str
    label: str
    kind: str
    training_seeds: tuple[int, ...]
    scores: NDArray[np.float64] | None
    error: str | None
    seconds: float

    @cached_property
    def estimate(self) -> statistics.Estimate:
        """Mean score with its interval, of a row that has scores."""
        assert self.scores is not None
        return statistics.estimate(self.scores[..., None], resample_seeds=bool(self.training_seeds))


def scripted_row(
    name: str, lanes: Lanes, evaluation_seed: int, num_episodes: int, progress: Progress | None = None
) -> Row:
    """One of `SCRIPTED`."""
    began = time.perf_counter()
    scores = play_scores(SCRIPTED[name](), lanes, evaluation_seed, num_episodes, progress)
    return Row(name, LABELS[name], "cage4", (), scores[None], None, time.perf_counter() - began)


def team_row(
    entrant: Entrant, lanes: Lanes, evaluation_seed: int, num_episodes: int, progress: Progress | None = None
) -> Row:
    """A SOC team through the adapter; every training seed plays the same episodes."""
    began = time.perf_counter()
    scores, error = [], None
    for seed in entrant.training_seeds or (None,):
        try:
            player: Player = SOCPlayer(_load(entrant, seed))
            scores.append(play_scores(player, lanes, evaluation_seed, num_episodes, progress))
        except PolicyError as failure:
            error = str(failure) if seed is None else f"training seed {seed}: {failure}"
            break
    untrained = ", untrained" if entrant.kind == "untrained" else ""
    return Row(
        entrant.name,
        f"{entrant.label}{untrained}",
        entrant.kind,
        entrant.training_seeds,
        None if error else np.stack(scores),
        error,
        time.perf_counter() - began,
    )


def _load(entrant: Entrant, seed: int | None) -> Any:
    try:
        return entrant.load(seed)
    except (Exception, SystemExit) as error:  # whatever a third party's constructor raises
        raise PolicyError(f"could not be loaded: {error or type(error).__name__}") from error


@dataclass(frozen=True)
class Results:
    """What one `soc-env transfer cage4` found; `created` is ISO 8601 in UTC."""

    rows: Sequence[Row]
    evaluation_seed: int
    num_episodes: int
    seconds: float
    created: str

    @cached_property
    def differences(self) -> list[tuple[Row, Row, statistics.Estimate]]:
        """(row, reference, difference): less the references, and less its own untrained networks."""
        found = []
        for row in self.rows:
            for reference in self.rows:
                if row.scores is None or reference.scores is None or not _compared(row, reference):
                    continue
                # Training seeds have a counterpart in the row's own untrained networks, else in the one team.
                values = (row.scores - reference.scores)[..., None]
                estimate = statistics.estimate(values, resample_seeds=bool(row.training_seeds))
                found.append((row, reference, estimate))
        return found

    def tables(self) -> list[Table]:
        """Scores, then paired differences."""
        return [self._scores(), *([self._differences()] if self.differences else [])]

    def to_markdown(self) -> str:
        """A document of its own."""
        head = (
            f"# Teams on CAGE Challenge 4\n\nCybORG {INTERFACE.cyborg_version}, {self.num_episodes} episodes "
            f"of evaluation seed {self.evaluation_seed}; {self.created}.\n"
        )
        return "\n".join([head, *(table.to_markdown() for table in self.tables())])

    def to_json(self) -> dict[str, Any]:
        """Plain values; scores as the challenge counts them."""
        return {
            "format": "soc-env cage4 results",
            "format_version": FORMAT_VERSION,
            "created": self.created,
            "wall_clock_seconds": round(self.seconds, 2),
            "cyborg_version": INTERFACE.cyborg_version,
            "machine": f"{platform.system()} {platform.machine()}",
            "evaluation_seed": self.evaluation_seed,
            "episodes": self.num_episodes,
            "bootstrap": {"confidence": statistics.CONFIDENCE, "resamples": statistics.NUM_RESAMPLES},
            "rows": [_row_json(row) for row in self.rows],
            "differences": [
                {"name": row.name, "kind": row.kind, "less": {"name": reference.name, "kind": reference.kind}}
                | _estimate_json(estimate)
                for row, reference, estimate in self.differences
            ],
            "published": [published._asdict() for published in PUBLISHED],
            "tables": [table.to_json() for table in self.tables()],
        }

    def _scores(self) -> Table:
        cells = [_cells(row) for row in self.rows]
        cells += [(one.team, "published", one.score, NONE) for one in PUBLISHED]
        notes = [
            f"Score: sum over an episode's steps of the mean reward over the {NUM_ZONES} blue agents.",
            "The last column is the sum over the agents, which some publications give instead.",
            "In brackets 95 % bootstrap intervals, over training seeds where there are any, then episodes.",
            "The adapter defends, too: what a team adds is its difference to teams without skill.",
        ]
        notes += [f"{row.label}: {row.error}" for row in self.rows if row.error]
        header = ("team", "plays", "score ↑", "sum over agents ↑")
        return Table("CAGE Challenge 4", header, tuple(cells), tuple(notes), num_labels=2)

    def _differences(self) -> Table:
        cells = [
            (
                f"{row.label}\nless {reference.label}",
                with_interval(estimate.mean[0], estimate.mean_interval[:, 0].tolist(), sign=True),
            )
            for row, reference, estimate in self.differences
        ]
        notes = ("Episode by episode. An interval without 0 tells the two apart.",)
        return Table("CAGE Challenge 4: paired differences", ("team", "score ↑"), tuple(cells), notes)


def _compared(row: Row, reference: Row) -> bool:
    if reference.kind == "untrained":
        return row.kind == "trained" and row.name == reference.name
    if row.name in REFERENCES:  # one reference less the other, but not the other way round too
        return reference.name in REFERENCES[: REFERENCES.index(row.name)]
    return reference.name in REFERENCES and row.kind != "untrained"


def _cells(row: Row) -> tuple[str, ...]:
    plays = "its own rule" if row.kind == "cage4" else "through the adapter"
    if row.scores is None:
        return row.label, plays, "failed", NONE
    mean, interval = row.estimate.mean[0], row.estimate.mean_interval[:, 0]
    return (
        row.label,
        plays,
        with_interval(mean, interval.tolist()),
        with_interval(NUM_ZONES * mean, (NUM_ZONES * interval).tolist()),
    )


def _row_json(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": row.name,
        "label": row.label,
        "kind": row.kind,
        "training_seeds": list(row.training_seeds),
        "error": row.error,
        "seconds": round(row.seconds, 2),
        "scores": None if row.scores is None else row.scores.tolist(),
    }
    return told if row.scores is None else told | _estimate_json(row.estimate)


def _estimate_json(estimate: statistics.Estimate) -> dict[str, Any]:
    interval = estimate.mean_interval[:, 0].tolist()
    return {"mean": float(estimate.mean[0]), "mean_interval": interval}
