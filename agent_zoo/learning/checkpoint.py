"""Checkpoints: folders with `tensors.safetensors`, `rest.json` and the run's log; never pickle.

A checkpoint is written under a temporary name and renamed when it is complete. What happens to it later is
noticed when it is read, by the digests in `sha256.json`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from agent_zoo.files import sync_directory, write_atomically, write_json_atomically
from soc_env.extras import require

safetensors = require("safetensors.numpy", extra="zoo", purpose="agent_zoo")

Tensors = dict[str, NDArray[Any]]

KEPT = 2
"""Checkpoints kept in a folder: the latest, and one before it."""

_TENSORS, _REST, _LOG = "tensors.safetensors", "rest.json", "episodes.csv"
_DIGESTS: Final = "sha256.json"
_NAME: Final = re.compile(r"step-(\d{12,})")
_log = logging.getLogger(__name__)


class CheckpointError(ValueError):
    """A checkpoint that is not as it was written; the message says what is wrong with it."""


class Checkpoint(NamedTuple):
    """What `save_checkpoint` was given, and where it lies."""

    path: Path
    tensors: Tensors
    rest: Any
    log: bytes


def save_checkpoint(
    folder: Path, step: int, tensors: Mapping[str, NDArray[Any]], rest: Any, log: bytes = b""
) -> Path:
    """Write the checkpoint of `step` into `folder`, drop all but the last `KEPT`, return its path.

    Args:
        folder: the run's checkpoints; created if need be.
        step: environment steps so far; names the checkpoint and orders it.
        tensors: arrays by name; what was learned is named `learner....`.
        rest: anything JSON can hold.
        log: the run's `episodes.csv` up to here.

    Raises:
        FloatingPointError: what was learned is not finite; nothing was written.
    """
    if found := not_finite(part("learner", tensors)):
        raise FloatingPointError(f"what was learned must be finite, got {found}")
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{step:012d}"
    temporary = folder / f".{final.name}.tmp"
    for leftover in (temporary, final):
        _remove(leftover)
    try:
        contiguous = {name: np.asarray(array, order="C") for name, array in tensors.items()}
        write_atomically(temporary / _TENSORS, safetensors.save(contiguous))
        write_json_atomically(temporary / _REST, rest)
        write_atomically(temporary / _LOG, log)
        digests = {name: _digest(temporary / name) for name in (_TENSORS, _REST, _LOG)}
        write_json_atomically(temporary / _DIGESTS, digests)
        temporary.rename(final)
    except OSError:  # a full disk needs the room
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_directory(folder)
    for old in _named(folder)[:-KEPT]:
        _remove(old)
    return final


def load_newest(folder: Path) -> Checkpoint | None:
    """The whole checkpoint with the most steps; None where there is none at all.

    Those after it, which are not whole, are renamed `damaged-...`, and a warning is logged.

    Raises:
        CheckpointError: there are some, but none is whole.
    """
    damaged: list[tuple[Path, CheckpointError]] = []
    for path in reversed(_named(folder)):
        try:
            found = load_checkpoint(path)
        except CheckpointError as error:
            damaged.append((path, error))
            continue
        for useless, reason in damaged:
            _log.warning("%s; going back to %s", reason, path.name)
            aside = useless.with_name(f"damaged-{useless.name}")
            _remove(aside)
            useless.rename(aside)
        return found
    if damaged:
        listed = "; ".join(str(reason) for _, reason in damaged)
        raise CheckpointError(
            f"no checkpoint in {folder} is whole; to begin anew, remove it or train elsewhere: {listed}"
        )
    return None


def load_checkpoint(path: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises:
        CheckpointError: it is not what was written.
    """
    try:
        digests = json.loads((path / _DIGESTS).read_text(encoding="utf-8"))
        for name in (_TENSORS, _REST, _LOG):
            if _digest(path / name) != digests[name]:
                raise ValueError(f"{name} has changed since it was written")
        tensors = safetensors.load_file(path / _TENSORS)
        if found := not_finite(part("learner", tensors)):
            raise ValueError(f"what was learned must be finite, got {found}")
        rest = json.loads((path / _REST).read_text(encoding="utf-8"))
        return Checkpoint(path, tensors, rest, (path / _LOG).read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"the checkpoint {path} is damaged: {error}") from None


def _named(folder: Path) -> list[Path]:
    """What is named as checkpoints are, by their steps."""
    named = [path for path in folder.glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(named, key=lambda path: int(path.name.removeprefix("step-")))


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class CheckpointClock:
    """Says when a checkpoint is due: every `interval` seconds, but for at most `share` of the time."""

    def __init__(self, interval: float, share: float = 0.05) -> None:
        self._interval, self._share = interval, share
        self._last, self._cost = time.monotonic(), 0.0

    def due(self) -> bool:
        return time.monotonic() - self._last >= max(self._interval, self._cost / self._share)

    def took(self, seconds: float) -> None:
        """A checkpoint has just been written, which took `seconds`."""
        self._last, self._cost = time.monotonic(), seconds


def not_finite(tensors: Mapping[str, NDArray[Any]]) -> str | None:
    """The first number that is NaN or infinite and where it is, for a message; None where all are finite."""
    for name, array in tensors.items():
        if array.dtype.kind == "f" and not (finite := np.isfinite(array)).all():
            return f"{array[~finite][0]} in {name}"
    return None


def prefixed(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """The same arrays under `prefix.name`."""
    return {f"{prefix}.{name}": array for name, array in tensors.items()}


def part(prefix: str, tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """The arrays under `prefix.`, without it: the inverse of `prefixed`."""
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in tensors.items() if name.startswith(start)}


def module_tensors(module: torch.nn.Module) -> Tensors:
    """Parameters and buffers of a module as arrays (copies)."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in module.state_dict().items()}


def load_module_tensors(module: torch.nn.Module, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Set a module to `module_tensors` of its twin; missing or unknown names raise RuntimeError."""
    module.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in tensors.items()})


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """An optimiser's moments as arrays named `parameter.moment`; its settings are the config's."""
    state = optimizer.state_dict()["state"]
    return {
        f"{parameter}.{name}": tensor.cpu().numpy().copy()
        for parameter, moments in state.items()
        for name, tensor in moments.items()
    }


def load_optimizer_tensors(optimizer: torch.optim.Optimizer, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Set an optimiser's moments to `optimizer_tensors` of its twin."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, array in tensors.items():
        parameter, name = key.split(".", 1)
        state.setdefault(int(parameter), {})[name] = torch.from_numpy(array.copy())
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
