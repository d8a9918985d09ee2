"""The console command `soc-env`; each subcommand is a file in `evaluation.commands`."""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from typing import Annotated, Any, Final, NoReturn, Union

from evaluation.interrupts import stopping_with_one_line
from evaluation.usage import UsageError, as_one_line, one_line_errors
from soc_env.extras import require

COMMANDS: Final = {
    "evaluate": "evaluation.commands.evaluate:Evaluate",
    "train": "evaluation.commands.train:Train",
    "sweep": "evaluation.commands.sweep:Sweep",
    "publish": "evaluation.commands.publish:Publish",
    "explain": "evaluation.commands.explain:Explain",
    "export": "evaluation.commands.export:Export",
    "leaderboard": "evaluation.commands.leaderboard:Leaderboard",
    "figures": "evaluation.commands.figures:Figures",
    "replay": "evaluation.commands.replay:Replay",
    "transfer": "evaluation.commands.transfer:Transfer",
    "bench": "evaluation.commands.bench:Bench",
}
"""Subcommand: its dataclass, whose fields are the arguments and whose `run` does the work, or whose `STEPS`
names such dataclasses."""

DESCRIPTION: Final = "Train and measure autonomous SOC teams. Every command has its own --help."


def main(args: Sequence[str] | None = None) -> None:
    """Run `soc-env` with `args`, by default those of the process.

    Raises:
        SystemExit: with status 1 if the command fails, 2 if it cannot be carried out as it was given, 130 or
            143 if SIGINT or SIGTERM has stopped it, 0 after a help text.
    """
    try:
        for module in ("tyro", "rich", "scipy", "jsonschema", "psutil", "filelock"):
            require(module, extra="evaluation", purpose="soc-env")
    except ImportError as error:
        _refuse(str(error))
    from agent_zoo.terminal import tolerate_encodings

    tolerate_encodings()
    name, *rest = list(sys.argv[1:] if args is None else args) or [""]
    try:
        with stopping_with_one_line(["soc-env", *([name] if name else []), *rest]):
            if name in COMMANDS:
                _run(_load(name), f"soc-env {name}", rest)
            else:
                commands = {name: _load(name) for name in COMMANDS}
                _parse(_overview(commands), "soc-env", [name, *rest] if name else [], DESCRIPTION)
            sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output, `head` for instance, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _load(name: str) -> Any:
    module, _, command = COMMANDS[name].partition(":")
    return getattr(importlib.import_module(module), command)


def _run(command: Any, prog: str, args: list[str]) -> None:
    """Run a command, or of one that has `STEPS` the step that the first argument names."""
    steps = getattr(command, "STEPS", {})
    if not steps:
        asked = _parse(command, prog, args)
        try:
            with one_line_errors():
                asked.run()
        except UsageError as error:
            _refuse(f"{prog}: {error}")
    elif args and args[0] in steps:
        _run(steps[args[0]], f"{prog} {args[0]}", args[1:])
    else:
        _parse(_overview(steps), prog, args, command.__doc__)


def _parse(command: Any, prog: str, args: list[str], description: str | None = None) -> Any:
    """The command with its arguments; ends with a line where they are not understood."""
    import tyro

    with redirect_stderr(io.StringIO()) as said:
        try:
            return tyro.cli(command, prog=prog, description=description, args=args)
        except SystemExit as ending:
            if not ending.code:
                raise
    _refuse(f"{prog}: {as_one_line(said.getvalue())}")


def _refuse(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(2)


def _overview(commands: Mapping[str, Any]) -> Any:
    """Subcommands with the first lines of their descriptions, for the help text and error messages."""
    import tyro

    described = [
        Annotated[command, tyro.conf.subcommand(name, description=command.__doc__.partition("\n")[0])]
        for name, command in commands.items()
    ]
    return Union[tuple(described)]  # noqa: UP007 (the members are not known before)


if __name__ == "__main__":
    main()
