"""The results of a comparison: as tables for people, as one JSON document for machines."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation import paper, statistics
from evaluation.comparison import Difference, Row, differences
from evaluation.environments import EnvSpec
from evaluation.protocol import PROTOCOL_VERSION
from evaluation.provenance import package_versions
from evaluation.seeds import in_words
from evaluation.tables import NONE, Table, with_deviation, with_interval
from soc_env.metrics import Metrics

FORMAT_VERSION: Final = 2


@dataclass(frozen=True)
class Results:
    """Everything that one `soc-env evaluate` found.

    Attributes:
        num_episodes: for each seed.
        held_out, paper: rows under either protocol, in the order asked for; empty if it was not run.
        seconds: wall-clock time of it all.
        created: when, as ISO 8601 in UTC.
    """

    num_episodes: int
    held_out: Sequence[Row]
    paper: Sequence[Row]
    seconds: float
    created: str

    @cached_property
    def differences(self) -> list[Difference]:
        """Of the held-out rows, see `evaluation.comparison.differences`."""
        return differences(self.held_out)

    @cached_property
    def specs(self) -> list[EnvSpec]:
        """The environments that the rows are of, in the order asked for."""
        specs = [row.spec for row in (*self.held_out, *self.paper)]
        return [spec for index, spec in enumerate(specs) if spec not in specs[:index]]

    @cached_property
    def metrics(self) -> dict[str, list[dict[str, Any]]]:
        """What the figures of each environment are: {id: metrics in order}."""
        return {spec.env_id: spec.scenario.metrics.to_json() for spec in self.specs}

    def tables(self) -> list[Table]:
        """Of each environment the paper's protocol, then held out: means, interquartile means, paired."""
        tables = []
        for spec in self.specs:
            paper_rows, held_out = (
                [row for row in rows if row.spec == spec] for rows in (self.paper, self.held_out)
            )
            compared = [difference for difference in self.differences if difference.row.spec == spec]
            if paper_rows:
                tables.append(paper_table(paper_rows, self.num_episodes))
            if held_out:
                tables.append(held_out_table(held_out, self.num_episodes, "mean"))
                tables.append(held_out_table(held_out, self.num_episodes, "iqm"))
            if compared:
                tables.append(difference_table(compared))
        return tables

    def to_markdown(self) -> str:
        """A document of its own: what was measured, then the tables."""
        ids = " and ".join(dict.fromkeys(spec.env_id for spec in self.specs))
        environments = "; ".join(
            str(spec) if spec.config else f"{spec} with its default settings" for spec in self.specs
        )
        head = (
            f"# Teams on {ids}\n\nEnvironment {environments}; evaluation protocol {PROTOCOL_VERSION}; "
            f"soc-env {package_versions()['soc-env']}; {self.created}. "
            "↑ means that more is better, ↓ that less is.\n"
        )
        return "\n".join([head, *(table.to_markdown() for table in self.tables())])

    def to_json(self) -> dict[str, Any]:
        """Plain values for `results.json`; figures in the units of the metrics' names, times in steps."""
        return {
            "format": "soc-env results",
            "format_version": FORMAT_VERSION,
            "protocol_version": PROTOCOL_VERSION,
            "created": self.created,
            "wall_clock_seconds": round(self.seconds, 2),
            "versions": package_versions(),
            "machine": f"{platform.system()} {platform.machine()}",
            "environment": _spec_json(self.specs[0]) if len(self.specs) == 1 else None,  # else see the rows
            "episodes_per_seed": self.num_episodes,
            "bootstrap": {"confidence": statistics.CONFIDENCE, "resamples": statistics.NUM_RESAMPLES},
            "metrics": self.metrics,
            "held_out": [_row_json(row) | _held_out_json(row) for row in self.held_out],
            "differences": [_difference_json(difference) for difference in self.differences],
            "paper_protocol": [_row_json(row) | _paper_json(row) for row in self.paper],
            "tables": [table.to_json() for table in self.tables()],
        }


def paper_table(rows: Sequence[Row], num_episodes: int) -> Table:
    """Ours, mean ± standard deviation over seeds, with the paper's figure below it."""
    cells = []
    for row in rows:
        published = row.entrant.published or {}
        ours, theirs = _means(row), [published.get(metric.name) for metric in row.metrics.headlines]
        pairs = zip(ours, theirs, strict=True)
        cells.append(
            (
                row.entrant.label,
                "measured\npaper",
                *(f"{mine}\n{NONE if given is None else _as_published(given)}" for mine, given in pairs),
            )
        )
    measure = (
        f"Mean ± standard deviation over seeds of the means over {num_episodes:,} episodes a seed; "
        "below ours the paper's figures, from its last 2,000 of 10,000 training episodes."
    )
    episodes = (
        f"Learners: the last {num_episodes:,} training episodes, exploring as in training. Teams that do not "
        "learn: as many episodes in the one network of each seed."
    )
    notes = (measure, episodes, *_remarks(rows))
    return Table(
        _titled("The paper's protocol", rows),
        ("team", "", *_headings(rows[0])),
        tuple(cells),
        notes,
        num_labels=2,
    )


def held_out_table(rows: Sequence[Row], num_episodes: int, statistic: str) -> Table:
    """`statistic` ("mean" or "iqm") of every team with its 95 % interval below it."""
    cells = []
    for row in rows:
        if row.values is None:
            cells.append((_label(row), "failed", *[NONE] * (len(row.metrics.headlines) - 1)))
        else:
            values = getattr(row.estimate, statistic)
            cells.append(
                (
                    _label(row),
                    *_with_intervals(row.metrics, values, getattr(row.estimate, f"{statistic}_interval")),
                )
            )
    title = {"mean": "Held out: mean over seeds", "iqm": "Held out: interquartile mean over seeds"}[statistic]
    notes = (
        f"{num_episodes:,} episodes for each seed, exactly one a lane, greedy actions; "
        f"{in_words([seed for row in rows for seed in row.seeds])}.",
        "In brackets 95 % bootstrap intervals, over training seeds where there are any, then episodes.",
        *_remarks(rows),
    )
    return Table(
        _titled(title, rows),
        ("team", *_headings(rows[0])),
        tuple(cells),
        notes if statistic == "mean" else (),
    )


def difference_table(found: Sequence[Difference]) -> Table:
    """Paired differences, means with 95 % intervals."""
    cells = []
    for difference in found:
        reference = difference.reference.entrant
        name = "untrained" if reference.kind == "untrained" else reference.label
        estimate = difference.estimate
        metrics = difference.row.metrics
        figures = _with_intervals(metrics, estimate.mean, estimate.mean_interval, sign=True)
        cells.append((f"{difference.row.entrant.label}\nless {name}", *figures))
    notes = (
        "Episode by episode on the same evaluation seed and lane. An interval without 0 tells the two apart.",
    )
    title = _titled("Held out: paired differences", [difference.row for difference in found])
    return Table(title, ("team", *_headings(found[0].row)), tuple(cells), notes)


def _titled(title: str, rows: Sequence[Row]) -> str:
    """A title that says which environment the rows are of."""
    return f"{title}, on {' and '.join(dict.fromkeys(str(row.spec) for row in rows))}"


def _label(row: Row) -> str:
    entrant = row.entrant
    if entrant.kind == "fixed":
        return entrant.label
    seeds = f"{len(entrant.training_seeds)} seed{'s' if len(entrant.training_seeds) > 1 else ''}"
    return f"{entrant.label}\n{'untrained, ' if entrant.kind == 'untrained' else ''}{seeds}"


def _means(row: Row) -> list[str]:
    if row.values is None:
        return [NONE] * len(row.metrics.headlines)
    seed_means = row.values.mean(axis=1)
    deviations = statistics.std_over_seeds(seed_means)
    means = seed_means.mean(axis=0)
    return [with_deviation(means[place], deviations[place]) for place in _places(row.metrics)]


def _as_published(figure: paper.Published) -> str:
    return f"{figure.mean} ± {figure.std}"


def _headings(row: Row) -> list[str]:
    return [metric.heading for metric in row.metrics.headlines]


def _places(metrics: Metrics) -> list[int]:
    return [metrics.column(metric.name) for metric in metrics.headlines]


def _with_intervals(
    metrics: Metrics, values: NDArray[Any], intervals: NDArray[Any], *, sign: bool = False
) -> list[str]:
    return [
        with_interval(values[place], intervals[:, place].tolist(), sign=sign) for place in _places(metrics)
    ]


def _remarks(rows: Sequence[Row]) -> list[str]:
    names = {
        id(row): row.entrant.label + (" (untrained)" if row.entrant.kind == "untrained" else "")
        for row in rows
    }
    remarks = [f"{names[id(row)]}: {row.error or row.note}" for row in rows if row.error or row.note]
    single = [
        names[id(row)] for row in rows if len(row.entrant.training_seeds) == 1 and row.values is not None
    ]
    if single:
        remarks.append(
            f"One training seed only, so nothing about the spread between runs: {', '.join(single)}."
        )
    return remarks


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.entrant.name,
        "label": row.entrant.label,
        "kind": row.entrant.kind,
        "environment": _spec_json(row.spec),
        "error": row.error,
        "note": row.note,
        "seconds": round(row.seconds, 2),
        "seeds": _seeds_json(row),
    }


def _spec_json(spec: EnvSpec) -> dict[str, Any]:
    return {"id": spec.env_id, "config": dict(spec.config)}


def _seeds_json(row: Row) -> list[dict[str, Any]]:
    seeds: list[dict[str, Any]] = []
    for index, seed in enumerate(row.seeds):
        entry: dict[str, Any] = {"environment_seed": seed}
        if row.entrant.training_seeds:
            entry["training_seed"] = row.entrant.training_seeds[index]
        if row.values is not None:
            entry["means"] = _by_metric(row.metrics, row.values[index].mean(axis=0))
        seeds.append(entry)
    return seeds


def _held_out_json(row: Row) -> dict[str, Any]:
    return {"metrics": None if row.values is None else estimate_json(row.estimate, row.metrics)}


def _paper_json(row: Row) -> dict[str, Any]:
    measured = None
    if row.values is not None:
        seed_means = row.values.mean(axis=1)
        means, deviations = (
            _by_metric(row.metrics, seed_means.mean(axis=0)),
            _by_metric(row.metrics, statistics.std_over_seeds(seed_means)),
        )
        measured = {name: {"mean": means[name], "std": deviations[name]} for name in row.metrics.names}
    published = row.entrant.published
    return {
        "metrics": measured,
        "published": published and {name: figure._asdict() for name, figure in published.items()},
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    reference = difference.reference.entrant
    return {
        "name": difference.row.entrant.name,
        "environment": _spec_json(difference.row.spec),
        "less": {"name": reference.name, "kind": reference.kind},
        "metrics": estimate_json(difference.estimate, difference.row.metrics),
    }


def estimate_json(estimate: statistics.Estimate, metrics: Metrics) -> dict[str, Any]:
    parts = {field.name: getattr(estimate, field.name) for field in dataclasses.fields(estimate)}
    del parts["seed_means"]
    parts["std"] = estimate.std
    return {
        name: {part: _plain(values[..., place]) for part, values in parts.items()}
        for place, name in enumerate(metrics.names)
    }


def _by_metric(metrics: Metrics, values: NDArray[np.float64]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in zip(metrics.names, values, strict=True)}


def _plain(value: Any) -> Any:
    """A number or a list of them for JSON, which has no NaN: None."""
    if np.ndim(value):
        return [_plain(entry) for entry in value]
    return None if math.isnan(value) else float(value)
