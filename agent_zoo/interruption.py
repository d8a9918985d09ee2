"""Stopping a training that is on: the first signal asks for a checkpoint, the second leaves at once."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

SECONDS_TO_END: Final = 5.0
"""How long a round may go on once the training is to stop; one that takes longer is given up."""


class TrainingStopped(KeyboardInterrupt):
    """A training was told to stop, and its run can be resumed.

    Attributes:
        number: of the signal that told it.
        step: environment steps that are kept, all lanes together.
        checkpoint: where it can go on from; None if it was stopped before there was anything to keep.
    """

    def __init__(self, number: int, step: int, checkpoint: Path | None) -> None:
        kept = "nothing was kept yet" if checkpoint is None else f"kept in {checkpoint}"
        super().__init__(f"training stopped at step {step:,}; {kept}; with resume it goes on from there")
        self.number, self.step, self.checkpoint = number, step, checkpoint


class Interruption:
    """Whether the training in the block has been told to stop, by a signal or by `stop_training`.

    Signals reach the block in the process's main thread only. The second one goes to whoever handled
    signals before.

    Attributes:
        number: of the signal, None as long as the training is to go on.
    """

    _current: Interruption | None = None

    def __init__(self) -> None:
        self.number: int | None = None
        self._since = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        Interruption._current = self
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        Interruption._current = None
        self._restore()

    @property
    def overdue(self) -> bool:
        """Whether the round that was on when the training was told to stop takes too long."""
        return self.number is not None and time.monotonic() - self._since > SECONDS_TO_END

    def request(self, number: int) -> None:
        """Tell the training to stop; that it was told before does not matter."""
        if self.number is None:
            self.number, self._since = number, time.monotonic()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        self.request(number)

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before = {}


def stop_training(number: int = signal.SIGTERM) -> bool:
    """Tell the training that is on in this process, from any thread, to stop; returns whether one is."""
    current = Interruption._current
    if current is None:
        return False
    current.request(number)
    return True
