"""From a folder of entries to one ranked document, `leaderboard.json`, and its tables.

Layout of the document (format version 2; all numbers finite, times in steps, rates in percent):

    format, format_version   "soc-env leaderboard", 2
    created                  ISO 8601, UTC
    boards                   list; teams are ranked with those alone that played the same environment,
                             protocol and number of episodes; by environment, few settings first
      environment              {id, config, sha256} as in an entry
      protocol_version
      metrics                  list of {name, label, unit, ...}: what the figures are, in order
      score                    the metric by which teams are ranked
      reference                the registered team that every other one is compared with; null for none
      episodes_per_seed
      entries                  list, best mean score first
        rank                     1, 2, ...; equal mean scores share a rank
        file                     name of the entry's file in the folder
        policy, seeds, created, versions, git_revision, machine, wall_clock_seconds, policy_share,
        bootstrap, actions       as in the entry, see `entry.schema.json`
        aggregates               {metric: {mean, mean_interval, iqm, iqm_interval, std}}; an interval is
                                 [low, high], of 95 %; std is null for a single seed
        seed_means               {metric: [mean over the episodes of each evaluation seed]}
        versus_reference         null for the reference itself, and where no entry of it has
                                 played all evaluation seeds of this one
          file                     of the reference's entry
          differences              as aggregates, of this team's figures less the reference's, episode
                                   by episode
          probability_of_improvement   {value, interval}: how likely a seed of this team has a higher
                                   mean reward than a seed of the reference, equal ones counting half
                                   (Agarwal et al., 2021); bootstrap over the seeds of both
    refused                  list of {file, reason}: what is no valid entry

Entries are checked but not replayed, which is for `evaluation.leaderboard.verify`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation import statistics
from evaluation.leaderboard.entry import Entry, EntryError, aggregates, read_entry
from evaluation.seeds import in_words
from evaluation.tables import NONE, Table, number, with_interval
from soc_env.metrics import Metric, Metrics

FORMAT: Final = "soc-env leaderboard"
FORMAT_VERSION: Final = 2
_COPIED: Final = (
    "policy",
    "seeds",
    "created",
    "versions",
    "git_revision",
    "machine",
    "wall_clock_seconds",
    "policy_share",
    "bootstrap",
    "actions",
    "aggregates",
)


def build(folder: Path) -> dict[str, Any]:
    """Rank the entries in a folder, its files that end in .json; see the module's docstring.

    Raises:
        ValueError: there is no such file.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ValueError(f"the folder of entries must hold .json files, got {folder}")
    boards: defaultdict[tuple[str, str, int], list[Entry]] = defaultdict(list)
    refused = []
    for path in paths:
        try:
            entry = read_entry(path)
            entry.check_sums()
        except EntryError as error:
            refused.append({"file": path.name, "reason": str(error)})
        else:
            boards[entry.spec.env_id, entry.document["environment"]["sha256"], entry.num_episodes].append(
                entry
            )
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "boards": sorted(map(_board, boards.values()), key=_place),
        "refused": refused,
    }


def tables(document: dict[str, Any]) -> list[Table]:
    """For each board of a leaderboard: means, interquartile means, and differences to the reference."""
    found = []
    for board in document["boards"]:
        title = _title(board)
        found.append(_ranking(board, "mean", f"{title}: mean over seeds"))
        found.append(_ranking(board, "iqm", f"{title}: interquartile mean over seeds"))
        if any(entry["versus_reference"] for entry in board["entries"]):
            found.append(_differences(board, title))
    return found


def to_markdown(document: dict[str, Any]) -> str:
    """The leaderboard as a Markdown document."""
    head = f"# Leaderboard\n\n{document['created']}. ↑ means that more is better, ↓ that less is.\n"
    parts = [head, *(table.to_markdown() for table in tables(document))]
    if document["refused"]:
        reasons = [f"- {refused['file']}: {refused['reason']}" for refused in document["refused"]]
        parts.append("\n".join(["## Refused", "", *reasons, ""]))
    return "\n".join(parts)


def probability_of_improvement(
    seed_means: NDArray[np.float64], reference: NDArray[np.float64]
) -> dict[str, Any]:
    """How likely a seed's mean (seeds,) is above one of the reference's (seeds,), equal ones counting half.

    Returns:
        {"value": probability, "interval": [low, high]}: 95 % bootstrap interval over the seeds of both.
    """
    wins = (1.0 + np.sign(seed_means[:, None] - reference)) / 2.0
    rng = np.random.default_rng(0)
    own, other = (rng.integers(count, size=(statistics.NUM_RESAMPLES, count)) for count in wins.shape)
    resampled = wins[own[:, :, None], other[:, None, :]].mean(axis=(1, 2))
    tail = (1.0 - statistics.CONFIDENCE) / 2.0
    interval = np.quantile(resampled, [tail, 1.0 - tail])
    return {"value": float(wins.mean()), "interval": interval.tolist()}


def _board(entries: Sequence[Entry]) -> dict[str, Any]:
    references = [entry for entry in entries if _is_reference(entry)]
    scores = sorted((_mean_score(entry) for entry in entries), reverse=True)
    rows = []
    for entry in sorted(entries, key=lambda entry: (-_mean_score(entry), entry.path.name)):
        seed_means = entry.values.mean(axis=1)
        rows.append(
            {
                "rank": scores.index(_mean_score(entry)) + 1,
                "file": entry.path.name,
                **{part: entry.document[part] for part in _COPIED},
                "seed_means": dict(zip(entry.metrics.names, seed_means.T.tolist(), strict=True)),
                "versus_reference": _versus(entry, references),
            }
        )
    first, scenario = entries[0], entries[0].spec.scenario
    return {
        **{part: first.document[part] for part in ("environment", "protocol_version", "episodes_per_seed")},
        "metrics": first.metrics.to_json(),
        "score": scenario.score,
        "reference": _reference(first),
        "entries": rows,
    }


def _place(board: dict[str, Any]) -> tuple[str, int, str, int]:
    """Where a board stands among the others: environments with few settings first."""
    environment = board["environment"]
    return environment["id"], len(environment["config"]), _title(board), board["episodes_per_seed"]


def _is_reference(entry: Entry) -> bool:
    origin = entry.document["policy"]["origin"]
    return origin["kind"] == "registered" and origin["name"] == _reference(entry)


def _reference(entry: Entry) -> str | None:
    """The first of the scenario's reference teams."""
    return next(iter(entry.spec.scenario.references), None)


def _versus(entry: Entry, references: Sequence[Entry]) -> dict[str, Any] | None:
    seeds = set(entry.evaluation_seeds)
    covering = [reference for reference in references if seeds <= set(reference.evaluation_seeds)]
    if _is_reference(entry) or not covering:
        return None
    reference = covering[0]
    differences = statistics.paired_difference(
        entry.values, entry.evaluation_seeds, reference.values, reference.evaluation_seeds
    )
    column, sign = entry.metrics.column(entry.spec.scenario.score), _sign(entry)
    scores = (sign * values.mean(axis=1)[:, column] for values in (entry.values, reference.values))
    return {
        "file": reference.path.name,
        "differences": aggregates(differences, entry.training_seeds, entry.metrics),
        "probability_of_improvement": probability_of_improvement(*scores),
    }


def _mean_score(entry: Entry) -> float:
    """More is better."""
    return _sign(entry) * entry.document["aggregates"][entry.spec.scenario.score]["mean"]


def _sign(entry: Entry) -> int:
    return -1 if entry.metrics[entry.spec.scenario.score].better == "lower" else 1


def _title(board: dict[str, Any]) -> str:
    environment = board["environment"]
    settings = ", ".join(f"{key}={value!r}" for key, value in environment["config"].items())
    return f"{environment['id']}{f' with {settings}' if settings else ''}"


def _ranking(board: dict[str, Any], statistic: str, title: str) -> Table:
    cells = tuple(
        (
            str(entry["rank"]),
            _label(entry),
            *_with_intervals(board, entry["aggregates"], statistic),
        )
        for entry in board["entries"]
    )
    seeds = [seed for entry in board["entries"] for seed in entry["seeds"]["evaluation"]]
    notes = (
        f"{board['episodes_per_seed']:,} episodes for each seed, exactly one a lane, greedy actions; "
        f"{in_words(seeds)}; evaluation protocol {board['protocol_version']}; by mean {board['score']}.",
        "In brackets 95 % bootstrap intervals, over training seeds where there are any, then episodes.",
    )
    header = ("rank", "team", *(metric.heading for metric in _headlines(board)))
    return Table(title, header, cells, notes if statistic == "mean" else (), num_labels=2)


def _differences(board: dict[str, Any], title: str) -> Table:
    names = {entry["file"]: entry["policy"]["name"] for entry in board["entries"]}
    cells = []
    for entry in board["entries"]:
        versus = entry["versus_reference"]
        if versus is None:
            continue
        better = versus["probability_of_improvement"]
        low, high = (number(end, 2) for end in better["interval"])
        cells.append(
            (
                f"{entry['policy']['name']}\nless {names[versus['file']]}",
                *_with_intervals(board, versus["differences"], "mean", sign=True),
                f"{number(better['value'], 2)}\n[{low}, {high}]",
            )
        )
    notes = (
        "Episode by episode on the same evaluation seed and lane. An interval without 0 tells the two apart.",
        f"P(better): how likely a seed of the team has a better mean {board['score']} than one of the other.",
    )
    header = ("team", *(metric.heading for metric in _headlines(board)), "P(better)")
    return Table(f"{title}: paired differences", header, tuple(cells), notes)


def _label(entry: dict[str, Any]) -> str:
    policy, training = entry["policy"], entry["seeds"]["training"]
    version = f"version {NONE if policy['version'] is None else policy['version']}"
    seeds = f", {len(training)} seed{'s' if len(training) > 1 else ''}" if training else ""
    return f"{policy['name']}\n{version}{seeds}"


def _headlines(board: dict[str, Any]) -> tuple[Metric, ...]:
    return Metrics.from_json(board["metrics"]).headlines


def _with_intervals(
    board: dict[str, Any], figures: dict[str, Any], statistic: str, *, sign: bool = False
) -> list[str]:
    return [
        with_interval(
            figures[metric.name][statistic], figures[metric.name][f"{statistic}_interval"], sign=sign
        )
        for metric in _headlines(board)
    ]
