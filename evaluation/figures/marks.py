"""Marks that figures share, and their places in a legend: measured values, single seeds, the paper's."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.lines import Line2D

from evaluation.explain.picture import DARK
from evaluation.figures.sources import Floats, mean_and_interval
from evaluation.figures.style import Look
from evaluation.paper import Published

_SEED_MARKER: Final[dict[str, Any]] = {
    "marker": "o",
    "markersize": 3.2,
    "color": "#555555",
    "markeredgecolor": "white",
    "markeredgewidth": 0.4,
    "linestyle": "none",
    "label": "one seed",
}


def handle(look: Look, *, line: bool = True) -> Line2D:
    """The look in a legend."""
    return Line2D(
        [], [], color=look.color, linestyle=look.linestyle if line else "none", marker=look.marker,
        markersize=5.5, label=look.label,
    )  # fmt: skip


def paper_handle(label: str = "paper, mean ± s.d.", linestyle: Any = "none") -> Line2D:
    """The paper's marker in a legend."""
    return Line2D([], [], color=DARK, linewidth=0.9, linestyle=linestyle, label=label, **paper_marker(DARK))


def paper_marker(color: str) -> dict[str, Any]:
    """No team's: a hollow diamond."""
    return {
        "marker": "D",
        "markersize": 4.8,
        "markerfacecolor": "white",
        "markeredgecolor": color,
        "markeredgewidth": 1.3,
    }


def seed_handle() -> Line2D:
    """A seed's dot in a legend."""
    return Line2D([], [], **_SEED_MARKER)


def draw_measured(axes: Any, look: Look, values: Floats, place: float, *, across: bool = False) -> None:
    """Mark the mean of (seeds,), and its interval as a bar, at a place of the other axis."""
    mean, interval = mean_and_interval(values[:, None])
    bars = {"xerr" if across else "yerr": distances(mean, interval)}
    axes.errorbar(
        *((mean, [place]) if across else ([place], mean)), **bars, color=look.color, marker=look.marker,
        markersize=5.5, elinewidth=1.3, capsize=2, linestyle="none", label=look.label, zorder=3,
    )  # fmt: skip


def draw_published(
    axes: Any, figure: Published, place: float, color: str = DARK, *, across: bool = False
) -> None:
    """Mark a value of the paper, and its standard deviation as a bar, at a place of the other axis."""
    at = Published(place, 0.0)
    mark_paper(axes, *((figure, at) if across else (at, figure)), color=color)


def mark_paper(axes: Any, x: Published, y: Published, *, color: str = DARK) -> None:
    """Mark a pair of the paper's values; deviations that are 0 or NaN have no bar."""
    bars = {name: one.std for name, one in (("xerr", x), ("yerr", y)) if one.std > 0}
    axes.errorbar(
        x.mean, y.mean, **bars, color=color, ecolor=(color, 0.6), elinewidth=0.9,
        linestyle="none", label="paper", zorder=4, **paper_marker(color),
    )  # fmt: skip


def draw_seeds(axes: Any, values: Floats, place: float, *, across: bool = False) -> None:
    """A dot for each of (seeds,) at a place of the other axis."""
    places = np.full(len(values), place)
    axes.plot(*((values, places) if across else (places, values)), zorder=3, **_SEED_MARKER)


def distances(mean: Floats, ends: Floats) -> Floats:
    """From means (n,) to the ends of their intervals (2, n), as error bars want them."""
    return np.abs(ends - mean)
