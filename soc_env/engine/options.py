"""Checked fields of a scenario's frozen config: each has a range and a sentence."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import operator
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from soc_env.engine.compile import records

Config = TypeVar("Config")


def whole(default: int, low: int, high: int, doc: str) -> Any:
    """A dataclass field for an integer in low..high."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high, "kind": int, "doc": doc})


def real(default: float, low: float, high: float, doc: str) -> Any:
    """A dataclass field for a number in [low, high]."""
    return dataclasses.field(default=default, metadata={"low": low, "high": high, "kind": float, "doc": doc})


def probability(default: float, doc: str) -> Any:
    """A dataclass field for a number in [0, 1]."""
    return real(default, 0.0, 1.0, doc)


def flag(default: bool, doc: str) -> Any:
    """A dataclass field for True or False."""
    return dataclasses.field(default=default, metadata={"kind": bool, "doc": doc})


def check(config: Any, owner: str) -> None:
    """Check the declared fields of a dataclass and turn them into plain Python numbers.

    Args:
        config: an instance whose fields were declared with the functions above.
        owner: what errors call it, for instance "soc_v0".

    Raises:
        TypeError: a value of the wrong kind. ValueError: one outside its range.
    """
    for field in dataclasses.fields(config):
        if "kind" not in field.metadata:
            continue
        name, value = f"{owner}: {field.name}", getattr(config, field.name)
        kind = field.metadata["kind"]
        if kind is bool:
            if not isinstance(value, bool | np.bool_):
                raise TypeError(f"{name} must be True or False, got {value!r}")
            object.__setattr__(config, field.name, bool(value))
            continue
        low, high = field.metadata["low"], field.metadata["high"]
        plain = whole_number(name, value, low, high) if kind is int else _real(name, value, low, high)
        object.__setattr__(config, field.name, plain)  # the dataclass is frozen for everyone else


def whole_number(name: str, value: Any, low: int, high: int) -> int:
    """`value` as an int in low..high; errors name `name`, the value and the range."""
    try:
        if isinstance(value, bool):
            raise TypeError
        plain = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer from {low} to {high}, got {value!r}") from None
    if not low <= plain <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    return plain


def check_count(name: str, value: Any) -> None:
    """Raise ValueError, naming `name`, unless `value` is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} must be an integer >= 1, got {value!r}")


def _real(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
    plain = float(value)
    if not (math.isfinite(plain) and low <= plain <= high):
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}")
    return plain


def from_keywords(cls: type[Config], owner: str, keywords: Mapping[str, Any]) -> Config:
    """Build a config from the keywords that a user gave.

    Raises:
        TypeError: an unknown keyword; the message begins with Python's own words, by which libraries
            find out what an environment takes, names the nearest known keyword and lists all.
    """
    known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]  # a dataclass type
    for keyword in keywords:
        if keyword not in known:
            near = difflib.get_close_matches(keyword, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            wrong = f"{owner}() got an unexpected keyword argument {keyword!r}"
            raise TypeError(f"{wrong}; {hint}keywords: {', '.join(known)}")
    return cls(**keywords)


def as_record(config: Any) -> np.ndarray:
    """The numbers among a config's fields as one record (1,), under their names: what kernels read."""
    entries = numbers_of(type(config))
    record = records(1, np.dtype(entries, align=True))
    for name, _ in entries:
        record[name] = getattr(config, name)
    return record


def numbers_of(config_class: type) -> list[tuple[str, str]]:
    """Names and NumPy types of the numbers among a config's fields."""
    kinds = {field.name: field.metadata.get("kind") for field in dataclasses.fields(config_class)}
    return [(name, "f8" if kind is float else "i8") for name, kind in kinds.items() if kind in (int, float)]
