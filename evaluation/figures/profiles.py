"""Performance profiles (Agarwal et al. 2021): how large a share of a team's episodes is better than a reward.

The only figure that the paper does not have, and the only one of the held-out protocol, from the entries of
the leaderboard, which hold every episode. A mean says little of a reward whose worst episodes lie a hundred
times further from it than its best.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from evaluation import statistics
from evaluation.figures.marks import handle
from evaluation.figures.sources import Sources
from evaluation.figures.style import (
    DARK,
    NORMAL,
    TEAMS,
    Drawing,
    finish,
    label_axis,
    scales_in_words,
    seeds_in_words,
    start,
    tidy,
)

REWARDS: Final = np.concatenate([-np.geomspace(2_000, 5, 60), np.linspace(-4.9, 20, 120)])
"""Where profiles are taken, evenly on the axis's scale."""


def draw(sources: Sources) -> Drawing:
    """A line for each team, with the band of its interval."""
    table = sources.episode_rewards()
    rows = table.pick(lambda name: name, TEAMS)
    figure = start(4.2, "Performance profiles: held-out episodes above a reward")
    axes = figure.subplots()
    tidy(axes)
    label_axis(axes, "x", "reward")
    axes.set_ylabel("share of episodes above, %", fontsize=NORMAL, color=DARK)
    for name, rewards in rows.items():
        look = TEAMS[name]
        shares, band = statistics.performance_profile(rewards, REWARDS, resample_seeds=name in table.trained)
        axes.fill_between(REWARDS, *(100 * band), color=look.color, alpha=0.2, linewidth=0)
        axes.plot(
            REWARDS, 100 * shares, color=look.color, linestyle=look.linestyle, linewidth=1.4, label=look.label
        )
    axes.set_xlim(REWARDS[0], REWARDS[-1])
    axes.set_ylim(0, 101)
    notes = [
        f"Held out: {table.episodes:,} episodes of {seeds_in_words(rows.values())} each.",
        "Bands: 95 % bootstrap intervals, over training seeds where there are any, then episodes.",
        scales_in_words(("reward",)),
    ]
    finish(figure, [handle(TEAMS[name]) for name in rows], notes, columns=5)
    return Drawing(figure, table.notes)
