"""`soc-env evaluate`: play teams, compare them, write the tables."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agent_zoo.files import write_atomically, write_json_atomically
from agent_zoo.terminal import say, show
from evaluation import paper, trajectories
from evaluation.commands import arg
from evaluation.comparison import Row, held_out_row, paper_row
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import EnvSpec, read_settings
from evaluation.isolation import Limits
from evaluation.outputs import Outputs
from evaluation.progress import EpisodeProgress, episode_progress
from evaluation.protocol import NUM_EPISODES
from evaluation.report import Results
from evaluation.seeds import FINAL_SEEDS, check_training_seed, evaluation_seeds
from evaluation.usage import checking
from evaluation.worlds import Asked, Find, by_environment
from soc_env.command_line import soc_env_command

HELP = f"`{soc_env_command('evaluate', '--help')}`"


@dataclass(frozen=True, kw_only=True)
class ProcessOptions:
    """How commands run teams whose code is not soc-env's."""

    isolate: bool = True
    """Run a team whose code is not soc-env's in a process of its own, without what it prints."""

    act_seconds: float = Limits.act_seconds
    """Seconds that such a team may take for the actions of a step, in all lanes together."""

    load_seconds: float = Limits.load_seconds
    """Seconds that such a team may take to be loaded."""

    memory_gib: float = Limits.memory_gib
    """Resident memory, in GiB, of such a team's process with those that it starts."""

    def limits(self) -> Limits | None:
        """As `evaluation.entrants.find_entrants` wants them: None for no process of a team's own.

        Raises:
            ValueError: a limit that makes no sense.
        """
        return Limits(self.act_seconds, self.load_seconds, self.memory_gib) if self.isolate else None


@dataclass(frozen=True, kw_only=True)
class PlayOptions(ProcessOptions):
    """What the commands that play teams on held-out seeds share."""

    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT [INT ...]")] = paper.SEEDS
    """Training seeds of registered learners."""

    episodes: int = NUM_EPISODES
    """Episodes for each seed."""

    seed: int = FINAL_SEEDS.start
    """The first evaluation seed; the k-th training seed plays the k-th evaluation seed from here.
    Take 2000000000 while something is still to be chosen."""

    env: Annotated[str | None, arg("ENV")] = None
    """The environment of all teams; by default each team's own, which it was trained in, else soc_v0."""

    hosts_per_segment: Annotated[int | None, arg("INT")] = None
    """Hosts in each segment, for all teams; see --env-set."""

    env_set: Annotated[tuple[str, ...], arg("KEY=VALUE [KEY=VALUE ...]")] = ()
    """Settings of the environment for all teams, for instance stealth=0.9 max_steps=100; the others then have
    their defaults, whatever teams were trained in."""

    def asked(self) -> Asked:
        """The environment asked for, if any.

        Raises:
            ValueError: a setting that is not KEY=VALUE.
        """
        config = read_settings(self.env_set)
        if self.hosts_per_segment is not None:
            config["hosts_per_segment"] = self.hosts_per_segment
        return Asked(self.env, config)

    def find(self, runs: Path) -> Find:
        """What finds the teams that a name stands for."""
        limits = self.limits()
        return lambda name, env_id: find_entrants(name, env_id, self.seeds, runs, limits)

    def check(self) -> None:
        """Refuse seeds and episodes that make no sense.

        Raises:
            ValueError: the message names the option and its value.
        """
        if self.episodes < 1:
            raise ValueError(f"--episodes must be at least 1, got {self.episodes}")
        if not self.seeds or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"--seeds must be different training seeds, got {list(self.seeds)}")
        for seed in self.seeds:
            check_training_seed(seed, "--seeds")

    def evaluation_seeds(self, entrants: Sequence[Entrant]) -> tuple[int, ...]:
        """As many evaluation seeds as the training seeds of any of them."""
        count = max(len(self.seeds), *(len(entrant.training_seeds) for entrant in entrants))
        return evaluation_seeds(count, self.seed)


@dataclass(frozen=True)
class Evaluate(PlayOptions):
    """Play teams and show how good they are, with 95 % intervals.

    A TEAM is a registered name such as rule-soar or single-drl (any unknown one lists them all), a
      class of your own that needs no arguments, or a path: of a saved policy, of a training run, or
      of a folder of training runs that differ in their seeds.

    Protocols:
    - held-out, the one to trust: a team plays seeded episodes that training never sees,
      exactly one a lane, with its greedy actions. Tuned-SOAR, Zero+enrich and a learner's own
      untrained networks are played beside it, and differences are taken episode by episode.
    - paper, to compare with the published table: for learners the last episodes of their
      training runs, from the logs under --runs; teams that do not learn are played on --seeds.

    A team plays the environment that it was trained in, and a class or a scripted team soc_v0, with the
      references beside it; the tables say which. To compare teams in one environment, name it with
      --env or --env-set.

    A class or file that is not of soc-env runs in a process of its own, with limits of time and memory;
      that is no sandbox: it can still read and write your files.

    A team that cannot be measured is said to, and does not stop the others; the exit status is then 1.

    For example:
      soc-env evaluate rule-soar tuned-soar --protocol both --output results/scripted
      soc-env evaluate single-drl --seeds 42 123 --episodes 500
      soc-env evaluate my_package.my_module:MyTeam runs/soc_v0/single-drl-42
    """

    teams: Annotated[
        tuple[str, ...],
        tyro.conf.Positional,
        tyro.conf.arg(metavar="TEAM [TEAM ...]", help_behavior_hint="(required)"),
    ]
    """The teams to play; see above."""

    protocol: Literal["held-out", "paper", "both"] = "held-out"
    """How to measure; see above."""

    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs")
    """Where `soc-env train` keeps its runs, whose logs the paper's protocol reads."""

    output: Annotated[Path | None, arg("FOLDER")] = None
    """Folder for table.md and results.json; by default nothing is written."""

    record: Annotated[Path | None, arg("FOLDER")] = None
    """Folder for held-out episodes, a .npz for each team, for offline learning and `soc-env replay`."""

    record_episodes: int = trajectories.NUM_EPISODES
    """With --record: how many episodes of a team at most, from all its evaluation seeds alike."""

    def run(self) -> None:
        """Play, print the tables and write the files."""
        with checking():
            matches = self._matches()
            held_out_seeds = self.evaluation_seeds([entrant for _, entrant in matches])

        with Outputs(folders=[self.output, self.record]) as outputs:
            began, created = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
            asked = [(s, e) for s, e in matches if e.name in self.teams and e.kind != "untrained"]
            held_out_rows, paper_rows = [], []
            with episode_progress() as progress:
                if self.protocol in ("paper", "both"):
                    paper_rows = [self._paper(entrant, spec, progress) for spec, entrant in asked]
                if self.protocol in ("held-out", "both"):
                    held_out_rows = [
                        self._held_out(e, spec, held_out_seeds, progress, outputs) for spec, e in matches
                    ]
            results = Results(self.episodes, held_out_rows, paper_rows, time.perf_counter() - began, created)
            if self.output is not None:  # before printing, which fails where the reader of a pipe has gone
                outputs.write(write_atomically, self.output / "table.md", results.to_markdown().encode())
                outputs.write(write_json_atomically, self.output / "results.json", results.to_json())
            for table in results.tables():
                show(table.to_rich(), "")
            if self.output is not None and not outputs.failure:
                say(f"Written: {self.output / 'table.md'} and results.json beside it")
            if self.record is not None and not outputs.failure:
                say(f"Recorded episodes: {self.record}")
            if any(row.error for row in (*held_out_rows, *paper_rows)):
                raise SystemExit(1)

    def _matches(self) -> list[tuple[EnvSpec, Entrant]]:
        """Who plays which environment."""
        if not self.teams:
            raise ValueError(f"give at least one team; {HELP} says what can be given")
        self.check()
        compared = self.protocol != "paper"
        found = by_environment(self.teams, self.asked(), self.find(self.runs), references=compared)
        if self.record is not None:
            if self.protocol == "paper":
                raise ValueError(
                    "--record must be left out with --protocol paper: it records held-out episodes"
                )
            if len(found) > 1:
                raise ValueError(
                    f"--record needs one environment, got {' and '.join(str(spec) for spec, _ in found)}; "
                    "record them one by one, or name one for all teams with --env-set"
                )
            trajectories.check_recording(self.record, found[0][1], self.record_episodes)
        return [(spec, entrant) for spec, entrants in found for entrant in entrants]

    def _held_out(
        self,
        entrant: Entrant,
        spec: EnvSpec,
        seeds: tuple[int, ...],
        progress: EpisodeProgress,
        outputs: Outputs,
    ) -> Row:
        untrained = ", untrained" if entrant.kind == "untrained" else ""
        blocks = len(entrant.training_seeds) or len(seeds)
        bar = progress.bar(f"{entrant.label}{untrained}", blocks * self.episodes)
        if self.record is None:
            return held_out_row(entrant, spec, seeds, self.episodes, bar)
        write = partial(outputs.write, write_atomically)
        return trajectories.record_held_out(
            self.record, entrant, spec, seeds, self.episodes, self.record_episodes, bar, write
        )

    def _paper(self, entrant: Entrant, spec: EnvSpec, progress: EpisodeProgress) -> Row:
        if entrant.kind != "fixed":
            return paper_row(entrant, spec, self.seeds, self.episodes)
        bar = progress.bar(f"{entrant.label}, the paper's protocol", len(self.seeds) * self.episodes)
        return paper_row(entrant, spec, self.seeds, self.episodes, bar)
