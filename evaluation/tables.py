"""Tables of a few text cells, and how they look in a terminal, in Markdown and in JSON.

A cell may have several lines: a figure and below it its interval, or ours and below it the paper's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from soc_env.extras import require

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

NONE = "—"  # where there is no figure


@dataclass(frozen=True)
class Table:
    """A titled table.

    Attributes:
        title: says what the figures are.
        header: the columns' names; those from `num_labels` on hold figures and are aligned right.
        rows: as many cells each as the header; "\\n" separates the lines of a cell.
        notes: sentences below it.
        num_labels: leading columns of text.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    num_labels: int = 1

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"rows must have {len(self.header)} cells like the header, got {row}")

    def to_json(self) -> dict[str, Any]:
        """Its parts by name, of strings and lists alone."""
        return {key: value for key, value in asdict(self).items() if key != "num_labels"}

    def to_markdown(self) -> str:
        """A heading, a table as GitHub renders it, and the notes as a list."""
        rules = ["---"] * self.num_labels + ["---:"] * (len(self.header) - self.num_labels)
        lines = [_markdown_row(self.header), _markdown_row(rules)]
        lines += [_markdown_row(row) for row in self.rows]
        notes = [f"- {_escaped(note)}" for note in self.notes]
        return "\n".join([f"## {self.title}", "", *lines, *([""] if notes else []), *notes]) + "\n"

    def to_rich(self) -> Group:
        """For a rich console; reads well from 100 columns."""
        box = require("rich.box", extra="evaluation", purpose="tables in the terminal")
        from rich.console import Group
        from rich.padding import Padding
        from rich.table import Table as RichTable
        from rich.text import Text

        from evaluation.folding import Folding

        table = RichTable(
            title=Text(self.title, style="bold"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            show_edge=False,
            pad_edge=False,
            header_style="bold",
        )
        for index, name in enumerate(self.header):
            justify: Literal["left", "right"] = "left" if index < self.num_labels else "right"
            table.add_column(Text(name), justify=justify, overflow="fold")
        tall = any("\n" in cell for row in self.rows for cell in row)
        for row in self.rows:
            texts = (Folding if index < self.num_labels else Text for index in range(len(row)))
            table.add_row(*map(_first_line_stands_out, row, texts), end_section=tall)
        notes = [Padding(Folding(f"· {note}", style="dim"), (0, 1)) for note in self.notes]
        return Group(table, "", *notes)


def number(value: float, decimals: int, *, sign: bool = False) -> str:
    """A figure as text, `NONE` for NaN; a zero never has a minus."""
    if math.isnan(value):
        return NONE
    value = round(value, decimals) + 0.0  # turns -0.0 into 0.0
    return f"{value:{'+' if sign and value else ''}.{decimals}f}"


def with_deviation(mean: float, std: float) -> str:
    """For instance "136.9 ± 3.1"; without the deviation where it is NaN, as it is for one seed."""
    decimals = _most_decimals(mean)
    return number(mean, decimals) + ("" if math.isnan(std) else f" ± {number(std, decimals)}")


def with_interval(value: float, interval: Sequence[float], *, sign: bool = False) -> str:
    """The value, and on a second line its interval, such as "11.42" and "[11.31, 11.53]".

    The wider the interval, the fewer decimals mean anything.
    """
    width = interval[1] - interval[0]
    decimals = min(_most_decimals(value), 2 if width < 0.5 else 1 if width < 20 else 0)
    low, high = (number(end, decimals, sign=sign) for end in interval)
    return f"{number(value, decimals, sign=sign)}\n[{low}, {high}]"


def _most_decimals(value: float) -> int:
    return 1 if abs(value) >= 100 else 2


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_escaped(cell) for cell in cells)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "<br>")


def _first_line_stands_out(cell: str, text: type[Text]) -> Text:
    first, newline, rest = cell.partition("\n")
    return text.assemble(first, newline, (rest, "dim"))
