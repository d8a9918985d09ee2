"""What teams may and may not be told, for the tests of every form that a team has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from soc_env.team import COORDINATOR, HUNTER, OBSERVATION_SIZES, RESPONDER, TRIAGE, Observations

LANES = 3


def observations(lanes: int = LANES, seed: int = 0) -> Observations:
    """Whole numbers, so that no dtype loses any of them."""
    generator = np.random.default_rng(seed)
    return {
        agent: generator.integers(0, 3, (lanes, size)).astype(np.float32)
        for agent, size in OBSERVATION_SIZES.items()
    }


def each(change: Callable[[np.ndarray], Any]) -> Callable[[Observations], Any]:
    """Change the observations of every agent."""
    return lambda seen: {agent: change(rows) for agent, rows in seen.items()}


def one(agent: str, change: Callable[[np.ndarray], Any]) -> Callable[[Observations], Any]:
    """Change the observations of one agent."""
    return lambda seen: {**seen, agent: change(seen[agent])}


def without(agent: str) -> Callable[[Observations], Any]:
    return lambda seen: {name: rows for name, rows in seen.items() if name != agent}


def spoiled(number: float, dtype: type = np.float32) -> Callable[[np.ndarray], np.ndarray]:
    def change(rows: np.ndarray) -> np.ndarray:
        rows = rows.astype(dtype)
        rows[1, 5] = number
        return rows

    return change


def every_other(rows: np.ndarray) -> np.ndarray:
    """The same numbers, none beside another in memory."""
    return np.repeat(np.repeat(rows, 2, axis=0), 3, axis=1)[::2, ::3]


def read_only(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows.setflags(write=False)
    return rows


ACCEPTED: dict[str, Callable[[Observations], Any]] = {
    "float64": each(np.float64),
    "float64 of one agent": one(HUNTER, np.float64),
    "integers": each(np.int64),
    "integers of one agent": one(TRIAGE, np.uint8),
    "half precision": each(np.float16),
    "another byte order": each(lambda rows: rows.astype(">f4")),
    "the order of Fortran": each(np.asfortranarray),
    "the order of Fortran of one agent": one(COORDINATOR, np.asfortranarray),
    "strides": each(every_other),
    "backwards in memory": each(lambda rows: rows[::-1, ::-1].copy()[::-1, ::-1]),
    "read-only": each(read_only),
    "tensors": each(torch.from_numpy),
    "lists": each(np.ndarray.tolist),
    "agents in another order": lambda seen: dict(reversed(seen.items())),
    "numbers whose squares overflow": one(RESPONDER, spoiled(1e30)),
}
"""Observations that mean the same as those that they are made of, or at least what their float32 do."""

REFUSED: dict[str, tuple[Callable[[Observations], Any], type[Exception], str]] = {
    "short vectors": (
        each(lambda rows: rows[:, :60]),
        ValueError,
        r"coord.* \(3, 64\).*\(3, 60\)",
    ),
    "a short vector": (one(HUNTER, lambda rows: rows[:, 1:]), ValueError, rf"{HUNTER}: .*, got \(3, 127\)"),
    "a long vector": (
        one(TRIAGE, lambda rows: np.hstack([rows, rows])),
        ValueError,
        r"alert.* \(3, 128\)",
    ),
    "no lanes": (one(TRIAGE, lambda rows: rows[0]), ValueError, r"alert_triage: .*, got \(64,\)"),
    "a dimension too many": (each(lambda rows: rows[None]), ValueError, r"shape \(.*, got \(1, 3, 64\)"),
    "fewer lanes of one agent": (one(RESPONDER, lambda rows: rows[:2]), ValueError, r"orch.*, got \(2, 96\)"),
    "numbers": (one(COORDINATOR, lambda rows: 1.0), ValueError, r"strategic_coordinator: .*, got \(\)"),
    "one missing": (without(TRIAGE), ValueError, r"exactly the agents .*: missing \['alert_triage'\]"),
    "one too many": (lambda seen: {**seen, "me": seen[HUNTER]}, ValueError, r"agents .*: unknown \['me'\]"),
    "nobody": (lambda seen: {}, ValueError, "observations must have exactly the agents .*: missing"),
    "an array": (lambda seen: seen[HUNTER], TypeError, "must be a dictionary keyed by agent, got ndarray"),
    "nothing": (lambda seen: None, TypeError, "must be a dictionary keyed by agent, got NoneType"),
    "NaN": (one(HUNTER, spoiled(np.nan)), ValueError, r"threat_hunter: .* finite, got nan at \[1, 5\]"),
    "infinity": (one(TRIAGE, spoiled(-np.inf)), ValueError, r"alert_triage: .* finite, got -inf at \[1, 5\]"),
    "more than float32 holds": (
        one(RESPONDER, spoiled(1e300, np.float64)),
        ValueError,
        r"orchestrator: .* finite, got inf at \[1, 5\]",
    ),
    "truth values": (one(HUNTER, np.bool_), TypeError, "threat_hunter: .* of numbers, got dtype bool"),
    "complex numbers": (one(HUNTER, np.complex64), TypeError, "threat_hunter: .* got dtype complex64"),
    "texts": (one(HUNTER, np.str_), TypeError, "threat_hunter: .* of numbers, got dtype <U"),
    "objects": (one(HUNTER, lambda rows: rows.astype(object)), TypeError, "of numbers, got ndarray"),
    "None": (one(HUNTER, lambda rows: None), TypeError, "threat_hunter: .* of numbers, got NoneType"),
    "rows of different lengths": (one(HUNTER, lambda rows: [[1.0], []]), TypeError, "of numbers, got list"),
}
"""Observations that are not: how to make them, and the error."""

STARTS_ACCEPTED: dict[str, Any] = {
    "bool": np.array([True, False, True]),
    "strides": np.array([True, True, False, False, True, False])[::2],
    "read-only": read_only(np.array([True, False, True])),
    "a list": [True, False, True],
    "a tensor": torch.tensor([True, False, True]),
}
"""The same starts of episodes."""

STARTS_REFUSED: dict[str, tuple[Any, type[Exception], str]] = {
    "integers": (np.array([1, 0, 1]), TypeError, r"None or bool of shape \(3,\), got dtype int64"),
    "bytes": (np.array([1, 0, 1], np.uint8), TypeError, "got dtype uint8"),
    "lanes by number": ([0, 2], TypeError, "got dtype int64"),
    "floats": (np.ones(3), TypeError, "got dtype float64"),
    "too few": (np.ones(2, np.bool_), ValueError, r"bool of shape \(3,\), got shape \(2,\)"),
    "too many": (np.ones(8, np.bool_), ValueError, r"bool of shape \(3,\), got shape \(8,\)"),
    "a column": (np.ones((3, 1), np.bool_), ValueError, r"got shape \(3, 1\)"),
    "one for all": (True, ValueError, r"got shape \(\)"),
    "a dictionary": ({}, TypeError, "got dict"),
}
