"""A trained policy as one safetensors file that says which class and config it is of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from agent_zoo.files import write_atomically
from agent_zoo.learning.checkpoint import Tensors, not_finite


def save_policy_file(
    path: Path,
    tensors: Mapping[str, NDArray[Any]],
    *,
    class_name: str,
    config: Any,
    env_id: str,
    env: Mapping[str, Any],
    version: str,
) -> None:
    """Write tensors and, as the file's metadata, what is needed to load them.

    Args:
        path: ends in `.safetensors`.
        tensors: arrays by name.
        class_name: "package.module:Class", whose `load` reads the file.
        config: anything JSON can hold.
        env_id: the scenario that the policy is for.
        env: settings of that scenario that it was trained with, see `soc_env.policy.environment_of_file`.
        version: of the policy.

    Raises:
        FloatingPointError: a number is not finite; nothing was written.
    """
    about = {
        "class": class_name,
        "config": json.dumps(config),
        "env_id": env_id,
        "env": json.dumps(dict(env)),
        "version": version,
    }
    _write(path, tensors, about)


def load_policy_file(path: Path, class_name: str) -> tuple[Tensors, dict[str, Any]]:
    """Tensors, 16-bit ones widened, and metadata {class, config, env_id, env, version}, config decoded.

    Raises:
        ValueError: the file holds a policy of another class, or a number that is not finite.
    """
    stored, about = _read(path)
    tensors = {
        name: array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in stored.items()
    }
    if about.get("class") != class_name:
        raise ValueError(f"path must hold a policy of {class_name}, got {path} of {about.get('class')}")
    if found := not_finite(tensors):
        raise ValueError(f"path must hold a policy whose numbers are finite, got {path} with {found}")
    return tensors, {**about, "config": json.loads(about["config"])}


def halve_policy_file(source: Path, path: Path) -> None:
    """Write the policy of one file into another with its matrices as 16-bit floats, in half the space.

    Vectors stay as they are: they are small, and variances among them need the range of 32 bits.

    Raises:
        FloatingPointError: a number of a matrix is too large for 16 bits; nothing was written.
    """
    tensors, about = _read(source)
    halved = {
        name: array.astype(np.float16) if array.ndim > 1 and array.dtype == np.float32 else array
        for name, array in tensors.items()
    }
    _write(path, halved, about)


def _write(path: Path, tensors: Mapping[str, NDArray[Any]], about: dict[str, str]) -> None:
    if found := not_finite(tensors):
        raise FloatingPointError(f"a policy's numbers must be finite, got {found}")
    contiguous = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    write_atomically(Path(path), _with_sorted_metadata(safetensors.numpy.save(contiguous, about)))


def _read(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Tensors and metadata as they are stored."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return tensors, dict(file.metadata() or {})
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} must be a safetensors file: {error}") from error


def _with_sorted_metadata(content: bytes) -> bytes:
    """The same file with its metadata in order: safetensors writes it in a random one, and equal policies
    should be equal files."""
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)  # the format aligns its tensors to 8 bytes
    return len(encoded).to_bytes(8, "little") + encoded + content[begin:]
