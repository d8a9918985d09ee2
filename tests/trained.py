"""Training runs as they lie on disk, without the training."""

from __future__ import annotations

import json
from pathlib import Path

import agent_zoo
import baselines
from agent_zoo.learning.config import to_yaml

TINY = {
    "single-drl": (baselines, ("hidden_sizes=[8]", "num_envs=4")),
    "hmarl-soc": (agent_zoo, ("hidden_sizes=[8,8]", "normalization_steps=1", "num_envs=4")),
}


def run_trained_in(run_dir: Path, *settings: str, learner: str = "single-drl", seed: int = 42) -> Path:
    """A run that ended at once, of an environment with these settings: "env.stealth=0.8"."""
    package, small = TINY[learner]
    config = package.trainer(learner).load_config(None, [*small, *settings])
    run_dir.mkdir(parents=True)
    (run_dir / "run.json").write_text(json.dumps({"learner": learner, "seed": seed}))
    (run_dir / "config.yaml").write_text(to_yaml(config))
    module, class_ = package.REGISTRY._module_and_class(learner)
    getattr(module, class_).untrained(config, seed).save(run_dir / "policy.safetensors")
    return run_dir
