"""Where a training begins, if not with random networks: with a team that was trained before."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agent_zoo.learning.config import ConfigError, check


def load_start(team_class: Any, config: Any, same: Sequence[str]) -> Any:
    """The team that `config.initial_policy` names, None where it names none.

    Args:
        team_class: of the team, with `load`.
        config: of the training that is to begin.
        same: keys of the config that networks depend on; the team's must have the same values.

    Raises:
        ConfigError: there is no such team, or its networks are others.
    """
    name = config.initial_policy
    if name is None:
        return None
    try:
        team = team_class.load(_find(name, team_class.__module__.partition(".")[0]))
    except ValueError as error:
        raise ConfigError(f"initial_policy: {error}") from None
    for key in same:
        value, before = getattr(config, key), getattr(team.config, key)
        check(value == before, key, value, f"{before!r}, as in initial_policy {name}")
    return team


def _find(name: str, package: str) -> Path:
    """A policy file by its path, by its run directory, or as packaged weights: NAME-SEED, ENV/NAME-SEED."""
    path = Path(name)
    packaged = Path(importlib.import_module(package).__path__[0]) / "weights"
    weights = (packaged / f"{name}.safetensors", packaged / "soc_v0" / f"{name}.safetensors")
    for candidate in (path, path / "policy.safetensors", *weights):
        if candidate.is_file():
            return candidate
    files = (file.relative_to(packaged) for file in packaged.glob("*/*-*[0-9].safetensors"))
    known = sorted(file.with_suffix("").as_posix().removeprefix("soc_v0/") for file in files)
    expectation = f"the path of a policy or a training run, or one of {', '.join(known)}"
    raise ConfigError(f"initial_policy must be {expectation}; got {name!r}")
