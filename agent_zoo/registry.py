"""Trained teams by name: their learners, configs and weights. No torch until one is asked for."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from soc_env.command_line import soc_env_command
from soc_env.extras import require
from soc_env.seeds import check_training_seed

if TYPE_CHECKING:
    from agent_zoo.learning.trainer import Trainer

DEFAULT_SEED: Final = 42
"""The first of the paper's training seeds."""


@dataclass(frozen=True)
class LearnerRegistry:
    """The learners of one package.

    Attributes:
        folder: of the package; configs lie in `configs/`, weights in `weights/ENV/NAME-SEED.safetensors`.
        learners: {name: (module with `Config` and `train`, policy class)}.
    """

    folder: Path
    learners: dict[str, tuple[str, str]]

    def load(self, name: str, seed: int | None, untrained: bool, env_id: str) -> Any:
        """A team policy ready to act greedily; see `agent_zoo.load`."""
        self._check(name)
        policy_class = getattr(*self._module_and_class(name))
        seed = DEFAULT_SEED if seed is None else seed
        if untrained:
            return policy_class.untrained(self.trainer(name).load_config(None, [f"env_id={env_id}"]), seed)
        return policy_class.load(self.weights(name, seed, env_id))

    def trainer(self, name: str) -> Trainer:
        """The learner `name`: its configs and its training function.

        Raises:
            ValueError: no learner has that name.
            ImportError: torch is missing; the message says how to get it.
        """
        self._check(name)
        module, _ = self._module_and_class(name)
        from agent_zoo.learning.trainer import Trainer

        return Trainer(name, module.Config, self.folder / "configs", module.train)

    def _check(self, name: str) -> None:
        if name not in self.learners:
            raise ValueError(f"name must be one of {', '.join(self.learners)}, got {name!r}")

    def _module_and_class(self, name: str) -> tuple[Any, str]:
        require("torch", extra="zoo", purpose=name)
        module, policy_class = self.learners[name]
        return importlib.import_module(module), policy_class

    def weights(self, name: str, seed: int, env_id: str) -> Path:
        """Where the trained team of that seed lies.

        Raises:
            FileNotFoundError: there is none; the message says which there are and how to train one.
            TypeError, ValueError: the seed is no training seed.
        """
        check_training_seed(seed)
        folder = self.folder / "weights" / env_id
        path = folder / f"{name}-{seed}.safetensors"
        if not path.is_file():
            found = (file.stem.removeprefix(f"{name}-") for file in folder.glob(f"{name}-*.safetensors"))
            there = ", ".join(sorted(seed for seed in found if seed.isdigit())) or "no seed"
            raise FileNotFoundError(
                f"{name} has no weights for seed {seed} on {env_id}, only for {there}; train it: "
                f"{soc_env_command('train', name, '--seed', str(seed), '--env', env_id)}"
            )
        return path
