"""Commands that messages tell a user to type, quoted as a shell needs them."""

from __future__ import annotations

import shlex
from pathlib import Path


def soc_env_command(*words: str | Path) -> str:
    """What to type for `soc-env` with these arguments: `soc-env evaluate 'my runs/42'`.

    Args:
        words: paths as `Path`s, so that none is taken for an option or for the name of a registered team.
    """
    return shlex.join(["soc-env", *(_as_path(word) if isinstance(word, Path) else word for word in words)])


def _as_path(path: Path) -> str:
    text = str(path)
    return text if path.is_absolute() or (len(path.parts) > 1 and text[0] != "-") else f"./{text}"
