"""What each agent did in the last step: a panel of bars for each, the verdict for the triage."""

from __future__ import annotations

from typing import Any, Final

from soc_env.rendering import canvas as c
from soc_env.rendering.actions import action_bars, last_verdict
from soc_env.rendering.canvas import Canvas, Colour
from soc_env.rendering.snapshot import Snapshot
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, TRIAGE, Verdict

GAP: Final = 10
ROW: Final = 21
AGENT_COLOURS: Final[dict[str, Colour]] = {
    COORDINATOR: c.ORANGE,
    HUNTER: c.SKY,
    RESPONDER: c.GREEN,
    TRIAGE: c.PURPLE,
}


def draw_team(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The four panels side by side, in the order in which the agents act."""
    widths = {COORDINATOR: 290, HUNTER: 350, TRIAGE: 152, RESPONDER: area.width - 290 - 350 - 152 - 3 * GAP}
    x = area.x
    for agent, width in widths.items():
        panel = canvas.rect(x, area.y, width, area.height)
        canvas.box(panel, c.PANEL, radius=8)
        canvas.box(canvas.rect(x, area.y + 8, 4, 20), AGENT_COLOURS[agent])
        canvas.text(agent.replace("_", " "), x + 12, area.y + 18, size=24, room=width - 20)
        if agent == TRIAGE:
            _draw_verdict(canvas, last_verdict(snapshot), panel)
        else:
            _draw_bars(canvas, snapshot, agent, panel)
        x += width + GAP


def _draw_verdict(canvas: Canvas, given: Verdict | None, panel: Any) -> None:
    for index, verdict in enumerate(Verdict):
        pill = canvas.rect(panel.x + 12, panel.y + 38 + index * 38, panel.width - 24, 32)
        canvas.box(pill, AGENT_COLOURS[TRIAGE] if verdict == given else c.TROUGH, radius=8)
        ink = c.DARK if verdict == given else c.FAINT
        canvas.text(verdict.name.lower(), *pill.center, size=24, colour=ink, anchor="center")


def _draw_bars(canvas: Canvas, snapshot: Snapshot, agent: str, panel: Any) -> None:
    """A table of what is set for each segment, and under it (alone, above it) what is set once."""
    bars = action_bars(snapshot, agent)
    colour = AGENT_COLOURS[agent]
    y = panel.y + 44
    if not bars.by_segment and not bars.single:
        canvas.text("has not acted yet", panel.x + 12, y, colour=c.FAINT)
        return
    if bars.by_segment:
        left = panel.x + 112
        width = (panel.right - 12 - left) / len(bars.by_segment)
        for column, (label, values) in enumerate(bars.by_segment):
            x = left + column * width
            canvas.text(label, x, y, size=c.SMALL, colour=c.FAINT, room=width - 8)
            for index, value in enumerate(values):
                row = y + (index + 1) * ROW
                _draw_bar(canvas, canvas.rect(x, row - 5, width - 48, 10), float(value), colour)
        for index, segment in enumerate(snapshot.segments):
            canvas.text(segment.name, panel.x + 12, y + (index + 1) * ROW, room=94)
        y += (len(snapshot.segments) + 1) * ROW + 4
    _draw_single(
        canvas, bars.single, colour, canvas.rect(panel.x + 12, y, panel.width - 24, panel.bottom - y)
    )


def _draw_single(canvas: Canvas, single: tuple[tuple[str, float], ...], colour: Colour, area: Any) -> None:
    """One column where that has room for all, else two."""
    columns = 1 if len(single) * ROW <= area.height else 2
    rows = -(-len(single) // columns)
    width = area.width / columns
    label_width = width - 110 if columns == 1 else width / 2
    for index, (label, value) in enumerate(single):
        x, y = area.x + (index // max(1, rows)) * width, area.y + (index % max(1, rows)) * ROW
        canvas.text(label, x, y, size=c.NORMAL if columns == 1 else c.SMALL, room=label_width - 6)
        _draw_bar(canvas, canvas.rect(x + label_width, y - 5, width - label_width - 48, 10), value, colour)


def _draw_bar(canvas: Canvas, rect: Any, value: float, colour: Colour) -> None:
    """A bar with a mark where the action is 0, and its length as a percentage."""
    canvas.bar(rect, value, colour, tick=0.5)
    canvas.text(f"{value:.0%}", rect.right + 40, rect.centery, size=c.SMALL, anchor="midright")
