"""Checkpoints: a folder with `tensors.safetensors` and `rest.json`, never pickle.

A checkpoint is written under a temporary name and renamed when it is complete, so any folder named
`step-...` is whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from agent_zoo.files import sync_directory, write_atomically, write_json_atomically
from soc_env.extras import require

safetensors = require("safetensors.numpy", extra="zoo", purpose="agent_zoo")

Tensors = dict[str, NDArray[Any]]

KEPT = 2
"""Checkpoints kept in a folder: the latest, and one before it."""


def save_checkpoint(folder: Path, step: int, tensors: Mapping[str, NDArray[Any]], rest: Any) -> Path:
    """Write the checkpoint of `step` into `folder`, drop all but the last `KEPT`, return its path.

    Args:
        folder: the run's checkpoints; created if need be.
        step: environment steps so far; names the checkpoint and orders it.
        tensors: arrays by name; what was learned is named `learner....`.
        rest: anything JSON can hold.

    Raises:
        FloatingPointError: what was learned is not finite; nothing was written.
    """
    if found := not_finite(part("learner", tensors)):
        raise FloatingPointError(f"what was learned must be finite, got {found}")
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{step:012d}"
    temporary = folder / f".{final.name}.tmp"
    for leftover in (temporary, final):
        if leftover.exists():
            shutil.rmtree(leftover)
    temporary.mkdir()
    contiguous = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    write_atomically(temporary / "tensors.safetensors", safetensors.save(contiguous))
    write_json_atomically(temporary / "rest.json", rest)
    temporary.rename(final)
    sync_directory(folder)
    for old in _complete(folder)[:-KEPT]:
        shutil.rmtree(old)
    return final


def latest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint with the most steps, or None."""
    complete = _complete(folder)
    return complete[-1] if complete else None


def load_checkpoint(path: Path) -> tuple[Tensors, Any]:
    """Tensors by name and the rest, as given to `save_checkpoint`.

    Raises:
        ValueError: what was learned is not finite.
    """
    tensors = safetensors.load_file(path / "tensors.safetensors")
    if found := not_finite(part("learner", tensors)):
        raise ValueError(f"what a checkpoint has learned must be finite, got {found} in {path}")
    return tensors, json.loads((path / "rest.json").read_text("utf-8"))


def _complete(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*"))


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
