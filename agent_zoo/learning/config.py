"""Configs: a frozen dataclass, a YAML file of the same keys, and `key=value` overrides.

A learner's packaged YAML gives every key; a user's file and overrides on top of it give some. A field that
is a dataclass itself is a mapping in YAML, and `key.inner=value` on the command line.
"""

from __future__ import annotations

import contextlib
import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from soc_env.extras import require

yaml = require("yaml", extra="zoo", purpose="agent_zoo")

Config = TypeVar("Config")

EXPECTATIONS = {int: "an integer", float: "a number", bool: "true or false", str: "a string"}


class ConfigError(ValueError):
    """A config names an unknown key, lacks one, or gives it a value it cannot take."""


def check(condition: bool, key: str, value: object, expectation: str) -> None:
    """Raise `ConfigError` naming key, value and expectation unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{key} must be {expectation}, got {value!r}")


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        ConfigError: it holds something else.
        OSError: it cannot be read.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} must be YAML in UTF-8: {reason}") from error
    check(content is None or isinstance(content, dict), str(path), content, "a YAML mapping of config keys")
    return content or {}


def to_yaml(config: Any) -> str:
    """A dataclass as YAML, keys in the order of its fields."""
    return str(yaml.safe_dump(to_mapping(config), sort_keys=False))


def to_mapping(config: Any) -> dict[str, Any]:
    """A dataclass as plain numbers, strings, lists and dictionaries."""
    return _plain(dataclasses.asdict(config))


def _plain(mapping: dict[str, Any]) -> dict[str, Any]:
    return {
        key: list(value) if isinstance(value, tuple) else _plain(value) if isinstance(value, dict) else value
        for key, value in mapping.items()
    }


def flattened(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The same values under `key.inner`, as overrides name them; an empty mapping has none."""
    result: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            result |= flattened(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result


def merged(mapping: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `mapping` with `changes` in it; mappings in both are merged too."""
    result = dict(mapping)
    for key, value in changes.items():
        before = result.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            value = merged(before, value)
        result[key] = value
    return result


def with_overrides(mapping: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of `mapping` with each `key=value` set; `key.inner=value` reaches into a nested mapping."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in mapping.items()}
    for override in overrides:
        key, equals, text = override.partition("=")
        check(bool(equals and key), "override", override, "key=value")
        outer, dot, inner = key.partition(".")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ConfigError(f"{key} must be a value in YAML, got {text!r}") from None
        if dot:
            nested = result.setdefault(outer, {})
            check(isinstance(nested, dict), outer, nested, f"a mapping, since {key!r} is set in it")
            nested[inner] = value
        else:
            result[key] = value
    return result


def from_mapping(config_class: type[Config], mapping: Mapping[str, Any], prefix: str = "") -> Config:
    """Build a config dataclass from plain values.

    Args:
        prefix: what messages put before the keys, "outer." for a nested config.

    Raises:
        ConfigError: a key is unknown or missing, or a value does not fit; the message names it.
    """
    hints = typing.get_type_hints(config_class)
    names = [field.name for field in dataclasses.fields(config_class)]  # type: ignore[arg-type]
    for key, value in mapping.items():
        if key not in names:
            known = ", ".join(f"{prefix}{name}" for name in names)
            raise ConfigError(f"{prefix}{key} (= {value!r}) is no config key; the keys are {known}")
    for one in dataclasses.fields(config_class):  # type: ignore[arg-type]
        if one.name not in mapping and one.default is dataclasses.MISSING:
            raise ConfigError(f"{prefix}{one.name} must have a value, got none")
    given = [name for name in names if name in mapping]
    return config_class(**{name: _convert(prefix + name, mapping[name], hints[name]) for name in given})


def _convert(key: str, value: Any, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (hint,) = [argument for argument in arguments if argument is not type(None)]
        return _convert(key, value, hint)
    if origin is tuple:
        check(isinstance(value, list | tuple), key, value, "a list")
        return tuple(_convert(f"{key}[{index}]", entry, arguments[0]) for index, entry in enumerate(value))
    if origin is dict:
        check(isinstance(value, dict), key, value, "a mapping")
        return dict(value)
    if dataclasses.is_dataclass(hint):
        check(isinstance(value, dict), key, value, "a mapping")
        return from_mapping(hint, value, f"{key}.")  # type: ignore[arg-type]  # a class, not an instance
    if hint is float and not isinstance(value, bool):
        with contextlib.suppress(TypeError, ValueError):
            return float(value)  # from a string too: YAML 1.1 reads 3e-4, which has no dot, as one
    fits = isinstance(value, hint) and (hint is bool or not isinstance(value, bool))
    check(fits, key, value, EXPECTATIONS[hint])
    return value
