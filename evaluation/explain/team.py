"""From what a user names to a team and its explainer, which is trained on the spot where there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

import agent_zoo
from agent_zoo.hmarl_soc.explainer import (
    StaleExplainerError,
    TeamExplainer,
    gather_observations,
    train_explainer,
)
from agent_zoo.hmarl_soc.team import HMARLSOC
from evaluation.entrants import UnknownTeamError, find_entrants
from evaluation.environments import EnvSpec
from soc_env.policy import load_policy

SEED: Final = 0
"""Of the episodes that explainers learn from, a training seed, and of their initialisation."""

LANES: Final = 128
STEPS: Final = 128

_POLICY, _EXPLAINER = "policy.safetensors", "explainer.safetensors"


class NoExplainerError(ValueError):
    """A team that cannot be explained; the message says which can."""


def find_team(name: str, training_seed: int, env_id: str | None) -> tuple[HMARLSOC, Path]:
    """A team of HMARL-SOC and its file.

    Args:
        name: a registered team, a training run's directory or a policy's file.
        training_seed: of a registered team.
        env_id: the environment; None takes the policy's own, and soc_v0 for a registered team.

    Raises:
        UnknownTeamError: `name` stands for nothing.
        NoExplainerError: the team is of another kind.
        ValueError: the policy is for another environment.
        FileNotFoundError: there are no weights of that seed, or the training run has not ended.
    """
    path = Path(name)
    if name in agent_zoo.list_learners():
        path = agent_zoo.REGISTRY.weights(name, training_seed, env_id or "soc_v0")
    elif path.is_dir():
        path = path / _POLICY
        if not path.is_file():
            raise FileNotFoundError(
                f"TEAM must be a training run that has ended, with {_POLICY}; got {name}, which has none"
            )
    elif not path.is_file():
        raise _refusal(name, env_id)
    policy = load_policy(path)
    if not isinstance(policy, HMARLSOC):
        raise _refusal(name, env_id)
    if env_id not in (None, policy.env_id):
        raise ValueError(f"--env must be {policy.env_id}, which {name} plays, got {env_id}")
    return policy, path


def _refusal(name: str, env_id: str | None) -> ValueError:
    """What to say of a team without an explainer, or of no team at all."""
    try:
        find_entrants(name, env_id or "soc_v0", (), Path("runs"))
    except UnknownTeamError as error:
        return UnknownTeamError(str(error).replace("a team must", "TEAM must", 1))
    return NoExplainerError(
        f"TEAM must have an explainer, as teams of hmarl-soc have, got {name}; to train such a team: "
        "soc-env train hmarl-soc --seed 42, and then: soc-env explain runs/soc_v0/hmarl-soc-42"
    )


def explainer_path(policy_path: Path) -> Path:
    """Where the explainer of a policy lies: beside it."""
    if policy_path.name == _POLICY:
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
