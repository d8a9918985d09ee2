"""The ablations as bars: what HMARL-SOC is without its coordinator, its shared replay, its hierarchy."""

from __future__ import annotations

from typing import Final

from matplotlib.patches import Patch

from evaluation import paper
from evaluation.figures.marks import draw_measured, draw_published, draw_seeds, paper_handle, seed_handle
from evaluation.figures.sources import Sources, ablation_of
from evaluation.figures.style import (
    ABLATIONS,
    DARK,
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

METRICS: Final = ("reward", "csr_percent", "fpr_percent", "mttd")
"""What the paper's table of ablations has."""

_HATCHES: Final = dict(zip(ABLATIONS, ("", "////", "....", "\\\\\\\\"), strict=True))
_MEAN: Final = Look("mean", DARK, "-", "|")


def draw(sources: Sources) -> Drawing:
    """A panel for each metric, a bar for each variant."""
    table = sources.seed_means("ablations")
    rows = table.pick(ablation_of, ABLATIONS)
    figure = start(1.6 + 0.75 * max(3, len(rows)), "Ablations of HMARL-SOC")
    grid = figure.subplots(2, 2, sharey=True).ravel()
    for axes, metric in zip(grid, METRICS, strict=True):
        for place, (name, row) in enumerate(rows.items()):
            look = ABLATIONS[name]
            axes.barh(
                place - 0.12, row[metric].mean(), height=0.46, color=look.color, alpha=0.75,
                hatch=_HATCHES[name], edgecolor="white", linewidth=0, label=name,
            )  # fmt: skip
            draw_measured(axes, _MEAN, row[metric], place - 0.06, across=True)
            draw_seeds(axes, row[metric], place - 0.24, across=True)
            draw_published(axes, paper.ablation()[name][metric], place + 0.28, across=True)
        tidy(axes)
        label_axis(axes, "x", metric)
        name_rows(axes, list(rows))
    notes = [
        measured_in_words(table.episodes, rows.values()),
        "Black bars: 95 % bootstrap intervals of the mean over seeds.",
        scales_in_words(METRICS),
    ]
    handles = [Patch(facecolor="#AAAAAA", label="measured, mean"), seed_handle(), paper_handle()]
    finish(figure, handles, notes, columns=3)
    return Drawing(figure, table.notes)
