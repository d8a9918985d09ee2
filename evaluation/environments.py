"""Which environment a measurement is about, by name and settings."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from soc_env.command_line import soc_env_command
from soc_env.contract import TeamLanes, TrainingScenario
from soc_env.scenarios import known_scenarios, make_scenario

MEASURED_ELSEWHERE: Final = {"cage4": ("transfer", "cage4")}
"""Scenarios whose measure is not this project's, and the command, by its words, that takes it."""


def known_environments() -> list[str]:
    """The scenarios that teams can be measured on: "soc_v0", its successors and other packages'."""
    return [env_id for env_id in known_scenarios() if env_id not in MEASURED_ELSEWHERE]


def measuring_command(env_id: str, runs: Iterable[Path] = ()) -> str:
    """What to type to measure training runs, or folders of them, of that environment."""
    return soc_env_command(*MEASURED_ELSEWHERE.get(env_id, ("evaluate",)), *runs)


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
        if self.env_id in MEASURED_ELSEWHERE:
            raise ValueError(f"teams are measured on {self.env_id} by `{measuring_command(self.env_id)}`")
        known = known_environments()
        if self.env_id not in known:
            raise ValueError(f"env must be one of {', '.join(known)}; got {self.env_id!r}")

    @property
    def scenario(self) -> TrainingScenario:
        """The scenario with these settings."""
        return make_scenario(self.env_id, self.config)

    def check(self, num_envs: int = 1) -> None:
        """Make the environment once and put it away, so that a wrong setting is said before any work.

        Raises:
            ValueError: a setting that there is not, or a value that it cannot take.
        """
        try:
            self.make_vector_env(num_envs).close()
        except (TypeError, ValueError) as error:
            raise ValueError(str(error)) from error

    def __str__(self) -> str:
        """In words, "soc_v0 with stealth=0.8"; the id alone stands for the default settings."""
        settings = ", ".join(f"{key}={value!r}" for key, value in self.config.items())
        return f"{self.env_id} with {settings}" if settings else self.env_id

    def normalized(self) -> EnvSpec:
        """The same environment by those settings alone that differ from its defaults.

        Raises:
            ValueError: a setting that there is not, or a value that it cannot take.
        """
        self.check()
        given, default = (self._resolved(config) for config in (self.config, {}))
        return EnvSpec(self.env_id, {key: value for key, value in given.items() if value != default[key]})

    def _resolved(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Every setting of the environment that these keywords make."""
        resolved = make_scenario(self.env_id, config).config
        return {one.name: getattr(resolved, one.name) for one in dataclasses.fields(resolved)}

    def make_vector_env(self, num_envs: int) -> TeamLanes:
        """The environment with `num_envs` lanes, in same-step autoreset mode."""
        return self.scenario.vector_env(num_envs)


def read_settings(texts: Sequence[str]) -> dict[str, Any]:
    """Settings of an environment as the command line has them, "stealth=0.9": values are Python's or strings.

    Raises:
        ValueError: one is not KEY=VALUE.
    """
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key.isidentifier() and equals):
            raise ValueError(f"--env-set must be KEY=VALUE, got {text!r}")
        try:
            settings[key] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            settings[key] = value
    return settings
