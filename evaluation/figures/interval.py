"""K sensitivity: what it matters for how many steps a directive of the coordinator holds."""

from __future__ import annotations

from typing import Final

from matplotlib.ticker import NullLocator

from evaluation import paper
from evaluation.figures.marks import (
    draw_measured,
    draw_published,
    draw_seeds,
    handle,
    paper_handle,
    seed_handle,
)
from evaluation.figures.sources import Sources, interval_of
from evaluation.figures.style import (
    DARK,
    NORMAL,
    TEAMS,
    Drawing,
    finish,
    label_axis,
    measured_in_words,
    scales_in_words,
    start,
    tidy,
)

METRICS: Final = ("reward", "fpr_percent", "csr_percent")
"""What the paper has over K."""

_ASIDE: Final = 1.09
"""The paper's marks are this much further right on the logarithmic axis, ours as much further left."""


def draw(sources: Sources) -> Drawing:
    """A panel for each metric; the paper has seed 42 alone."""
    table = sources.seed_means("interval")
    published = paper.k_sensitivity()
    rows = table.pick(interval_of, published)
    look = TEAMS["hmarl-soc"]
    figure = start(3.4, "K sensitivity: steps from one directive of the coordinator to the next")
    for axes, metric in zip(figure.subplots(1, 3), METRICS, strict=True):
        tidy(axes)
        axes.set_xscale("log")
        label_axis(axes, "y", metric)
        places = [k / _ASIDE for k in rows]
        axes.plot(places, [row[metric].mean() for row in rows.values()], color=look.color, linewidth=1.4)
        for place, row in zip(places, rows.values(), strict=True):
            draw_measured(axes, look, row[metric], place)
            draw_seeds(axes, row[metric], place / _ASIDE)
        for k, figures in published.items():
            draw_published(axes, paper.Published(figures[metric], float("nan")), k * _ASIDE)
        axes.plot(
            [k * _ASIDE for k in published], [figures[metric] for figures in published.values()],
            color=DARK, linestyle=":", linewidth=1,
        )  # fmt: skip
        axes.set_xlim(0.7, 1.4 * max(published))
        axes.set_xticks(list(published), [str(k) for k in published])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("K, steps", fontsize=NORMAL, color=DARK)
    notes = [
        measured_in_words(table.episodes, rows.values()),
        "Bars: 95 % bootstrap intervals of the mean over seeds.",
        scales_in_words(METRICS),
    ]
    handles = [
        handle(look._replace(label="HMARL-SOC, mean")),
        seed_handle(),
        paper_handle("paper, seed 42", ":"),
    ]
    finish(figure, handles, notes, columns=3)
    return Drawing(figure, table.notes)
