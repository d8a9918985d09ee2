"""What each agent did in the last step: bars for the numbers of its action, the verdict for the triage."""

from __future__ import annotations

from typing import Any, Final

from soc_env.rendering import canvas as c
from soc_env.rendering.actions import action_bars, last_verdict, without_bars
from soc_env.rendering.canvas import Canvas
from soc_env.rendering.snapshot import Snapshot
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, TRIAGE, Verdict

GAP: Final = 10
SINGLE_WIDTH: Final = 100  # the least for a label and a percentage


def draw_team(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The four panels side by side, in the order in which the agents act."""
    widths = {COORDINATOR: 270, HUNTER: 360, TRIAGE: 152, RESPONDER: area.width - 270 - 360 - 152 - 3 * GAP}
    x = area.x
    for agent, width in widths.items():
        panel = canvas.rect(x, area.y, width, area.height)
        canvas.box(panel, c.PANEL, radius=8)
        canvas.text(agent.replace("_", " "), x + 12, area.y + 18, size=c.TITLE, room=width - 20)
        if agent == TRIAGE:
            _draw_verdict(canvas, last_verdict(snapshot), panel)
        else:
            _draw_action(canvas, snapshot, agent, panel)
        x += width + GAP


def _draw_verdict(canvas: Canvas, given: Verdict | None, panel: Any) -> None:
    for index, verdict in enumerate(Verdict):
        pill = canvas.rect(panel.x + 12, panel.y + 38 + index * 39, panel.width - 24, 33)
        canvas.box(pill, c.GREEN if verdict == given else c.TROUGH, radius=8)
        ink = c.DARK if verdict == given else c.FAINT
        canvas.text(verdict.name.lower(), *pill.center, size=c.TITLE, colour=ink, anchor="center")


def _draw_action(canvas: Canvas, snapshot: Snapshot, agent: str, panel: Any) -> None:
    """A table of what is set for each segment, under it what is set once."""
    bars = action_bars(snapshot, agent)
    x, y, bottom = panel.x + 12, panel.y + 44, panel.bottom - 8
    if not bars.by_segment and not bars.single:
        canvas.text(without_bars(snapshot, agent), x, y, colour=c.FAINT)
        return
    if bars.by_segment:
        left = panel.x + 112
        width = (panel.right - left) / len(bars.by_segment)
        most = 27 if not bars.single else 19
        pitch = min(most, (bottom - y) / (len(snapshot.segments) + 0.5))
        for column, (label, values) in enumerate(bars.by_segment):
            start = left + column * width
            canvas.text(label, start, y, size=c.SMALL, colour=c.FAINT, room=width - 8)
            for index, value in enumerate(values):
                row = y + (index + 1) * pitch
                bar = canvas.rect(start, row - 5, width - 56, 10)
                canvas.bar(bar, float(value), c.GREEN, tick=0.5)
                canvas.text(f"{value:.0%}", bar.right + 42, row, size=c.SMALL, anchor="midright")
        for index, segment in enumerate(snapshot.segments):
            canvas.text(segment.name, x, y + (index + 1) * pitch, room=96)
        y += (len(snapshot.segments) + 0.5) * pitch + 5
    _draw_single(canvas, bars.single, canvas.rect(x, y, panel.width - 24, bottom - y))


def _draw_single(canvas: Canvas, single: tuple[tuple[str, float], ...], area: Any) -> None:
    """Bars with their labels inside, in as many columns as it takes."""
    if not single:
        return
    most = max(1, int(area.height // 20))
    columns = min(-(-len(single) // most), max(1, int(area.width // SINGLE_WIDTH)))
    rows = -(-len(single) // columns)
    width, pitch = area.width / columns, min(30.0, area.height / rows)
    for index, (label, value) in enumerate(single):
        x, y = area.x + (index // rows) * width, area.y + (index % rows) * pitch
        bar = canvas.rect(x, y, width - (6 if columns > 1 else 0), pitch - 3)
        canvas.bar(bar, value, c.blend(c.GREEN, c.TROUGH, 0.6))
        size = c.NORMAL if columns == 1 else c.SMALL
        percent = canvas.text(f"{value:.0%}", bar.right - 5, bar.centery, size=size, anchor="midright")
        canvas.text(label, bar.x + 5, bar.centery, size=size, room=bar.width - percent - 14)
