"""Scenarios by name: those of this package, and those that installed packages register.

A package registers a module in the entry-point group `soc_env.scenarios`; its name is the scenario's id. The
module has what `soc_env.soc_v0` has, as far as it is used: learners need `vector_env(num_envs, **config)`,
`fields(agent)`, `state_fields()` and `ACTION_GROUPS`.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Final

import soc_env
from soc_env.shadowing import load

ENTRY_POINT_GROUP: Final = "soc_env.scenarios"


def known_scenarios() -> list[str]:
    """Ids of all scenarios, sorted: "soc_v0" and so on."""
    return sorted({*_own(), *_registered()})


def find_scenario(env_id: str) -> ModuleType:
    """The module of a scenario.

    Raises:
        ValueError: there is none of that id; the message names those that there are.
    """
    if env_id in _own():
        return importlib.import_module(f"soc_env.{env_id}")
    registered = _registered()
    if env_id not in registered:
        raise ValueError(f"env must be one of {', '.join(known_scenarios())}; got {env_id!r}")
    module: ModuleType = load(registered[env_id])
    return module


def _own() -> list[str]:
    return [module.name for module in pkgutil.iter_modules(soc_env.__path__, "") if "_v" in module.name]


def _registered() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
