"""Environment steps per second, beside a straightforward simulator of the same rules.

    python benchmarks/env_speed.py [--quick] [--output results.json]

Every case plays uniform random actions, drawn beforehand, with autoreset and input checks on, as a
user's loop would. The cases take turns in short blocks, so that a busy machine slows all alike; what
is reported is the median over blocks, its quartiles, and the ratio to the plain simulator's median.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numba
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.reference_simulator import ReferenceSimulator
from soc_env import __version__, soc_v0
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, TRIAGE

POOL = 16  # different batches of actions, used in turn
Block = Callable[[float], float]


def draw_actions(shape: tuple[int, ...], seed: int) -> dict[str, np.ndarray]:
    """Uniform actions of the team, float32, verdicts int64."""
    rng = np.random.default_rng(seed)
    return {
        COORDINATOR: rng.uniform(-1, 1, (*shape, 8)).astype(np.float32),
        HUNTER: rng.uniform(-1, 1, (*shape, 16)).astype(np.float32),
        TRIAGE: rng.integers(0, 4, shape),
        RESPONDER: rng.uniform(-1, 1, (*shape, 12)).astype(np.float32),
    }


def vector_face(lanes: int, hosts: int, threads: int | None = None) -> Block:
    env = soc_v0.vector_env(lanes, hosts_per_segment=hosts // 5, num_threads=threads)
    env.reset(seed=0)
    pool = [draw_actions((lanes,), seed) for seed in range(POOL)]

    def block(seconds: float) -> float:
        start, steps = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < seconds or steps == 0:
            env.step(pool[steps % POOL])
            steps += 1
        return steps * lanes / elapsed if elapsed else 0.0

    return block


def one_lane(reset: Callable[[], object], step: Callable[[dict], bool]) -> Block:
    pool = [{a: v[()] for a, v in draw_actions((), seed).items()} for seed in range(256)]
    reset()

    def block(seconds: float) -> float:
        start, steps = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < seconds or steps == 0:
            for action in pool:
                if step(action):
                    reset()
            steps += len(pool)
        return steps / elapsed if elapsed else 0.0

    return block


def parallel_face(hosts: int) -> Block:
    env = soc_v0.parallel_env(hosts_per_segment=hosts // 5)

    def step(action: dict) -> bool:
        env.step(action)
        return not env.agents

    return one_lane(env.reset, step)


def plain_simulator(hosts: int) -> Block:
    simulator = ReferenceSimulator(hosts_per_segment=hosts // 5, seed=0)

    def step(action: dict) -> bool:
        _, _, terminated, truncated = simulator.step(action)
        return terminated or truncated

    return one_lane(simulator.reset, step)


@dataclass
class Case:
    """One row: what is timed, and the blocks measured so far in steps per second."""

    face: str
    lanes: int
    hosts: int
    make: Callable[[], Block] = field(repr=False)
    blocks: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.blocks)

    @property
    def quartiles(self) -> tuple[float, float]:
        low, _, high = statistics.quantiles(self.blocks, n=4, method="inclusive")
        return low, high


def cases() -> Iterator[Case]:
    for hosts in (50, 200, 1_000, 10_000):
        yield Case("plain simulator", 1, hosts, lambda hosts=hosts: plain_simulator(hosts))
        yield Case("PettingZoo parallel", 1, hosts, lambda hosts=hosts: parallel_face(hosts))
        for lanes in (1, 64, 1_024, 8_192):
            if lanes * hosts <= 10_240_000:
                yield Case("vector", lanes, hosts, lambda lanes=lanes, hosts=hosts: vector_face(lanes, hosts))
    yield Case("vector, 1 thread", 1_024, 200, lambda: vector_face(1_024, 200, threads=1))


def measure(rounds: int, seconds: float) -> list[Case]:
    """Time all cases in turn, `rounds` times `seconds` each."""
    rows = list(cases())
    running = [(row, row.make()) for row in rows]
    for _, block in running:
        block(seconds)  # warm up
    for number in range(rounds):
        for row, block in running:
            row.blocks.append(block(seconds))
        print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows


FIRST_CALL = (
    "import time; t = time.perf_counter(); from soc_env import soc_v0; imported = time.perf_counter(); "
    "env = soc_v0.vector_env(2); env.reset(seed=0); env.step(env.action_space.sample()); env.state(); "
    "print(imported - t, time.perf_counter() - imported)"
)


def first_calls() -> dict[str, list[float]]:
    """Seconds to import and to the first step, in a process with an empty cache and in the next one."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"NUMBA_CACHE_DIR": cache}
        runs = {}
        for name in ("empty cache", "cached"):
            out = subprocess.run(
                [sys.executable, "-c", FIRST_CALL],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            runs[name] = [float(number) for number in out.split()]
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few short blocks, to see that all runs")
    parser.add_argument("--output", type=Path, help="write the figures as JSON, too")
    arguments = parser.parse_args()

    calls = first_calls()
    rows = measure(rounds=2, seconds=0.05) if arguments.quick else measure(rounds=15, seconds=0.4)
    plain = {row.hosts: row.median for row in rows if row.face == "plain simulator"}
    print(f"{'face':22}{'lanes':>7}{'hosts':>8}{'steps/s':>13}{'quartiles':>25}{'x plain':>9}{'us/step':>9}")
    for row in rows:
        low, high = row.quartiles
        print(
            f"{row.face:22}{row.lanes:>7}{row.hosts:>8}{row.median:>13,.0f}{low:>13,.0f} -{high:>10,.0f}"
            f"{row.median / plain[row.hosts]:>9.0f}{1e6 / row.median:>9.2f}"
        )
    for name, (imported, stepped) in calls.items():
        print(f"{name}: import {imported:.2f} s, first reset, step and state {stepped:.2f} s")
    if arguments.output:
        about = {
            "soc-env": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "numba": numba.__version__,
            "cores": os.cpu_count(),
            "machine": platform.machine(),
        }
        figures = [{key: value for key, value in asdict(row).items() if key != "make"} for row in rows]
        content = {"about": about, "steps_per_second": figures, "first_calls_seconds": calls}
        arguments.output.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
