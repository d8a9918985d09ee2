"""False positives against containment: does a team contain attacks at the price of false alarms."""

from __future__ import annotations

from typing import Final

from evaluation import paper
from evaluation.figures.marks import distances, handle, mark_paper, paper_handle
from evaluation.figures.sources import Sources, mean_and_interval, team_of
from evaluation.figures.style import (
    GREY,
    TEAMS,
    Drawing,
    finish,
    label_axis,
    measured_in_words,
    scales_in_words,
    start,
    tidy,
)

METRICS: Final = ("fpr_percent", "csr_percent")


def draw(sources: Sources) -> Drawing:
    """A point for each team, joined with the paper's."""
    table = sources.seed_means("table-2")
    rows = table.pick(team_of, TEAMS)
    figure = start(4.8, "False positives against containment")
    axes = figure.subplots()
    tidy(axes)
    for which, metric in zip("xy", METRICS, strict=True):
        label_axis(axes, which, metric)
    for name, row in rows.items():
        look = TEAMS[name]
        (x, x_ends), (y, y_ends) = (mean_and_interval(row[metric][:, None]) for metric in METRICS)
        axes.errorbar(
            x, y, xerr=distances(x, x_ends), yerr=distances(y, y_ends), color=look.color, marker=look.marker,
            markersize=7, elinewidth=1.3, capsize=2, linestyle="none", label=look.label, zorder=5,
        )  # fmt: skip
        published = paper.find(name)
        if published:
            given = [published[metric] for metric in METRICS]
            axes.plot(
                [x[0], given[0].mean], [y[0], given[1].mean], color=GREY, alpha=0.6, linewidth=0.8, zorder=1
            )
            mark_paper(axes, *given, color=look.color)
    axes.set_xlim(left=-0.01)
    axes.set_ylim(top=103)
    notes = [
        measured_in_words(table.episodes, rows.values()),
        "Teams that do not learn play as many.",
        "Bars: 95 % bootstrap intervals over seeds.",
        "Grey lines join a team's point with the paper's.",
        scales_in_words(METRICS),
    ]
    finish(figure, [*(handle(TEAMS[name], line=False) for name in rows), paper_handle()], notes, columns=5)
    return Drawing(figure, table.notes)
