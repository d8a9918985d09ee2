"""The console command `soc-env`: tells its version, and otherwise hands over to `evaluation.cli`.

It is here and not there since `evaluation` may turn out to be a file of the user's.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import soc_env
from soc_env.shadowing import check_not_shadowed


def main(args: Sequence[str] | None = None) -> None:
    """Run `soc-env` with `args`, by default those of the process.

    Raises:
        SystemExit: with status 1 if the command fails, 2 if it cannot be carried out as it was given, 0 after
            a help text.
    """
    args = sys.argv[1:] if args is None else args
    if list(args) == ["--version"]:
        print(f"soc-env {soc_env.__version__}")
        return
    try:
        check_not_shadowed()
    except ImportError as error:
        print(f"soc-env: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    from evaluation import cli

    cli.main(args)


if __name__ == "__main__":
    main()
