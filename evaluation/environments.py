"""Which environment a measurement is about, by name and settings."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from soc_env.faces.vector import TeamVectorEnv
from soc_env.scenarios import find_scenario, known_scenarios

MEASURED_ELSEWHERE: Final = {"cage4": "soc-env transfer cage4"}
"""Scenarios whose measure is not this project's, and the command that takes it."""


def known_environments() -> list[str]:
    """The scenarios that teams can be measured on: "soc_v0", its successors and other packages'."""
    return [env_id for env_id in known_scenarios() if env_id not in MEASURED_ELSEWHERE]


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
            raise ValueError(f"teams are measured on {self.env_id} by `{MEASURED_ELSEWHERE[self.env_id]}`")
        known = known_environments()
        if self.env_id not in known:
            raise ValueError(f"env must be one of {', '.join(known)}; got {self.env_id!r}")

    def check(self, num_envs: int = 1) -> None:
        """Make the environment once and put it away, so that a wrong setting is said before any work.

        Raises:
            ValueError: a setting that there is not, or a value that it cannot take.
        """
        try:
            self.make_vector_env(num_envs).close()
        except (TypeError, ValueError) as error:
            raise ValueError(str(error)) from error

    def make_vector_env(self, num_envs: int) -> TeamVectorEnv:
        """The environment with `num_envs` lanes, in same-step autoreset mode."""
        scenario = find_scenario(self.env_id)
        return scenario.vector_env(num_envs, autoreset_mode="SameStep", **self.config)


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
