"""Playing a team for the leaderboard and writing its entry."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from evaluation.comparison import Row, held_out_row
from evaluation.entrants import Entrant, known_teams
from evaluation.environments import EnvSpec
from evaluation.leaderboard.actions import Recording, pack
from evaluation.leaderboard.entry import (
    BOOTSTRAP,
    FORMAT,
    FORMAT_VERSION,
    EntryError,
    aggregates,
    check_name,
    environment_section,
    write_entry,
)
from evaluation.protocol import PROTOCOL_VERSION, Progress
from evaluation.provenance import file_sha256, git_revision, package_versions
from soc_env.metrics import LENGTH
from soc_env.policy import TeamPolicy


@dataclass(frozen=True)
class Submission:
    """What became of a team.

    Attributes:
        row: its figures, or why it has none.
        path: of its entry; None where it has no figures.
    """

    row: Row
    path: Path | None


def submit(
    entrant: Entrant,
    spec: EnvSpec,
    evaluation_seeds: Sequence[int],
    num_episodes: int,
    folder: Path,
    name: str,
    progress: Progress | None = None,
    write: Callable[[Path, dict[str, Any], bytes], object] = write_entry,
) -> Submission:
    """Play a team under the held-out protocol, exactly as `soc-env evaluate` does, and write its entry.

    Args:
        evaluation_seeds, num_episodes: as for `evaluation.comparison.held_out_row`.
        folder: where the entry goes, named after the team, and its actions beside it.
        name: what the leaderboard calls the team.
        progress: told how many more episodes have ended.
        write: writes the entry; returns False where it could not.

    Raises:
        EntryError: the name has odd characters, or too many.
        ValueError: see `evaluation.comparison.held_out_row`.
    """
    check_name(name)
    recordings: list[Recording] = []

    def load(training_seed: int | None) -> TeamPolicy:
        if recordings:
            recordings[-1].release()
        recordings.append(Recording(entrant.load(training_seed)))
        return cast(TeamPolicy, recordings[-1])  # it has what the evaluator calls

    row = held_out_row(replace(entrant, load=load), spec, evaluation_seeds, num_episodes, progress)
    row = replace(row, entrant=entrant)  # which holds no recordings, nor the policies in them
    if row.values is None:
        return Submission(row, None)
    lengths = row.values[:, :, row.metrics.column(LENGTH.name)].astype(int)
    blocks = zip(row.seeds, recordings, lengths, strict=True)
    actions = pack({seed: recording.played(steps) for seed, recording, steps in blocks})

    path = folder / f"{entry_stem(name)}.json"
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "protocol_version": PROTOCOL_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "policy": {"name": name, "version": recordings[0].version, "origin": _origin(entrant)},
        "environment": environment_section(spec),
        "seeds": {"training": list(entrant.training_seeds), "evaluation": list(row.seeds)},
        "episodes_per_seed": num_episodes,
        "metrics": row.metrics.to_json(),
        "aggregates": aggregates(row.values, entrant.training_seeds, row.metrics),
        "bootstrap": BOOTSTRAP,
        "versions": package_versions(),
        "git_revision": git_revision(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "wall_clock_seconds": round(row.seconds, 2),
        "policy_share": round(sum(recording.seconds for recording in recordings) / row.seconds, 4),
        "actions": {"file": path.with_suffix(".npz").name, "sha256": hashlib.sha256(actions).hexdigest()},
        "episodes": {
            name: _numbers(row.values[:, :, place].tolist()) for place, name in enumerate(row.metrics.names)
        },
    }
    try:
        written = write(path, document, actions) is not False
    except EntryError as error:  # what the policy says of itself, for instance
        return Submission(replace(row, values=None, error=str(error)), None)
    return Submission(row, path if written else None)


def entry_stem(name: str) -> str:
    """The file name, without its ending, of the entry of a team called `name`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "team"


def _origin(entrant: Entrant) -> dict[str, Any]:
    files = []
    if entrant.weights is not None:
        for training_seed in entrant.training_seeds or (None,):
            path = entrant.weights(training_seed)
            files.append({"training_seed": training_seed, "file": path.name, "sha256": file_sha256(path)})
    kind = "weights" if files else "class"
    return {
        "kind": "registered" if entrant.name in known_teams() else kind,
        "name": entrant.name,
        "weights": files,
    }


def _numbers(rows: list[list[float]]) -> list[list[float | int]]:
    """Whole numbers as integers, which are shorter."""
    return [[int(value) if value.is_integer() else value for value in row] for row in rows]
