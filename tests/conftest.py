"""Set-up of the tests: headless pictures, one thread each, compiled kernels that are never out of date."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
# Networks of tests are so small that more threads only lose, the more so beside other workers.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Numba renews the cache of a function when the function's own file changes, but not when a file that
# it calls does. So the tests keep their cache under a name made of all sources.
_ROOT = Path(__file__).parent.parent
_sources = sorted((_ROOT / "soc_env").rglob("*.py"))
_digest = hashlib.sha256(b"".join(source.read_bytes() for source in _sources)).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(_ROOT / ".pytest_cache" / "numba" / _digest))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """With `-n auto`, a worker for each processor; left alone, pytest-xdist counts cores, of two each."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pytest_configure(config: pytest.Config) -> None:
    """Compile the kernels before workers start, which else would all compile the same ones at once."""
    if config.getoption("numprocesses", None) and not config.getoption("collectonly"):
        from soc_env import soc_v0

        env = soc_v0.vector_env(1)
        env.reset(seed=0)
        env.step(env.action_space.sample())
        env.state()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """A training that ran before in this process may have set another number."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium, a Selenium driver, for tests of the group `browser`."""
    from tests.browser import chromium  # Selenium is not there for every group

    with chromium() as driver:
        yield driver
