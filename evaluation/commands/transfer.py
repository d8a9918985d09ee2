"""`soc-env transfer`: SOC teams in other people's simulators."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from agent_zoo.files import write_atomically, write_json_atomically
from evaluation import paper
from evaluation.cage4.players import SCRIPTED
from evaluation.cage4.processes import CybORGLanes
from evaluation.cage4.protocol import BATCH, NUM_EPISODES
from evaluation.cage4.report import LABELS, REFERENCES, Results, Row, scripted_row, team_row
from evaluation.commands import arg
from evaluation.commands.evaluate import PIPED_WIDTH, ProcessOptions
from evaluation.entrants import Entrant, find_entrants
from evaluation.progress import EpisodeProgress, episode_progress
from evaluation.seeds import EVALUATION_SEEDS, check_evaluation_seed, check_training_seed


@dataclass(frozen=True)
class Transfer(ProcessOptions):
    """Play SOC teams in another simulator, by its own measure.

    cage4: CAGE Challenge 4 on CybORG. The team plays the five blue agents through an adapter that translates
      what they see and do by meaning. CybORG is no part of soc-env; where it is missing, the command says how
      to get it. An episode takes 15 to 30 seconds of a processor.

    - A TEAM is what `soc-env evaluate` takes, and plays soc_v0; a learner's own untrained networks are played
      beside it. Teams of the challenge's own kind: sleep, random-valid, reactive.
    - Reactive, and through the adapter Random and Zero+enrich, are played in any case: what a team adds to
      the adapter is its difference to them.

    For example:
      soc-env transfer cage4 tuned-soar hmarl-soc --episodes 20 --output results/cage4
    """

    simulator: Annotated[Literal["cage4"], tyro.conf.Positional]
    """Where to play."""

    teams: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEAM ...]")] = ()
    """The teams to play; see above."""

    episodes: int = NUM_EPISODES
    """Episodes of each team, and of each training seed."""

    seed: int = EVALUATION_SEEDS.start
    """Evaluation seed, from which the episodes have theirs."""

    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT [INT ...]")] = paper.SEEDS
    """Training seeds of registered learners."""

    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Where `soc-env train` keeps its runs."""

    processes: Annotated[int | None, arg("INT")] = None
    """Processes of CybORG at once; by default as many as there are processors."""

    output: Annotated[Path | None, arg("FOLDER")] = None
    """Folder for table.md and results.json; by default nothing is written."""

    def run(self) -> None:
        """Play, print the tables and write the files."""
        try:
            self._check()
            names = dict.fromkeys((*self.teams, *REFERENCES))
            found = {name: self._entrants(name) for name in names if name not in SCRIPTED}
            lanes = CybORGLanes(BATCH, self.processes)
        except (TypeError, ValueError, ImportError) as error:
            raise SystemExit(f"soc-env transfer: {error}") from None
        began, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
        console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
        rows: list[Row] = []
        try:
            with episode_progress(Console(stderr=True)) as progress:
                for name in names:
                    if name in SCRIPTED:
                        bar = progress.bar(LABELS[name], self.episodes)
                        rows.append(scripted_row(name, lanes, self.seed, self.episodes, bar))
                    else:
                        rows += [self._play(entrant, lanes, progress) for entrant in found[name]]
        finally:
            lanes.close()
        results = Results(rows, self.seed, self.episodes, time.perf_counter() - began, created)
        if self.output is not None:  # before printing, which fails where the reader of a pipe has gone
            write_atomically(self.output / "table.md", results.to_markdown().encode())
            write_json_atomically(self.output / "results.json", results.to_json())
        for table in results.tables():
            console.print(table.to_rich(), "")
        if self.output is not None:
            console.print(f"Written: {self.output / 'table.md'} and results.json beside it", soft_wrap=True)
        if any(row.error for row in rows):
            raise SystemExit(1)

    def _check(self) -> None:
        check_evaluation_seed(self.seed, "--seed")
        if self.episodes < 1:
            raise ValueError(f"--episodes must be at least 1, got {self.episodes}")
        if self.processes is not None and self.processes < 1:
            raise ValueError(f"--processes must be at least 1, got {self.processes}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"--seeds must be different training seeds, got {list(self.seeds)}")
        for seed in self.seeds:
            check_training_seed(seed, "--seeds")

    def _entrants(self, name: str) -> list[Entrant]:
        return find_entrants(name, "soc_v0", self.seeds, self.runs, self.limits())

    def _play(self, entrant: Entrant, lanes: CybORGLanes, progress: EpisodeProgress) -> Row:
        untrained = ", untrained" if entrant.kind == "untrained" else ""
        episodes = self.episodes * max(1, len(entrant.training_seeds))
        bar = progress.bar(f"{entrant.label}{untrained}", episodes)
        return team_row(entrant, lanes, self.seed, self.episodes, bar)
