"""Teams to compare with: scripted ones and trained single learners.

Nothing here imports torch until a trained team or a trainer is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_zoo.registry import LearnerRegistry
from baselines import scripted

if TYPE_CHECKING:
    from agent_zoo.learning.trainer import Trainer

SCRIPTED: Final[dict[str, Callable[[], Any]]] = {
    "random": scripted.Random,
    "zero-enrich": scripted.ZeroEnrich,
    "rule-soar": scripted.RuleSOAR,
    "tuned-soar": scripted.TunedSOAR,
}
"""Name: class. Those of `ANYWHERE` are for any scenario, the others for soc_v0."""

ANYWHERE: Final[dict[str, Callable[[str], Any]]] = {
    "random": scripted.Random,
    "zero-enrich": scripted.ZeroEnrich,
}

REGISTRY: Final = LearnerRegistry(
    Path(__file__).parent,
    {
        "single-drl": ("baselines.single_drl", "SingleDRL"),
        "mappo": ("baselines.mappo", "MAPPO"),
        "iql": ("baselines.iql", "IQL"),
        "qmix": ("baselines.qmix", "QMIX"),
    },
)


def list_entries() -> list[str]:
    """Names of all teams, scripted ones first."""
    return [*SCRIPTED, *REGISTRY.learners]


def list_learners() -> list[str]:
    """Names of those that are trained: `trainer` takes them, and `load` takes a seed for them."""
    return list(REGISTRY.learners)


def load(name: str, seed: int | None = None, untrained: bool = False, env_id: str = "soc_v0") -> Any:
    """A team policy ready to act greedily.

    Args:
        name: one of `list_entries()`.
        seed: the training seed of a learner's weights (default 42); None for scripted teams.
        untrained: the network as that seed initialises it, before any training.
        env_id: the scenario it is for.

    Raises:
        ValueError: an unknown name, a scripted team of another scenario, or a seed or `untrained` for
            a scripted team.
        FileNotFoundError: a learner without weights for that seed; the message says how to train it.
    """
    if name in REGISTRY.learners:
        return REGISTRY.load(name, seed, untrained, env_id)
    if name not in SCRIPTED:
        raise ValueError(f"name must be one of {', '.join(list_entries())}, got {name!r}")
    if seed is not None or untrained:
        raise ValueError(
            f"seed must be None and untrained False for {name}, which is not trained; "
            f"got {seed!r} and {untrained!r}"
        )
    if name in ANYWHERE:
        return ANYWHERE[name](env_id)
    if env_id != "soc_v0":
        raise ValueError(f"env_id must be 'soc_v0' for {name}, got {env_id!r}")
    return SCRIPTED[name]()


def trainer(name: str) -> Trainer:
    """The learner `name`: its configs and its training function.

    Raises:
        ValueError: no learner has that name.
        ImportError: torch is missing; the message says how to get it.
    """
    return REGISTRY.trainer(name)
