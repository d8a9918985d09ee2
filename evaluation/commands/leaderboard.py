"""`soc-env leaderboard`: entries that others can check, and their ranking."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from agent_zoo.files import write_atomically, write_json_atomically
from agent_zoo.terminal import say, show
from evaluation.commands import arg
from evaluation.commands.evaluate import HELP, PlayOptions, ProcessOptions
from evaluation.entrants import Entrant, find_entrants
from evaluation.isolation import Limits
from evaluation.leaderboard.build import build, tables, to_markdown
from evaluation.leaderboard.entry import EntryError, check_name, read_entry, write_entry
from evaluation.leaderboard.page import render
from evaluation.leaderboard.submit import Submission, entry_stem, submit
from evaluation.leaderboard.verify import Verified, verify
from evaluation.outputs import Outputs
from evaluation.progress import EpisodeProgress, episode_progress
from evaluation.report import held_out_table
from evaluation.usage import UsageError, checking
from evaluation.worlds import by_environment

_RUNS = Path("runs")  # of no use here: nothing reads training logs


@dataclass(frozen=True)
class Submit(PlayOptions):
    """Play teams under the held-out protocol and write their entries.

    - A TEAM is what `soc-env evaluate` takes: a registered name, a class package.module:Class that
      needs no arguments, or the path of a saved policy, of a training run or of a folder of runs.
    - A team plays the environment that it was trained in, unless --env or --env-set names another.
    - An entry is a JSON file, named after the team, and beside it an .npz file with every action.
    - A class or file that is not of soc-env runs in a process of its own, with limits of time and
      memory; that is no sandbox: it can still read and write your files.
    - A team that fails gets no entry and does not stop the others; the exit status is then 1.

    For example:
      soc-env leaderboard submit tuned-soar my_package.my_module:MyTeam
      soc-env leaderboard submit runs/soc_v0 --name "HMARL-SOC, mine"
    """

    teams: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="TEAM [TEAM ...]", help_behavior_hint="(required)"),
    ]
    """The teams to play; see above."""

    name: Annotated[str | None, arg("NAME")] = None
    """What the leaderboard calls the team, if it is a single one; by default as tables do."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("leaderboard/entries")
    """Where the entries go."""

    def run(self) -> None:
        """Play, write the entries and print the figures."""
        with checking():
            self.check()
            if not self.teams:
                raise ValueError(f"give at least one team; {HELP} says what can be given")
            if len(set(self.teams)) < len(self.teams):
                raise ValueError(f"teams must have different names, got {' '.join(self.teams)}")
            found = by_environment(self.teams, self.asked(), self._find)
            matches = [(spec, entrant) for spec, entrants in found for entrant in entrants]
            entrants = [entrant for _, entrant in matches]
            names = self._names(entrants)
            seeds = self.evaluation_seeds(entrants)
        with Outputs(folders=[self.output]) as outputs:
            submissions: list[Submission] = []
            write = partial(outputs.write, write_entry)
            with episode_progress() as progress:
                for (spec, entrant), name in zip(matches, names, strict=True):
                    bar = progress.bar(name, (len(entrant.training_seeds) or len(seeds)) * self.episodes)
                    submissions.append(
                        submit(entrant, spec, seeds, self.episodes, self.output, name, bar, write)
                    )
            rows = [submission.row for submission in submissions]
            for spec, _ in found:
                own = [row for row in rows if row.spec == spec]
                show(held_out_table(own, self.episodes, "mean").to_rich(), "")
            paths = [submission.path for submission in submissions if submission.path is not None]
            say(*(f"Written: {path} and {path.stem}.npz beside it" for path in paths))
            if any(row.error for row in rows):
                raise SystemExit(1)

    def _find(self, name: str, env_id: str) -> list[Entrant]:
        return self.find(_RUNS)(name, env_id)[:1]  # without untrained networks

    def _names(self, entrants: list[Entrant]) -> list[str]:
        if self.name is not None and len(entrants) > 1:
            raise ValueError(f"--name must be left out with {len(entrants)} teams, got {self.name!r}")
        names = [self.name or entrant.label for entrant in entrants]
        for name in names:
            check_name(name)
        stem, count = Counter(entry_stem(name) for name in names).most_common(1)[0]
        if count > 1:
            raise ValueError(
                f"teams must have different names, got {count} for {stem}.json; submit one alone"
            )
        return names


@dataclass(frozen=True)
class Verify(ProcessOptions):
    """Check entries: play their actions again, and ask their policies once more.

    - The replay must give every figure exactly; the first that differs is named.
    - Then the policy is given the observations, and its actions are compared with the stored ones. The
      policy is the one given with --policy, or that of a registered team whose weights are there;
      code that only the entry names is not run.
    - An entry that is rejected does not stop the others; the exit status is then 1.

    For example:
      soc-env leaderboard verify leaderboard/entries/tuned-soar.json
      soc-env leaderboard verify theirs.json --policy their_package.module:TheirTeam
    """

    entries: Annotated[
        tuple[Path, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="ENTRY [ENTRY ...]", help_behavior_hint="(required)"),
    ]
    """JSON files, their actions beside them."""

    policy: Annotated[str | None, arg("TEAM")] = None
    """The team that the entries are said to be of, as `soc-env evaluate` takes it."""

    def run(self) -> None:
        """Check, and say of each entry whether it holds."""
        with checking():
            limits = self.limits()
            if not self.entries:
                raise ValueError("give at least one entry")
        lines, rejected = [], False
        with episode_progress() as progress:
            for path in self.entries:
                try:
                    found = self._verify(path, limits, progress)
                    text = f"verified: {found.num_episodes:,} episodes replayed exactly; {found.policy}"
                except EntryError as error:
                    text, rejected = f"rejected: {error}", True
                lines.append(f"{path}: {text}")
        say(*lines)
        if rejected:
            raise SystemExit(1)

    def _verify(self, path: Path, limits: Limits | None, progress: EpisodeProgress) -> Verified:
        entry = read_entry(path)
        policy = None
        if self.policy is not None:
            seeds = entry.training_seeds
            try:
                policy = find_entrants(self.policy, entry.spec.env_id, seeds, _RUNS, limits)[0]
            except ValueError as error:
                raise UsageError(f"--policy: {error}") from error
        return verify(entry, policy, progress.bar)


@dataclass(frozen=True)
class Build:
    """Rank a folder of entries: index.html and leaderboard.md for people, leaderboard.json for machines.

    - Teams are ranked by their mean reward among those that played the same environment.
    - Entries are checked, but not replayed, which `soc-env leaderboard verify` does. One that is no
      valid entry is refused with the reason and does not stop the others; the exit status is then 1.

    For example:
      soc-env leaderboard build leaderboard/entries --output leaderboard
    """

    entries: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """The folder of entries."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("leaderboard")
    """Where the three files go: another folder than that of the entries."""

    def run(self) -> None:
        """Rank, write and print."""
        with checking():
            if self.output.resolve() == self.entries.resolve():
                raise ValueError(
                    f"--output must be another folder than that of the entries, got {self.output}"
                )
        with Outputs(folders=[self.output]) as outputs:
            with checking():
                document = build(self.entries)
            outputs.write(write_atomically, self.output / "leaderboard.md", to_markdown(document).encode())
            outputs.write(write_atomically, self.output / "index.html", render(document).encode())
            outputs.write(write_json_atomically, self.output / "leaderboard.json", document)
            for table in tables(document):
                show(table.to_rich(), "")
            say(*(f"{refused['file']}: refused: {refused['reason']}" for refused in document["refused"]))
            if not outputs.failure:
                page = self.output / "index.html"
                say(f"Written: {page}, and leaderboard.md and leaderboard.json beside it")
            if document["refused"]:
                raise SystemExit(1)


@dataclass(frozen=True)
class Leaderboard:
    """Rank teams by entries that anyone can check."""

    STEPS: ClassVar[dict[str, type]] = {"submit": Submit, "verify": Verify, "build": Build}
