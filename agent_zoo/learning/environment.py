"""The lanes that a learner trains in."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from agent_zoo.learning.config import ConfigError
from soc_env.contract import TeamLanes, TrainingScenario
from soc_env.scenarios import make_scenario


class EnvironmentConfig(Protocol):
    """What every learner's config says of its environment."""

    @property
    def env_id(self) -> str: ...
    @property
    def env(self) -> dict[str, Any]: ...
    @property
    def num_envs(self) -> int: ...


def scenario_of(config: EnvironmentConfig) -> TrainingScenario:
    """The scenario, with its settings."""
    return make_scenario(config.env_id, config.env)


def make_env(config: EnvironmentConfig) -> TeamLanes:
    """The scenario's vector environment, in same-step autoreset mode."""
    return scenario_of(config).vector_env(config.num_envs)


def check_env(config: EnvironmentConfig) -> None:
    """Make one lane and put it away.

    Raises:
        ConfigError: there is no such environment, or it does not take these settings.
    """
    try:
        scenario_of(config).vector_env(1).close()
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error)) from error


def check_device(name: str) -> None:
    """Put a tensor on a device.

    Raises:
        ConfigError: torch cannot.
    """
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(f"device must be one that torch finds here, got {name!r}: {reason}") from error
