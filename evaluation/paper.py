"""The figures that the HMARL-SOC paper published, as typed values.

Its evaluation is the tail of the training runs themselves: 10,000 episodes on each of five seeds, the
mean over the last 2,000 episodes, then mean and standard deviation over the seeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, NamedTuple

from soc_env import soc_v0

SEEDS: Final = (42, 123, 456, 789, 1024)
TRAINING_EPISODES: Final = 10_000
TAIL_EPISODES: Final = 2_000

HEADLINES: Final = {metric.name: metric.heading for metric in soc_v0.SCENARIO.metrics.headlines}
"""What its Table II shows, and how axes and headers name it."""


class Published(NamedTuple):
    """Mean and standard deviation over the paper's five seeds."""

    mean: float
    std: float


Row = Mapping[str, Published]  # metric name -> figure, the names those of soc_v0's metrics


def table_2() -> dict[str, Row]:
    """Table II by method: reward, MTTD and MTTR in steps, FPR and CSR in percent."""
    return _rows("table_2")


def ablation() -> dict[str, Row]:
    """The ablation table by variant: reward, MTTD in steps, FPR and CSR in percent."""
    return _rows("ablation")


def k_sensitivity() -> dict[int, dict[str, float]]:
    """Reward, FPR and CSR (percent) by the coordinator's decision interval K in steps; seed 42 alone."""
    table = dict(_published()["k_sensitivity_seed_42"])
    columns = table.pop("columns")
    return {int(k): dict(zip(columns, figures, strict=True)) for k, figures in table.items()}


def inference_ms() -> dict[int, float]:
    """Milliseconds of inference a step, by number of hosts."""
    return {int(hosts): float(ms) for hosts, ms in _published()["inference_ms_per_step_by_hosts"].items()}


def cage4_zero_shot_reward() -> Published:
    """Episode reward in CAGE Challenge 4 without further training, summed over its 5 agents; 100 episodes."""
    return Published(*_published()["cage4_zero_shot"]["reward_summed_over_5_agents"])


def find(name: str) -> Row | None:
    """The row of Table II for a team's registered name such as "rule-soar"; None if the paper has none."""
    by_name = {method.lower(): row for method, row in table_2().items()}
    return by_name.get(name.lower())


def _rows(section: str) -> dict[str, Row]:
    table = dict(_published()[section])
    columns = table.pop("columns")
    return {
        method: {name: Published(*figure) for name, figure in zip(columns, figures, strict=True)}
        for method, figures in table.items()
    }


@cache
def _published() -> dict[str, Any]:
    return json.loads(resources.files("evaluation").joinpath("paper_tables.json").read_text("utf-8"))
