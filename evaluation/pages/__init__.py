"""Pages that stand alone: templates with places for a title, data, and what all pages share."""

from __future__ import annotations

import html
import json
import re
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any


def fill(template: Traversable, title: str, data: Any) -> str:
    """The template's page, in which neither title nor data can become markup or code.

    Args:
        template: UTF-8, with places: `{{ title }}`; `{{ style }}` for shared.css; `{{ theme }}` for
            theme.js, which needs a button #theme and a function `find`; and as all of a script element of
            type application/json `{{ data }}`.
        title: any text.
        data: plain values, as JSON has them.

    Raises:
        ValueError: data has a number that is not finite.
    """
    # In a script element only "<" could end the element or begin a comment; JSON may write it as an escape.
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    folder = resources.files("evaluation.pages")
    parts = {
        "title": html.escape(title),
        "style": folder.joinpath("shared.css").read_text("utf-8").rstrip(),
        "theme": folder.joinpath("theme.js").read_text("utf-8").rstrip(),
        "data": text,
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda place: parts[place[1]], template.read_text("utf-8"))
