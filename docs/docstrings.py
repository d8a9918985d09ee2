"""Docstrings describe arguments that belong together in one entry, "low, high: bounds". The reference needs
an entry for each name, and this makes them."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object

_TOGETHER = re.compile(r"^( +)(\*{0,2}\w+(?:, \*{0,2}\w+)+): ")


class OneEntryForEachName(Extension):
    """Splits such entries when a docstring has been read."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Griffe calls this for everything that it has read."""
        if obj.docstring is not None:
            obj.docstring.value = "\n".join(_split(obj.docstring.value.splitlines()))


def _split(lines: list[str]) -> list[str]:
    found: list[str] = []
    while lines:
        first, *lines = lines
        together = _TOGETHER.match(first)
        if together is None:
            found.append(first)
            continue
        indent, text = together[1], first[together.end() :]
        more = []
        while lines and lines[0].startswith(f"{indent} "):
            more.append(lines[0])
            del lines[0]
        for name in together[2].split(", "):
            found += [f"{indent}{name}: {text}", *more]
    return found
