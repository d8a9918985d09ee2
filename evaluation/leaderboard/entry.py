"""An entry of the leaderboard: reading it, writing it, and what must hold inside it.

`entry.schema.json` says what the file looks like. Beyond that, an entry must be of this version's
protocol and metrics, its seeds must be those that the protocol gives, its environment must have the
stated hash, its aggregates must be those of its episodes, and its parts must have the stated digests.
Digests show changes made by accident; against a forger, who can renew them, there is `verify`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from agent_zoo.files import write_atomically
from evaluation import statistics
from evaluation.environments import EnvSpec
from evaluation.protocol import PROTOCOL_VERSION
from evaluation.report import estimate_json
from evaluation.seeds import evaluation_seeds
from soc_env.extras import require
from soc_env.metrics import Metrics

FORMAT: Final = "soc-env leaderboard entry"
FORMAT_VERSION: Final = 1
BOOTSTRAP: Final = {"confidence": statistics.CONFIDENCE, "resamples": statistics.NUM_RESAMPLES}
"""Of the intervals."""
ROUNDING: Final = 1e-9
"""How far, relatively, sums may differ between processors. Single episodes' figures may not differ."""

_MAX_MESSAGE: Final = 300  # characters of a message that quotes the entry


class EntryError(ValueError):
    """What is wrong with an entry; the message names the part and what was expected."""


@dataclass(frozen=True)
class Entry:
    """An entry that was read and found consistent but for its aggregates and digests.

    Attributes:
        path: of the JSON file.
        document: its content.
        spec: the environment.
        values: float (seeds, episodes, metrics), every episode's figures.
    """

    path: Path
    document: dict[str, Any]
    spec: EnvSpec
    values: NDArray[np.float64]

    @property
    def metrics(self) -> Metrics:
        """The last axis of `values`: the entry's own list; entries without one are of their scenario's."""
        return _metrics(self.document, self.spec)

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """Empty for a team that is not trained."""
        return tuple(self.document["seeds"]["training"])

    @property
    def evaluation_seeds(self) -> tuple[int, ...]:
        """The first axis of `values`."""
        return tuple(self.document["seeds"]["evaluation"])

    @property
    def num_episodes(self) -> int:
        """For each evaluation seed."""
        return self.document["episodes_per_seed"]

    def check_sums(self) -> None:
        """Compare aggregates and digests with what they are of.

        Raises:
            EntryError: one differs; the message names the first.
        """
        stored = self.document["aggregates"]
        for metric, expected in aggregates(self.values, self.training_seeds, self.metrics).items():
            for name, figure in expected.items():
                given = stored.get(metric, {}).get(name)
                if not _close(given, figure):
                    raise EntryError(
                        f"aggregates.{metric}.{name} must be that of the episodes, {figure}, got {given}"
                    )
        for part, found in digests(self.document).items():
            given = self.document["digests"].get(part)
            if given != found:
                raise EntryError(f"{part} was changed: its SHA-256 is {found}, digests.{part} says {given}")


def read_entry(path: Path) -> Entry:
    """Read an entry and check all but its aggregates and digests, which `Entry.check_sums` does.

    Raises:
        EntryError: it cannot be read, or something is wrong with it.
    """
    try:
        document = json.loads(path.read_text("utf-8"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise EntryError(f"no JSON file: {error}"[:_MAX_MESSAGE]) from error
    check_schema(document)
    if document["protocol_version"] != PROTOCOL_VERSION:
        raise EntryError(
            f"protocol_version must be {PROTOCOL_VERSION!r}, which this version of soc-env plays, "
            f"got {document['protocol_version']!r}"
        )
    if document["bootstrap"] != BOOTSTRAP:
        raise EntryError(f"bootstrap must be {BOOTSTRAP}, got {document['bootstrap']}")
    _check_seeds(document)
    spec = _checked_spec(document["environment"])
    return Entry(path, document, spec, _checked_values(document, _metrics(document, spec)))


def write_entry(path: Path, document: dict[str, Any], actions: bytes) -> None:
    """Add the digests and write the file, each metric's episodes on a line of their own.

    Args:
        actions: the content of the file `document["actions"]["file"]`, which is written beside it.

    Raises:
        EntryError: the document is not as the schema says.
    """
    document = {**document, "digests": digests(document)}
    check_schema(document)
    episodes = document.pop("episodes")
    lines = [f"    {json.dumps(metric)}: {_compact(rows)}" for metric, rows in episodes.items()]
    head = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).removesuffix("\n}")
    write_atomically(path.with_name(document["actions"]["file"]), actions)  # first: no entry lacks them
    write_atomically(path, "\n".join([f'{head},\n  "episodes": {{', ",\n".join(lines), "  }\n}\n"]).encode())


def check_schema(document: Any) -> None:
    """Compare a document with `entry.schema.json`.

    Raises:
        EntryError: the message says where it differs, and from what.
    """
    _validate(document, _schema(), "the entry")


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a policy in an entry.

    Raises:
        EntryError: the message quotes it.
    """
    _validate(name, _schema()["$defs"]["label"], "policy.name")


def environment_section(spec: EnvSpec) -> dict[str, Any]:
    """Which environment: its id, the settings that were given, and the hash of id and all settings.

    Raises:
        TypeError, ValueError: a setting that the environment refuses.
    """
    everything = {"id": spec.env_id, "config": dataclasses.asdict(spec.scenario.config)}
    return {"id": spec.env_id, "config": dict(spec.config), "sha256": digest(everything)}


def aggregates(
    values: NDArray[np.float64], training_seeds: Sequence[int], metrics: Metrics
) -> dict[str, Any]:
    """By metric: mean and interquartile mean with 95 % intervals, standard deviation over seeds.

    Args:
        values: (seeds, episodes, metrics).
        training_seeds: of a trained team, whose seeds are resampled, too.
        metrics: the last axis of `values`.
    """
    return estimate_json(statistics.estimate(values, resample_seeds=bool(training_seeds)), metrics)


def digests(document: Mapping[str, Any]) -> dict[str, str]:
    """The SHA-256 of every part but the digests themselves."""
    return {part: digest(content) for part, content in document.items() if part != "digests"}


def digest(content: Any) -> str:
    """SHA-256 of a JSON value, hexadecimal, the same however the file is laid out."""
    return hashlib.sha256(_compact(content, sort_keys=True).encode()).hexdigest()


def _compact(content: Any, **options: Any) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False, **options)


@cache
def _schema() -> dict[str, Any]:
    return json.loads(
        resources.files("evaluation.leaderboard").joinpath("entry.schema.json").read_text("utf-8")
    )


def _validate(content: Any, schema: Mapping[str, Any], name: str) -> None:
    jsonschema = require("jsonschema", extra="evaluation", purpose="a leaderboard entry")
    validator = jsonschema.Draft202012Validator(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(content))
    if error is not None:
        where = error.json_path.removeprefix("$").removeprefix(".") or name
        raise EntryError(f"{where}: {error.message}"[:_MAX_MESSAGE])


def _check_seeds(document: Mapping[str, Any]) -> None:
    seeds = document["seeds"]
    training, evaluation = seeds["training"], seeds["evaluation"]
    try:
        expected = list(evaluation_seeds(len(evaluation), evaluation[0]))
    except ValueError as error:
        raise EntryError(f"seeds.evaluation: {error}") from error
    if evaluation != expected:
        raise EntryError(f"seeds.evaluation must be consecutive, {expected}, got {evaluation}")
    if training and len(training) != len(evaluation):
        raise EntryError(
            f"seeds.training must be as many as seeds.evaluation, {len(evaluation)}, got {training}"
        )
    weights = [file["training_seed"] for file in document["policy"]["origin"]["weights"]]
    if [seed for seed in weights if seed is not None] != training:
        raise EntryError(f"seeds.training must be those of policy.origin.weights, {weights}, got {training}")


def _checked_spec(section: Mapping[str, Any]) -> EnvSpec:
    try:
        spec = EnvSpec(section["id"], section["config"])
        expected = environment_section(spec)["sha256"]
    except (TypeError, ValueError) as error:
        raise EntryError(f"environment: {error}"[:_MAX_MESSAGE]) from error
    if section["sha256"] != expected:
        raise EntryError(
            f"environment.sha256 must be {expected} for its id and config, got {section['sha256']}"
        )
    return spec


def _metrics(document: Mapping[str, Any], spec: EnvSpec) -> Metrics:
    try:
        return Metrics.from_json(document["metrics"]) if "metrics" in document else spec.scenario.metrics
    except (TypeError, ValueError) as error:
        raise EntryError(f"metrics: {error}"[:_MAX_MESSAGE]) from error


def _checked_values(document: Mapping[str, Any], metrics: Metrics) -> NDArray[np.float64]:
    episodes = document["episodes"]
    if set(episodes) != set(metrics.names):
        raise EntryError(
            f"episodes must have the metrics {', '.join(metrics.names)}, got {', '.join(episodes)}"
        )
    shape = (len(document["seeds"]["evaluation"]), document["episodes_per_seed"])
    columns = []
    for name in metrics.names:
        lengths = {len(row) for row in episodes[name]}
        if len(episodes[name]) != shape[0] or lengths != {shape[1]}:
            raise EntryError(
                f"episodes.{name} must have {shape[1]} episodes for each of {shape[0]} evaluation seeds, "
                f"got {[len(row) for row in episodes[name]]}"
            )
        try:
            columns.append(np.array(episodes[name], np.float64))
        except OverflowError:  # an integer of hundreds of digits
            columns.append(np.full(shape, np.inf))
        if not np.isfinite(columns[-1]).all():
            raise EntryError(f"episodes.{name} must be finite")
    return np.stack(columns, axis=-1)


def _close(given: Any, expected: Any) -> bool:
    if given is None or expected is None:
        return given is expected
    return bool(np.allclose(given, expected, rtol=ROUNDING, atol=ROUNDING))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"numbers must be finite, got {name}")
