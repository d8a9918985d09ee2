"""`soc-env transfer`: SOC teams in other people's simulators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agent_zoo.terminal import say, show
from evaluation import paper
from evaluation.cage4.players import SCRIPTED
from evaluation.cage4.processes import CybORGLanes
from evaluation.cage4.protocol import BATCH, NUM_EPISODES
from evaluation.cage4.report import REFERENCES, RESULTS_FILE, TABLE_FILE, Results
from evaluation.cage4.rows import WHOLE, Row, played, scripted_row, team_row
from evaluation.commands import arg
from evaluation.commands.evaluate import ProcessOptions
from evaluation.entrants import Entrant, find_entrants, known_learners
from evaluation.outputs import Outputs
from evaluation.progress import episode_progress
from evaluation.seeds import check_evaluation_seed, check_training_seed
from evaluation.usage import checking
from soc_env.seeds import CAGE4_SEED


@dataclass(frozen=True)
class Transfer(ProcessOptions):
    """Play SOC teams in another simulator, by its own measure.

    cage4: CAGE Challenge 4 on CybORG. The team plays the five blue agents through an adapter that translates
      what they see and do by meaning. CybORG is no part of soc-env; where it is missing, the command says how
      to get it. An episode takes about 5 seconds of a processor.

    - A TEAM is what `soc-env evaluate` takes, and plays soc_v0; a registered learner's untrained networks are
      played beside it. hmarl-soc@cage4 has the packaged weights that were trained further in CAGE-4.
    - Teams of the challenge's own kind: sleep, random-valid, reactive.
    - Reactive, and through the adapter Random and Zero+enrich, are played in any case: what a team adds to
      the adapter is its difference to them.
    - With --output results are written team by team, and added to those that are there; teams that have
      enough episodes there are not played again, so a command that was stopped goes on.
    - Learners can also be trained in it: soc-env train hmarl-soc --env cage4 (see the documentation).

    For example:
      soc-env transfer cage4 tuned-soar hmarl-soc --episodes 20 --output results/cage4
    """

    simulator: Annotated[Literal["cage4"], tyro.conf.Positional]
    """Where to play."""

    teams: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="[TEAM ...]")] = ()
    """The teams to play; see above."""

    episodes: int = NUM_EPISODES
    """Episodes of each team, and of each training seed."""

    seed: int = CAGE4_SEED
    """Evaluation seed, from which the episodes have theirs."""

    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT [INT ...]")] = paper.SEEDS
    """Training seeds of registered learners."""

    adapter: Literal["meaning", "no-findings", "no-memory", "projections"] = WHOLE
    """How the teams are translated: by meaning; by it without what examinations find, or without memory; or,
    as published elsewhere, by random projections. References have the whole adapter in any case."""

    untrained: bool = True
    """Play registered learners' untrained networks, too."""

    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Where `soc-env train` keeps its runs."""

    processes: Annotated[int | None, arg("INT")] = None
    """Processes of CybORG at once; by default as many as there are processors."""

    output: Annotated[Path | None, arg("FOLDER")] = None
    """Folder for table.md and results.json, see above; by default nothing is written."""

    def run(self) -> None:
        """Play, print the tables and write the files."""
        created = datetime.now(UTC).isoformat(timespec="seconds")
        with checking():
            self._check()
            wanted = [pair for name in dict.fromkeys((*self.teams, *REFERENCES)) for pair in self._rows(name)]
        with Outputs(folders=[self.output]) as outputs:
            with checking():
                results = Results(self.seed, created)
                if self.output is not None:
                    results = Results.read(self.output, self.seed, created)
                missing = [pair for pair in wanted if not results.covered(pair[0], self.episodes)]
                lanes = CybORGLanes(BATCH, self.processes) if missing else None
            if lanes is not None:
                try:
                    self._play(missing, lanes, results, outputs)
                finally:
                    lanes.close()
            for table in results.tables():
                show(table.to_rich(), "")
            if self.output is not None and not outputs.failure:
                say(f"Written: {self.output / TABLE_FILE} and {RESULTS_FILE} beside it")
            if any(row.error for row in results.rows):
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

    def _rows(self, name: str) -> list[tuple[Row, Entrant | None]]:
        if name in SCRIPTED:
            return [(scripted_row(name), None)]
        adapter = WHOLE if name in REFERENCES else self.adapter
        found = self._find(name)
        # Of an ablation the team itself is enough, and training runs have begun with other weights.
        dropped = not self.untrained or adapter != WHOLE or any(entrant.method for entrant in found)
        kept = [entrant for entrant in found if not (dropped and entrant.kind == "untrained")]
        return [(team_row(entrant, adapter), entrant) for entrant in kept]

    def _find(self, name: str) -> list[Entrant]:
        learner, at, env_id = name.partition("@")
        if at and learner in known_learners():
            trained, _ = find_entrants(learner, env_id, self.seeds, self.runs)
            return [replace(trained, name=name, method=learner)]
        return find_entrants(name, "soc_v0", self.seeds, self.runs, self.limits())

    def _play(
        self,
        missing: list[tuple[Row, Entrant | None]],
        lanes: CybORGLanes,
        results: Results,
        outputs: Outputs,
    ) -> None:
        with episode_progress() as progress:
            for row, entrant in missing:
                bar = progress.bar(row.label, self.episodes * max(1, len(row.training_seeds)))
                results.add(played(row, entrant, lanes, self.seed, self.episodes, bar))
                if self.output is not None:
                    outputs.write(results.write, self.output)
