"""`soc-env replay`: a page on which one can watch an episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from agent_zoo.files import write_atomically
from agent_zoo.terminal import say, working
from evaluation import trajectories
from evaluation.checks import PolicyError
from evaluation.commands import arg
from evaluation.comparison import load
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import read_settings
from evaluation.outputs import Outputs
from evaluation.replay.episode import Episode, OtherEpisodeError, play_again, play_episode
from evaluation.replay.page import render
from evaluation.seeds import FINAL_SEEDS
from evaluation.usage import UsageError, checking
from evaluation.worlds import Asked, by_environment


@dataclass(frozen=True)
class Replay:
    """Play an episode and write a page on which one can watch it: one HTML file, for any browser.

    - A TEAM is what `soc-env evaluate` plays: a registered name, a class or a path. It plays the
      episode of --seed and --lane with its greedy actions.
    - Or it is a file that `soc-env evaluate --record` wrote: then the recorded actions are taken
      again, in the environment that they were recorded in.
    - The page shows what no team gets to see: the hosts as they are, the attacker and its phase.

    For example:
      soc-env replay tuned-soar --lane 3 --output tuned-soar.html
      soc-env replay runs/soc_v0/single-drl-42 --seed 1000000007
    """

    team: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TEAM")]
    """The team; see above."""

    seed: int = FINAL_SEEDS.start
    """The episode's seed."""

    lane: int = 0
    """The episode's lane under that seed."""

    training_seed: int = 42
    """Training seed of a registered learner, or of one of several training runs."""

    env: Annotated[str | None, arg("ENV")] = None
    """The environment; by default the team's own, which it was trained in, else soc_v0."""

    env_set: Annotated[tuple[str, ...], arg("KEY=VALUE [KEY=VALUE ...]")] = ()
    """Settings of the environment, for instance stealth=0.9; the others then have their defaults."""

    output: Annotated[Path, tyro.conf.arg(metavar="FILE")] = Path("replay.html")
    """Where the page goes."""

    def run(self) -> None:
        """Play and write."""
        try:
            with checking():
                self._check()
                recorded = Path(self.team).suffix == trajectories.SUFFIX
                team, play = self._recorded() if recorded else self._played()
            with Outputs(files=[self.output]):
                with working(f"Playing {team}"):
                    episode = play()
                write_atomically(self.output, render(episode, team).encode())
        except (PolicyError, OtherEpisodeError) as error:
            raise UsageError(str(error)) from error
        steps = len(episode.moments) - 1
        where = f"{team} on {episode.spec}, seed {self.seed}, lane {self.lane}"
        message = f"{where}: {episode.moments[-1].outcome} at step {steps}"
        for line in (message, f"Written: {self.output}"):
            say(line)

    def _check(self) -> None:
        for argument, value in (("seed", self.seed), ("lane", self.lane)):
            if value < 0:
                raise ValueError(f"--{argument} must be at least 0, got {value}")

    def _recorded(self) -> tuple[str, Callable[[], Episode]]:
        for option, value in (("--env", self.env), ("--env-set", " ".join(self.env_set))):
            if value:
                raise ValueError(
                    f"{option} must be left out for recorded episodes, which have their own; got {value}"
                )
        recorded = trajectories.load(self.team)
        trajectory = recorded.find(self.seed, self.lane)
        label = _named(recorded.metadata["team"]["label"], trajectory.training_seed)
        return label, partial(play_again, trajectory, recorded.spec)

    def _played(self) -> tuple[str, Callable[[], Episode]]:
        asked = Asked(self.env, read_settings(self.env_set))
        ((spec, (entrant, *_)),) = by_environment([self.team], asked, self._find)
        seeds = entrant.training_seeds
        training_seed = seeds[0] if len(seeds) == 1 else self.training_seed if seeds else None
        if seeds and training_seed not in seeds:
            known = ", ".join(map(str, seeds))
            raise ValueError(f"--training-seed must be one of {known} for {self.team}, got {training_seed}")
        policy = load(entrant, training_seed)
        play = partial(play_episode, policy, spec, self.seed, self.lane)
        return _named(entrant.label, training_seed), play

    def _find(self, name: str, env_id: str) -> list[Entrant]:
        return find_entrants(name, env_id, (self.training_seed,), Path("runs"))


def _named(label: str, training_seed: int | None) -> str:
    return label if training_seed is None else f"{label}, training seed {training_seed}"
