"""The columns of every table here: what is measured of an episode, in which unit."""

from __future__ import annotations

from typing import Final, NamedTuple


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


METRICS: Final = (
    Metric("reward", None),  # undiscounted sum of the team's rewards
    Metric("mttd", "mttd"),  # steps to the first detection, the episode's limit where there is none
    Metric("mttr", "mttr"),  # steps to containment, likewise
    Metric("fpr_percent", "fpr", 100.0),
    Metric("csr_percent", "csr", 100.0),  # 100 for an episode that ends contained, else 0
    Metric("exfiltrated", "exfiltrated"),
    Metric("compromised", "compromised"),  # hosts, at the end
    Metric("false_positives", "false_positives"),
    Metric("true_positives", "true_positives"),
    Metric("alerts", "alerts"),
    Metric("scans", "scans"),
    Metric("length", "length"),  # steps
    Metric("final_attack_phase", "attack_phase"),
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
