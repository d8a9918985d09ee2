"""Which environment each team plays: the one that it was trained in, unless its user says otherwise.

- An environment that the user names by `--env`, `--env-set` or `--hosts-per-segment` is what all teams play.
  These options describe it whole: what they leave out has the scenario's default, wherever teams trained.
- Otherwise a team plays the environment that it was trained in, as the config of its run or its policy's file
  says, and its untrained networks play the same.
- Teams that were trained nowhere, and references, play all environments of the others, so that every team
  stands beside them in its own; the default one where there are no others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evaluation.entrants import Entrant, UnknownTeamError
from evaluation.environments import EnvSpec
from soc_env.extras import require
from soc_env.policy import environment_of_file

DEFAULT_ENV: Final = "soc_v0"
_CONFIG_FILE: Final = "config.yaml"

Stated = tuple[str, dict[str, Any]]
"""An environment's id, and settings."""

Find = Callable[[str, str], list[Entrant]]
"""As `evaluation.entrants.find_entrants`, of a team's name and an environment's id."""


@dataclass(frozen=True)
class Asked:
    """The environment that a user names: its id, None for that of the teams, and settings.

    Nothing at all leaves each team the one that it was trained in.
    """

    env_id: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.env_id is not None or bool(self.config)


def by_environment(
    teams: Sequence[str], asked: Asked, find: Find, *, references: bool = False
) -> list[tuple[EnvSpec, list[Entrant]]]:
    """The environments to play, and who plays each: see the module's docstring.

    Args:
        teams: as a user names them.
        asked: the environment that the user names, if any.
        references: whether each environment's own reference teams play it too, as far as they are there.

    Raises:
        ValueError: no such team, environment or setting; or one team's training runs differ in
            theirs, and none was named.
    """
    names = list(dict.fromkeys(teams))
    found = {name: find(name, asked.env_id or DEFAULT_ENV)[0] for name in names}
    if asked:
        env_id = asked.env_id or _only_id(found.values())
        own, specs = dict.fromkeys(names), [EnvSpec(env_id, asked.config).normalized()]
    else:
        own = {name: trained_in(entrant) for name, entrant in found.items()}
        specs = _unique([spec for spec in own.values() if spec is not None]) or [EnvSpec(DEFAULT_ENV)]
    return [
        (
            spec,
            [
                *(one for name in names if own[name] in (None, spec) for one in find(name, spec.env_id)),
                *(_references(spec, names, find) if references else ()),
            ],
        )
        for spec in specs
    ]


def _references(spec: EnvSpec, names: Sequence[str], find: Find) -> list[Entrant]:
    """The environment's reference teams that are not among `names` already, and that are installed."""
    found: list[Entrant] = []
    for name in spec.scenario.references:
        if name not in names:
            with contextlib.suppress(UnknownTeamError):
                found += find(name, spec.env_id)
    return found


def trained_in(entrant: Entrant) -> EnvSpec | None:
    """The environment that a team was trained in, None where nothing says so.

    Raises:
        ValueError: its training runs were trained in several, or in one that there is not.
    """
    return _only(_stated(entrant), entrant.name)


def trained_in_runs(entrant: Entrant) -> EnvSpec | None:
    """As `trained_in`, by the training runs alone, whose logs the paper's protocol reads."""
    return _only(map(_of_run, entrant.run_dirs.values()), entrant.name)


def _only(stated: Iterable[Stated | None], name: str) -> EnvSpec | None:
    specs = _unique([EnvSpec(*each).normalized() for each in stated if each is not None])
    if len(specs) > 1:
        raise ValueError(
            f"{name}: training runs must be of one environment to make a row, got "
            f"{' and '.join(map(str, specs))}; --env-set or --env names one for all of them"
        )
    return specs[0] if specs else None


def _only_id(entrants: Iterable[Entrant]) -> str:
    ids = {each[0] for entrant in entrants for each in _stated(entrant) if each is not None}
    if len(ids) > 1:
        raise ValueError(f"--env must be given with --env-set, since teams are of {', '.join(sorted(ids))}")
    return ids.pop() if ids else DEFAULT_ENV


def _stated(entrant: Entrant) -> list[Stated | None]:
    """What every run or file of a team says of its environment."""
    if entrant.method is not None:
        return [_of_run(run_dir) for run_dir in entrant.run_dirs.values()]
    if entrant.weights is not None:
        return [_of_file(entrant.weights, seed) for seed in entrant.training_seeds or (None,)]
    return []


def _of_run(run_dir: Path) -> Stated | None:
    path = run_dir / _CONFIG_FILE
    if not path.is_file():
        return None
    yaml = require("yaml", extra="zoo", purpose="a training run")
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
        return str(config.get("env_id", DEFAULT_ENV)), dict(config.get("env") or {})
    except (yaml.YAMLError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} must be the config of a training run: {error}") from error


def _of_file(weights: Callable[[int | None], Path], seed: int | None) -> Stated | None:
    try:
        return environment_of_file(weights(seed))
    except FileNotFoundError:  # loading it will say so, of that team alone
        return None


def _unique(specs: Sequence[EnvSpec]) -> list[EnvSpec]:
    return [spec for index, spec in enumerate(specs) if spec not in specs[:index]]
