"""The leaderboard as a page for people."""

from __future__ import annotations

from importlib import resources
from typing import Any

from evaluation import pages
from evaluation.leaderboard.build import REFERENCE
from evaluation.metrics import HEADLINES


def render(document: dict[str, Any]) -> str:
    """The page of a leaderboard, one HTML document that refers to nothing outside itself.

    Args:
        document: as `evaluation.leaderboard.build.build` makes it.
    """
    template = resources.files("evaluation.leaderboard").joinpath("page.html")
    data = {"leaderboard": document, "headlines": HEADLINES, "reference": REFERENCE}
    return pages.fill(template, "Leaderboard of soc-env", data)
