"""Optional dependencies, and a helpful message where one is missing."""

from __future__ import annotations

import importlib
from types import ModuleType


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import `module`, which the extra `extra` of soc-env installs.

    Raises:
        ImportError: the module is not installed; the message says what needs it and how to get it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and not module.startswith(error.name):
            raise  # the module is there, but something that it imports is not
        raise ImportError(
            f"{purpose} needs {module.split('.')[0]}, which is not installed: pip install 'soc-env[{extra}]'"
        ) from error
