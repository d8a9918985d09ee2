"""A moment of an episode as a picture, for `render_mode="rgb_array"` and "human"."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering import canvas as c
from soc_env.rendering.canvas import Canvas
from soc_env.rendering.network_map import draw_network
from soc_env.rendering.snapshot import Snapshot
from soc_env.rendering.team_panels import draw_team
from soc_env.rendering.wording import outcome_sign, sign, signed, steps

WIDTH: Final = 1200
HEIGHT: Final = 760
MARGIN: Final = 14

SIGN_COLOURS: Final = {-1: c.VERMILION, 0: c.FAINT, 1: c.GREEN}
OUTCOME_COLOURS: Final = {-1: c.VERMILION, 0: c.INK, 1: c.GREEN}
PASSED: Final = c.blend(c.VERMILION, c.GROUND, 0.45)  # phases that the attacker has behind it


class FrameRenderer:
    """Draws snapshots with pygame; needs no display.

    Args:
        purpose: what the message says pygame is needed for, where it is missing.

    Raises:
        ImportError: pygame is not installed.
    """

    def __init__(self, purpose: str = "drawing frames") -> None:
        self._canvas = Canvas(WIDTH, HEIGHT, purpose)

    def draw(self, snapshot: Snapshot) -> NDArray[np.uint8]:
        """The picture of a snapshot, a new array uint8 (760, 1200, 3); the same for the same snapshot."""
        canvas = self._canvas
        canvas.clear()
        _draw_heading(canvas, snapshot)
        if snapshot.phases:
            _draw_phases(canvas, snapshot, canvas.rect(MARGIN, 60, WIDTH - 2 * MARGIN, 44))
        draw_middle = draw_network if snapshot.segments else _draw_facts
        draw_middle(canvas, snapshot, canvas.rect(MARGIN, 116, 810, 416))
        if snapshot.queue_capacity:
            _draw_alerts(canvas, snapshot, canvas.rect(WIDTH - MARGIN - 344, 116, 344, 256))
        _draw_reward(canvas, snapshot, canvas.rect(WIDTH - MARGIN - 344, 382, 344, 150))
        draw_team(canvas, snapshot, canvas.rect(MARGIN, 542, WIDTH - 2 * MARGIN, HEIGHT - 542 - MARGIN))
        return canvas.pixels()


def _draw_heading(canvas: Canvas, snapshot: Snapshot) -> None:
    x, y = MARGIN, 32
    x += canvas.text(snapshot.env_id, x, y, size=38) + 26
    x += canvas.text(f"step {snapshot.step} of {snapshot.max_steps}", x, y, size=c.TITLE) + 12
    canvas.bar(canvas.rect(x, y - 6, 120, 12), snapshot.step / max(1, snapshot.max_steps), c.FAINT)
    hosts = sum(len(segment.compromised) for segment in snapshot.segments)
    compromised = sum(int(segment.compromised.sum()) for segment in snapshot.segments)
    x += 146
    if hosts:
        x += canvas.text(f"{compromised:,} of {hosts:,} hosts compromised", x, y, size=c.TITLE) + 26
    right = WIDTH - MARGIN
    right -= canvas.text(signed(snapshot.episode_return), right, y, size=38, anchor="midright") + 10
    right -= canvas.text("return", right, y, size=c.TITLE, colour=c.FAINT, anchor="midright") + 26
    if snapshot.outcome is not None:
        colour = OUTCOME_COLOURS[outcome_sign(snapshot.outcome)]
        banner = canvas.rect(x, 10, right - x, 42)
        canvas.box(banner, colour, radius=8)
        words = snapshot.outcome.upper()
        canvas.text(words, *banner.center, size=30, colour=c.DARK, anchor="center", room=banner.width - 12)
        canvas.box(canvas.rect(0, 0, WIDTH, HEIGHT), colour, border=4)


def _draw_phases(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The attacker's way as chevrons: done, present, to come."""
    step, point = (area.width + 6) / len(snapshot.phases), 16
    for index, name in enumerate(snapshot.phases):
        present = index == snapshot.phase
        fill, ink = (
            (c.VERMILION, c.DARK)
            if present
            else (PASSED, c.INK)
            if index < snapshot.phase
            else (c.PANEL, c.FAINT)
        )
        left, right, middle = area.x + index * step, area.x + (index + 1) * step - 6, area.centery
        corners = [(left, area.top), (right - point, area.top), (right, middle), (right - point, area.bottom)]
        corners += [(left, area.bottom), (left + (point if index else 0), middle)]
        canvas.polygon(corners, fill)
        x, room = (left + right) / 2 + 2, step - 44
        canvas.text(name, x, middle - (9 if present else 0), colour=ink, anchor="center", room=room)
        if present:
            words = f"the attacker is here, {steps(snapshot.phase_steps)}"
            canvas.text(words, x, middle + 9, size=c.SMALL, colour=ink, anchor="center", room=room)


def _draw_facts(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """A bar for each, where there is no network."""
    canvas.box(area, c.PANEL, radius=8)
    pitch = min(34.0, (area.height - 30) / max(1, len(snapshot.facts)))
    for index, fact in enumerate(snapshot.facts):
        y = area.y + 28 + index * pitch
        canvas.text(fact.name, area.x + 16, y, room=330)
        canvas.bar(canvas.rect(area.x + 360, y - 7, 340, 14), fact.fraction, c.SKY)
        canvas.text(f"{fact.value:.3f}", area.right - 16, y, anchor="midright")


def _draw_alerts(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    waiting, capacity = len(snapshot.alerts), snapshot.queue_capacity
    canvas.box(area, c.PANEL, radius=8)
    canvas.text("Alert queue", area.x + 12, area.y + 18, size=c.TITLE)
    canvas.text(f"{waiting} of {capacity}", area.right - 12, area.y + 18, anchor="midright")
    fullness = waiting / max(1, capacity)
    canvas.bar(
        canvas.rect(area.x + 125, area.y + 13, 130, 10), fullness, c.ORANGE if fullness > 0.8 else c.FAINT
    )

    columns = [area.x + offset for offset in (12, 54, 158, 222, 284)]
    for x, label in zip(columns, ("step", "segment", "severity", "confid.", "truth"), strict=True):
        canvas.text(label, x, area.y + 44, size=c.SMALL, colour=c.FAINT)
    rows = (area.height - 58) // 22
    shown = snapshot.alerts[: rows if waiting <= rows else rows - 1]
    y = area.y + 66
    for index, alert in enumerate(shown):
        if index == 0:
            canvas.box(canvas.rect(area.x + 5, y - 11, area.width - 10, 22), c.EDGE, border=2, radius=4)
        canvas.text(str(alert.timestamp), columns[0], y)
        canvas.text(snapshot.segments[alert.segment].name, columns[1], y, room=92)
        for x, value in ((columns[2], alert.severity), (columns[3], alert.confidence)):
            canvas.bar(canvas.rect(x, y - 5, 50, 10), value, c.INK)
        truth, colour = ("attack", c.VERMILION) if alert.is_true else ("benign", c.FAINT)
        canvas.text(truth, columns[4], y, colour=colour)
        y += 22
    if waiting > len(shown):
        canvas.text(f"and {waiting - len(shown)} more", columns[0], y, size=c.SMALL, colour=c.FAINT)
    elif not waiting:
        canvas.text("no alert is waiting", columns[0], y, colour=c.FAINT)


def _draw_reward(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The step's reward and its terms, as bars to the left or right of zero."""
    canvas.box(area, c.PANEL, radius=8)
    canvas.text("Reward of this step", area.x + 12, area.y + 18, size=c.TITLE)
    right, colour = area.right - 12, SIGN_COLOURS[sign(snapshot.reward)]
    canvas.text(signed(snapshot.reward), right, area.y + 18, size=26, colour=colour, anchor="midright")
    pitch = min(24, (area.height - 40) / max(1, len(snapshot.reward_terms)))
    zero, reach = area.x + 205, 58
    for index, (name, value) in enumerate(snapshot.reward_terms.items()):
        y, colour = area.y + 46 + index * pitch, SIGN_COLOURS[sign(value)]
        canvas.text(name.replace("_", " "), area.x + 12, y, room=zero - reach - area.x - 20)
        canvas.box(canvas.rect(zero - reach, y - 5, 2 * reach, 10), c.TROUGH, radius=2)
        # Square root: a term of 0.1 and one of 10 are both to be seen.
        length = reach * min(1.0, (abs(value) / 10.0) ** 0.5)
        canvas.box(canvas.rect(zero if value > 0 else zero - length, y - 5, length, 10), colour, radius=2)
        canvas.box(canvas.rect(zero, y - 8, 1, 16), c.FAINT)
        canvas.text(signed(value), right, y, colour=colour, anchor="midright")
