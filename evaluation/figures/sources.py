"""What figures are drawn from: logs of training runs, the paper's protocol in `results.json`, and entries."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from agent_zoo.learning.episode_log import read_episodes
from evaluation import statistics
from evaluation.environments import EnvSpec
from evaluation.leaderboard.entry import EntryError, read_entry
from evaluation.paper import HEADLINES

Floats = NDArray[np.float64]
SeedMeans = Mapping[str, Floats]
"""Of one team: {metric of `HEADLINES`: (seeds,)}, each seed's mean over its episodes."""

Row = TypeVar("Row")
Key = TypeVar("Key", str, int)

_ABLATIONS: Final = {
    ("hmarl-soc", "coordinator.learns=true"): "Full HMARL-SOC",
    ("hmarl-soc", "coordinator.learns=false"): "w/o SC",
    ("hmarl-soc", "replay.shared=false"): "w/o Shared Buffer",
    ("mappo", "shared_actor=true"): "Flat MARL",
}
"""(Learner, what is changed): the variant as the paper names it."""


class SourceError(ValueError):
    """Data that are there, but are not what a figure is drawn from."""


class MissingDataError(Exception):
    """What a figure is drawn from is not there; the message says what, and which target makes it."""


@dataclass
class Table(Generic[Row]):
    """The runs or results that one target of `results/Makefile` makes.

    Attributes:
        target: its name.
        path: where they lie.
        rows: by folder of training runs, such as "mappo@shared_actor=true", or name of a team.
        episodes: of each seed, that a row of results is measured on; 0 of runs.
        trained: those of them that were trained, of entries.
        notes: what a reader should know that the figure does not show.
    """

    target: str
    path: Path
    rows: dict[str, Row]
    episodes: int = 0
    trained: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    def pick(self, key_of: Callable[[str], Key | None], wanted: Collection[Key]) -> dict[Key, Row]:
        """The rows that a figure wants, in its order; a note names those that are not there.

        Raises:
            MissingDataError: none is there.
            SourceError: several rows could be meant.
        """
        names: dict[Key, str] = {}
        for name in self.rows:
            key = key_of(name)
            if key is None or key not in wanted:
                continue
            if key in names:
                raise SourceError(f"{self.path} must have one variant of {key}, got {names[key]} and {name}")
            names[key] = name
        absent = ", ".join(str(key) for key in wanted if key not in names)
        if not names:
            raise MissingDataError(f"{self.path} has none of {absent}; {remedy(self.target)}")
        if absent:
            self.notes.append(f"without {absent}, not in {self.path}; {remedy(self.target)}")
        return {key: self.rows[names[key]] for key in wanted if key in names}


@dataclass(frozen=True)
class Sources:
    """Where results and training runs lie.

    Attributes:
        results: results of a target are in `results/TARGET/results.json`.
        runs: training runs are in `runs/TARGET/LEARNER[@VARIANT]/SEED`.
        entries: entries of the leaderboard are in `entries`.
    """

    results: Path
    runs: Path
    entries: Path

    def seed_means(self, target: str) -> Table[SeedMeans]:
        """The rows of the paper's protocol.

        Raises:
            MissingDataError: there are none.
            SourceError: the file is not what `soc-env evaluate` writes.
        """
        path = self.results / target / "results.json"
        if not path.is_file():
            raise MissingDataError(f"{path} is not there; {remedy(target)}")
        try:
            document = json.loads(path.read_text("utf-8"))
            measured = [row for row in document["paper_protocol"] if row["metrics"] is not None]
            rows = {_name_of(row["name"]): _seed_means(row) for row in measured}
            table = Table(target, path, rows, int(document["episodes_per_seed"]))
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(
                f"{path} must be results of `soc-env evaluate`, got a file of another form: {error!r}"
            ) from None
        failed = [row["label"] for row in document["paper_protocol"] if row["metrics"] is None]
        if failed:
            table.notes.append(f"without figures, as {path} says: {', '.join(failed)}")
        if not rows:
            raise MissingDataError(f"{path} has no row of the paper's protocol; {remedy(target)}")
        return table

    def training_rewards(self, target: str) -> Table[Floats]:
        """The reward of every training episode of complete runs, (seeds, episodes) each.

        Raises:
            MissingDataError: there are no such runs.
            SourceError: runs that differ in their seeds alone have logs of different lengths.
        """
        folder = self.runs / target
        complete = sorted(file.parent for file in folder.glob("*/*/metrics.json"))
        if not complete:
            raise MissingDataError(f"{folder}/LEARNER/SEED has no complete run; {remedy(target)}")
        rewards: dict[str, list[Floats]] = {}
        for run_dir in complete:
            log = read_episodes(run_dir / "episodes.csv")
            rewards.setdefault(run_dir.parent.name, []).append(np.array([row["reward"] for row in log]))
        for name, runs in rewards.items():
            lengths = sorted({len(run) for run in runs})
            if len(lengths) > 1 or lengths[0] == 0:
                raise SourceError(f"runs in {folder / name} must have equally many episodes, got {lengths}")
        table = Table(target, folder, {name: np.stack(runs) for name, runs in rewards.items()})
        begun = {file.parent for file in folder.glob("*/*/run.json")} - set(complete)
        if begun:
            names = ", ".join(str(run_dir.relative_to(folder)) for run_dir in sorted(begun))
            table.notes.append(f"without runs in {folder} that are not complete: {names}")
        return table

    def episode_rewards(self) -> Table[Floats]:
        """The reward of every held-out episode of the registered teams on soc_v0, (seeds, episodes) each.

        Raises:
            MissingDataError: none is entered.
            SourceError: a file is no valid entry, or teams have played different numbers of episodes.
        """
        target, rows, trained, episodes = "leaderboard", {}, set(), set()
        for path in sorted(self.entries.glob("*.json")):
            try:
                entry = read_entry(path)
            except EntryError as error:
                raise SourceError(f"{path}: {error}") from None
            origin = entry.document["policy"]["origin"]
            if origin["kind"] == "registered" and entry.spec == EnvSpec("soc_v0"):
                rows[origin["name"]] = entry.values[:, :, entry.metrics.column("reward")]
                episodes.add(entry.num_episodes)
                if entry.training_seeds:
                    trained.add(origin["name"])
        if not rows:
            raise MissingDataError(f"{self.entries} has no entry of a registered team; {remedy(target)}")
        if len(episodes) > 1:
            raise SourceError(f"entries in {self.entries} must have equally many episodes, got {episodes}")
        return Table(target, self.entries, rows, episodes.pop(), frozenset(trained))


def remedy(target: str) -> str:
    """How to get what is missing."""
    return f"`make -C results {target}` makes it"


def team_of(name: str) -> str:
    """The registered name of a team, or of a folder of its runs."""
    return name.partition("@")[0]


def ablation_of(name: str) -> str | None:
    """The paper's name of the variant in a folder of runs; None if the paper has no such."""
    learner, _, variant = name.partition("@")
    found = (_ABLATIONS.get((learner, change)) for change in variant.split(","))
    return next((ablation for ablation in found if ablation), None)


def interval_of(name: str) -> int | None:
    """K, the steps that a directive holds, in a folder of runs that vary it."""
    found = re.fullmatch(r"hmarl-soc@(?:.*,)?coordinator\.interval=(\d+)", name)
    return int(found[1]) if found else None


def mean_and_interval(values: Floats) -> tuple[Floats, Floats]:
    """Mean of (seeds, n) over the seeds (n,), and the ends of its 95 % bootstrap interval (2, n).

    One seed says nothing about others: the interval is NaN.
    """
    estimate = statistics.estimate(values[:, None], resample_seeds=True)
    alone = len(values) == 1
    return estimate.mean, np.full((2, values.shape[1]), np.nan) if alone else estimate.mean_interval


def _name_of(team: str) -> str:
    """A registered name as it is, of a path its last part."""
    return Path(team).name


def _seed_means(row: Mapping[str, Any]) -> SeedMeans:
    return {name: np.array([seed["means"][name] for seed in row["seeds"]], np.float64) for name in HEADLINES}
