"""What all figures share. Sizes are those of print: a figure is as wide as a page's text."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import matplotlib
import numpy as np
from matplotlib.ticker import FixedLocator, Formatter, FuncFormatter

from evaluation.explain.picture import DARK, GREY, PALE, new_figure, save_figure
from evaluation.figures.sources import Floats, SeedMeans
from evaluation.paper import HEADLINES

WIDTH: Final = 7.2  # inches
_SMALL_PRINT: Final = 124  # characters in a line
DOTS_PER_INCH: Final = 200
SMALL, NORMAL, LARGE = 7.5, 8.5, 10.5  # points


class Drawing(NamedTuple):
    """A figure, and what a reader should know that it does not show."""

    figure: Any
    notes: list[str]


class Look(NamedTuple):
    """How a team or variant is told from others: colour, dashes and marker, each alone enough."""

    label: str
    color: str
    linestyle: Any
    marker: str


# The eight colours of Okabe and Ito, but for yellow, which is hard to see on white: grey instead.
TEAMS: Final = {
    "hmarl-soc": Look("HMARL-SOC", "#0072B2", "-", "o"),
    "single-drl": Look("Single-DRL", "#E69F00", (0, (5, 1.5)), "s"),
    "iql": Look("IQL", "#009E73", (0, (6, 1.5, 1.2, 1.5)), "^"),
    "mappo": Look("MAPPO", "#CC79A7", (0, (2.5, 1)), "v"),
    "qmix": Look("QMIX", "#D55E00", (0, (6, 1.5, 1.2, 1.5, 1.2, 1.5)), "P"),
    "rule-soar": Look("Rule-SOAR", "#000000", (0, (1, 1)), "X"),
    "tuned-soar": Look("Tuned-SOAR", "#56B4E9", (0, (1, 2)), "h"),
    "zero-enrich": Look("Zero+enrich", "#808080", (0, (1, 3.5)), "*"),
}
"""By registered name, in the order of legends; the paper has no figures of the last two."""

SCRIPTED: Final = ("rule-soar", "tuned-soar", "zero-enrich")
LEARNERS: Final = tuple(name for name in TEAMS if name not in SCRIPTED)

ABLATIONS: Final = {
    label: Look(label, *TEAMS[name][1:])
    for label, name in {
        "Full HMARL-SOC": "hmarl-soc",
        "w/o SC": "single-drl",
        "w/o Shared Buffer": "iql",
        "Flat MARL": "mappo",
    }.items()
}
"""By the paper's name."""


class _Scale(NamedTuple):
    """A scale that is linear up to a threshold and logarithmic beyond.

    Attributes:
        threshold: where it bends; negative if the logarithmic part is that of large negative values.
        decade: length of the logarithmic part's decades; that of 0 to the threshold is 1.
        ticks, minor: with and without numbers.
    """

    threshold: float
    decade: float
    ticks: tuple[float, ...]
    minor: tuple[float, ...]

    def place(self, values: Any) -> Floats:
        """Where values lie."""
        ratio = np.asarray(values, np.float64) / self.threshold
        bent = 1 + self.decade * np.log10(np.maximum(ratio, 1))
        return np.sign(self.threshold) * np.where(ratio > 1, bent, ratio)

    def value(self, places: Any) -> Floats:
        """What lies there: the inverse of `place`."""
        bent = np.sign(self.threshold) * np.asarray(places, np.float64)
        return self.threshold * np.where(bent > 1, 10 ** ((np.maximum(bent, 1) - 1) / self.decade), bent)


_SCALES: Final = {
    "reward": _Scale(-5, 0.8, (-10_000, -1000, -100, -10, 0, 5, 10), (-500, -200, -50, -20, -5)),
    "fpr_percent": _Scale(0.1, 1.4, (0, 0.1, 1, 10, 100), (0.05, 0.2, 0.5, 2, 5, 20, 50)),
}
"""Of metrics whose values differ by orders of magnitude."""


def start(height: float, title: str) -> Any:
    """An empty figure, its title at the left."""
    figure = new_figure(WIDTH, height)
    figure.set_dpi(DOTS_PER_INCH)
    figure.set_layout_engine("constrained", w_pad=0.05, h_pad=0.05)
    figure.suptitle(title, x=0.012, ha="left", fontsize=LARGE, fontweight="bold", color=DARK)
    return figure


def finish(figure: Any, handles: Sequence[Any], notes: Sequence[str], columns: int) -> None:
    """Put the legend below, above it in small print what the marks mean; notes are sentences."""
    legend = figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=NORMAL,
        labelcolor=DARK,
        title=textwrap.fill(" ".join(notes), _SMALL_PRINT, break_on_hyphens=False),
        title_fontsize=SMALL,
        alignment="left",
        handlelength=2.8,
        columnspacing=1.4,
    )
    legend.get_title().set_color(PALE)


def tidy(axes: Any) -> None:
    """Quiet axes: no box, small grey numbers."""
    axes.tick_params(labelsize=SMALL, colors=PALE, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def label_axis(axes: Any, which: str, metric: str) -> None:
    """Name and scale the axis `which` ("x" or "y") for a metric of `HEADLINES`."""
    getattr(axes, f"set_{which}label")(HEADLINES[metric], fontsize=NORMAL, color=DARK)
    if metric in _SCALES:
        scale = _SCALES[metric]
        getattr(axes, f"set_{which}scale")("function", functions=(scale.place, scale.value))
        axis = getattr(axes, f"{which}axis")
        axis.set_major_locator(FixedLocator(scale.ticks))
        axis.set_minor_locator(FixedLocator(scale.minor))
        axis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{value:g}")))
        getattr(axes, f"ax{'v' if which == 'x' else 'h'}line")(0, color=GREY, linewidth=0.6, zorder=0)


def on_scale(metric: str, values: Floats) -> Floats:
    """`values` as an axis of the metric places them."""
    return _SCALES[metric].place(values) if metric in _SCALES else values


def name_rows(axes: Any, names: Sequence[str]) -> None:
    """Horizontal axes with rows 0, 1, ..., the first one on top; every other row is shaded."""
    axes.set_yticks(range(len(names)), names, fontsize=NORMAL, color=DARK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for row in range(0, len(names), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="#F3F3F3", linewidth=0, zorder=-1)


def minus(text: str) -> str:
    """`text` with hyphens as minus signs."""
    return Formatter.fix_minus(text)


def seeds_in_words(rows: Collection[Floats]) -> str:
    """For instance "5 seeds", or "3 to 5 seeds" where rows (seeds, ...) differ."""
    counts = sorted({len(row) for row in rows})
    number = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    return f"{number} seed{'' if counts == [1] else 's'}"


def scales_in_words(metrics: Collection[str]) -> str:
    """Which of their axes are not linear, for the small print."""
    sides = {metric: "above" if scale.threshold > 0 else "below" for metric, scale in _SCALES.items()}
    bent = [
        f"{HEADLINES[metric].split()[0]} {sides[metric]} {scale.threshold:g}"
        for metric, scale in _SCALES.items()
        if metric in metrics
    ]
    unbroken = (part.replace(" ", "\u00a0") for part in bent)  # across lines
    return minus(f"Logarithmic: {', '.join(unbroken)}.")


def measured_in_words(episodes: int, rows: Collection[SeedMeans]) -> str:
    """What results are of, for the small print."""
    seeds = seeds_in_words([row["reward"] for row in rows])
    return f"Measured on the last {episodes:,} training episodes of {seeds}."


def save(figure: Any, path: Path) -> None:
    """Write the figure; a PDF keeps its text as text that publishers take."""
    with matplotlib.rc_context({"pdf.fonttype": 42}):
        save_figure(figure, path)
