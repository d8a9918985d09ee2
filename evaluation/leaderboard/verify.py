"""Checking an entry: the environment plays the stored actions again, and the policy is asked once more.

The replay must give every figure of every episode exactly, on any machine: the environment computes the
same bits everywhere, compiled or not. For the policy, which need not, see `policy_check`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.entrants import Entrant
from evaluation.leaderboard import policy_check
from evaluation.leaderboard.actions import PlayedActions, unpack
from evaluation.leaderboard.entry import Entry, EntryError
from evaluation.leaderboard.replay import Replay, play_again
from evaluation.protocol import Progress
from soc_env.metrics import LENGTH

Bar = Callable[[str, int], Progress]


@dataclass(frozen=True)
class Verified:
    """What an honest entry was found to be.

    Attributes:
        num_episodes: that were replayed.
        policy: what was found out about the policy, in words.
    """

    num_episodes: int
    policy: str


def verify(entry: Entry, policy: Entrant | None = None, bar: Bar | None = None) -> Verified:
    """Check an entry by its actions, which lie beside it.

    Args:
        policy: the team that the entry is said to be of. By default that of its name, if it is a
            registered one whose weights are there; code that only the entry names is not run.
        bar: makes a progress bar of a description and a number of episodes.

    Raises:
        EntryError: the message names the first thing that differs.
    """

    def progress(what: str) -> Progress | None:
        return bar and bar(f"{entry.path.name}, {what}", num_episodes)

    num_episodes = len(entry.evaluation_seeds) * entry.num_episodes
    actions = _read_actions(entry)
    replayed = progress("its actions")
    for index, seed in enumerate(entry.evaluation_seeds):
        replay = Replay(entry.spec.env_id, actions[seed])
        _check_figures(entry, index, play_again(entry, seed, replay, replayed))
    entry.check_sums()
    try:
        policy = policy or policy_check.find_policy(entry)
    except LookupError as error:
        return Verified(num_episodes, f"its policy was not compared: {error}")
    return Verified(num_episodes, policy_check.check_policy(entry, actions, policy, progress("its policy")))


def _read_actions(entry: Entry) -> dict[int, PlayedActions]:
    stored = entry.document["actions"]
    try:
        content = (entry.path.parent / stored["file"]).read_bytes()
    except OSError as error:
        raise EntryError(f"actions.file cannot be read: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != stored["sha256"]:
        raise EntryError(f"actions.sha256 must be that of {stored['file']}, {found}, got {stored['sha256']}")
    actions = {seed: unpack(content, seed) for seed in entry.evaluation_seeds}
    for index, (seed, block) in enumerate(actions.items()):
        if len(block.lengths) != entry.num_episodes:
            raise EntryError(
                f"actions of evaluation seed {seed} must be of {entry.num_episodes} episodes, "
                f"got {len(block.lengths)}"
            )
        lengths = entry.values[index, :, entry.metrics.column(LENGTH.name)]
        differ = np.flatnonzero(block.lengths != lengths)
        if differ.size:
            lane = int(differ[0])
            raise EntryError(
                f"evaluation seed {seed}, episode {lane}: length is {lengths[lane]:g} in the entry, "
                f"its actions are for {block.lengths[lane]} steps"
            )
    return actions


def _check_figures(entry: Entry, index: int, replayed: NDArray[np.float64]) -> None:
    differ = np.argwhere(entry.values[index] != replayed)
    if len(differ):
        lane, metric = (int(place) for place in differ[0])
        stored, found = (float(values[lane, metric]) for values in (entry.values[index], replayed))
        raise EntryError(
            f"evaluation seed {entry.evaluation_seeds[index]}, episode {lane}: "
            f"{entry.metrics.names[metric]} is {stored} in the entry, {found} in the replay"
        )
