"""A team's explainer, which is trained on the spot where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from agent_zoo.hmarl_soc.explainer import (
    StaleExplainerError,
    TeamExplainer,
    gather_observations,
    train_explainer,
)
from agent_zoo.hmarl_soc.team import HMARLSOC
from evaluation.environments import EnvSpec
from evaluation.zoo_team import POLICY

SEED: Final = 0
"""Of the episodes that explainers learn from, a training seed, and of their initialisation."""

LANES: Final = 128
STEPS: Final = 128

_EXPLAINER: Final = "explainer.safetensors"


def explainer_path(policy_path: Path) -> Path:
    """Where the explainer of a policy lies: beside it."""
    if policy_path.name == POLICY:
        return policy_path.with_name(_EXPLAINER)
    return policy_path.with_name(f"{policy_path.stem}-{_EXPLAINER}")


def load_explainer(policy: HMARLSOC, path: Path) -> TeamExplainer | None:
    """The explainer in a file, None where there is none or it is of another policy.

    Raises:
        ValueError: the file holds something else.
    """
    if not path.is_file():
        return None
    try:
        return TeamExplainer.load(path, policy)
    except StaleExplainerError:  # the team was trained anew since
        return None


def make_explainer(policy: HMARLSOC, progress: Callable[[float], None]) -> TeamExplainer:
    """Train the explainer of a team; `progress` is told the part, 0 to 1, that is done."""
    return train_explainer(policy, training_observations(policy), seed=SEED, progress=progress)


def training_observations(policy: HMARLSOC) -> Tensor:
    """Joint observations (n, 352) of episodes as the team was trained on, but played greedily."""
    env = EnvSpec(policy.env_id, policy.config.env).make_vector_env(LANES)
    try:
        gathered = gather_observations(policy, env, seed=SEED, steps=STEPS)
    finally:
        env.close()
    return torch.from_numpy(gathered).flatten(0, 1)
