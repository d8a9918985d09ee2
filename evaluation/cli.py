"""The console command `soc-env`; each subcommand is a file in `evaluation.commands`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, Union

from soc_env.extras import require

COMMANDS: Final = {
    "evaluate": "evaluation.commands.evaluate:Evaluate",
    "train": "evaluation.commands.train:Train",
    "sweep": "evaluation.commands.sweep:Sweep",
    "publish": "evaluation.commands.publish:Publish",
    "explain": "evaluation.commands.explain:Explain",
}
"""Subcommand: its dataclass, whose fields are the arguments and whose `run` does the work."""

DESCRIPTION: Final = "Train and measure autonomous SOC teams. Every command has its own --help."


def main(args: Sequence[str] | None = None) -> None:
    """Run `soc-env` with `args`, by default those of the process.

    Raises:
        SystemExit: with status 1 if the command fails, 2 if it is not understood, 0 after a help text.
    """
    try:
        for module in ("tyro", "rich", "scipy"):
            require(module, extra="evaluation", purpose="soc-env")
    except ImportError as error:
        raise SystemExit(str(error)) from None
    import tyro

    name, *rest = list(sys.argv[1:] if args is None else args) or [""]
    try:
        if name in COMMANDS:
            tyro.cli(_load(name), prog=f"soc-env {name}", args=rest).run()
        else:
            tyro.cli(_overview(), prog="soc-env", description=DESCRIPTION, args=[name, *rest] if name else [])
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output, `head` for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _load(name: str) -> Any:
    module, _, command = COMMANDS[name].partition(":")
    return getattr(importlib.import_module(module), command)


def _overview() -> Any:
    """All subcommands with the first lines of their descriptions, for the help text and error messages."""
    import tyro

    commands = {name: _load(name) for name in COMMANDS}
    described = [
        Annotated[command, tyro.conf.subcommand(name, description=command.__doc__.partition("\n")[0])]
        for name, command in commands.items()
    ]
    return Union[tuple(described)]  # noqa: UP007 (the members are not known before)


if __name__ == "__main__":
    main()
