"""A moment of an episode as text with ANSI colours, for `render_mode="ansi"`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering.actions import action_bars, last_verdict, without_bars
from soc_env.rendering.hosts import HostState, count_states, gather_hosts
from soc_env.rendering.snapshot import AlertView, Snapshot
from soc_env.rendering.wording import outcome_sign, sign, signed, steps
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, TRIAGE

WIDTH: Final = 100
SHOWN_ALERTS: Final = 5
MARKS: Final = 40

# Colours by number are the terminal's own, so that they suit a light and a dark background.
_BOLD, _DIM = "1", "2"
_RED, _GREEN, _YELLOW, _BLUE, _CYAN = "31", "32", "33", "34", "36"
_SIGN_COLOURS: Final = {-1: _RED, 0: _DIM, 1: _GREEN}
_STATE_MARKS: Final = {
    HostState.CLEAN: ("·", _DIM),
    HostState.ISOLATED_CLEAN: ("o", _CYAN),
    HostState.ISOLATED_COMPROMISED: ("x", _BLUE),
    HostState.DETECTED: ("D", _YELLOW),
    HostState.UNDETECTED: ("!", f"{_BOLD};{_RED}"),
}


def render_text(snapshot: Snapshot) -> str:
    """The snapshot in lines of at most 100 characters (escape codes not counted), no newline at the end."""
    blocks = (
        _heading,
        *([_attack] if snapshot.phases else []),
        _network if snapshot.segments else _facts,
        *([_queue] if snapshot.queue_capacity else [_verdict]),
        _actions,
        _reward,
    )
    return "\n".join(line.rstrip() for block in blocks for line in block(snapshot))


def _paint(text: str, code: str) -> str:
    return f"\033[{code}m{text}\033[0m"


def _fit(text: str, width: int) -> str:
    """`text` padded, or cut with an ellipsis, to exactly `width` characters."""
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _bar(fraction: float, width: int, code: str = _CYAN) -> str:
    filled = min(width, max(0, round(float(fraction) * width)))
    return _paint("█" * filled, code) + _paint("░" * (width - filled), _DIM)


def _title(text: str, note: str = "") -> str:
    return _paint(text.ljust(10), _BOLD) + _paint(note, _DIM)


def _flow(title: str, pieces: Sequence[tuple[str, str]]) -> list[str]:
    """Pieces of text and their colours, one after the other under a title, in as many lines as they need."""
    lines: list[str] = []
    line, used = _title(title), 10
    for text, code in pieces:
        if used + len(text) > WIDTH:
            lines, line, used, text = [*lines, line], " " * 10, 10, text.lstrip()
        line, used = line + _paint(text, code), used + len(text)
    return [*lines, line]


def _heading(snapshot: Snapshot) -> list[str]:
    done = snapshot.step / max(1, snapshot.max_steps)
    left = f"{snapshot.env_id}   step {snapshot.step}/{snapshot.max_steps} "
    right = f"   reward {signed(snapshot.reward)}   return {signed(snapshot.episode_return)}"
    line = _paint(left, _BOLD) + _bar(done, 20, _DIM) + _paint(right, _BOLD)
    if snapshot.outcome is None:
        return [line]
    return [
        line,
        _paint(f" {snapshot.outcome.upper()} ", f"7;{_SIGN_COLOURS[outcome_sign(snapshot.outcome)]}"),
    ]


def _attack(snapshot: Snapshot) -> list[str]:
    """The phases as a chain, the present one in brackets."""
    pieces = []
    for index, name in enumerate(snapshot.phases):
        arrow = " > " if index else ""
        if index == snapshot.phase:
            pieces.append((f"{arrow}[{name}, {steps(snapshot.phase_steps)}]", f"{_BOLD};{_RED}"))
        else:
            pieces.append((arrow + name, _RED if index < snapshot.phase else _DIM))
    return ["", *_flow("ATTACK", pieces)]


def _network(snapshot: Snapshot) -> list[str]:
    cells = [gather_hosts(segment, MARKS) for segment in snapshot.segments]
    total = sum(len(segment.compromised) for segment in snapshot.segments)
    per_mark = max(cell.hosts_per_cell for cell in cells)
    note = f"{total:,} hosts, " + (
        "a mark each" if per_mark == 1 else f"a mark for {per_mark} of them, showing the worst"
    )
    columns = "clean undet  det isol stage"
    lines = ["", _title("NETWORK", note.ljust(WIDTH - 10 - len(columns)) + columns)]
    for index, (segment, cell) in enumerate(zip(snapshot.segments, cells, strict=True)):
        counts = count_states(segment)
        isolated = counts[HostState.ISOLATED_CLEAN] + counts[HostState.ISOLATED_COMPROMISED]
        stage = int(segment.stage.max())
        reaches = "→" + ",".join(str(target) for target in segment.reaches)
        marks = "".join(_paint(*_STATE_MARKS[HostState(state)]) for state in cell.worst)
        numbers = (
            f"{counts[HostState.CLEAN]:6d}"
            + _count(counts[HostState.UNDETECTED], 6, HostState.UNDETECTED)
            + _count(counts[HostState.DETECTED], 5, HostState.DETECTED)
            + _count(isolated, 5, HostState.ISOLATED_CLEAN)
            + (f"{stage:6d}" if stage else _paint(f"{'-':>6}", _DIM))
        )
        label = f"{index} {_fit(segment.name, 11)} {segment.value:3.1f} {_fit(reaches, 10)} "
        lines.append(label + marks + " " * (MARKS - len(cell.worst)) + numbers)
    return [*lines, _legend()]


def _legend() -> str:
    def mark(state: HostState, label: str) -> str:
        return _paint(*_STATE_MARKS[state]) + " " + label

    return "  ".join(
        (
            "  compromised:",
            mark(HostState.UNDETECTED, "undetected"),
            mark(HostState.DETECTED, "detected"),
            mark(HostState.ISOLATED_COMPROMISED, "isolated"),
            "  clean:",
            mark(HostState.CLEAN, "connected"),
            mark(HostState.ISOLATED_CLEAN, "isolated"),
        )
    )


def _count(count: int, width: int, state: HostState) -> str:
    return _paint(f"{count:{width}d}", _STATE_MARKS[state][1] if count else _DIM)


def _facts(snapshot: Snapshot) -> list[str]:
    """A bar for each, where there is no network."""
    lines = ["", _title("NOW")] if snapshot.facts else []
    for fact in snapshot.facts:
        lines.append(f"  {_fit(fact.name, 40)} {_bar(fact.fraction, 30)} {fact.value:8.3f}")
    return lines


def _verdict(snapshot: Snapshot) -> list[str]:
    verdict = last_verdict(snapshot)
    said = "no verdict yet" if verdict is None else verdict.name.lower()
    return ["", _title("TRIAGE") + said]


def _queue(snapshot: Snapshot) -> list[str]:
    waiting, capacity = len(snapshot.alerts), snapshot.queue_capacity
    verdict = last_verdict(snapshot)
    said = "no verdict yet" if verdict is None else _paint(verdict.name.lower(), _BOLD)
    fullness = waiting / max(1, capacity)
    lines = [
        "",
        _title("ALERTS", f"{waiting:>3} of {capacity} ")
        + _bar(fullness, 20, _RED if fullness > 0.8 else _CYAN)
        + f"   {TRIAGE}: {said}",
    ]
    shown = snapshot.alerts[:SHOWN_ALERTS]
    lines += [_alert(snapshot, alert, "next" if place == 0 else "") for place, alert in enumerate(shown)]
    lines += [""] * (SHOWN_ALERTS - len(shown))  # so that pictures of successive steps stay in place
    return lines


def _alert(snapshot: Snapshot, alert: AlertView, place: str) -> str:
    truth = _paint("attack", f"{_BOLD};{_RED}") if alert.is_true else _paint("benign", _DIM)
    return (
        f"  {place:5} step {alert.timestamp:<5d} {_fit(snapshot.segments[alert.segment].name, 12)}"
        f" severity {_bar(alert.severity, 8)} {alert.severity:4.2f}"
        f"   confidence {_bar(alert.confidence, 8)} {alert.confidence:4.2f}   {truth}"
    )


def _actions(snapshot: Snapshot) -> list[str]:
    """Single numbers a line an agent, then one table of what each agent sets for each segment."""
    lines = ["", _title("TEAM", "lowest 0 %, highest 100 %")]
    table: list[tuple[str, str, NDArray[np.floating]]] = []
    for agent in (COORDINATOR, HUNTER, RESPONDER):
        bars = action_bars(snapshot, agent)
        table += [(agent, label, values) for label, values in bars.by_segment]
        words = ", ".join(f"{label} {value:.0%}" for label, value in bars.single)
        if not bars.by_segment and not words:
            words = without_bars(snapshot, agent)
        if words:
            lines += textwrap.wrap(f"{agent}: {words}", WIDTH, initial_indent="  ", subsequent_indent="    ")
    if not table:
        return lines
    width = (WIDTH - 14) // len(table)
    owners = ""
    for agent in dict.fromkeys(owner for owner, _, _ in table):
        room = width * sum(owner == agent for owner, _, _ in table)
        owners += _fit(agent if len(agent) < room else agent.rpartition("_")[2], room)
    labels = "".join(_fit(label, width - 1) + " " for _, label, _ in table)
    lines += [_paint(" " * 14 + owners, _DIM), " " * 14 + labels]
    for index, segment in enumerate(snapshot.segments):
        cells = (f"{_bar(values[index], width - 7)} {values[index]:4.0%}  " for _, _, values in table)
        lines.append("  " + _fit(segment.name, 11) + " " + "".join(cells))
    return lines


def _reward(snapshot: Snapshot) -> list[str]:
    pieces = [(signed(snapshot.reward), _SIGN_COLOURS[sign(snapshot.reward)])]
    for name, value in snapshot.reward_terms.items():
        joint = " = " if len(pieces) == 1 else "   "
        pieces.append((f"{joint}{name.replace('_', ' ')} {signed(value)}", _SIGN_COLOURS[sign(value)]))
    return ["", *_flow("REWARD", pieces)]
