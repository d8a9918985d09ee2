"""Set-up of the tests: headless pictures, and compiled kernels that are never out of date."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

# Numba renews the cache of a function when the function's own file changes, but not when a file that
# it calls does. So the tests keep their cache under a name made of all sources.
_ROOT = Path(__file__).parent.parent
_sources = sorted((_ROOT / "soc_env").rglob("*.py"))
_digest = hashlib.sha256(b"".join(source.read_bytes() for source in _sources)).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(_ROOT / ".pytest_cache" / "numba" / _digest))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium, a Selenium driver, for tests of the group `browser`."""
    from tests.browser import chromium  # Selenium is not there for every group

    with chromium() as driver:
        yield driver
