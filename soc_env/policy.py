"""The one interface through which teams play: scripted, trained, compiled or a third party's.

A team policy maps observations to actions and sees nothing else: no environment, no infos, no
state. Everything that plays a team takes a `TeamPolicy`; `load_policy` finds one by name.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from soc_env.shadowing import load
from soc_env.team import Actions

ENTRY_POINT_GROUP: Final = "soc_env.policies"


@runtime_checkable
class TeamPolicy(Protocol):
    """A team of four agents that plays `num_envs` lanes at once.

    Attributes:
        env_id: the scenario that it plays, for instance "soc_v0".
    """

    env_id: str

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget everything and prepare for `num_envs` lanes; `seed` fixes the policy's own chance."""
        ...

    def act(
        self,
        observations: Mapping[str, NDArray[np.float32]],
        episode_starts: NDArray[np.bool_] | None = None,
    ) -> Actions:
        """The team's actions.

        Args:
            observations: {agent: float32 (num_envs, size)}, not to be changed.
            episode_starts: bool (num_envs,), lanes whose episode begins with this observation, so that
                a policy with memory can clear theirs; None: no lane begins.

        Returns:
            {agent: float32 (num_envs, size) in [-1, 1]}; the triage's verdicts int64 (num_envs,).
        """
        ...

    def save(self, path: str | Path) -> None:
        """Write a file that `load` reads: JSON, or safetensors with metadata, naming the class."""
        ...

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote."""
        ...


def registered_policies() -> dict[str, Callable[[], Callable[[], TeamPolicy]]]:
    """Policies that installed packages offer in the entry-point group `soc_env.policies`.

    Returns:
        {name: a function that imports the class or factory}.
    """
    return {entry.name: partial(load, entry) for entry in entry_points(group=ENTRY_POINT_GROUP)}


def load_policy(name: str | Path) -> TeamPolicy:
    """Find and make a team policy.

    Args:
        name: the path of a saved policy, "package.module:Class", or a name registered by entry point.

    Raises:
        ValueError: nothing is known by that name, or what it names is no team policy.
        ImportError: the module that it names, or something that module needs, is not installed.
    """
    path = Path(name)
    if path.is_file():
        return _checked(_class_named(class_of_file(path), name).load(path), name)
    if ":" in str(name):
        return _checked(_class_named(str(name), name)(), name)
    registered = registered_policies()
    if str(name) not in registered:
        raise ValueError(
            f"policy must be a file, 'package.module:Class' or one of {', '.join(sorted(registered))}; "
            f"got {str(name)!r}"
        )
    return _checked(registered[str(name)]()(), name)


def _class_named(reference: str, name: str | Path) -> Any:
    module, _, attribute = reference.partition(":")
    if not module or not attribute:
        raise ValueError(f"policy must name a class as 'package.module:Class', got {reference!r} in {name}")
    found = importlib.import_module(module)
    if not hasattr(found, attribute):
        raise ValueError(f"module {module} has no {attribute!r}, named by policy {str(name)!r}")
    return getattr(found, attribute)


def class_of_file(path: Path) -> str:
    """The "package.module:Class" in a policy's file."""
    try:
        return str(_about(path)["class"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"policy file {path} does not say which class it is of: {error!r}") from error


def environment_of_file(path: Path) -> tuple[str, dict[str, Any]] | None:
    """The environment that a policy's file says it was trained in, None where it says nothing.

    A file says so by two keys beside `class`, in the JSON object or in the safetensors metadata: `env_id`, a
    scenario's id, and `env`, the settings that were given to it, an object; in metadata, as JSON. One without
    `env`, of a rule for instance, plays wherever it is put.

    Raises:
        ValueError: the file is no policy's, or the settings are no object.
    """
    try:
        about = _about(path)
        # Files that were written before there was `env` have the settings in the config that they carry.
        env = _decoded(about["env"]) if "env" in about else _decoded(about.get("config", {})).get("env")
        return None if env is None else (str(about["env_id"]), dict(env))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"policy file {path} does not say which environment it is for: {error!r}") from error


def _about(path: Path) -> dict[str, Any]:
    """What a policy's file says of itself."""
    with path.open("rb") as file:
        start = file.read(8)
        if start.lstrip()[:1] == b"{":
            return dict(json.loads(start + file.read()))
        # A safetensors file begins with the length of a JSON header, eight bytes, little endian.
        size = min(int.from_bytes(start, "little"), path.stat().st_size)
        return dict(json.loads(file.read(size)).get("__metadata__", {}))


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _checked(policy: Any, name: str | Path) -> TeamPolicy:
    if not isinstance(policy, TeamPolicy):
        wanted = ("env_id", "reset", "act", "save", "load")
        missing = [attribute for attribute in wanted if not hasattr(policy, attribute)]
        raise ValueError(f"policy {str(name)!r} is no team policy: {type(policy).__name__} lacks {missing}")
    return policy
