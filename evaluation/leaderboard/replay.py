"""Playing the episodes of an entry again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from evaluation.checks import PolicyError
from evaluation.leaderboard.actions import PlayedActions, by_agent
from evaluation.leaderboard.entry import Entry, EntryError
from evaluation.protocol import Progress, play_held_out
from soc_env.policy import TeamPolicy
from soc_env.team import Actions


def play_again(entry: Entry, seed: int, policy: Any, progress: Progress | None) -> NDArray[np.float64]:
    """The figures (episodes, metrics) of an entry's episodes under one evaluation seed, played by `policy`.

    Raises:
        EntryError: the policy returned invalid actions or raised.
    """
    try:
        return play_held_out(
            cast(TeamPolicy, policy),  # it has what the evaluator calls
            entry.spec,
            seed,
            num_episodes=entry.num_episodes,
            policy_seed=entry.evaluation_seeds.index(seed),  # as when it was submitted
            progress=progress,
        )
    except PolicyError as error:
        raise EntryError(f"evaluation seed {seed}: {error}") from error


class Replay:
    """A policy that plays stored actions again."""

    def __init__(self, env_id: str, played: PlayedActions) -> None:
        self.env_id = env_id
        self._played = played
        self._step = 0

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Begin again."""
        self._step = 0

    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """The next actions; those of a lane whose actions are at their end are zero."""
        _, controls, verdicts = self._played.at(self._step)
        self._step += 1
        return by_agent(controls, verdicts)
