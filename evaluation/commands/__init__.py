"""The subcommands of `soc-env`, one file each; they need the extra `evaluation`."""

from __future__ import annotations

from typing import Any

import tyro


def arg(metavar: str, name: str | None = None) -> Any:
    """How help shows an option that may be left out: `metavar` alone, without a default."""
    return tyro.conf.arg(name=name, metavar=metavar, help_behavior_hint="")
