"""The leaderboard as a page for people."""

from __future__ import annotations

from importlib import resources
from typing import Any

from evaluation import pages


def render(document: dict[str, Any]) -> str:
    """The page of a leaderboard, one HTML document that refers to nothing outside itself.

    Args:
        document: as `evaluation.leaderboard.build.build` makes it.
    """
    template = resources.files("evaluation.leaderboard").joinpath("page.html")
    return pages.fill(template, "Leaderboard of soc-env", {"leaderboard": document})
