"""What a command writes: held and found to be writable before the work, and no reason to lose its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent_zoo.output_lock import OutputError, hold_file, hold_folder
from evaluation.usage import UsageError


class Outputs:
    """Holds folders and files while the block works in them.

    Attributes:
        failure: why the first thing that could not be written was not; None if all was.
    """

    def __init__(self, *, folders: Sequence[Path | None] = (), files: Sequence[Path | None] = ()) -> None:
        """None stands for an output that was not asked for."""
        self._folders, self._files = folders, files
        self._held = ExitStack()
        self.failure: OSError | None = None

    def __enter__(self) -> Self:
        """Raises UsageError where an output cannot be written, or another process is writing it."""
        try:
            for hold, paths in ((hold_folder, self._folders), (hold_file, self._files)):
                for path in {path.resolve(): path for path in paths if path is not None}.values():
                    self._held.enter_context(hold(path))
        except OutputError as error:
            self._held.close()
            raise UsageError(str(error)) from error
        return self

    def write(self, write: Callable[..., object], *args: Any) -> bool:
        """Call `write(*args)`; where that fails, return False: the block goes on, and ends with the error."""
        try:
            write(*args)
        except OSError as error:
            self.failure = self.failure or error
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()
        if self.failure is not None and (kind is None or issubclass(kind, SystemExit)):
            raise UsageError(f"not everything could be written: {self.failure}") from self.failure
