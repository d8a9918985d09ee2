"""Teams to compare with: scripted ones and trained single learners.

Nothing here imports torch until a trained team or a trainer is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from baselines import scripted
from soc_env.extras import require

if TYPE_CHECKING:
    from agent_zoo.learning.trainer import Trainer

SCRIPTED: Final[dict[str, Callable[[], Any]]] = {
    "random": scripted.Random,
    "zero-enrich": scripted.ZeroEnrich,
    "rule-soar": scripted.RuleSOAR,
    "tuned-soar": scripted.TunedSOAR,
}
"""Name: class. All are for soc_v0."""

LEARNERS: Final = {"single-drl": ("baselines.single_drl", "SingleDRL")}
"""Name: (module with `Config` and `train`, policy class)."""

DEFAULT_SEED: Final = 42
"""The first of the paper's training seeds."""

_FOLDER: Final = Path(__file__).parent


def list_entries() -> list[str]:
    """Names of all teams, scripted ones first."""
    return [*SCRIPTED, *LEARNERS]


def list_learners() -> list[str]:
    """Names of those that are trained: `trainer` takes them, and `load` takes a seed for them."""
    return list(LEARNERS)


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
    if name in LEARNERS:
        policy_class = getattr(*_module_and_class(name))
        seed = DEFAULT_SEED if seed is None else seed
        if untrained:
            return policy_class.untrained(trainer(name).load_config(None, [f"env_id={env_id}"]), seed)
        return policy_class.load(_weights(name, seed, env_id))
    if name not in SCRIPTED:
        raise ValueError(f"name must be one of {', '.join(list_entries())}, got {name!r}")
    if seed is not None or untrained:
        raise ValueError(
            f"seed must be None and untrained False for {name}, which is not trained; "
            f"got {seed!r} and {untrained!r}"
        )
    if env_id != "soc_v0":
        raise ValueError(f"env_id must be 'soc_v0' for {name}, got {env_id!r}")
    return SCRIPTED[name]()


def trainer(name: str) -> Trainer:
    """The learner `name`: its configs and its training function.

    Raises:
        ValueError: no learner has that name.
        ImportError: torch is missing; the message says how to get it.
    """
    if name not in LEARNERS:
        raise ValueError(f"name must be one of {', '.join(LEARNERS)}, got {name!r}")
    module, _ = _module_and_class(name)
    from agent_zoo.learning.trainer import Trainer

    return Trainer(name, module.Config, _FOLDER / "configs", module.train)


def _module_and_class(name: str) -> tuple[Any, str]:
    require("torch", extra="zoo", purpose=name)
    module, policy_class = LEARNERS[name]
    return importlib.import_module(module), policy_class


def _weights(name: str, seed: int, env_id: str) -> Path:
    folder = _FOLDER / "weights" / env_id
    path = folder / f"{name}-{seed}.safetensors"
    if not path.is_file():
        there = sorted(file.stem.removeprefix(f"{name}-") for file in folder.glob(f"{name}-*.safetensors"))
        raise FileNotFoundError(
            f"{name} has no weights for seed {seed} on {env_id}, only for {', '.join(there) or 'no seed'}; "
            f"train it: soc-env train {name} --seed {seed}"
        )
    return path
