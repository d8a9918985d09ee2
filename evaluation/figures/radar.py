"""Radar: all metrics of a team at once, the outside is best."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from evaluation import paper
from evaluation.figures.marks import paper_handle, paper_marker
from evaluation.figures.sources import Floats, Sources, mean_and_interval, team_of
from evaluation.figures.style import (
    DARK,
    GREY,
    NORMAL,
    PALE,
    SMALL,
    TEAMS,
    Drawing,
    Look,
    finish,
    measured_in_words,
    minus,
    on_scale,
    scales_in_words,
    start,
)
from evaluation.paper import HEADLINES

_ANGLES: Final = np.linspace(0, 2 * np.pi, len(HEADLINES), endpoint=False)
HOLE: Final = 0.25
"""Radius of the worst value; from the centre itself it could not be told which metric it is of."""

_COLUMNS: Final = 4


def draw(sources: Sources) -> Drawing:
    """A panel for each team."""
    table = sources.seed_means("table-2")
    rows = table.pick(team_of, TEAMS)
    measured, published = {}, {}
    for name, row in rows.items():
        measured[name] = mean_and_interval(np.stack([row[metric] for metric in HEADLINES], axis=1))
        given = paper.find(name)
        if given:
            published[name] = np.array([given[metric].mean for metric in HEADLINES])
    drawn = [*(np.vstack(one) for one in measured.values()), *(one[None] for one in published.values())]
    ranges = _ranges(np.concatenate(drawn))

    height = -(-len(rows) // _COLUMNS)
    figure = start(1.3 + 1.75 * height, "Teams by all metrics")
    grid = figure.subplots(height, _COLUMNS, squeeze=False, subplot_kw={"projection": "polar"}).ravel()
    for axes in grid[len(rows) :]:
        axes.set_visible(False)
    for axes, name in zip(grid, rows, strict=False):
        _prepare(axes, TEAMS[name])
        _draw_measured(axes, TEAMS[name], *(_radii(values, ranges) for values in measured[name]))
        if name in published:
            axes.plot(
                *_closed(_radii(published[name], ranges)), color=DARK, linewidth=0.9,
                linestyle="--", zorder=4, label="paper", **paper_marker(DARK),
            )  # fmt: skip
    handles = [
        Patch(facecolor="#CCCCCC", edgecolor=DARK, label="measured, mean"),
        Line2D([], [], color=DARK, linewidth=2.6, label="95 % bootstrap interval over seeds"),
        paper_handle("paper, mean", linestyle="--"),
    ]
    notes = [
        measured_in_words(table.episodes, rows.values()),
        "Teams that do not learn play as many.",
        f"From the inner ring to the outer: {_in_words(ranges)}.",
        scales_in_words(HEADLINES),
    ]
    finish(figure, handles, notes, columns=3)
    return Drawing(figure, table.notes)


def _ranges(values: Floats) -> Floats:
    """The worst and best of what is drawn, (2, metrics) of (values, metrics)."""
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    less_is_better = np.array(["↓" in label for label in HEADLINES.values()])
    return np.where(less_is_better, (high, low), (low, high))


def _radii(values: Floats, ranges: Floats) -> Floats:
    """Where (..., metrics) lie between the worst, at the hole, and the best, at 1."""
    placed, ends = (
        np.stack([on_scale(metric, part[..., place]) for place, metric in enumerate(HEADLINES)], axis=-1)
        for part in (values, ranges)
    )
    span = ends[1] - ends[0]
    share = np.divide(placed - ends[0], span, out=np.ones_like(placed), where=span != 0)
    return HOLE + (1 - HOLE) * share


def _in_words(ranges: Floats) -> str:
    """The ends of the spokes, for the small print."""
    names = [label.rstrip(" ↑↓") for label in HEADLINES.values()]
    ends = [
        f"{name} {_short(worst)} to {_short(best)}"
        for name, (worst, best) in zip(names, ranges.T, strict=True)
    ]
    return ", ".join(ends)


def _short(value: float) -> str:
    return minus(f"{value:.{0 if abs(value) >= 100 else 1}f}")


def _closed(radii: Floats) -> tuple[Floats, Floats]:
    """Angles and radii of a polygon."""
    return np.append(_ANGLES, _ANGLES[0]), np.append(radii, radii[0])


def _prepare(axes: Any, look: Look) -> None:
    """Rings, spokes and their names, without numbers."""
    axes.set_theta_offset(np.pi / 2)
    axes.set_theta_direction(-1)
    axes.set_ylim(0, 1.04)
    axes.set_yticks(HOLE + (1 - HOLE) * np.array([0, 0.5, 1]), [])
    names = [label.split()[0] for label in HEADLINES.values()]
    axes.set_xticks(_ANGLES, names, fontsize=SMALL, color=PALE)
    axes.tick_params(pad=1)
    axes.grid(color=GREY, linewidth=0.5, alpha=0.6)
    axes.spines["polar"].set_visible(False)
    axes.set_title(look.label, fontsize=NORMAL, color=DARK, fontweight="bold", y=1.0, pad=19)


def _draw_measured(axes: Any, look: Look, mean: Floats, ends: Floats) -> None:
    """A filled polygon of radii (metrics,), and intervals (2, metrics) on its spokes."""
    angles, radii = _closed(mean)
    axes.fill(angles, radii, color=look.color, alpha=0.3, linewidth=0)
    axes.plot(
        angles, radii, color=look.color, linewidth=1.5, marker=look.marker, markersize=4, label=look.label
    )
    if not np.isnan(ends).any():  # one seed has no interval
        axes.vlines(_ANGLES, *ends, color=look.color, linewidth=2.6, zorder=3)
