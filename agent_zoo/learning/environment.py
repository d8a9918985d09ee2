"""The lanes that a learner trains in."""

from __future__ import annotations

from typing import Any, Protocol

from soc_env.faces.vector import TeamVectorEnv
from soc_env.scenarios import find_scenario


class EnvironmentConfig(Protocol):
    """What every learner's config says of its environment."""

    @property
    def env_id(self) -> str: ...
    @property
    def env(self) -> dict[str, Any]: ...
    @property
    def num_envs(self) -> int: ...


def make_env(config: EnvironmentConfig) -> TeamVectorEnv:
    """The scenario's vector environment, in same-step autoreset mode."""
    return find_scenario(config.env_id).vector_env(config.num_envs, **config.env)
