"""What `soc-env` says to arguments that it cannot do anything with."""

from __future__ import annotations

import io
from contextlib import redirect_stderr

import pytest

from soc_env.command import main


def refused(*args: str) -> str:
    """The message, after which it left with status 2."""
    with redirect_stderr(io.StringIO()) as said, pytest.raises(SystemExit) as ending:
        main(args)
    assert ending.value.code == 2
    return said.getvalue()
