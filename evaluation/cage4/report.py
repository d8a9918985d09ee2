"""What teams have on CAGE-4, compared: as tables, and as JSON to which more teams can be added."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from agent_zoo.files import write_atomically, write_json_atomically
from evaluation import statistics
from evaluation.cage4.interface import INTERFACE, NUM_ZONES
from evaluation.cage4.measures import MEASURES
from evaluation.cage4.rows import WHOLE, Row, difference
from evaluation.provenance import git_revision, package_versions
from evaluation.tables import NONE, Table, with_interval

FORMAT: Final = "soc-env cage4 results"
FORMAT_VERSION: Final = 2
RESULTS_FILE: Final = "results.json"
TABLE_FILE: Final = "table.md"

REFERENCES: Final = ("reactive", "random", "zero-enrich")
"""What others are compared with: CAGE-4's rule, and teams that put nothing of their own into the adapter."""


class Published(NamedTuple):
    """A score that others report, without our having measured it."""

    team: str
    score: str


PUBLISHED: Final = (
    Published("HMARL-SOC's paper,\nrandom projections", "-6003 ± 1533"),
    Published("IPPO, trained for\n3 M steps (jaxborg)", "about -1854"),
    Published("KEEP, graph PPO,\n5th of the challenge", "-193.68"),
)

_PLAYS: Final = {
    None: "own rule",
    WHOLE: "adapter",
    "no-findings": "adapter, no findings",
    "no-memory": "adapter, no memory",
    "projections": "projections",
}


@dataclass
class Results:
    """What teams have on the first episodes of one evaluation seed.

    Attributes:
        evaluation_seed: of all rows.
        created: of the last change, ISO 8601 in UTC.
        rows: one a team and adapter, see `Row.key`.
    """

    evaluation_seed: int
    created: str
    rows: list[Row] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path, evaluation_seed: int, created: str) -> Results:
        """Those in a folder, to be added to; new ones where there are none.

        Raises:
            ValueError: there are some of another evaluation seed, CybORG or format.
        """
        path = folder / RESULTS_FILE
        if not path.exists():
            return cls(evaluation_seed, created)
        try:
            told = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} must be JSON: {error}") from None
        expected = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "cyborg_version": INTERFACE.cyborg_version,
            "evaluation_seed": evaluation_seed,
        }
        for name, value in expected.items():
            found = told.get(name) if isinstance(told, dict) else None
            if found != value:
                raise ValueError(f"{path}: {name} must be {value!r} to add teams to it, got {found!r}")
        return cls(evaluation_seed, created, [Row.from_json(row) for row in told["rows"]])

    def add(self, row: Row) -> None:
        """Add a row, in the place of an earlier one of the same team."""
        self.rows = [*(other for other in self.rows if other.key != row.key), row]

    def covered(self, row: Row, episodes: int) -> bool:
        """Whether the same team is there already, with enough episodes."""
        return any(other.key == row.key and other.covers(row, episodes) for other in self.rows)

    def write(self, folder: Path) -> None:
        """Write both files, each whole or not at all."""
        write_json_atomically(folder / RESULTS_FILE, self.to_json())
        write_atomically(folder / TABLE_FILE, self.to_markdown().encode())

    @property
    def differences(self) -> list[tuple[Row, Row, statistics.Estimate]]:
        """(row, reference, difference) of all that can tell something, see `_compared`."""
        return [
            (row, reference, difference(row, reference))
            for row in self._sorted()
            for reference in self._sorted()
            if row.episodes and reference.episodes and _compared(row, reference)
        ]

    def tables(self) -> list[Table]:
        """Figures, then paired differences."""
        return [self._figures(), *([self._differences()] if self.differences else [])]

    def to_markdown(self) -> str:
        """A document of its own."""
        head = (
            f"# Teams on CAGE Challenge 4\n\nCybORG {INTERFACE.cyborg_version}, the first episodes of "
            f"evaluation seed {self.evaluation_seed}; soc-env {package_versions()['soc-env']}; "
            f"{self.created}. ↑ means that more is better, ↓ that less is.\n"
        )
        return "\n".join([head, *(table.to_markdown() for table in self.tables())])

    def to_json(self) -> dict[str, Any]:
        """Plain values; figures as the challenge counts them."""
        return {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "created": self.created,
            "cyborg_version": INTERFACE.cyborg_version,
            "versions": package_versions(),
            "git_revision": git_revision(),
            "machine": f"{platform.system()} {platform.machine()}",
            "evaluation_seed": self.evaluation_seed,
            "bootstrap": {"confidence": statistics.CONFIDENCE, "resamples": statistics.NUM_RESAMPLES},
            "measures": {measure.name: measure.description for measure in MEASURES},
            "rows": [row.to_json() for row in self.rows],
            "differences": [
                {"row": row.key._asdict(), "less": reference.key._asdict(), **_score_json(estimate)}
                for row, reference, estimate in self.differences
            ],
            "published": [published._asdict() for published in PUBLISHED],
        }

    def _sorted(self) -> list[Row]:
        """The best first, failures last."""
        return sorted(self.rows, key=lambda row: -row.estimate.mean[0] if row.episodes else float("inf"))

    def _figures(self) -> Table:
        cells = [_cells(row) for row in self._sorted()]
        blank = (NONE,) * (len(MEASURES) - 1)
        cells += [(one.team, "published", NONE, one.score, *blank) for one in PUBLISHED]
        notes = [
            f"{measure.label} {measure.unit}".strip() + f": {measure.description}." for measure in MEASURES
        ]
        notes += [
            f"Some publications give the score as the sum over the {NUM_ZONES} agents: {NUM_ZONES} times it.",
            "In brackets 95 % bootstrap intervals, over training seeds where there are any, then episodes.",
            "The adapter defends, too: what a team adds is its difference to teams without skill.",
        ]
        notes += [f"{row.label}: {row.error}" for row in self.rows if row.error]
        header = ["team", "plays", "episodes", *(measure.heading for measure in MEASURES)]
        return Table("CAGE Challenge 4", tuple(header), tuple(cells), tuple(notes), num_labels=2)

    def _differences(self) -> Table:
        cells = [
            (
                f"{_name(row)}\nless {_name(reference)}",
                str(min(row.episodes, reference.episodes) * max(1, len(row.training_seeds))),
                with_interval(estimate.mean[0], estimate.mean_interval[:, 0].tolist(), sign=True),
            )
            for row, reference, estimate in self.differences
        ]
        notes = (
            "Episode by episode, over those that both have played. An interval without 0 tells them apart.",
        )
        header = ("team", "episodes", "score ↑")
        return Table("CAGE Challenge 4: paired differences", header, tuple(cells), notes)


def _compared(row: Row, reference: Row) -> bool:
    """Ablations with the whole adapter; teams with the references, their untrained self and their start."""
    if row.adapter not in (None, WHOLE):
        return row.key._replace(adapter=WHOLE) == reference.key
    if reference.adapter not in (None, WHOLE):
        return False
    if reference.kind == "untrained":
        return row.kind == "trained" and row.name == reference.name
    if row.method is not None and reference.kind == "trained":
        return reference.name == row.method
    if row.name in REFERENCES:  # one reference less the other, but not the other way round too
        return reference.name in REFERENCES[: REFERENCES.index(row.name)]
    return reference.name in REFERENCES and row.kind != "untrained"


def _name(row: Row) -> str:
    return row.label if row.adapter in (None, WHOLE) else f"{row.label}, {_PLAYS[row.adapter]}"


def _cells(row: Row) -> tuple[str, ...]:
    plays = _PLAYS[row.adapter] + (", trained in it" if row.trained_on == "cage4" else "")
    if not row.episodes:
        return (row.label, plays, NONE, "failed", *(NONE,) * (len(MEASURES) - 1))
    seeds = len(row.training_seeds)
    played = f"{seeds} x {row.episodes}" if seeds else str(row.episodes)
    means, intervals = row.estimate.mean, row.estimate.mean_interval
    figures = [with_interval(mean, ends) for mean, ends in zip(means, intervals.T.tolist(), strict=True)]
    return row.label, plays, played, *figures


def _score_json(estimate: statistics.Estimate) -> dict[str, Any]:
    return {"mean": float(estimate.mean[0]), "mean_interval": estimate.mean_interval[:, 0].tolist()}
