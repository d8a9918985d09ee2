"""Seconds from a learner's default initialisation to a held-out reward, evaluations included.

    python benchmarks/training_time.py [--reward 11.0] [--seeds 42 123] [--output results.json]

HMARL-SOC trains on soc_v0 as `soc-env train hmarl-soc` does. Every so many seconds the team plays the
held-out protocol's 2,000 episodes, on an evaluation seed that no published figure uses. The time ends at the
first of two consecutive evaluations that reach the reward, so one lucky evaluation does not count.
Beside it stands where the time until then went: the environment, learning, evaluation, what is left (choosing
actions, storing transitions), and how much of the machine's cores was idle.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import torch

sys.path.insert(0, str(Path(__file__).parent.parent))

import agent_zoo
from agent_zoo.hmarl_soc import HMARLSOC, training
from agent_zoo.hmarl_soc.learner import TeamLearner
from evaluation.environments import EnvSpec
from evaluation.metrics import NAMES
from evaluation.protocol import play_held_out
from soc_env import __version__
from soc_env.faces.vector import TeamVectorEnv

EVALUATION_SEED = 2_000_000_000
CONSECUTIVE = 2  # evaluations that must reach the reward


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


def time_to_reward(seed: int, reward: float, every: float, longest: float, overrides: list[str]) -> Timed:
    """Train from the start until `reward` is reached, or `longest` seconds, evaluating `every` so many."""
    config = agent_zoo.trainer("hmarl-soc").load_config(None, overrides)
    result, watch = Timed(seed), Stopwatch()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    last = begin

    def on_round(learner: TeamLearner, step: int) -> None:
        nonlocal last
        if time.perf_counter() - last < every:
            return
        with watch.running("evaluation"):
            played = play_held_out(HMARLSOC.of(learner), EnvSpec("soc_v0"), EVALUATION_SEED)
        last = time.perf_counter()
        result.curve.append((last - begin, step, float(played[:, NAMES.index("reward")].mean())))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reward", type=float, default=11.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 123, 456, 789, 1024])
    parser.add_argument("--every", type=float, default=10.0, help="seconds between two evaluations")
    parser.add_argument("--longest", type=float, default=600.0, help="seconds after which to give up")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="changes of the config")
    parser.add_argument("--output", type=Path, help="write the figures as JSON, too")
    arguments = parser.parse_args()

    rows = []
    print(f"{'seed':>6}{'seconds':>9}{'environment':>13}{'learning':>10}{'evaluation':>12}{'idle':>7}")
    for seed in arguments.seeds:
        row = time_to_reward(seed, arguments.reward, arguments.every, arguments.longest, arguments.set)
        seconds = f"{row.seconds:.0f}" if row.seconds else f"> {arguments.longest:.0f}"
        shares = [row.shares.get(name, 0.0) for name in ("environment", "learning", "evaluation", "idle")]
        print(
            f"{row.seed:>6}{seconds:>9}{shares[0]:>13.0%}{shares[1]:>10.0%}{shares[2]:>12.0%}{shares[3]:>7.0%}"
        )
        rows.append(row)
    if arguments.output:
        about = {
            "soc-env": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cores": os.cpu_count(),
            "machine": platform.machine(),
        }
        content = {"about": about, "reward": arguments.reward, "runs": [asdict(row) for row in rows]}
        arguments.output.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
