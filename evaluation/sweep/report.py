"""What came of a sweep: a table with a row for each variant, and `sweep.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from evaluation.environments import measuring_command
from evaluation.provenance import package_versions
from evaluation.statistics import std_over_seeds
from evaluation.sweep.display import as_time
from evaluation.sweep.schedule import Run
from evaluation.tables import NONE, Table, with_deviation
from soc_env.scenarios import find_scenario

FORMAT_VERSION: Final = 1
_PACKAGES: Final = ("soc-env", "numpy", "numba", "torch", "ray")


def by_folder(runs: Sequence[Run]) -> dict[Path, list[Run]]:
    """The runs of each learner and variant, which differ in their seeds."""
    folders: dict[Path, list[Run]] = {}
    for run in runs:
        folders.setdefault(run.job.run_dir.parent, []).append(run)
    return folders


def summary_table(runs: Sequence[Run]) -> Table:
    """The end of training, over the seeds that are done.

    Of runs in several scenarios the columns are the headlines of all of them.
    """
    rows = []
    headlines = _headlines(runs)
    for folder, own in by_folder(runs).items():
        metrics = [_metrics(run) for run in own if run.job.done]
        logged = [entry["last_2000_episodes"] for entry in metrics]
        figures = [_over_seeds([entry[name] for entry in logged if name in entry]) for name in headlines]
        time = as_time(sum(entry["seconds"] for entry in metrics)) if metrics else NONE
        # The learner, and below it a line for each change: names are wide, and so is the table.
        name = folder.name.replace("@", ",").replace(",", "\n")
        rows.append((name, f"{len(metrics)}/{len(own)}", *figures, time))
    notes = (
        "Mean ± standard deviation over seeds of the last 2,000 training episodes, or of all where there "
        "are fewer; exploring as in training.",
    )
    return Table("The end of training", ("runs", "done", *headlines.values(), "time"), tuple(rows), notes)


def _headlines(runs: Sequence[Run]) -> dict[str, str]:
    """{name: heading} of what tables show of the runs' scenarios."""
    scenarios = dict.fromkeys(str(run.job.config["env_id"]) for run in runs)
    found = (find_scenario(env_id).metrics.headlines for env_id in scenarios)
    return {metric.name: metric.heading for metrics in found for metric in metrics}


def to_json(runs: Sequence[Run], backend: str, seconds: float, created: str) -> dict[str, Any]:
    """Plain values for `sweep.json`.

    Args:
        runs: all of the sweep, skipped ones too.
        backend: where they ran.
        seconds: wall-clock time of the sweep.
        created: when it began, as ISO 8601 in UTC.
    """
    return {
        "format": "soc-env sweep",
        "format_version": FORMAT_VERSION,
        "created": created,
        "wall_clock_seconds": round(seconds, 2),
        "versions": package_versions(_PACKAGES),
        "backend": backend,
        "runs": [_run_json(run) for run in runs],
    }


def _run_json(run: Run) -> dict[str, Any]:
    job, recent = run.job, run.episodes.recent_return
    return {
        "folder": f"{job.run_dir.parent.name}/{job.run_dir.name}",
        "learner": job.learner,
        "seed": job.seed,
        "config": job.config_name,
        "overrides": list(job.overrides),
        "state": str(run.state),
        "episodes": run.episodes.count,
        "num_episodes": run.num_episodes,
        "recent_return": None if math.isnan(recent) else recent,
        "seconds_in_this_sweep": round(run.seconds, 2),
        "training_seconds": _metrics(run)["seconds"] if job.done else None,
        "deaths": run.deaths,
        "error": run.failure and run.failure.message,
        "traceback": (run.failure and run.failure.traceback) or None,
    }


def hints(runs: Sequence[Run], output: Path) -> list[str]:
    """The commands that measure the variants whose runs are all done, one for each kind of measure."""
    folders: dict[str, list[Path]] = {}
    for folder, own in by_folder(runs).items():
        if all(run.job.done for run in own):
            folders.setdefault(str(own[0].job.config["env_id"]), []).append(output / folder.name)
    return [measuring_command(env_id, own) for env_id, own in folders.items()]


def _metrics(run: Run) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run.job.run_dir / "metrics.json").read_text("utf-8"))
    return content


def _over_seeds(values: Sequence[float]) -> str:
    if not values:
        return NONE
    array = np.array(values)[:, None]
    return with_deviation(float(array.mean()), float(std_over_seeds(array)[0]))
