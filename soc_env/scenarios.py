"""Scenarios by name: those of this package, and those that installed packages register.

A package registers a class in the entry-point group `soc_env.scenarios`, for instance
`mine_v0 = "my_package.mine:Mine"`, whose name is the scenario's id. What the class has to be:
`soc_env.contract`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import soc_env
from soc_env.contract import TrainingScenario
from soc_env.shadowing import load

ENTRY_POINT_GROUP: Final = "soc_env.scenarios"


def known_scenarios() -> list[str]:
    """Ids of all scenarios, sorted: "soc_v0" and so on."""
    return sorted({*_own(), *_registered()})


def find_scenario(env_id: str) -> type[TrainingScenario]:
    """A scenario's class.

    Raises:
        ValueError: there is none of that id, or what is registered is none; the message names the others.
    """
    if env_id in _own():
        own: type[TrainingScenario] = importlib.import_module(f"soc_env.{env_id}").SCENARIO
        return own
    registered = _registered()
    if env_id not in registered:
        raise ValueError(f"env must be one of {', '.join(known_scenarios())}; got {env_id!r}")
    found = load(registered[env_id])
    if not (isinstance(found, type) and issubclass(found, TrainingScenario)):
        raise ValueError(
            f"env {env_id!r} must be a subclass of soc_env.contract.Scenario, got {registered[env_id].value}"
        )
    if found.env_id != env_id:
        raise ValueError(f"env {env_id!r} must have that as its env_id, got {found.env_id!r}")
    return found


def make_scenario(env_id: str, settings: Mapping[str, Any]) -> TrainingScenario:
    """A scenario with settings; errors as of `find_scenario` and of its `configured`."""
    return find_scenario(env_id).configured(**settings)


def _own() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(soc_env.__path__, "") if "_v" in module.name]


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
