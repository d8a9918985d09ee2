"""Environment steps per second, beside a straightforward simulator of the same rules.

Every case plays uniform random actions, drawn beforehand, with autoreset and input checks on, as a user's
loop would.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from evaluation.bench import account
from evaluation.bench.plain_simulator import PlainSimulator
from evaluation.bench.regression import Reference
from evaluation.bench.timing import Case, Report, count, take_turns, with_quartiles
from evaluation.tables import Table, number
from soc_env import soc_v0
from soc_env.team import CONTROL_SIZES, NUM_VERDICTS, TRIAGE, Actions

HOSTS: Final = (50, 200, 1_000, 10_000)
LANES: Final = (1, 64, 1_024, 8_192)
MOST_HOSTS: Final = 10_240_000
"""Hosts in all lanes together, beyond which a case is left out: it would take gigabytes."""

PLAIN: Final = "plain simulator"
REFERENCES: Final = (Reference("steps", {"face": PLAIN}, same=("hosts",)),)
POOL: Final = 64
"""Different actions, used in turn."""

ROUNDS: Final = 15
SECONDS: Final = 0.4
QUICK: Final = (2, 0.05)
"""Rounds, and seconds of each block, of a look whether it runs."""


def measure(quick: bool, bar: Callable[[str, int], Callable[[int], object]]) -> Report:
    """Time every face; `bar(description, total)` gives what shows progress."""
    first = first_calls()
    rows = list(_cases())
    rounds, seconds = QUICK if quick else (ROUNDS, SECONDS)
    parts = account.cases(_vector(account.LANES, account.HOSTS, threads=1))
    timed = [*rows, *parts]
    take_turns(timed, rounds, seconds, bar("environment", rounds * len(timed)))
    draws = account.draws_of_a_step()
    memory = {str(hosts): bytes_of_a_lane(hosts) for hosts in HOSTS}
    figures = {
        "steps": [row.to_json() for row in rows],
        "account": account.figures(parts, draws),
        "first_calls_seconds": first,
        "bytes_of_a_lane": memory,
    }
    tables = [_speed_table(rows), account.table(parts, draws), _first_table(first), _memory_table(memory)]
    return Report("env", tables, figures, REFERENCES)


def _cases() -> Iterator[Case]:
    for hosts in HOSTS:
        yield Case({"face": PLAIN, "lanes": 1, "hosts": hosts}, _plain_simulator(hosts), POOL)
        yield Case({"face": "PettingZoo parallel", "lanes": 1, "hosts": hosts}, _parallel(hosts), POOL)
        for lanes in LANES:
            if lanes * hosts <= MOST_HOSTS:
                yield Case({"face": "vector", "lanes": lanes, "hosts": hosts}, _vector(lanes, hosts), lanes)
    one = {"face": "vector, one thread", "lanes": 1_024, "hosts": 200}
    yield Case(one, _vector(1_024, 200, threads=1), 1_024)


def draw_actions(shape: tuple[int, ...], seed: int) -> Actions:
    """Uniform actions of the team, float32, verdicts int64."""
    rng = np.random.default_rng(seed)
    actions: Actions = {
        agent: rng.uniform(-1, 1, (*shape, size)).astype(np.float32) for agent, size in CONTROL_SIZES.items()
    }
    actions[TRIAGE] = rng.integers(0, NUM_VERDICTS, shape)
    return actions


def _vector(lanes: int, hosts: int, threads: int | None = None) -> Callable[[], object]:
    env = soc_v0.vector_env(lanes, hosts_per_segment=hosts // 5, num_threads=threads)
    env.reset(seed=0)
    pool, step = [draw_actions((lanes,), seed) for seed in range(16)], 0

    def call() -> None:
        nonlocal step
        env.step(pool[step % len(pool)])
        step += 1

    return call


def _one_lane(reset: Callable[[], object], step: Callable[[Any], bool]) -> Callable[[], object]:
    pool = [{a: v[()] for a, v in draw_actions((), seed).items()} for seed in range(POOL)]
    reset()

    def call() -> None:
        for actions in pool:
            if step(actions):
                reset()

    return call


def _parallel(hosts: int) -> Callable[[], object]:
    env = soc_v0.parallel_env(hosts_per_segment=hosts // 5)

    def step(actions: Any) -> bool:
        env.step(actions)
        return not env.agents

    return _one_lane(env.reset, step)


def _plain_simulator(hosts: int) -> Callable[[], object]:
    simulator = PlainSimulator(hosts_per_segment=hosts // 5, seed=0)

    def step(actions: Any) -> bool:
        _, _, terminated, truncated = simulator.step(actions)
        return terminated or truncated

    return _one_lane(simulator.reset, step)


FIRST_CALL: Final = (
    "import time; t = time.perf_counter(); from soc_env import soc_v0; imported = time.perf_counter(); "
    "env = soc_v0.vector_env(2); env.reset(seed=0); env.step(env.action_space.sample()); env.state(); "
    "print(imported - t, time.perf_counter() - imported)"
)


def first_calls() -> dict[str, list[float]]:
    """Seconds to import and to the first step, in a process with an empty cache and in the next one."""
    with tempfile.TemporaryDirectory() as cache:
        runs = {}
        for name in ("empty cache", "cached"):
            out = subprocess.run(
                [sys.executable, "-c", FIRST_CALL],
                env=os.environ | {"NUMBA_CACHE_DIR": cache},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            runs[name] = [float(seconds) for seconds in out.split()]
    return runs


def bytes_of_a_lane(hosts: int) -> float:
    """What one more lane holds in memory: its state and its observations."""
    lanes = 16
    env = soc_v0.vector_env(lanes, hosts_per_segment=hosts // 5)
    env.reset(seed=0)
    return sum(array.nbytes for array in env.save_state().values()) / lanes


def _speed_table(rows: list[Case]) -> Table:
    plain = {row.labels["hosts"]: row.rate() for row in rows if row.labels["face"] == PLAIN}
    cells = tuple(
        (
            str(row.labels["face"]),
            f"{row.labels['lanes']:,}",
            f"{row.labels['hosts']:,}",
            with_quartiles(row),
            f"x {count(row.rate() / plain[row.labels['hosts']])}",
            number(1e6 / row.rate(), 2),
        )
        for row in rows
    )
    header = ("face", "lanes", "hosts", "steps/s", "plain simulator's", "us/step")
    notes = ("Medians over blocks that take turns, below them quartiles; uniform random actions.",)
    return Table("Environment steps", header, cells, notes)


def _first_table(first: dict[str, list[float]]) -> Table:
    cells = tuple((name, *(number(seconds, 2) for seconds in pair)) for name, pair in first.items())
    return Table("Seconds to the first step", ("", "import", "reset, step and state"), cells)


def _memory_table(memory: dict[str, float]) -> Table:
    cells = tuple((f"{int(hosts):,}", count(size)) for hosts, size in memory.items())
    return Table("Memory", ("hosts", "bytes a lane"), cells)
