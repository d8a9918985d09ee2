"""The columns of every table here: what is measured of an episode, in which unit."""

from __future__ import annotations

from typing import Final, NamedTuple

from agent_zoo.columns import METRIC_COLUMNS


class Metric(NamedTuple):
    """One column of an episode's figures.

    Attributes:
        name: its column in `episodes.csv` and in results.
        source: its key in the environment's `episode_metrics`; None for what the evaluator adds up itself.
        factor: what the environment's figure is multiplied by; 100 turns a fraction into percent.
    """

    name: str
    source: str | None
    factor: float = 1.0


# The evaluator adds the rewards up itself; the rest is the simulator's own.
METRICS: Final = tuple(
    Metric(name, None if name == "reward" else source, factor)
    for name, (source, factor) in METRIC_COLUMNS.items()
)

NAMES: Final = tuple(metric.name for metric in METRICS)

# The columns of the paper's Table II, and how a table's header names them.
HEADLINES: Final = {
    "reward": "reward ↑",
    "mttd": "MTTD steps ↓",
    "mttr": "MTTR steps ↓",
    "fpr_percent": "FPR % ↓",
    "csr_percent": "CSR % ↑",
}


def column(name: str) -> int:
    """Where metric `name` stands among `METRICS`."""
    return NAMES.index(name)
