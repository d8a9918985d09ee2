"""Seconds from HMARL-SOC's default initialisation to a held-out reward, evaluations included.

It trains on soc_v0 as `soc-env train hmarl-soc` does. Every so many seconds the team plays the held-out
protocol's 2,000 episodes, on an evaluation seed that no published figure uses. The time ends at the first of
two consecutive evaluations that reach the reward, so one lucky evaluation does not count. Beside it stands
where the time until then went: the environment, learning, evaluation, what is left (choosing actions, storing
transitions), and how much of the machine's cores was idle.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import agent_zoo
from agent_zoo.hmarl_soc import HMARLSOC, training
from agent_zoo.hmarl_soc.learner import TeamLearner
from evaluation.bench.timing import Report
from evaluation.environments import EnvSpec
from evaluation.protocol import play_held_out
from evaluation.tables import Table
from soc_env.faces.vector import TeamVectorEnv
from soc_env.seeds import CHOOSING_SEEDS

EVALUATION_SEED: Final = CHOOSING_SEEDS.start
CONSECUTIVE: Final = 2
"""Evaluations that must reach the reward."""

SHARES: Final = ("environment", "learning", "evaluation", "idle")


@dataclass
class Timed:
    """One training, until it reached the reward.

    Attributes:
        seed: the training seed.
        seconds: to the first of the consecutive evaluations; None if it never came.
        curve: (seconds, environment steps, held-out reward) of every evaluation.
        shares: parts of the wall-clock time; "idle" is that of the machine's cores.
    """

    seed: int
    seconds: float | None = None
    curve: list[tuple[float, int, float]] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)


class Stopwatch:
    """Adds up the time inside methods; what runs inside another one counts for that one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside = False

    def wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            with self.running(name):
                return method(*args, **kwargs)

        return timed

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        if self._inside:
            yield
            return
        begin, self._inside = time.perf_counter(), True
        yield
        self._inside = False
        self.seconds[name] += time.perf_counter() - begin


class Reached(Exception):
    """The training need not go on."""


def time_to_reward(seed: int, reward: float, every: float, longest: float, overrides: Sequence[str]) -> Timed:
    """Train from the start until `reward` is reached, or `longest` seconds, evaluating `every` so many."""
    config = agent_zoo.trainer("hmarl-soc").load_config(None, overrides)
    spec = EnvSpec(config.env_id, config.env).normalized()
    result, watch = Timed(seed), Stopwatch()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    last = begin

    def on_round(learner: TeamLearner, step: int) -> None:
        nonlocal last
        if time.perf_counter() - last < every:
            return
        with watch.running("evaluation"):
            played = play_held_out(HMARLSOC.of(learner), spec, EVALUATION_SEED)
        last = time.perf_counter()
        result.curve.append(
            (last - begin, step, float(played[:, spec.scenario.metrics.column("reward")].mean()))
        )
        reached = [value >= reward for _, _, value in result.curve[-CONSECUTIVE:]]
        if len(reached) == CONSECUTIVE and all(reached):
            result.seconds = result.curve[-CONSECUTIVE][0]
            raise Reached
        if last - begin > longest:
            raise Reached

    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(TeamVectorEnv, "step", watch.wrapped("environment", TeamVectorEnv.step)),
        mock.patch.object(TeamLearner, "update_tier_2", watch.wrapped("learning", TeamLearner.update_tier_2)),
        mock.patch.object(
            TeamLearner, "update_coordinator", watch.wrapped("learning", TeamLearner.update_coordinator)
        ),
        suppress(Reached),
    ):
        training.train(config, seed=seed, run_dir=Path(folder) / "run", progress=False, on_round=on_round)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    result.shares = {name: spent / seconds for name, spent in watch.seconds.items()}
    result.shares["idle"] = max(0.0, 1 - cpu / (seconds * (os.cpu_count() or 1)))
    return result


def measure(
    seeds: Sequence[int],
    reward: float,
    every: float,
    longest: float,
    overrides: Sequence[str],
    bar: Callable[[str, int], Callable[[int], object]],
) -> Report:
    """Train once with every seed; `bar(description, total)` gives what shows progress."""
    advance, runs = bar("training", len(seeds)), []
    for seed in seeds:
        runs.append(time_to_reward(seed, reward, every, longest, overrides))
        advance(1)
    cells = tuple(
        (
            str(run.seed),
            f"{run.seconds:.0f}" if run.seconds else f"> {longest:.0f}",
            *(f"{run.shares.get(name, 0.0):.0%}" for name in SHARES),
        )
        for run in runs
    )
    title = f"HMARL-SOC: seconds to a held-out reward of {reward:g}"
    note = "Shares of the time until then; idle is that of all cores."
    table = Table(title, ("seed", "seconds", *SHARES), cells, (note,))
    figures = {"reward": reward, "set": list(overrides), "runs": [asdict(run) for run in runs]}
    return Report("training", [table], figures)
