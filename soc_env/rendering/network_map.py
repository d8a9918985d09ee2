"""The network as panels of hosts joined by arrows: where the attacker is, and where it can go next."""

from __future__ import annotations

from typing import Any, Final

from soc_env.rendering import canvas as c
from soc_env.rendering.canvas import Canvas, Colour, Point
from soc_env.rendering.hosts import STATE_LABELS, HostCells, HostState, count_states, gather_hosts
from soc_env.rendering.snapshot import SegmentView, Snapshot

GAP: Final = 44
LEGEND_HEIGHT: Final = 50
SMALLEST_CELL: Final = 10
LARGEST_CELL: Final = 28
DIGIT_CELL: Final = 15  # the smallest in which a digit can be read

STATE_COLOURS: Final[dict[HostState, Colour]] = {
    HostState.UNDETECTED: c.VERMILION,
    HostState.DETECTED: c.YELLOW,
    HostState.ISOLATED_COMPROMISED: c.PURPLE,
    HostState.ISOLATED_CLEAN: c.SKY,
    HostState.CLEAN: (62, 76, 98),
}


def draw_network(canvas: Canvas, snapshot: Snapshot, area: Any) -> None:
    """The map in `area`, its legend along the bottom."""
    room = canvas.rect(area.x, area.y, area.width, area.height - LEGEND_HEIGHT)
    panels = _place_panels(canvas, len(snapshot.segments), room)
    for source, segment in enumerate(snapshot.segments):
        exposed = bool((segment.compromised & ~segment.isolated).any())
        for target in segment.reaches:
            colour, width = (c.VERMILION, 3) if exposed else (c.EDGE, 2)
            canvas.arrow(_path(panels, source, target), colour, width)
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
    """The points of an arrow between two panels; the arrow back runs beside it."""
    first, second = sorted((source, target))
    a, b = panels[first], panels[second]
    way = 1 if source < target else -1
    turns: list[Point] = []
    if a.x == b.x:  # above one another
        x = a.centerx + 6 * way
        points: list[Point] = [(x, a.bottom + 2), (x, b.top - 2)]
    else:
        shift = 6 * way
        top, bottom = max(a.top, b.top), min(a.bottom, b.bottom)
        if b.left - a.right > GAP + 2:  # past another column: between its two panels
            middle = (min(panel.top for panel in panels) + max(panel.bottom for panel in panels)) / 2
            start, end = (min(max(middle, p.top + 30), p.bottom - 30) + shift for p in (a, b))
            turns = [(a.right + GAP - 6, middle + shift), (b.left - GAP + 6, middle + shift)]
        elif bottom - top > 40:  # side by side
            start = end = (top + bottom) / 2 + shift
        else:  # steep arrows are closer to each other than their ends are
            start, end = (a.bottom - 30, b.top + 30) if a.top < b.top else (a.top + 30, b.bottom - 30)
            start, end = start + 2 * shift, end + 2 * shift
        points = [(a.right + 2, start), *turns, (b.left - 2, end)]
    return points if source < target else points[::-1]


def _draw_segment(canvas: Canvas, segment: SegmentView, panel: Any) -> int:
    """One panel; returns how many hosts a cell stands for."""
    counts = count_states(segment)
    at_large = counts[HostState.UNDETECTED] + counts[HostState.DETECTED]
    canvas.box(panel, c.PANEL, radius=8)
    canvas.box(panel, c.VERMILION if at_large else c.EDGE, border=2, radius=8)
    left, right, y = panel.x + 10, panel.right - 10, panel.y + 17
    canvas.text(segment.name, left, y, size=c.TITLE, room=panel.width - 90)
    canvas.text(f"value {segment.value:.1f}", right, y, size=c.SMALL, colour=c.FAINT, anchor="midright")

    hosts_per_cell = _draw_cells(
        canvas, segment, canvas.rect(left, panel.y + 32, panel.width - 20, panel.height - 58)
    )

    x, y = left, panel.bottom - 14
    for state, colour in STATE_COLOURS.items():
        if counts[state] and (state is not HostState.CLEAN or len(segment.stage) == counts[state]):
            _draw_host(canvas, state, colour, canvas.rect(x, y - 6, 11, 11))
            x += 14 + canvas.text(f"{counts[state]:,}", x + 14, y, size=c.SMALL) + 7
    stage = int(segment.stage.max())
    if stage:
        canvas.text(f"stage {stage}", right, y, size=c.SMALL, colour=c.VERMILION, anchor="midright")
    return hosts_per_cell


def _draw_cells(canvas: Canvas, segment: SegmentView, area: Any) -> int:
    """The hosts in squares as large as fit; returns how many hosts share one."""
    hosts = len(segment.compromised)
    sizes = range(LARGEST_CELL, SMALLEST_CELL, -1)
    size = next((size for size in sizes if _fitting(area, size) >= hosts), SMALLEST_CELL)
    cells = gather_hosts(segment, _fitting(area, size))
    columns = area.width // size
    for index in range(len(cells.stage)):
        x, y = area.x + index % columns * size, area.y + index // columns * size
        _draw_cell(canvas, cells, index, canvas.rect(x, y, size - 2, size - 2))
    return cells.hosts_per_cell


def _fitting(area: Any, size: int) -> int:
    return int((area.width // size) * (area.height // size))


def _draw_cell(canvas: Canvas, cells: HostCells, index: int, rect: Any) -> None:
    """The worst state in the cell, the stronger the more of its hosts are not clean."""
    state, counts = HostState(int(cells.worst[index])), cells.counts[index]
    troubled = 1.0 - counts[HostState.CLEAN] / counts.sum()
    colour = STATE_COLOURS[state]
    if state is not HostState.CLEAN:
        colour = c.blend(colour, STATE_COLOURS[HostState.CLEAN], 0.6 + 0.4 * troubled)
    _draw_host(canvas, state, colour, rect)
    stage = int(cells.stage[index])
    if stage and rect.height + 2 >= DIGIT_CELL:
        ink = c.DARK if state in (HostState.DETECTED, HostState.UNDETECTED) else c.INK
        x, y = rect.centerx + 0.5, rect.centery + 1
        canvas.text(str(stage), x, y, size=min(26, rect.height + 7), colour=ink, anchor="center")


def _draw_host(canvas: Canvas, state: HostState, colour: Colour, rect: Any) -> None:
    """A square, hollow where the host is isolated: form says it as well as colour."""
    isolated = state in (HostState.ISOLATED_CLEAN, HostState.ISOLATED_COMPROMISED)
    canvas.box(rect, c.DARK if isolated else colour, radius=2)
    if isolated:
        canvas.box(rect, colour, border=2, radius=2)


def _draw_legend(canvas: Canvas, hosts_per_cell: int, area: Any) -> None:
    x, y = area.x, area.y + 18
    for state, colour in STATE_COLOURS.items():
        _draw_host(canvas, state, colour, canvas.rect(x, y - 7, 13, 13))
        x += 18 + canvas.text(STATE_LABELS[state], x + 18, y, size=c.SMALL, colour=c.FAINT) + 16
    x, y = area.x, y + 20
    square = "one host" if hosts_per_cell == 1 else f"up to {hosts_per_cell} hosts, the worst shown"
    words = (
        f"Square: {square}.   Number: stage of the attack (0 to 4, 0 is blank).   Arrow: who reaches whom,"
    )
    x += canvas.text(words, x, y, size=c.SMALL, colour=c.FAINT) + 5
    canvas.text("open to the attacker", x, y, size=c.SMALL, colour=c.VERMILION)
