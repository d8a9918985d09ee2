"""Learning curves: reward over training episodes, and beside them what the last episodes come to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from evaluation import paper
from evaluation.figures.marks import draw_measured, draw_published, handle, paper_handle
from evaluation.figures.sources import (
    Floats,
    MissingDataError,
    Sources,
    ablation_of,
    mean_and_interval,
    team_of,
)
from evaluation.figures.style import (
    ABLATIONS,
    DARK,
    LEARNERS,
    NORMAL,
    SCRIPTED,
    TEAMS,
    Drawing,
    Look,
    finish,
    label_axis,
    scales_in_words,
    seeds_in_words,
    start,
    tidy,
)

POINTS: Final = 100
"""Of a curve at most, each the mean over an equal part of the episodes."""

_MARKED: Final = 20  # points from a marker to the next
_SHIFTED: Final = 4  # points by which the markers of the next curve are further on


def draw_teams(sources: Sources) -> Drawing:
    """All learners; teams that do not learn are level lines where their results are there."""
    table = sources.training_rewards("table-2")
    curves = table.pick(team_of, LEARNERS)
    notes, level = table.notes, {}
    try:
        results = sources.seed_means("table-2")
        level = {name: row["reward"] for name, row in results.pick(team_of, SCRIPTED).items()}
        notes += results.notes
    except MissingDataError as missing:
        notes.append(f"without teams that do not learn: {missing}")
    published = {name: row["reward"] for name in TEAMS if (row := paper.find(name))}
    return Drawing(_draw("Learning curves", TEAMS, curves, level, published), notes)


def draw_ablations(sources: Sources) -> Drawing:
    """HMARL-SOC and what is left of it without its parts."""
    table = sources.training_rewards("ablations")
    curves = table.pick(ablation_of, ABLATIONS)
    published = {name: row["reward"] for name, row in paper.ablation().items()}
    return Drawing(_draw("Learning curves of the ablations", ABLATIONS, curves, {}, published), table.notes)


def _draw(
    title: str,
    looks: Mapping[str, Look],
    curves: Mapping[str, Floats],
    level: Mapping[str, Floats],
    published: Mapping[str, paper.Published],
) -> Any:
    """The figure.

    Args:
        title: its heading.
        looks: by row.
        curves: rewards (seeds, episodes) of rows that learn.
        level: rewards (seeds,) of rows that do not.
        published: the paper's rewards.
    """
    figure = start(4.8, title)
    over_time, at_end = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1.6))
    shown = [name for name in looks if name in curves or name in level]
    longest = max(rewards.shape[1] for rewards in curves.values())
    for place, name in enumerate(shown):
        look = looks[name]
        if name in curves:
            _draw_curve(over_time, look, curves[name], place)
            final = curves[name][:, -_tail(curves[name].shape[1]) :].mean(axis=1)
        else:
            final = level[name]
            over_time.axhline(final.mean(), color=look.color, linestyle=look.linestyle, linewidth=1.5)
        draw_measured(at_end, look, final, place - 0.2)
        if name in published:
            draw_published(at_end, published[name], place + 0.2, look.color)
    for axes in (over_time, at_end):
        tidy(axes)
        label_axis(axes, "y", "reward")
    at_end.set_ylabel("")
    over_time.set_xlim(0, longest)
    over_time.set_xlabel("training episodes", fontsize=NORMAL, color=DARK)
    over_time.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    at_end.set_xlim(-0.7, len(shown) - 0.3)
    at_end.set_xticks([])
    at_end.set_xlabel(f"the last {_tail(longest):,}", fontsize=NORMAL, color=DARK)
    notes = [
        f"Left: means over {seeds_in_words(curves.values())}, each point over {max(1, longest // POINTS):,} "
        f"episodes. Right: the last {_tail(longest):,}.",
        "Bands and bars: 95 % bootstrap intervals over seeds.",
        *(["Level lines: teams that do not learn."] if level else []),
        scales_in_words(["reward"]),
    ]
    finish(figure, [*(handle(looks[name]) for name in shown), paper_handle()], notes, columns=5)
    return figure


def _draw_curve(axes: Any, look: Look, rewards: Floats, place: int) -> None:
    """Draw rewards (seeds, episodes)."""
    parts = np.array_split(rewards, min(POINTS, rewards.shape[1]), axis=1)
    ends = np.cumsum([part.shape[1] for part in parts])
    mean, (low, high) = mean_and_interval(np.stack([part.mean(axis=1) for part in parts], axis=1))
    axes.fill_between(ends, low, high, color=look.color, alpha=0.15, linewidth=0)
    axes.plot(
        ends, mean, color=look.color, linestyle=look.linestyle, linewidth=1.5, label=look.label,
        marker=look.marker, markersize=4.5, markevery=(_SHIFTED * place % _MARKED, _MARKED),
    )  # fmt: skip


def _tail(episodes: int) -> int:
    """The paper takes the last fifth."""
    return max(1, episodes * paper.TAIL_EPISODES // paper.TRAINING_EPISODES)
