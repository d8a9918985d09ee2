"""Trainings of every learner that take a fraction of a second and in which every part of it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluation.entrants import find_trainer

COMMON = ("num_envs=4", "num_episodes=8", "hidden_sizes=[8]", "env.hosts_per_segment=4", "env.max_steps=8")
POLICIES = ("rollout_steps=8", "noise_steps=2", "minibatch_size=8")
VALUES = ("normalization_steps=12", "capacity=128", "warmup=8", "batch_size=4")
SMALL = {
    "hmarl-soc": (
        *("normalization_steps=12", "noise_steps=2", "random_share=0.2"),
        *("coordinator.rollout_steps=8", "coordinator.minibatch_size=4"),
        *("replay.capacity=128", "replay.batch_size=4", "replay.start=0", "replay.warmup=8"),
        *("replay.value_updates=0", "replay.critic_updates=0"),
    ),
    "single-drl": POLICIES,
    "mappo": POLICIES,
    "iql": VALUES,
    "qmix": VALUES,
}
LEARNERS = tuple(SMALL)


def small_config(learner: str, *overrides: str) -> Any:
    return find_trainer(learner).load_config(None, [*COMMON, *SMALL[learner], *overrides])


def train_small(learner: str, run_dir: Path, *overrides: str) -> Path:
    """The policy file of a training on seed 1."""
    config = small_config(learner, *overrides)
    return find_trainer(learner).train(config, seed=1, run_dir=run_dir, progress=False)
