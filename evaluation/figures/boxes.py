"""Box plots: how much a method's results differ from one training seed to another."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from evaluation import paper
from evaluation.figures.marks import draw_measured, draw_published, draw_seeds, paper_handle, seed_handle
from evaluation.figures.sources import Floats, Sources, team_of
from evaluation.figures.style import (
    DARK,
    TEAMS,
    Drawing,
    Look,
    finish,
    label_axis,
    measured_in_words,
    name_rows,
    scales_in_words,
    start,
    tidy,
)
from evaluation.paper import HEADLINES

_PANELS: Final = (("reward", "reward", "csr_percent"), ("fpr_percent", "mttd", "mttr"))
"""The widest range has the widest panel."""


def draw(sources: Sources) -> Drawing:
    """A panel for each metric, a row for each team."""
    table = sources.seed_means("table-2")
    rows = table.pick(team_of, TEAMS)
    figure = start(1.5 + 0.6 * max(4, len(rows)), "Spread between seeds")
    panels = figure.subplot_mosaic(_PANELS, sharey=True)
    for metric, axes in panels.items():
        axes.use_sticky_edges = False  # else an axis ends where a box does
        for place, (name, row) in enumerate(rows.items()):
            _draw_box(axes, TEAMS[name], row[metric], place)
            published = paper.find(name)
            if published:
                draw_published(axes, published[metric], place + 0.32, across=True)
        tidy(axes)
        label_axis(axes, "x", metric)
        name_rows(axes, [TEAMS[name].label for name in rows])
    notes = [
        measured_in_words(table.episodes, rows.values()),
        "Teams that do not learn play as many.",
        "Whiskers reach the furthest seeds.",
        "Below a box in colour: the mean and its 95 % bootstrap interval over seeds.",
        scales_in_words(HEADLINES),
    ]
    handles = [
        Patch(facecolor="#DDDDDD", edgecolor=DARK, label="quartiles, median"),
        seed_handle(),
        paper_handle(),
    ]
    finish(figure, handles, notes, columns=3)
    return Drawing(figure, table.notes)


def _draw_box(axes: Any, look: Look, values: Floats, place: int) -> None:
    """Quartiles of (seeds,), every seed as a dot, and below it the mean with its interval."""
    middle, half = place - 0.22, 0.18
    least, lower, median, upper, most = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
    axes.hlines(middle, least, most, color=DARK, linewidth=0.8, zorder=1)
    axes.barh(
        middle, upper - lower, left=lower, height=2 * half, facecolor=_pale(look.color), edgecolor=DARK,
        linewidth=0.8, zorder=2, label=look.label,
    )  # fmt: skip
    axes.vlines(median, middle - half, middle + half, color=DARK, linewidth=1.4, zorder=2)
    draw_seeds(axes, values, middle, across=True)
    draw_measured(axes, look, values, place + 0.08, across=True)


def _pale(color: str) -> Floats:
    """Half way to white."""
    return (1 + np.array(to_rgb(color))) / 2
