"""Learners for soc-env and their pretrained teams.

Importing this package does not import torch; loading a team or importing a learner does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_zoo.registry import LearnerRegistry

if TYPE_CHECKING:
    from agent_zoo.learning.trainer import Trainer

REGISTRY: Final = LearnerRegistry(Path(__file__).parent, {"hmarl-soc": ("agent_zoo.hmarl_soc", "HMARLSOC")})


def list_entries() -> list[str]:
    """Names of the pretrained teams that the zoo offers."""
    return list(REGISTRY.learners)


def list_learners() -> list[str]:
    """Names of those that `trainer` takes: here, all."""
    return list_entries()


def load(name: str, seed: int | None = None, untrained: bool = False, env_id: str = "soc_v0") -> Any:
    """A team policy ready to act greedily.

    Args:
        name: one of `list_entries()`.
        seed: the training seed of its weights (default 42).
        untrained: the networks as that seed initialises them, before any training.
        env_id: the scenario it is for.

    Raises:
        ValueError: an unknown name.
        FileNotFoundError: there are no weights for that seed; the message says how to train them.
        ImportError: torch is missing; the message says how to get it.
    """
    return REGISTRY.load(name, seed, untrained, env_id)


def trainer(name: str) -> Trainer:
    """The learner `name`: its configs and its training function.

    Raises:
        ValueError: no learner has that name.
        ImportError: torch is missing; the message says how to get it.
    """
    return REGISTRY.trainer(name)
