"""Which runs a sweep has: every learner in every variant on every seed, checked before any starts."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from evaluation.entrants import find_trainer
from evaluation.seeds import check_training_seed
from evaluation.sweep.job import Job
from soc_env.command_line import soc_env_command

LONGEST_LABEL: Final = 200
"""Characters; file systems take names of 255."""


class Axis(NamedTuple):
    """A config key and the values to try."""

    key: str
    values: tuple[str, ...]


class Variant(NamedTuple):
    """One point of the grid: a config, None for the learner's default, and changes to it."""

    config_name: str | None
    point: tuple[tuple[str, str], ...]

    def label(self, learner: str) -> str:
        """The learner and what is changed, as the name of a folder: "single-drl@demo,env.stealth=0.5"."""
        parts = [f"{_file_name(key)}={_file_name(value)}" for key, value in self.point]
        own = Path(self.config_name).stem if self.config_name else learner
        if own != learner:
            parts.insert(0, _file_name(own.removeprefix(f"{learner}-")))
        return learner + ("@" if parts else "") + ",".join(parts)


def parse_axis(text: str) -> Axis:
    """The axis in "KEY=V1,V2,..."; commas within brackets belong to a value.

    Raises:
        ValueError: it is none.
    """
    key, _, listed = text.partition("=")
    values, depth = [""], 0
    for character in listed:
        depth += (character in "[{") - (character in "]}")
        if character == "," and depth == 0:
            values.append("")
        else:
            values[-1] += character
    values = [value.strip() for value in values]
    if not key or not all(values):
        raise ValueError(f"--vary must be KEY=VALUE,VALUE,..., got {text!r}")
    return Axis(key, tuple(values))


def plan(
    learners: Sequence[str],
    seeds: Sequence[int],
    *,
    configs: Sequence[str] = (),
    vary: Sequence[str] = (),
    overrides: Sequence[str] = (),
    output: Path,
    here: bool = True,
) -> list[Job]:
    """The jobs of a sweep, learner by learner, variant by variant, seed by seed.

    Args:
        learners: registered ones.
        seeds: training seeds.
        configs: files or names of packaged configs, each a variant; none: the learners' defaults.
        vary: "KEY=V1,V2,..." each; every point of their grid is a variant.
        overrides: "KEY=VALUE" changes to every config.
        output: run directories are `output/LABEL/SEED`.
        here: they run on this machine, which must have the devices that they ask for.

    Raises:
        ValueError: something is not as it must be (ConfigError, UnknownTeamError: likewise), the message
            says what; two runs would be the same; or a run that is there had another config.
        ImportError: a learner needs an extra that is not installed; the message says which.
    """
    if not learners:
        raise ValueError(f"give at least one learner; `{soc_env_command('sweep', '--help')}` says how")
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"--seeds must be different training seeds, got {list(seeds)}")
    for seed in seeds:
        check_training_seed(seed, "--seeds")
    jobs = []
    for learner, variant in itertools.product(learners, _variants(configs, vary, overrides)):
        label, changes, config = _resolve(learner, variant, overrides, here)
        folder = output.absolute() / label
        jobs += [
            Job(label, learner, seed, variant.config_name, changes, config, folder / str(seed))
            for seed in seeds
        ]
    _check_different(jobs)
    for job in jobs:
        _check_run_there(job)
    return jobs


def _variants(configs: Sequence[str], vary: Sequence[str], overrides: Sequence[str]) -> list[Variant]:
    axes = [parse_axis(text) for text in vary]
    keys = [axis.key for axis in axes]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"--vary must name each key once, got {key} {keys.count(key)} times")
        if any(override.partition("=")[0] == key for override in overrides):
            raise ValueError(f"{key} must be either varied or set, got both")
    grid = itertools.product(*([(axis.key, value) for value in axis.values] for axis in axes))
    names: Sequence[str | None] = configs or [None]
    return [Variant(*variant) for variant in itertools.product(names, grid)]


def _resolve(
    learner: str, variant: Variant, overrides: Sequence[str], here: bool
) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """The variant's label for a learner, its changes, and the config that they make."""
    label = variant.label(learner)
    trainer = find_trainer(learner)
    from agent_zoo.learning.config import to_mapping  # the trainer has imported torch already

    if len(label) > LONGEST_LABEL:
        raise ValueError(f"a variant's name must have at most {LONGEST_LABEL} characters, got {label}")
    changes = (*overrides, *(f"{key}={value}" for key, value in variant.point))
    try:
        config = trainer.load_config(variant.config_name, changes)
        trainer.check(config, device=here)
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{label}: {error}") from None
    return label, changes, to_mapping(config)


def _check_different(jobs: Sequence[Job]) -> None:
    seen: dict[Any, Job] = {}
    for job in jobs:
        config = json.dumps(job.config, sort_keys=True)
        for identity in (job.run_dir, (job.learner, job.seed, config)):
            first = seen.setdefault(identity, job)
            if first is not job:
                raise ValueError(
                    f"runs must be different, but {first.label} and {job.label} are duplicate jobs: "
                    f"their {'folder' if identity == job.run_dir else 'config'} is the same"
                )


def _check_run_there(job: Job) -> None:
    """Refuse what would mix with, or pass for, a run of another config."""
    about = job.run_dir / "run.json"
    if not about.is_file():
        return
    from agent_zoo.learning.config import flattened, read_yaml

    identity = json.loads(about.read_text("utf-8"))
    there = {key: identity[key] for key in ("learner", "seed")}
    there |= flattened(read_yaml(job.run_dir / "config.yaml"))
    wanted = {"learner": job.learner, "seed": job.seed} | flattened(job.config)
    for key in there | wanted:
        if there.get(key) != wanted.get(key):
            raise ValueError(
                f"{key} must be {there.get(key)!r}, as in the run in {job.run_dir}, got {wanted.get(key)!r}; "
                "for other configs use another --output"
            )


def _file_name(text: str) -> str:
    """`text` with what shells and file systems treat specially as an underscore."""
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", text).strip("_")
