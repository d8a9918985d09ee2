"""Performance profiles (Agarwal et al. 2021): how large a share of a team's episodes is better than a reward.

The only figure that the paper does not have, and the only one of the held-out protocol: from the entries of
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
    minus,
    seeds_in_words,
    start,
    tidy,
)
from evaluation.paper import HEADLINES

ALL: Final = np.concatenate([-np.geomspace(3_000, 5, 80), np.linspace(-4.9, 16, 80)])
NEAR: Final = np.linspace(8, 16, 120)
"""Where profiles are taken: over everything, and where learners are."""


def draw(sources: Sources) -> Drawing:
    """A line for each team, with the band of its interval, over everything and enlarged."""
    table = sources.episode_rewards()
    rows = table.pick(lambda name: name, TEAMS)
    figure = start(4.2, "Performance profiles: held-out episodes above a reward")
    whole, near = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.3))
    for axes, thresholds in ((whole, ALL), (near, NEAR)):
        tidy(axes)
        for name, rewards in rows.items():
            look = TEAMS[name]
            shares, band = statistics.performance_profile(
                rewards, thresholds, resample_seeds=name in table.trained
            )
            axes.fill_between(thresholds, *(100 * band), color=look.color, alpha=0.2, linewidth=0)
            axes.plot(
                thresholds, 100 * shares, color=look.color, linestyle=look.linestyle, linewidth=1.4,
                label=look.label,
            )  # fmt: skip
        axes.set_xlim(thresholds[0], thresholds[-1])
    label_axis(whole, "x", "reward")
    near.set_xlabel(f"{HEADLINES['reward']}, where learners are", fontsize=NORMAL, color=DARK)
    whole.set_ylabel("share of episodes above, %", fontsize=NORMAL, color=DARK)
    whole.set_ylim(0, 101)
    notes = [
        f"Held out: {table.episodes:,} episodes of {seeds_in_words(rows.values())} each.",
        "Bands: 95 % bootstrap intervals, over training seeds where there are any, then episodes.",
        minus("Left: logarithmic below -5."),
    ]
    finish(figure, [handle(TEAMS[name]) for name in rows], notes, columns=5)
    return Drawing(figure, table.notes)
