"""A command that is told to stop leaves with one line and the exit status that shells expect."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from agent_zoo.interruption import SIGNALS
from soc_env.command_line import soc_env_command


class Stopped(KeyboardInterrupt):
    """SIGINT, which Ctrl-C sends, or SIGTERM has told the command to stop.

    Attributes:
        number: of the signal.
        kept: what the user still has.
        go_on: arguments with which the command goes on, beside those that it had; None where it begins anew.
    """

    def __init__(self, number: int, kept: str = "", go_on: Sequence[str] | None = None) -> None:
        super().__init__(number, kept)
        self.number, self.kept, self.go_on = number, kept, go_on


@contextlib.contextmanager
def stopping_with_one_line(command: Sequence[str]) -> Iterator[None]:
    """Let the first signal end the block by `Stopped`; a second one ends the process at once.

    Args:
        command: what runs in the block, ["soc-env", "evaluate", ...].

    Raises:
        SystemExit: with 128 and the number of the signal, after the line.
    """
    global _received
    _received, before = None, {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, _stop) for number in SIGNALS}
    try:
        yield
    except KeyboardInterrupt as error:
        stopped = error if isinstance(error, Stopped) else Stopped(signal_of(error))
        print(_line(stopped, command), file=sys.stderr)
        raise SystemExit(128 + stopped.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _line(stopped: Stopped, command: Sequence[str]) -> str:
    cause = "Ctrl-C" if stopped.number == signal.SIGINT else signal.Signals(stopped.number).name
    parts = [f"{' '.join(command[:2])}: stopped by {cause}"]
    if stopped.kept:
        parts.append(stopped.kept)
    if stopped.go_on is not None:
        more = [argument for argument in stopped.go_on if argument not in command]
        parts.append(f"to go on: {soc_env_command(*command[1:], *more)}")
    return "; ".join(parts)


_received: int | None = None
"""The signal that has stopped the command."""


def signal_of(error: KeyboardInterrupt) -> int:
    """The signal behind an interrupt, also where others (Ray) have raised one in place of ours."""
    return getattr(error, "number", None) or _received or signal.SIGINT


def _stop(number: int, frame: FrameType | None) -> None:
    global _received
    _received = number
    for each in SIGNALS:
        signal.signal(each, signal.SIG_DFL)
    raise Stopped(number)
