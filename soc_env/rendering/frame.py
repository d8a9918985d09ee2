"""A moment of an episode as a picture, for `render_mode="rgb_array"` and "human"."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering import canvas as c
from soc_env.rendering.canvas import Canvas, Colour
from soc_env.rendering.network_map import draw_network
from soc_env.rendering.snapshot import Snapshot
from soc_env.rendering.team_panels import draw_team

WIDTH: Final = 1200
HEIGHT: Final = 760
MARGIN: Final = 14


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
        _draw_phases(canvas, snapshot, canvas.rect(MARGIN, 60, WIDTH - 2 * MARGIN, 44))
        draw_network(canvas, snapshot, canvas.rect(MARGIN, 116, 810, 416))
        side = canvas.rect(MARGIN + 828, 116, WIDTH - 2 * MARGIN - 828, 0)
        _draw_alerts(canvas, snapshot, canvas.rect(side.x, 116, side.width, 256))
        _draw_reward(canvas, snapshot, canvas.rect(side.x, 382, side.width, 150))
        draw_team(canvas, snapshot, canvas.rect(MARGIN, 542, WIDTH - 2 * MARGIN, HEIGHT - 542 - MARGIN))
        return canvas.pixels()


def _outcome_colour(outcome: str) -> Colour:
    if "exfiltrated" in outcome:
        return c.VERMILION
    return c.GREEN if "contained" in outcome else c.ORANGE


def _sign_colour(value: float) -> Colour:
    return c.FAINT if round(value, 2) == 0 else c.SKY if value > 0 else c.ORANGE


def _number(value: float) -> str:
    return f"{round(float(value), 2) + 0.0:+.2f}"  # + 0.0 so that -0.001 does not read -0.00


def _draw_heading(canvas: Canvas, snapshot: Snapshot) -> None:
    x = MARGIN + canvas.text(snapshot.env_id, MARGIN, 32, size=38) + 28
    x += canvas.text(f"step {snapshot.step} of {snapshot.max_steps}", x, 32, size=26) + 14
    canvas.bar(canvas.rect(x, 26, 200, 12), snapshot.step / max(1, snapshot.max_steps), c.FAINT)
    right = WIDTH - MARGIN
    right -= canvas.text(_number(snapshot.episode_return), right, 32, size=38, anchor="midright") + 10
    right -= canvas.text("return", right, 34, size=26, colour=c.FAINT, anchor="midright") + 24
    if snapshot.outcome is not None:
        colour = _outcome_colour(snapshot.outcome)
        banner = canvas.rect(x + 224, 8, right - x - 224, 46)
        canvas.box(banner, colour, radius=8)
        canvas.text(
            snapshot.outcome.upper(),
            *banner.center,
            size=36,
            colour=c.DARK,
            anchor="center",
            room=banner.width - 16,
        )
        canvas.box(canvas.rect(0, 0, WIDTH, HEIGHT), colour, border=4)


def _draw_phases(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The attacker's way as chevrons: done, present, to come."""
    step, point = area.width / len(snapshot.phases), 16
    for index, name in enumerate(snapshot.phases):
        left, right = area.x + index * step, area.x + (index + 1) * step - 6
        fill = (
            c.VERMILION if index == snapshot.phase else (112, 58, 34) if index < snapshot.phase else c.PANEL
        )
        ink = c.DARK if index == snapshot.phase else c.INK if index < snapshot.phase else c.FAINT
        canvas.polygon(
            [
                (left, area.top),
                (right - point, area.top),
                (right, area.centery),
                (right - point, area.bottom),
                (left, area.bottom),
                (left + (point if index else 0), area.centery),
            ],
            fill,
        )
        present = index == snapshot.phase
        middle = (left + right) / 2
        canvas.text(
            name, middle, area.centery - (8 if present else 0), colour=ink, anchor="center", room=step - 44
        )
        if present:
            unit = "step" if snapshot.phase_steps == 1 else "steps"
            words = f"the attacker is here, {snapshot.phase_steps} {unit}"
            canvas.text(
                words, middle, area.centery + 10, size=c.SMALL, colour=ink, anchor="center", room=step - 44
            )


def _draw_alerts(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    waiting, capacity = len(snapshot.alerts), snapshot.queue_capacity
    canvas.box(area, c.PANEL, radius=8)
    canvas.text("Alert queue", area.x + 12, area.y + 18, size=24)
    canvas.text(f"{waiting} of {capacity}", area.right - 12, area.y + 18, anchor="midright")
    fullness = waiting / max(1, capacity)
    canvas.bar(
        canvas.rect(area.x + 125, area.y + 13, 130, 10), fullness, c.ORANGE if fullness > 0.8 else c.SKY
    )

    columns = [area.x + offset for offset in (12, 62, 160, 222, 284)]
    for x, label in zip(columns, ("step", "segment", "severity", "confid.", "truth"), strict=True):
        canvas.text(label, x, area.y + 44, size=c.SMALL, colour=c.FAINT)
    rows = (area.height - 58) // 22
    shown = snapshot.alerts[: rows if waiting <= rows else rows - 1]
    y = area.y + 66
    for index, alert in enumerate(shown):
        if index == 0:
            canvas.box(canvas.rect(area.x + 5, y - 11, area.width - 10, 22), c.TROUGH, radius=4)
        canvas.text(str(alert.timestamp), columns[0], y)
        canvas.text(snapshot.segments[alert.segment].name, columns[1], y, room=92)
        for x, value in ((columns[2], alert.severity), (columns[3], alert.confidence)):
            canvas.box(canvas.rect(x, y - 5, 50, 10), c.EDGE, radius=2)
            canvas.bar(canvas.rect(x, y - 5, 50, 10), value, c.SKY)
        canvas.text(
            "attack" if alert.is_true else "benign",
            columns[4],
            y,
            colour=c.VERMILION if alert.is_true else c.FAINT,
        )
        y += 22
    if waiting > len(shown):
        canvas.text(f"and {waiting - len(shown)} newer", columns[0], y, size=c.SMALL, colour=c.FAINT)
    elif not waiting:
        canvas.text("no alert is waiting", columns[0], y, colour=c.FAINT)


def _draw_reward(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The step's reward and its terms, as bars to the left or right of zero."""
    canvas.box(area, c.PANEL, radius=8)
    canvas.text("Reward of this step", area.x + 12, area.y + 18, size=24)
    colour = _sign_colour(snapshot.reward)
    canvas.text(
        _number(snapshot.reward), area.right - 12, area.y + 18, size=26, colour=colour, anchor="midright"
    )
    pitch = min(24, (area.height - 40) / max(1, len(snapshot.reward_terms)))
    zero, reach = area.x + 215, 65
    for index, (name, value) in enumerate(snapshot.reward_terms.items()):
        y = area.y + 46 + index * pitch
        canvas.text(name, area.x + 12, y, room=zero - reach - area.x - 20)
        canvas.box(canvas.rect(zero - reach, y - 5, 2 * reach, 10), c.TROUGH, radius=2)
        # Square root: a term of 0.1 and one of 10 are both to be seen.
        length = reach * min(1.0, (abs(value) / 10.0) ** 0.5)
        canvas.box(
            canvas.rect(zero if value > 0 else zero - length, y - 5, length, 10),
            _sign_colour(value),
            radius=2,
        )
        canvas.box(canvas.rect(zero, y - 8, 1, 16), c.FAINT)
        canvas.text(_number(value), area.right - 12, y, colour=_sign_colour(value), anchor="midright")
