"""Timing of several things in turn, and a report of it with the machine and the versions it was made on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evaluation.bench.regression import FORMAT, Reference
from evaluation.provenance import package_versions
from evaluation.tables import Table, number

WARM_UP: Final = 3
"""Calls that are not counted."""


@dataclass
class Case:
    """One thing that is timed.

    Attributes:
        labels: what it is, {column: text or number}.
        call: does it.
        size: things that one call does: lanes, steps, decisions.
        blocks: seconds of every call, an array a block.
    """

    labels: dict[str, Any]
    call: Callable[[], object] = field(repr=False)
    size: int = 1
    blocks: list[NDArray[np.float64]] = field(default_factory=list, repr=False)

    def latency(self, share: float) -> float:
        """Quantile of the seconds that a call takes."""
        return float(np.quantile(np.concatenate(self.blocks), share))

    def rate(self, share: float = 0.5) -> float:
        """Quantile over blocks of things done a second."""
        return float(np.quantile([self.size / block.mean() for block in self.blocks], share))

    def to_json(self) -> dict[str, Any]:
        """Labels, latencies in microseconds, rates a second."""
        latencies = {f"p{round(100 * q)}_us": 1e6 * self.latency(q) for q in (0.25, 0.5, 0.75, 0.99)}
        rates = {f"rate_{name}": self.rate(q) for name, q in (("low", 0.25), ("median", 0.5), ("high", 0.75))}
        return {**self.labels, "size": self.size, **latencies, **rates}


def take_turns(
    cases: Sequence[Case], rounds: int, seconds: float, advance: Callable[[int], object] = lambda count: None
) -> None:
    """`rounds` times, let every case run for `seconds`, at least one call; `advance(1)` after each block."""
    for case in cases:
        for _ in range(WARM_UP):
            case.call()
    for _ in range(rounds):
        for case in cases:
            taken: list[float] = []
            end = time.perf_counter() + seconds
            while not taken or time.perf_counter() < end:
                begin = time.perf_counter()
                case.call()
                taken.append(time.perf_counter() - begin)
            case.blocks.append(np.array(taken))
            advance(1)


def count(value: float) -> str:
    """A number of things for people, with three figures at least: 91,008, or 4.07."""
    return f"{value:,.0f}" if value >= 100 else number(value, 2)


def with_quartiles(case: Case) -> str:
    """The rate, and on a second line its quartiles over blocks."""
    return f"{count(case.rate())}\n[{count(case.rate(0.25))}, {count(case.rate(0.75))}]"


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "versions": package_versions(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # another system
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


@dataclass(frozen=True)
class Report:
    """What one benchmark came to.

    Attributes:
        name: of the benchmark.
        tables: for people.
        figures: the same for machines.
        references: what cases are measured against, for comparisons with another run.
    """

    name: str
    tables: Sequence[Table]
    figures: dict[str, Any]
    references: Sequence[Reference] = ()

    def to_json(self) -> dict[str, Any]:
        """With the machine and the versions."""
        return {"format": FORMAT, "bench": self.name, "machine": machine(), **self.figures}
