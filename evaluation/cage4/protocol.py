"""CAGE-4's own protocol: 500 steps an episode, scored by the sum of the mean rewards of the blue agents.

Counted as the challenge's evaluation counts: CybORG ends an episode with the call of `step` that makes it
499, and the evaluation stops there without adding that call's reward. Rewards are penalties; the best score
is 0.

Episode k of an evaluation seed has the same network for every team, so differences can be taken
episode by episode. Teams play `BATCH` lanes at a time, and neither the number of processes nor the other
teams change what a team does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.interface import INTERFACE
from evaluation.cage4.lanes import Frame, Lanes
from evaluation.cage4.measures import MEASURES, Measures
from evaluation.cage4.players import Player
from evaluation.seeds import check_evaluation_seed

NUM_EPISODES: Final = 100
BATCH: Final = 10

Progress = Callable[[int], None]  # told how many more episodes have ended


def episode_seed(*key: int) -> int:
    """CybORG's seed for an episode, from what numbers it."""
    return int(np.random.SeedSequence(key).generate_state(1)[0] >> 1)


def play_episodes(
    player: Player,
    lanes: Lanes,
    evaluation_seed: int,
    num_episodes: int = NUM_EPISODES,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """The figures of each episode, (num_episodes, MEASURES).

    Args:
        lanes: `BATCH` of them.
        evaluation_seed: from `EVALUATION_SEEDS`; episode k has a seed of its own by it.

    Raises:
        PolicyError: a SOC team raised or returned an invalid action.
        ValueError: a wrong seed, number of lanes or number of episodes.
    """
    seed = check_evaluation_seed(evaluation_seed, "evaluation_seed")
    if num_episodes < 1:
        raise ValueError(f"num_episodes must be an integer >= 1, got {num_episodes!r}")
    if lanes.num_lanes != BATCH:
        raise ValueError(f"lanes must be {BATCH}, got {lanes.num_lanes}")
    figures = np.empty((num_episodes, len(MEASURES)))
    for first in range(0, num_episodes, BATCH):
        seeds = [episode_seed(seed, first + lane) for lane in range(BATCH)]
        counted = min(BATCH, num_episodes - first)
        batch = _play_batch(player, lanes, seeds, policy_seed=first, counted=counted)
        figures[first : first + counted] = batch
        if progress is not None:
            progress(counted)
    return figures


def _play_batch(
    player: Player, lanes: Lanes, seeds: list[int], policy_seed: int, counted: int
) -> NDArray[np.float64]:
    frame: Frame = lanes.reset(np.ones(BATCH, np.bool_), seeds)
    player.begin(frame, policy_seed)
    measures = Measures(frame)
    for _ in range(INTERFACE.episode_steps):
        actions, before = player.act(frame), frame
        frame = lanes.step(actions)
        measures.see(before, actions, frame)
        if frame.over.all():
            return measures.result()[:counted]
    raise RuntimeError(
        f"an episode of CAGE-4 must end within {INTERFACE.episode_steps} steps, "
        f"lanes {np.flatnonzero(~frame.over).tolist()} go on"
    )
