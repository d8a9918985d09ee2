"""Where an environment step's time goes, and how far it is from what no step can do without.

The floor is a loop that draws the deviates of the observation noise and writes an observation, and nothing
else: no rules, no state, no episodes that end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from evaluation.bench.timing import Case, count
from evaluation.tables import Table, number
from soc_env import soc_v0
from soc_env.engine.compile import entry_point
from soc_env.engine.engine import Engine
from soc_env.engine.random import fill_normals, fold
from soc_env.soc_v0.config import NUM_SEGMENTS
from soc_env.soc_v0.layout import NUM_NORMALS
from soc_env.soc_v0.rules.observe import NUM_TALLIES, observe
from soc_env.team import JOINT_OBSERVATION_SIZE

LANES: Final = 1_024
HOSTS: Final = 200
STEP, OBSERVE, DRAW, WRITE, FLOOR = "step", "observe", "draw", "write", "floor"
_WHAT: Final = {
    STEP: "a whole step of the vector face",
    OBSERVE: "of it: the observation",
    DRAW: "of that: its deviates",
    WRITE: "of that: writing as many numbers",
    FLOOR: "the floor: deviates drawn and written, nothing else",
}


@entry_point
def _observe(parameters, s, keys, observations):
    tally = np.empty((NUM_TALLIES, NUM_SEGMENTS))
    normals = np.empty(NUM_NORMALS, np.float32)
    for i in range(len(keys)):
        observe(parameters[0], s, i, keys[i], tally, normals, observations[i])


@entry_point
def _draw(keys, observations):
    normals = np.empty(NUM_NORMALS, np.float32)
    for i in range(len(keys)):
        fill_normals(fold(keys[i], 1), normals)
        observations[i, 0] = normals[0]


@entry_point
def _write(keys, observations):
    for i in range(len(keys)):
        value = np.float32(keys[i] & np.uint64(7))
        for j in range(observations.shape[1]):
            observations[i, j] = value


@entry_point
def _floor(keys, observations):
    normals = np.empty(NUM_NORMALS, np.float32)
    for i in range(len(keys)):
        fill_normals(fold(keys[i], 1), normals)
        for j in range(NUM_NORMALS):
            observations[i, j] = normals[j]
        for j in range(NUM_NORMALS, observations.shape[1]):
            observations[i, j] = np.float32(0.5)


def cases(step: Callable[[], object]) -> list[Case]:
    """What is to be timed on one thread; `step` steps a vector environment of `LANES` lanes."""
    engine = _played()
    keys = np.arange(LANES, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    out = np.zeros((LANES, JOINT_OBSERVATION_SIZE), np.float32)
    calls: dict[str, Callable[[], object]] = {
        STEP: step,
        OBSERVE: lambda: _observe(engine.scenario.parameters, engine.arrays, keys, out),
        DRAW: lambda: _draw(keys, out),
        WRITE: lambda: _write(keys, out),
        FLOOR: lambda: _floor(keys, out),
    }
    return [Case({"part": part, "lanes": LANES, "hosts": HOSTS}, call, LANES) for part, call in calls.items()]


def _played(steps: int = 8) -> Engine:
    """Lanes in the middle of their episodes."""
    env = soc_v0.vector_env(LANES, hosts_per_segment=HOSTS // NUM_SEGMENTS, num_threads=1)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(steps):
        env.step(env.action_space.sample())
    return env._engine


_COUNTING: Final = """
import importlib, json, pkgutil
import numpy as np
from soc_env import soc_v0
from soc_env.soc_v0 import rules
drawn = {"uniform": 0, "normal": 0}
def counted(name, function, size):
    def draw(*arguments):
        drawn[name] += size(*arguments)
        return function(*arguments)
    return draw
env = soc_v0.vector_env(4)
env.reset(seed=0)
env.action_space.seed(0)
for module in pkgutil.iter_modules(rules.__path__):
    module = importlib.import_module(f"{rules.__name__}.{module.name}")
    for name, function, size in (
        ("uniform", "uniform", lambda stream, index: 1),
        ("normal", "fill_normals", lambda stream, out: len(out)),
    ):
        if hasattr(module, function):
            setattr(module, function, counted(name, getattr(module, function), size))
for _ in range(50):
    env.step(env.action_space.sample())
print(json.dumps({name: count / 200 for name, count in drawn.items()}))
"""


def draws_of_a_step() -> dict[str, float]:
    """Random numbers that a step draws, by kind, mean over 200 steps of random actions.

    Counted in a process that runs the rules as plain Python.
    """
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, "-c", _COUNTING]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    drawn: dict[str, float] = json.loads(done.stdout)
    return drawn


def bytes_of_a_step() -> int:
    """What a step gives back: observation, reward, and whether the episode ended."""
    return JOINT_OBSERVATION_SIZE * 4 + 8 + 2


def table(timed: list[Case], draws: dict[str, float]) -> Table:
    """Nanoseconds of a step by part, and times the floor."""
    nanoseconds = {case.labels["part"]: 1e9 / case.rate() for case in timed}
    rows = [
        (what, count(nanoseconds[part]), f"x {number(nanoseconds[part] / nanoseconds[FLOOR], 2)}")
        for part, what in _WHAT.items()
    ]
    rest = nanoseconds[STEP] - nanoseconds[OBSERVE]
    of_floor = f"x {number(rest / nanoseconds[FLOOR], 2)}"
    rows.insert(1, ("of it: rules, checks, episodes that end", count(rest), of_floor))
    notes = (
        f"One lane's step, {LANES:,} lanes of {HOSTS} hosts on one thread, uniform random actions.",
        f"A step draws {draws['normal']:.0f} normal deviates and {draws['uniform']:.0f} uniform numbers, "
        f"and gives back {bytes_of_a_step():,} bytes.",
    )
    return Table("Where a step's time goes", ("part", "ns", "the floor's"), tuple(rows), notes)


def figures(timed: list[Case], draws: dict[str, float]) -> dict[str, Any]:
    """The same for machines."""
    return {
        "parts": [case.to_json() for case in timed],
        "draws_of_a_step": draws,
        "bytes_of_a_step": bytes_of_a_step(),
    }
