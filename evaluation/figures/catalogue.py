"""All figures by the name of their files, first those of the paper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from evaluation.figures import bars, boxes, interval, learning, profiles, radar, tradeoff
from evaluation.figures.sources import Sources
from evaluation.figures.style import Drawing

FIGURES: Final[Mapping[str, Callable[[Sources], Drawing]]] = {
    "learning_curves": learning.draw_teams,
    "radar": radar.draw,
    "box_plots": boxes.draw,
    "fpr_csr": tradeoff.draw,
    "k_sensitivity": interval.draw,
    "ablation_bars": bars.draw,
    "ablation_curves": learning.draw_ablations,
    "performance_profiles": profiles.draw,
}
