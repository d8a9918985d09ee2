"""Text for narrow columns whose long words, names and paths mostly, break where their parts end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.containers import Lines
from rich.text import Text

_SEPARATORS: Final = (re.compile(r"[,;@/\\()\[\]{}|]+"), re.compile(r"[=_:+-]+|\.+(?!\d)"))
"""Behind which a word may break, the better ones first."""


class Folding(Text):
    """Text of which a word that is wider than the column breaks behind a separator, where it has one."""

    def wrap(self, console: Console, width: int, **options: Any) -> Lines:
        offsets = [
            word.start() + cut for word in re.finditer(r"\S+", self.plain) for cut in cuts(word[0], width)
        ]
        return Text.wrap(Text("\n").join(self.divide(offsets)), console, width, **options)


def cuts(word: str, width: int) -> Iterator[int]:
    """Where a word breaks into parts of at most `width` characters."""
    start = 0
    while width > 0 and len(word) - start > width:
        ends = ([match.end() for match in each.finditer(word, start, start + width)] for each in _SEPARATORS)
        start = next((found[-1] for found in ends if found), start + width)
        yield start
