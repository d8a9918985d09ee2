"""Third parties' policies in a process of their own.

What that is for: the evaluator's process holds the environment, which a policy in the same process could
find through frames or the garbage collector, and a policy may hang, exit, crash, print, or take memory
without end. In a process of its own it gets observations over a socket and gives actions back; what it
prints is thrown away; it is stopped when it exceeds its `Limits`; and whatever happens to it becomes an
error of that policy alone. The process is a fresh interpreter (spawned, not forked), so it holds nothing
of the evaluator's.

What it is not: a sandbox. The process runs with the user's rights; it can read and write files, use the
network, and read the public evaluation seeds in this package. Run what you do not trust at all in a
container.

What crosses the socket is JSON and raw numbers of a few dtypes. Nothing is unpickled, so an answer
cannot run code in the evaluator, and answers are bounded in size. Needs a POSIX system.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from evaluation.checks import PolicyError
from soc_env.extras import require
from soc_env.policy import TeamPolicy, load_policy

Arrays = dict[str, NDArray[Any]]

# The path must be the evaluator's before anything can be imported.
_START: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from evaluation.isolation import serve; serve(int(sys.argv[1]))"
)
_DTYPES: Final = frozenset(np.dtype(code).str for code in "?bhilqBHILQefd")
_MAX_HEADER: Final = 1 << 16  # bytes of JSON in a message
_MAX_ANSWER: Final = 1 << 26  # bytes of the arrays in an answer: 10,000 lanes need some 2 MB
_MAX_TEXT: Final = 500  # characters of an error that a policy has chosen
_INTERVAL: Final = 0.05  # seconds between looks at the memory: what is taken meanwhile must fit beside it
_GIB: Final = 2**30


@dataclass(frozen=True)
class Limits:
    """What a policy in a process of its own may use.

    Attributes:
        act_seconds: for the actions of a step, in all lanes together, and for a reset.
        load_seconds: for the start of the process and the loading of the policy.
        memory_gib: resident memory of the process and those that it starts, in GiB.

    Raises:
        ValueError: a limit that is not above zero.
    """

    act_seconds: float = 60.0
    load_seconds: float = 120.0
    memory_gib: float = 4.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ValueError(f"{name} must be greater than 0, got {value!r}")


class IsolatedPolicy:
    """A policy that is loaded and acts in a process of its own; the evaluator's side of it.

    It has the parts of a `TeamPolicy` that the evaluator calls. The process ends with `close`, or when
    this object is no longer referred to.

    Args:
        name: as for `soc_env.policy.load_policy`.
        limits: what the process may use.

    Attributes:
        env_id: what the policy says it is for.
        version: the policy's own `version`, as text; None if it has none.

    Raises:
        PolicyError: the policy raised; the message says what. So do `reset` and `act`.
        TimeoutError, MemoryError: it exceeded a limit. So do `reset` and `act`.
        ChildProcessError: its process ended or sent nonsense. So do `reset` and `act`.
    """

    def __init__(self, name: str | Path, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._connection, theirs = socket.socketpair()
        with theirs:
            self._process = _psutil().Popen(
                [sys.executable, "-c", _START, str(theirs.fileno()), json.dumps(list(map(str, sys.path)))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        self._connection.settimeout(_INTERVAL)
        self.close = weakref.finalize(self, _end, self._process, self._connection)
        self._memory_looked_at = 0.0
        about, _ = self._ask({"load": str(name)}, {}, self._limits.load_seconds)
        self.env_id = _text(about.get("env_id"))
        self.version = _text(about.get("version"))

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """As for a `TeamPolicy`."""
        self._ask({"reset": [num_envs, seed]}, {}, self._limits.act_seconds)

    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_]
    ) -> Arrays:
        """As for a `TeamPolicy`, but the actions may be wrong: any names, shapes, numbers."""
        message = {"act": list(observations)}
        arrays = {**observations, "episode_starts": episode_starts}
        return self._ask(message, arrays, self._limits.act_seconds)[1]

    def _ask(
        self, message: dict[str, Any], arrays: Mapping[str, NDArray[Any]], seconds: float
    ) -> tuple[dict[str, Any], Arrays]:
        if not self.close.alive:
            raise ChildProcessError("the policy's process has ended before")
        deadline = time.monotonic() + seconds

        def watched(transfer: Callable[[Any], int], buffer: bytes | bytearray) -> None:
            rest = memoryview(buffer)
            while rest:
                self._check_limits(deadline, seconds)
                try:
                    count = transfer(rest)
                except TimeoutError:  # of the socket, after _INTERVAL
                    continue
                except OSError:
                    count = 0
                if count == 0:
                    self._stop(ChildProcessError(self._how_it_ended()))
                rest = rest[count:]

        def read(size: int) -> bytearray:
            buffer = bytearray(size)
            watched(self._connection.recv_into, buffer)
            return buffer

        watched(self._connection.send, _packed(message, arrays))
        try:
            answer, answered = _unpacked(read, _MAX_ANSWER)
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            self._stop(ChildProcessError(f"the policy's process sent no valid answer: {_text(str(error))}"))
        if "error" in answer:
            raise PolicyError(_text(answer["error"]))
        return answer, answered

    def _check_limits(self, deadline: float, seconds: float) -> None:
        now = time.monotonic()
        if now > deadline:
            self._stop(TimeoutError(f"no answer within the time limit of {seconds:g} seconds"))
        if now - self._memory_looked_at < _INTERVAL:
            return
        used = _resident_bytes(self._process)
        self._memory_looked_at = time.monotonic()
        if used > self._limits.memory_gib * _GIB:
            limit = f"the memory limit of {self._limits.memory_gib:g} GiB"
            self._stop(MemoryError(f"{used / _GIB:.2f} GiB of resident memory exceed {limit}"))

    def _stop(self, error: Exception) -> NoReturn:
        self.close()
        raise error

    def _how_it_ended(self) -> str:
        try:
            status = self._process.wait(timeout=1.0)
        except _psutil().TimeoutExpired:
            return "the policy's process closed its connection"
        if status is not None and status < 0:
            return f"the policy's process was ended by signal {-status} ({signal.strsignal(-status)})"
        return f"the policy's process exited with status {status}"


def serve(descriptor: int) -> None:
    """The policy's side: load it, then answer until the evaluator closes the socket `descriptor`."""
    with socket.socket(fileno=descriptor) as connection:
        policy: TeamPolicy | None = None
        while True:
            try:
                message, arrays = _unpacked(lambda size: _read(connection, size), None)
            except EOFError:
                return
            answer: dict[str, Any] = {}
            answered: Arrays = {}
            try:
                if policy is None:
                    policy = load_policy(message["load"])
                    version = getattr(policy, "version", None)
                    answer = {"env_id": policy.env_id, "version": None if version is None else str(version)}
                elif "reset" in message:
                    num_envs, seed = message["reset"]
                    policy.reset(num_envs, seed=seed)
                else:
                    observations = {agent: arrays[agent] for agent in message["act"]}
                    answered = _sendable(policy.act(observations, arrays["episode_starts"]))
                packed = _packed(answer, answered)
            except BaseException as error:  # whatever it raises, SystemExit included, is an answer
                packed = _packed({"error": _described(error)}, {})
            connection.sendall(packed)


def _sendable(actions: Any) -> Arrays:
    """The actions, if numbers can tell them; the evaluator checks the rest."""
    if not isinstance(actions, Mapping):
        raise TypeError(f"act must return {{agent: array}}, got {type(actions).__name__}")
    for agent, action in actions.items():
        if not isinstance(action, np.ndarray):
            raise TypeError(f"{agent}: the action must be a NumPy array, got {type(action).__name__}")
        if action.dtype.str not in _DTYPES:
            raise TypeError(f"{agent}: the action must be of integers or floats, got {action.dtype}")
    return {str(agent): action for agent, action in actions.items()}


def _packed(message: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """A message: the length of a JSON header, that header, and the bytes of the arrays it describes."""
    described = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({**message, "arrays": described}).encode()
    return b"".join([struct.pack("<I", len(header)), header, *(array.tobytes() for array in arrays.values())])


def _unpacked(
    read: Callable[[int], bytearray], max_bytes: int | None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The next message and its arrays.

    Raises:
        ValueError, TypeError, KeyError, OverflowError, RecursionError: it is not as `_packed` makes them,
            or too large.
    """
    (size,) = struct.unpack("<I", read(4))
    if size > _MAX_HEADER:
        raise ValueError(f"a header must have at most {_MAX_HEADER} bytes, got {size}")
    message = json.loads(bytes(read(size)))
    arrays: Arrays = {}
    total = 0
    for name, dtype, shape in message["arrays"]:
        if dtype not in _DTYPES:
            raise ValueError(f"a dtype must be a plain number's, got {dtype!r}")
        if not all(type(extent) is int and extent >= 0 for extent in shape):
            raise ValueError(f"a shape must be of non-negative integers, got {shape!r}")
        num_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        total += num_bytes
        if max_bytes is not None and total > max_bytes:
            raise ValueError(f"actions must take at most {max_bytes} bytes, {name!r} has shape {shape}")
        arrays[str(name)] = np.ndarray(shape, dtype, read(num_bytes))
    return message, arrays


def _read(connection: socket.socket, size: int) -> bytearray:
    buffer = bytearray(size)
    rest = memoryview(buffer)
    while rest:
        count = connection.recv_into(rest)
        if count == 0:
            raise EOFError
        rest = rest[count:]
    return buffer


def _described(error: BaseException) -> str:
    kind = type(error).__name__
    try:
        return f"{kind}: {error}"[:_MAX_TEXT]
    except BaseException:  # its __str__ is the policy's, too
        return kind


def _text(value: Any) -> str | None:
    """What a policy says, fit for a terminal: no control characters, and not too long."""
    if value is None:
        return None
    return "".join(character if character.isprintable() else " " for character in str(value)[:_MAX_TEXT])


def _resident_bytes(process: Any) -> int:
    used = 0
    for member in _family(process):
        with suppress(_psutil().Error):  # it has ended meanwhile
            used += member.memory_info().rss
    return used


def _family(process: Any) -> list[Any]:
    try:
        return [process, *process.children(recursive=True)]
    except _psutil().NoSuchProcess:
        return [process]


def _psutil() -> Any:
    return require("psutil", extra="evaluation", purpose="a policy in a process of its own")


def _end(process: Any, connection: socket.socket) -> None:
    """End the process and what it has started."""
    others = _family(process)[1:]  # before it can notice and leave them without a parent
    connection.close()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)  # it leads a group of its own
    for other in others:  # those that have left the group
        with suppress(_psutil().Error):
            other.kill()
    process.wait()
