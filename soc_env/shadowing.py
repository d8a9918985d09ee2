"""Files of the user's that hide packages of soc-env: an `evaluation.py` beside a script, for instance.

Python looks for packages beside the script, or in the working directory, before it looks where soc-env is
installed, and names such as `evaluation` are common. What follows is an error about something else.
"""

from __future__ import annotations

from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("agent_zoo", "baselines", "evaluation")
"""What is installed beside `soc_env`."""


def check_not_shadowed() -> None:
    """Check that the packages beside `soc_env` are those that Python finds by their names.

    Raises:
        ImportError: one is not; the message names the file or folder that Python finds.
    """
    home = Path(__file__).resolve().parent.parent
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None or spec.origin is None or not (home / name).is_dir():
            continue
        found = _place(spec)
        if found.resolve() != home / name:
            raise ImportError(f"{found} hides soc-env's own package {name}: rename it, or run elsewhere")


def load(entry: EntryPoint) -> Any:
    """What an entry point names.

    Raises:
        ImportError: it cannot be imported; where a file hides a package of soc-env, that is what is said.
    """
    try:
        return entry.load()
    except ImportError:
        check_not_shadowed()
        raise


def _place(spec: ModuleSpec) -> Path:
    """The module's file, the package's folder."""
    assert spec.origin is not None
    return Path(spec.origin).parent if spec.submodule_search_locations else Path(spec.origin)
