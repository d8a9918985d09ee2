"""An explanation as a picture: bars of the top inputs, and beside them what each head attends to."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import Any, Final

from agent_zoo.files import write_atomically
from evaluation.explain.explanation import Explanation
from evaluation.explain.words import as_value
from soc_env.extras import require

FORMATS: Final = ("png", "svg", "pdf")
BLUE, GREY, DARK, PALE = "#0072B2", "#9A9A9A", "#222222", "#666666"
HEAT: Final = "Blues"
_WIDTH, _ROW, _LINE, _BELOW = 10.0, 0.34, 0.24, 0.5  # inches
_LONGEST_TITLE: Final = 50


def new_figure(width: float, height: float) -> Any:
    """An empty white figure that needs no display, in inches."""
    figure = require("matplotlib.figure", extra="zoo", purpose="--output")
    return figure.Figure(figsize=(width, height), dpi=150, facecolor="white")


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure in the format that the path's suffix names; equal figures are equal files."""
    content = io.BytesIO()
    suffix = path.suffix.removeprefix(".").lower()
    when = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[suffix]
    figure.savefig(content, format=suffix, metadata=when)
    write_atomically(path, content.getvalue())


def check_format(path: Path, argument: str) -> Path:
    """Return `path`.

    Raises:
        ValueError: its suffix is of no format that can be written.
    """
    if path.suffix.removeprefix(".").lower() not in FORMATS:
        raise ValueError(f"{argument} must end in .{', .'.join(FORMATS)}, got {path}")
    return path


def draw(explanation: Explanation, top: int) -> Any:
    """The figure."""
    rows = len(explanation.inputs[:top]) + (len(explanation.inputs) > top)
    title, lines = _headings(explanation)
    above = 0.85 + _LINE * len(lines)
    height = above + (_ROW * rows + _BELOW if rows else 0.9)
    figure = new_figure(_WIDTH, height)

    def write(text: str, inches: float, **style: Any) -> None:
        figure.text(0.03, 1 - inches / height, text, va="top", **style)

    write(title, 0.16, fontsize=14, fontweight="bold", color=DARK)
    for index, line in enumerate(lines):
        last = index == len(lines) - 1
        write(line, 0.5 + _LINE * index, fontsize=8.5 if last else 10, color=PALE if last else DARK)
    if explanation.constant:
        write(textwrap.fill(explanation.says_constant, 90), above, fontsize=11, color=DARK, linespacing=1.5)
        return figure
    bottom, span = _BELOW / height, _ROW * rows / height
    _draw_bars(figure.add_axes((0.30, bottom, 0.36, span)), explanation, top)
    _draw_heads(figure.add_axes((0.71, bottom, 0.25, span)), explanation, top)
    return figure


def _headings(explanation: Explanation) -> tuple[str, list[str]]:
    """The title, with the decision if that is short, and the lines below it."""
    title, decision = explanation.agent.replace("_", " "), list(explanation.decision)
    if len(decision[0]) <= _LONGEST_TITLE:
        title = f"{title}: {decision.pop(0)}"
    situation = f"; the truth: {explanation.situation}" if explanation.situation else ""
    where = f"{explanation.team}, {explanation.when}{situation}"
    return title, [*(textwrap.shorten(line, 125) for line in decision), textwrap.shorten(where, 140)]


def _draw_bars(axes: Any, explanation: Explanation, top: int) -> None:
    shown, rest = explanation.inputs[:top], explanation.inputs[top:]
    shares = [one.importance for one in shown] + ([sum(one.importance for one in rest)] if rest else [])
    names = [f"{one.name} = {as_value(one.value)}" for one in shown]
    names += [f"the other {len(rest)}"] if rest else []
    rows = range(len(shares))
    colours = [BLUE] * len(shown) + [GREY] * bool(rest)
    axes.barh(rows, shares, color=colours, height=0.68)
    for row, share in zip(rows, shares, strict=True):
        axes.text(share, row, f" {share:.1%}", va="center", fontsize=8.5, color=DARK)
    axes.set_yticks(rows, names, fontsize=9, color=DARK)
    axes.set_ylim(len(shares) - 0.5, -0.5)
    axes.set_xlim(0, max(shares) * 1.2)
    axes.set_xticks([])
    axes.tick_params(length=0)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(GREY)
    axes.set_title("attention, mean of the heads", fontsize=9.5, color=DARK, loc="left")


def _draw_heads(axes: Any, explanation: Explanation, top: int) -> None:
    shown, rest = explanation.inputs[:top], explanation.inputs[top:]
    grid = [list(one.heads) for one in shown]
    if rest:
        grid.append([sum(shares) for shares in zip(*(one.heads for one in rest), strict=True)])
    heads = len(grid[0])
    axes.imshow(grid, cmap=HEAT, vmin=0.0, vmax=max(map(max, grid)), aspect="auto")
    for row, shares in enumerate(grid):
        for head, share in enumerate(shares):
            dark = share > 0.6 * max(map(max, grid))
            axes.text(
                head,
                row,
                f"{share:.0%}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else DARK,
            )
    axes.set_xticks(range(heads), [f"head {head + 1}" for head in range(heads)], fontsize=8.5, color=DARK)
    axes.set_yticks([])
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title("attention of each head", fontsize=9.5, color=DARK, loc="left")
