"""Which environment a measurement is about, by name and settings."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import soc_env
from soc_env.faces.vector import TeamVectorEnv


def known_environments() -> list[str]:
    """The scenarios that soc_env has: "soc_v0" and its successors."""
    return sorted(module.name for module in pkgutil.iter_modules(soc_env.__path__, "") if "_v" in module.name)


@dataclass(frozen=True)
class EnvSpec:
    """An environment by its id and the settings that differ from its defaults.

    Attributes:
        env_id: for instance "soc_v0".
        config: keywords of the environment's faces, for instance {"hosts_per_segment": 100}.

    Raises:
        ValueError: no such environment.
    """

    env_id: str = "soc_v0"
    config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = known_environments()
        if self.env_id not in known:
            raise ValueError(f"env must be one of {', '.join(known)}; got {self.env_id!r}")

    def make_vector_env(self, num_envs: int) -> TeamVectorEnv:
        """The environment with `num_envs` lanes, in same-step autoreset mode."""
        scenario = importlib.import_module(f"soc_env.{self.env_id}")
        return scenario.vector_env(num_envs, autoreset_mode="SameStep", **self.config)
