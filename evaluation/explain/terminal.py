"""An explanation as a table in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from evaluation.explain.explanation import Explanation, Input
from evaluation.explain.words import as_value
from evaluation.folding import Folding

BAR, HEAD_BAR = 12, 4
TRUTH = "†"
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def render(explanation: Explanation, top: int) -> Iterator[RenderableType]:
    """What is printed: where and what, then the `top` inputs and how much the others come to."""
    yield Text(f"{explanation.agent} of {explanation.team}", style="bold")
    for label, lines in (
        ("when", (explanation.when,)),
        ("truth", _untold(explanation.situation)),
        ("decision", explanation.decision),
    ):
        for index, line in enumerate(lines):
            yield Text.assemble((f"{label if index == 0 else '':<10}", "dim"), line)
    yield ""
    if explanation.constant:
        yield Text(explanation.says_constant)
        return
    yield _table(explanation, top)
    rest = explanation.inputs[top:]
    if rest:
        share = sum(one.importance for one in rest)
        yield Text(f"the other {len(rest)} inputs: {share:.1%} of the attention", style="dim")
    heads = len(explanation.inputs[0].heads)
    yield Text(f"attention: the mean of the {heads} heads h1 to h{heads}; each sums to 100 %", style="dim")
    if any(one.leaks_truth for one in explanation.inputs[:top]):
        yield Text(f"{TRUTH} tells the truth, which a real SOC would not know", style="dim")


def _untold(situation: str) -> tuple[str, ...]:
    return (f"{situation} (the agent is not told)",) if situation else ()


def _table(explanation: Explanation, top: int) -> Table:
    shown = explanation.inputs[:top]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("input", ratio=1, overflow="fold")
    table.add_column("value", justify="right")
    table.add_column("usual", justify="right", style="dim")
    table.add_column("attention", no_wrap=True)
    for head in range(len(shown[0].heads)):
        table.add_column(f"h{head + 1}", no_wrap=True)
    longest = shown[0].importance
    highest = max(max(one.heads) for one in shown)
    for one in shown:
        table.add_row(
            _described(one),
            as_value(one.value),
            as_value(one.usual),
            Text.assemble((_bar(one.importance / longest, BAR), "cyan"), f"{one.importance:6.1%}"),
            *(Text(_bar(share / highest, HEAD_BAR), style="blue") for share in one.heads),
        )
    return table


def _described(one: Input) -> Text:
    truth = f" {TRUTH}" if one.leaks_truth else ""
    return Folding.assemble((one.name, "bold"), truth, "\n", (one.meaning, "dim"))


def _bar(fraction: float, width: int) -> str:
    """A bar in eighths of a character, padded to `width`."""
    eighths = round(min(1.0, max(0.0, fraction)) * width * 8)
    whole, part = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width)
