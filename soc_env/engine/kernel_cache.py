"""Numba's cache of machine code, made a help that is never a must.

Numba takes its files for whole and its folder for writable. Here files carry a checksum, and one that cannot
be used, read or written costs a warning and the time that compiling takes.
"""

from __future__ import annotations

import hashlib
import pickle
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from numba.core.caching import FunctionCache, IndexDataCacheFile

_DIGEST_BYTES: Final = 32
_told: set[str] = set()


class DamagedFileError(Exception):
    """A file of the cache holds something else; the message names it."""


def use_cache(dispatcher: Any) -> None:
    """Keep the machine code of a function that Numba compiles, if there is anywhere to keep it."""
    try:
        dispatcher._cache = KernelCache(dispatcher.py_func)
    except (RuntimeError, OSError) as error:
        _warn(f"every start compiles anew, unless NUMBA_CACHE_DIR names a folder to write to: {error}")


class KernelCache(FunctionCache):
    """Of one function."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        locator = self._impl.locator
        # Another name than Numba's, whose files have no checksum.
        name = f"{self._impl.filename_base}.checked"
        self._cache_file = _CheckedFiles(locator.get_cache_path(), name, locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The machine code for these types, None where there is none that can be used."""
        try:
            return super().load_overload(sig, target_context)
        except Exception as error:  # whatever a file that is not as it should be leads to
            _warn(f"compiling again, since the cache of machine code cannot be used: {error}")
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code if that is possible."""
        try:
            super().save_overload(sig, data)
        except Exception as error:  # a full disk, a file that another process holds ...
            _warn(f"machine code cannot be kept in {self.cache_path}: {error}")


class _CheckedFiles(IndexDataCacheFile):
    def _load_index(self) -> Any:
        try:
            return super()._load_index()
        except OSError:
            raise
        except Exception as error:  # pickle raises almost anything
            raise DamagedFileError(f"{self._index_path} is damaged ({type(error).__name__})") from error

    def _load_data(self, name: str) -> Any:
        path = Path(self._data_path(name))
        content = path.read_bytes()
        digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if hashlib.sha256(data).digest() != digest:
            raise DamagedFileError(f"{path} is damaged (its checksum is another)")
        return pickle.loads(data)

    def _save_data(self, name: str, data: Any) -> None:
        dumped = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(dumped).digest() + dumped)


def _warn(message: str) -> None:
    """Once a process, though every kernel has files of its own."""
    if message not in _told:
        _told.add(message)
        warnings.warn(f"soc-env: {message}", RuntimeWarning, stacklevel=2)
