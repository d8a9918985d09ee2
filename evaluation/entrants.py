"""From what a user names to the teams that are compared.

A name is one of three things:

- a registered team: "rule-soar", "single-drl", or one that an installed package registers by the
  entry-point group `soc_env.policies`;
- a class, "package.module:Class", which is made without arguments and must need no training;
- a path: the file of a saved policy, the directory of a training run, or a folder of such directories
  that differ in their training seeds.

The code of this library's own teams runs in the evaluator's process; any other's in a process of its own
(`evaluation.isolation`).
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, cast

from evaluation import paper
from evaluation.isolation import IsolatedPolicy, Limits
from soc_env.policy import TeamPolicy, class_of_file, load_policy, registered_policies

REGISTRIES: Final = ("agent_zoo", "baselines")
"""Packages with `list_entries`, `list_learners`, `load`, `trainer` and `REGISTRY`."""

REFERENCES: Final = ("tuned-soar", "zero-enrich")
"""The teams that every other one is compared with."""

_LABELS: Final = {"tuned-soar": "Tuned-SOAR", "zero-enrich": "Zero+enrich", "random": "Random"}
_RUN_FILE: Final = "run.json"
_POLICY_FILE: Final = "policy.safetensors"
_DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True)
class Entrant:
    """One row of a table to be.

    Attributes:
        name: what the user called it.
        kind: "trained" and "untrained" teams have training seeds, "fixed" ones do not.
        load: makes the team of one training seed (None for a fixed team).
        training_seeds: one policy each; empty for a fixed team.
        run_dirs: where the training run of a seed left its log, by training seed.
        method: the registered learner that a run is of, where `name` is a path.
        weights: finds the file that `load` reads for a training seed; None where it reads none.
    """

    name: str
    kind: Literal["fixed", "trained", "untrained"]
    load: Callable[[int | None], TeamPolicy]
    training_seeds: tuple[int, ...] = ()
    run_dirs: Mapping[int, Path] = field(default_factory=dict)
    method: str | None = None
    weights: Callable[[int | None], Path] | None = None

    @property
    def published(self) -> paper.Row | None:
        """The paper's row of this method, None where it has none."""
        return paper.find(self.method or self.name)

    @property
    def label(self) -> str:
        """How tables name it: training runs by their learner and folder."""
        registered = {method.lower(): method for method in paper.table_2()} | _LABELS
        own = Path(self.name).name.rpartition(":")[2] or self.name
        if self.method is not None:
            return f"{registered.get(self.method, self.method)} ({own})"
        return registered.get(self.name, own)


class UnknownTeamError(ValueError):
    """A name that is no registered team, no class and no path; the message lists what is known."""


def known_teams() -> list[str]:
    """The names of all registered teams, those of other packages last."""
    own = [name for registry in _registries() for name in registry.list_entries()]
    return [*own, *sorted(set(registered_policies()) - set(own))]


def known_learners() -> list[str]:
    """The names of the registered teams that are trained."""
    return [name for registry in _registries() for name in registry.list_learners()]


def find_trainer(name: str) -> Any:
    """The trainer of a registered learner, with `load_config` and `train`.

    Raises:
        UnknownTeamError: no learner has that name.
        ImportError: it needs an extra that is not installed; the message says which.
    """
    for registry in _registries():
        if name in registry.list_learners():
            return registry.trainer(name)
    raise UnknownTeamError(f"learner must be one of {', '.join(known_learners())}; got {name!r}")


def run_directory(runs: Path, env_id: str, name: str, seed: int) -> Path:
    """Where the training run of a registered learner is kept, unless its user says otherwise."""
    return runs / env_id / f"{name}-{seed}"


def find_entrants(
    name: str, env_id: str, seeds: Sequence[int], runs: Path, limits: Limits | None = _DEFAULT_LIMITS
) -> list[Entrant]:
    """The team that `name` stands for, and after it, for a learner, its untrained networks.

    Args:
        name: see the module's docstring.
        env_id: the environment to play.
        seeds: training seeds of a registered learner.
        runs: folder with the training runs of registered learners.
        limits: of the process of a team whose code is not this library's; None loads it into this one.

    Raises:
        UnknownTeamError: `name` stands for nothing.
        ValueError: a folder's training runs are of different learners, or share a seed.
    """
    for registry in _registries():
        if name in registry.list_learners():
            return _registered_learner(registry, name, env_id, tuple(seeds), runs)
        if name in registry.list_entries():
            return [Entrant(name, "fixed", partial(_load_fixed, registry, name, env_id))]
    path = Path(name)
    if path.is_dir():
        run_dirs = (
            [path] if (path / _RUN_FILE).is_file() else sorted(f.parent for f in path.glob(f"*/{_RUN_FILE}"))
        )
        if run_dirs:
            return _training_runs(name, run_dirs, limits)
    elif path.is_file():
        return [Entrant(name, "fixed", lambda _: _load_any(path, limits), weights=lambda _: path)]
    elif _names_a_class(name) or name in registered_policies():
        return [Entrant(name, "fixed", lambda _: _load_any(name, limits))]
    raise UnknownTeamError(
        f"a team must be one of {', '.join(known_teams())}, or package.module:Class, or the path of a "
        f"policy file, a training run or a folder of training runs; got {name!r}"
    )


def _load_any(name: str | Path, limits: Limits | None) -> TeamPolicy:
    module, colon, _ = (class_of_file(name) if isinstance(name, Path) else name).partition(":")
    if limits is None or (colon and module.partition(".")[0] in REGISTRIES):
        return load_policy(name)
    return cast(TeamPolicy, IsolatedPolicy(name, limits))  # it has what the evaluator calls


def _load_fixed(registry: Any, name: str, env_id: str, _: int | None) -> TeamPolicy:
    return registry.load(name, env_id=env_id)


def _registered_learner(
    registry: Any, name: str, env_id: str, seeds: tuple[int, ...], runs: Path
) -> list[Entrant]:
    run_dirs = {seed: run_directory(runs, env_id, name, seed) for seed in seeds}
    return [
        Entrant(
            name,
            "trained",
            lambda seed: registry.load(name, seed=seed, env_id=env_id),
            seeds,
            run_dirs,
            weights=lambda seed: registry.REGISTRY.weights(name, seed, env_id),
        ),
        Entrant(
            name,
            "untrained",
            lambda seed: registry.load(name, seed=seed, untrained=True, env_id=env_id),
            seeds,
        ),
    ]


def _training_runs(name: str, run_dirs: Sequence[Path], limits: Limits | None) -> list[Entrant]:
    identities = [json.loads((run_dir / _RUN_FILE).read_text("utf-8")) for run_dir in run_dirs]
    learners = sorted({identity["learner"] for identity in identities})
    if len(learners) != 1:
        raise ValueError(
            f"{name}: training runs must be of one learner to make a row, got {', '.join(learners)}"
        )
    by_seed = {int(identity["seed"]): run_dir for identity, run_dir in zip(identities, run_dirs, strict=True)}
    if len(by_seed) != len(run_dirs):
        seeds = sorted(int(identity["seed"]) for identity in identities)
        raise ValueError(f"{name}: training runs must have different seeds to make a row, got {seeds}")
    by_seed = dict(sorted(by_seed.items()))

    def weights(seed: int | None) -> Path:
        assert seed is not None
        return by_seed[seed] / _POLICY_FILE

    def trained(seed: int | None) -> TeamPolicy:
        return _load_any(weights(seed), limits)

    def untrained(seed: int | None) -> TeamPolicy:
        assert seed is not None
        config = find_trainer(learners[0]).load_config(by_seed[seed] / "config.yaml")
        learner: Any = type(trained(seed))
        return learner.untrained(config, seed)

    training_seeds = tuple(by_seed)
    return [
        Entrant(name, "trained", trained, training_seeds, by_seed, learners[0], weights),
        Entrant(name, "untrained", untrained, training_seeds, method=learners[0]),
    ]


def _names_a_class(name: str) -> bool:
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in (*module.split("."), attribute))


def _registries() -> list[Any]:
    return [importlib.import_module(registry) for registry in REGISTRIES]
