"""The network as panels of hosts joined by arrows: where the attacker is, and where it can go next."""

from __future__ import annotations

from typing import Any, Final

from soc_env.rendering import canvas as c
from soc_env.rendering.canvas import Canvas, Colour, Point
from soc_env.rendering.hosts import STATE_LABELS, HostCells, HostState, count_states, gather_hosts
from soc_env.rendering.snapshot import SegmentView, Snapshot

CLEAN: Final[Colour] = (62, 76, 98)
GAP: Final = 44
LEGEND_HEIGHT: Final = 54
SMALLEST_CELL: Final = 15  # a stage's digit is still readable in it
LARGEST_CELL: Final = 30

STATE_COLOURS: Final = {
    HostState.CLEAN: CLEAN,
    HostState.ISOLATED_CLEAN: c.SKY,
    HostState.ISOLATED_COMPROMISED: c.PURPLE,
    HostState.DETECTED: c.YELLOW,
    HostState.UNDETECTED: c.VERMILION,
}


def draw_network(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The map in `area`, its legend along the bottom."""
    room = canvas.rect(area.x, area.y, area.width, area.height - LEGEND_HEIGHT)
    panels = _place_panels(canvas, len(snapshot.segments), room)
    for source, segment in enumerate(snapshot.segments):
        exposed = bool((segment.compromised & ~segment.isolated).any())
        for target in segment.reaches:
            canvas.arrow(
                _path(panels, source, target), c.VERMILION if exposed else c.EDGE, 3 if exposed else 2
            )
    hosts_per_cell = 1
    for segment, panel in zip(snapshot.segments, panels, strict=True):
        hosts_per_cell = max(hosts_per_cell, _draw_segment(canvas, segment, panel))
    _draw_legend(canvas, hosts_per_cell, canvas.rect(area.x, room.bottom, area.width, LEGEND_HEIGHT))


def _place_panels(canvas: Canvas, count: int, room: Any) -> list[Any]:
    """Columns of two panels from left to right; of an odd number the first has the first column to itself."""
    columns = (count + 1) // 2
    width = (room.width - (columns - 1) * GAP) / columns
    height = (room.height - GAP) / 2
    panels = []
    for slot in range(count % 2, count + count % 2):
        x = room.x + (slot // 2) * (width + GAP)
        panels.append(canvas.rect(x, room.y + (slot % 2) * (height + GAP), width, height))
    if count % 2:
        panels[0].y = round(room.y + (room.height - height) / 2)
    return panels


def _path(panels: list[Any], source: int, target: int) -> list[Point]:
    """The points of an arrow between two panels; one back runs beside it."""
    first, second = sorted((source, target))
    a, b = panels[first], panels[second]
    shift = 6 if source < target else -6
    if a.x == b.x:  # above one another
        points: list[Point] = [(a.centerx + shift, a.bottom + 2), (a.centerx + shift, b.top - 2)]
    else:
        top, bottom = max(a.top, b.top), min(a.bottom, b.bottom)
        if bottom - top > 40:  # side by side
            ends = ((top + bottom) / 2, (top + bottom) / 2)
        elif a.top < b.top:
            ends = (a.bottom - 24, b.top + 24)
        else:
            ends = (a.top + 24, b.bottom - 24)
        points = [(a.right + 2, ends[0] + shift), (b.left - 2, ends[1] + shift)]
        if b.left - a.right > GAP + 2:  # past another column, between its two panels
            points.insert(1, (b.left - GAP, a.centery + shift))
    return points if source < target else points[::-1]


def _draw_segment(canvas: Canvas, segment: SegmentView, panel: Any) -> int:
    """One panel; returns how many hosts a cell stands for."""
    counts = count_states(segment)
    at_large = counts[HostState.UNDETECTED] + counts[HostState.DETECTED]
    canvas.box(panel, c.PANEL, radius=8)
    canvas.box(panel, c.VERMILION if at_large else c.EDGE, border=2, radius=8)
    worth = canvas.text(
        f"value {segment.value:.1f}",
        panel.right - 10,
        panel.y + 16,
        size=c.SMALL,
        colour=c.FAINT,
        anchor="midright",
    )
    canvas.text(segment.name, panel.x + 10, panel.y + 16, size=24, room=panel.width - 30 - worth)

    inside = canvas.rect(panel.x + 10, panel.y + 31, panel.width - 20, panel.height - 58)
    hosts = len(segment.compromised)
    size = next(
        (s for s in range(LARGEST_CELL, SMALLEST_CELL, -1) if _fitting(inside, s) >= hosts), SMALLEST_CELL
    )
    cells = gather_hosts(segment, _fitting(inside, size))
    columns = inside.width // size
    for index in range(len(cells.stage)):
        corner = canvas.rect(
            inside.x + index % columns * size, inside.y + index // columns * size, size - 2, size - 2
        )
        _draw_cell(canvas, cells, index, corner)
    _draw_counts(canvas, counts, hosts, panel)
    return cells.hosts_per_cell


def _fitting(inside: Any, size: int) -> int:
    return int((inside.width // size) * (inside.height // size))


def _draw_cell(canvas: Canvas, cells: HostCells, index: int, rect: Any) -> None:
    """A host; or a stack of several, the worst at the bottom and never too thin to be seen."""
    present = [state for state in reversed(HostState) if cells.counts[index, state]]
    total = int(cells.counts[index].sum())
    bottom = rect.bottom
    for place, state in enumerate(present):
        share = round(rect.height * cells.counts[index, state] / total)
        height = rect.height if place == len(present) - 1 else max(4, share)
        top = max(rect.top, bottom - height)
        _draw_state(canvas, state, canvas.rect(rect.x, top, rect.width, bottom - top))
        bottom = top
    stage = int(cells.stage[index])
    if stage:
        ink = (
            c.DARK
            if present[0] in (HostState.DETECTED, HostState.UNDETECTED) and len(present) == 1
            else c.INK
        )
        canvas.text(
            str(stage),
            rect.centerx + 1,
            rect.centery + 1,
            size=min(24, rect.height + 6),
            colour=ink,
            anchor="center",
        )


def _draw_state(canvas: Canvas, state: HostState, rect: Any) -> None:
    """Isolation is an outline as well as a colour."""
    isolated = state in (HostState.ISOLATED_CLEAN, HostState.ISOLATED_COMPROMISED)
    canvas.box(rect, c.DARK if isolated else STATE_COLOURS[state], radius=2)
    if isolated:
        canvas.box(rect, STATE_COLOURS[state], border=2, radius=2)


def _draw_counts(canvas: Canvas, counts: Any, hosts: int, panel: Any) -> None:
    """Exact numbers under the cells: all hosts, then each state but clean, where there are any."""
    y = panel.bottom - 15
    x = panel.x + 10 + canvas.text(f"{hosts:,} hosts", panel.x + 10, y, size=c.SMALL, colour=c.FAINT) + 12
    for state in reversed(HostState):
        if state is not HostState.CLEAN and counts[state]:
            _draw_state(canvas, state, canvas.rect(x, y - 7, 12, 12))
            x += 16 + canvas.text(f"{counts[state]:,}", x + 16, y, size=c.SMALL) + 10


def _draw_legend(canvas: Canvas, hosts_per_cell: int, area: Any) -> None:
    x, y = area.x, area.y + 20
    for state in (
        HostState.UNDETECTED,
        HostState.DETECTED,
        HostState.ISOLATED_COMPROMISED,
        HostState.ISOLATED_CLEAN,
        HostState.CLEAN,
    ):
        _draw_state(canvas, state, canvas.rect(x, y - 7, 14, 14))
        x += 19 + canvas.text(STATE_LABELS[state], x + 19, y, size=c.SMALL, colour=c.FAINT) + 16
    x, y = area.x, y + 22
    square = "a host" if hosts_per_cell == 1 else f"{hosts_per_cell} hosts, the worst at its bottom"
    x += (
        canvas.text(
            f"Square: {square}.  Number: stage of the attack there.  Arrow: who reaches whom;",
            x,
            y,
            size=c.SMALL,
            colour=c.FAINT,
        )
        + 6
    )
    canvas.text("open to the attacker now", x, y, size=c.SMALL, colour=c.VERMILION)
