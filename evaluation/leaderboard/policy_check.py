"""Whether an entry's actions are those of the policy that it names.

The policy is given the observations of the replay, and its actions are compared with the stored ones:
numbers within `ACTION_TOLERANCE`, since sums of floating-point numbers depend on the processor and the
number of threads, and equal choices except in near-ties, which rounding may tip either way. What a
near-tie is only the policy knows, so every difference counts as one, and at most `NEAR_TIES` of the
team's steps may have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from evaluation.checks import StrictPolicy
from evaluation.entrants import Entrant, find_entrants, known_teams
from evaluation.leaderboard.actions import PlayedActions, as_played, by_agent, version_of
from evaluation.leaderboard.entry import Entry, EntryError
from evaluation.leaderboard.replay import play_again
from evaluation.protocol import Progress
from evaluation.provenance import file_sha256
from soc_env.policy import TeamPolicy
from soc_env.team import CONTROL_SLICES, TRIAGE, Actions, action_spaces

ACTION_TOLERANCE: Final = 1e-4
NEAR_TIES: Final = 1e-3
"""Share of the team's steps, over all lanes, in which its actions may differ from the stored ones."""

_Joint = tuple[NDArray[np.float32], NDArray[np.int64]]


def find_policy(entry: Entry) -> Entrant:
    """The registered team that an entry names.

    Raises:
        LookupError: it names none, or what that one needs is not there; the message says what.
    """
    origin = entry.document["policy"]["origin"]
    if origin["kind"] != "registered" or origin["name"] not in known_teams():
        raise LookupError(f"{origin['name']} is no registered team, and no other was given")
    team = find_entrants(origin["name"], entry.spec.env_id, entry.training_seeds, Path("runs"))[0]
    try:
        for training_seed in team.training_seeds:
            team.load(training_seed)
    except (FileNotFoundError, ImportError) as error:
        raise LookupError(str(error)) from error
    return team


def check_policy(
    entry: Entry, actions: Mapping[int, PlayedActions], policy: Entrant, progress: Progress | None = None
) -> str:
    """Compare a policy's actions, its version and its weights with an entry's; what was found, in words.

    Args:
        actions: by evaluation seed.
        progress: told how many more episodes have been played.

    Raises:
        EntryError: they differ, or the policy fails; the message names the first difference.
    """
    if policy.training_seeds != entry.training_seeds:
        raise EntryError(
            f"seeds.training is {list(entry.training_seeds)}, "
            f"those of the policy at hand are {list(policy.training_seeds)}"
        )
    tally = _Tally()
    training_seeds = entry.training_seeds or (None,) * len(entry.evaluation_seeds)
    for evaluation_seed, training_seed in zip(entry.evaluation_seeds, training_seeds, strict=True):
        try:
            team = policy.load(training_seed)
        except (Exception, SystemExit) as error:  # whatever a third party's constructor raises
            raise EntryError(f"the policy at hand could not be loaded: {error}") from error
        _check_weights(entry, policy, training_seed)
        _check_version(entry, team)
        compared = _Compared(team, entry.spec.env_id, evaluation_seed, actions[evaluation_seed], tally)
        play_again(entry, evaluation_seed, compared, progress)
    allowed = int(NEAR_TIES * tally.steps)
    if tally.different > allowed:
        raise EntryError(
            f"{tally.first}; {tally.different:,} of {tally.steps:,} steps differ by more than "
            f"{ACTION_TOLERANCE:g}, near-ties excuse at most {allowed:,}"
        )
    ties = f", but for {tally.different:,} near-ties in {tally.steps:,} steps" if tally.different else ""
    return f"its policy acts as stored{ties}"


def _check_weights(entry: Entry, policy: Entrant, training_seed: int | None) -> None:
    for number, file in enumerate(entry.document["policy"]["origin"]["weights"]):
        if file["training_seed"] == training_seed and policy.weights is not None:
            found = file_sha256(policy.weights(training_seed))
            if found != file["sha256"]:
                raise EntryError(
                    f"policy.origin.weights[{number}].sha256 is {file['sha256']}, "
                    f"that of the policy at hand {found}"
                )


def _check_version(entry: Entry, team: TeamPolicy) -> None:
    own, stored = version_of(team), entry.document["policy"]["version"]
    if own != stored:
        raise EntryError(f"policy.version is {stored!r}, that of the policy at hand {own!r}")


@dataclass
class _Tally:
    """How many steps, over all lanes, differ of how many, and the first of them in words."""

    steps: int = 0
    different: int = 0
    first: str = ""


class _Compared:
    """Plays the stored actions, and compares those of the policy with them.

    In a lane whose stored actions are at their end, the policy plays on as it did when it was submitted:
    it may draw its chance, or normalise, over all lanes together.
    """

    def __init__(
        self, policy: TeamPolicy, env_id: str, seed: int, played: PlayedActions, tally: _Tally
    ) -> None:
        self.env_id = env_id
        self._policy, self._seed, self._played, self._tally = policy, seed, played, tally
        self._step = 0

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        assert seed is not None
        self._strict = StrictPolicy(self._policy, spaces.Dict(action_spaces()), self.env_id)
        self._strict.reset(num_envs, seed)
        self._step = 0

    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_]
    ) -> Actions:
        own_controls, own_verdicts = as_played(self._strict.act(observations, episode_starts))
        live, controls, verdicts = self._played.at(self._step)
        self._step += 1
        self._compare(live, (own_controls, own_verdicts), (controls, verdicts))
        controls = np.where(live[:, None], controls, own_controls)
        return by_agent(controls, np.where(live, verdicts, own_verdicts))

    def _compare(self, live: NDArray[np.bool_], own: _Joint, stored: _Joint) -> None:
        apart = np.abs(own[0] - stored[0]) > ACTION_TOLERANCE
        differ = live & (apart.any(axis=1) | (own[1] != stored[1]))
        tally = self._tally
        tally.steps += int(live.sum())
        tally.different += int(differ.sum())
        if tally.first or not differ.any():
            return
        lane = int(differ.argmax())
        if apart[lane].any():
            place = int(apart[lane].argmax())
            what = f"{_control_name(place)} is {stored[0][lane, place]} in the entry, {own[0][lane, place]}"
        else:
            what = f"{TRIAGE} is {stored[1][lane]} in the entry, {own[1][lane]}"
        tally.first = (
            f"evaluation seed {self._seed}, episode {lane}, step {self._step}: the action of {what} by "
            "the policy at hand"
        )


def _control_name(place: int) -> str:
    agent, part = next((agent, part) for agent, part in CONTROL_SLICES.items() if place < part.stop)
    return f"{agent}[{place - part.start}]"
