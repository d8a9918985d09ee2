"""Small sweeps for tests."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluation.cli import main
from evaluation.sweep.plan import plan
from evaluation.sweep.schedule import Run

TINY = (
    "hidden_sizes=[8]",
    "num_envs=16",
    "rollout_steps=16",
    "minibatch_size=256",
    "epochs=1",
    "noise_steps=1",
    "checkpoint_seconds=0",
    "env.hosts_per_segment=4",
    "env.max_steps=20",
)
SHORT = (*TINY, "num_episodes=40")
LONG = (*TINY, "num_episodes=1500")  # long enough to be killed between a checkpoint and the end
DIVERGES = "reward_scale=1e38"
FILES = ("episodes.csv", "policy.safetensors")


def sweep(*args: str, output: Path, settings: Sequence[str] = SHORT) -> int:
    """The exit status of `soc-env sweep single-drl`; errors are printed as they are to a user."""
    try:
        main(["sweep", "single-drl", *args, "--output", str(output), "--set", *settings])
    except SystemExit as error:
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
            return 1
        return error.code or 0
    return 0


def runs_of(
    output: Path, *seeds: int, settings: Sequence[str] = SHORT, vary: Sequence[str] = ()
) -> list[Run]:
    return [Run(job) for job in plan(["single-drl"], seeds, overrides=settings, vary=vary, output=output)]


def contents(run_dir: Path) -> list[bytes]:
    return [(run_dir / name).read_bytes() for name in FILES]


def written(output: Path) -> list[dict[str, Any]]:
    """The runs in sweep.json."""
    return json.loads((output / "sweep.json").read_text())["runs"]


def wait_for(condition: Callable[[], Any], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def has_checkpoint(run_dir: Path) -> bool:
    return any((run_dir / "checkpoints").glob("step-*"))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
