"""Entries of the leaderboard for tests: honest ones, the teams behind them, and ways to tamper with them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jsonschema")

from baselines import scripted
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import EnvSpec
from evaluation.leaderboard.actions import PlayedActions, by_agent, pack, unpack
from evaluation.leaderboard.entry import (
    digests,
    read_entry,
)
from evaluation.leaderboard.submit import submit
from evaluation.leaderboard.verify import Verified, verify
from evaluation.seeds import evaluation_seeds
from soc_env.team import CONTROL_SIZE, HUNTER, Actions
from tests.teams import SPEC

MODULE = __name__
"""Where teams are that entries name by their class."""

SEEDS = evaluation_seeds(2)
NUM_EPISODES = 5

Document = dict[str, Any]


class Linear(scripted.TunedSOAR):
    """A third party's: what it does depends on all that it sees, by sums of many products."""

    version = "2.1"

    def act(self, observations: Any, episode_starts: Any = None) -> Actions:
        joint = np.concatenate(list(observations.values()), axis=1)
        weights = np.random.default_rng(1).normal(size=(joint.shape[1], CONTROL_SIZE)).astype(np.float32)
        return by_agent(np.tanh(joint @ weights), np.full(len(joint), 3))


class Boastful(scripted.TunedSOAR):
    """Says odd things of itself."""

    version = "<b>the best</b>"


class Broken(scripted.TunedSOAR):
    """Its actions are none."""

    def act(self, observations: Any, episode_starts: Any = None) -> Actions:
        return {**super().act(observations), HUNTER: np.full((len(observations[HUNTER]), 16), np.nan)}


def submitted(name: str, folder: Path, *, spec: EnvSpec = SPEC, episodes: int = NUM_EPISODES) -> Path:
    """The entry of a team that has played a few episodes."""
    entrant = find_entrants(name, spec.env_id, (), Path())[0]
    path = submit(entrant, spec, SEEDS, episodes, folder, Path(name).name.rpartition(":")[2]).path
    assert path is not None
    return path


def honest(folder: Path) -> Path:
    """A folder with two entries of registered teams and one of a class."""
    for name in ("tuned-soar", "random", f"{MODULE}:Linear"):
        submitted(name, folder)
    return folder


def tampered(path: Path, change: Callable[[Document], None], folder: Path, *, forge: bool = True) -> Path:
    """A copy of an entry that somebody has changed, its digests too if they `forge` them."""
    document = json.loads(path.read_text("utf-8"))
    shutil.copy(path.with_suffix(".npz"), folder)
    change(document)
    if forge:
        document["digests"] = digests(document)
    copy = folder / path.name
    copy.write_text(json.dumps(document), "utf-8")
    return copy


def with_actions(path: Path, change: Callable[[PlayedActions], PlayedActions], folder: Path) -> Path:
    """A copy of an entry with other actions under its first evaluation seed, their hash forged."""
    content = path.with_suffix(".npz").read_bytes()
    actions = {seed: unpack(content, seed) for seed in SEEDS}
    actions[SEEDS[0]] = change(actions[SEEDS[0]])
    forged = pack(actions)

    def forge(document: Document) -> None:
        document["actions"]["sha256"] = hashlib.sha256(forged).hexdigest()

    copy = tampered(path, forge, folder)
    copy.with_suffix(".npz").write_bytes(forged)
    return copy


def with_control(agent_and_entry: int, step: int, value: float) -> Callable[[PlayedActions], PlayedActions]:
    def change(played: PlayedActions) -> PlayedActions:
        controls = played.controls.copy()
        controls[agent_and_entry, step] = value
        return replace(played, controls=controls)

    return change


def check(path: Path, policy: Entrant | None = None) -> Verified:
    return verify(read_entry(path), policy)


def set_item(*keys: Any, to: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for key in keys[:-1]:
            document = document[key]
        assert document[keys[-1]] != to
        document[keys[-1]] = to

    return change
