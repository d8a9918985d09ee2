"""Machine code on disk: a help where it can be used, and never in the way."""

from __future__ import annotations

import errno
import os
import re
import runpy
import warnings
from collections.abc import Callable
from pathlib import Path

import numba
import pytest
from numba.core.caching import UserProvidedCacheLocator, _CacheLocator

from soc_env.engine import kernel_cache
from soc_env.engine.compile import COMPILED

pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled")

PACKAGES = ("soc_env", "agent_zoo", "baselines", "evaluation")
KERNEL = """
from soc_env.engine.compile import entry_point

@entry_point
def double(x):
    return 2 * x
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Does what a new process does with a function; returns how often the cache had it."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "kernel.py").write_text(KERNEL, "utf-8")

    def run() -> int:
        monkeypatch.setattr(kernel_cache, "_told", set())
        double = runpy.run_path(str(tmp_path / "kernel.py"))["double"]
        assert [double(21), double(0.5)] == [42, 1.0]
        return sum(double.stats.cache_hits.values())

    return run


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def changed_in_the_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def a_folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_machine_code_is_kept_for_the_next_process(start: Callable[[], int]) -> None:
    assert start() == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert start() == 2


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (".nbi", emptied),
        (".nbi", truncated),
        (".nbi", zeroed),
        (".nbi", a_folder_instead),
        (".1.nbc", emptied),
        (".1.nbc", truncated),
        (".1.nbc", zeroed),
        (".1.nbc", changed_in_the_middle),
    ],
)
def test_a_damaged_file_is_named_and_compiled_anew(
    suffix: str, damage: Callable[[Path], None], start: Callable[[], int], tmp_path: Path
) -> None:
    start()
    (path,) = (tmp_path / "cache").rglob(f"*{suffix}")
    damage(path)
    with pytest.warns(RuntimeWarning, match=f"compiling again.*{re.escape(str(path))}"):
        assert start() == 0
    if damage is not a_folder_instead:
        assert start() == 2


def test_a_full_disk_costs_nothing_but_the_cache_and_is_said_once(
    start: Callable[[], int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(RuntimeWarning) as told:
        assert start() == 0
    (message,) = (str(one.message) for one in told)
    assert "No space left on device" in message
    assert str(tmp_path / "cache") in message


def test_without_a_folder_to_write_to_everything_is_compiled_and_it_is_said_once(
    start: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for locator in (_CacheLocator, UserProvidedCacheLocator):
        monkeypatch.setattr(locator, "ensure_cache_path", read_only)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR") as told:
        assert start() == 0
    assert len(told) == 1


def test_nothing_is_compiled_elsewhere() -> None:
    root = Path(__file__).parent.parent
    files = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    importing = {
        path.name for path in files if re.search(r"^(import|from) numba", path.read_text("utf-8"), re.M)
    }
    assert importing == {"compile.py", "kernel_cache.py"}
