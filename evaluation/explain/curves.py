"""Deletion and insertion curves as a picture, a row for each agent."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from evaluation.explain.faithfulness import MEASURES, AgentFaithfulness, Faithfulness
from evaluation.explain.picture import DARK, GREY, PALE, new_figure

# Okabe and Ito's colours, told apart by all; the dashes tell them apart in print.
_STYLES: Final = {
    "attention": {"color": "#0072B2", "linestyle": "-", "linewidth": 2.2},
    "gradient": {"color": "#D55E00", "linestyle": "--", "linewidth": 1.4},
    "regression": {"color": "#009E73", "linestyle": "-.", "linewidth": 1.4},
    "random": {"color": GREY, "linestyle": ":", "linewidth": 1.8},
}
_TITLES: Final = {
    "deletion": "deletion: highest ranked removed first, higher is better",
    "insertion": "insertion: highest ranked kept, lower is better",
}
_X_LABELS: Final = {"deletion": "inputs removed", "insertion": "inputs kept"}


def draw(faithfulness: Faithfulness) -> Any:
    """The figure; bands are 95 % intervals of the mean."""
    rows = len(faithfulness.agents)
    height = 0.9 + 2.5 * max(1, rows)
    figure = new_figure(10.0, height)
    figure.text(
        0.08, 1 - 0.15 / height, f"Faithfulness of the explainer of {faithfulness.team}",
        va="top", fontsize=13, fontweight="bold", color=DARK,
    )  # fmt: skip
    if not rows:
        figure.text(0.08, 0.5, "All agents decide the same whatever they see.", fontsize=11, color=DARK)
        return figure
    grid = figure.subplots(rows, 2, squeeze=False)
    figure.subplots_adjust(
        left=0.08, right=0.98, bottom=0.5 / height, top=1 - 0.75 / height, hspace=0.42, wspace=0.14
    )
    for row, one in zip(grid, faithfulness.agents, strict=True):
        for measure, (axes, name) in enumerate(zip(row, MEASURES, strict=True)):
            for ranking in one.curves:
                _draw_curve(axes, one.curve_estimate(ranking, measure), _STYLES[ranking], ranking)
            _finish(axes, one, name, with_agent=measure == 0)
    for axes, name in zip(grid[0], MEASURES, strict=True):
        axes.set_title(_TITLES[name], fontsize=9.5, color=PALE, loc="left", pad=8)
    grid[0][1].legend(frameon=False, fontsize=9, loc="upper right")
    return figure


def _draw_curve(axes: Any, estimate: Any, style: dict[str, Any], label: str) -> None:
    places = np.arange(len(estimate.mean))
    low, high = estimate.mean_interval
    axes.fill_between(places, low, high, color=style["color"], alpha=0.18, linewidth=0)
    axes.plot(places, estimate.mean, label=label, **style)


def _finish(axes: Any, one: AgentFaithfulness, measure: str, with_agent: bool) -> None:
    entries = next(iter(one.curves.values())).shape[-1] - 1
    axes.set_xlim(0, entries)
    axes.set_ylim(bottom=0)
    axes.axhline(1.0, color=GREY, linewidth=0.6, zorder=0)
    axes.set_xlabel(_X_LABELS[measure], fontsize=8.5, color=PALE, labelpad=1)
    if with_agent:
        axes.set_ylabel(f"{one.agent.replace('_', ' ')}\nchange of decision", fontsize=9, color=DARK)
    axes.tick_params(labelsize=8, colors=PALE)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
