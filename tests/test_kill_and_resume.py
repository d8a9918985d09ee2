"""A training that is killed at any moment and resumed ends as if it had never been interrupted."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.resume

KILLS = 5
SETTINGS = {
    "single-drl": ("num_episodes=3000", "num_envs=16", "rollout_steps=32", "minibatch_size=128"),
    "hmarl-soc": (
        *("num_episodes=1200", "num_envs=32", "coordinator.rollout_steps=16", "replay.capacity=4096"),
        *("replay.start=4096", "replay.warmup=1024", "replay.value_updates=50", "replay.critic_updates=100"),
        *("replay.alpha=0.6", "replay.batch_size=64"),
    ),
}


def train(learner: str, run: Path, *more: str, kill_after: float | None = None) -> int:
    """Train in a process of its own; returns its exit status."""
    command = [sys.executable, "-m", "evaluation.cli", "train", learner, "--seed", "7", "--no-progress"]
    command += ["--output", str(run), *more, "--set", "checkpoint_seconds=0", *SETTINGS[learner]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        out, _ = process.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), out
    return process.returncode


@pytest.mark.parametrize("learner", SETTINGS)
def test_a_training_killed_several_times_equals_one_that_ran_through(learner: str, tmp_path: Path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert train(learner, whole) == 0

    # Seconds from the process's start; imports take some, so that kills fall before, between and
    # within checkpoints. The moments differ from run to run: none of them may matter.
    moments = [random.uniform(3.0, 9.0) for _ in range(KILLS)]
    killed = 0
    for moment in moments:
        resume = ["--resume"] if broken.exists() else []
        killed += train(learner, broken, *resume, kill_after=moment) != 0
    assert killed > 0, "every run ended before it was killed: train for more episodes"
    train(learner, broken, "--resume")

    for name in ("episodes.csv", "policy.safetensors"):
        assert (broken / name).read_bytes() == (whole / name).read_bytes(), (
            f"{name} differs, kills at {moments}"
        )
