"""Packages of third parties, installed beside this environment in a folder of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def run_python(*arguments: str | Path, folder: Path, packages: Path | None = None, status: int = 0) -> str:
    """What Python prints, of both kinds, with these arguments and with `packages` on its path."""
    path = os.pathsep.join(part for part in (str(packages or ""), os.environ.get("PYTHONPATH", "")) if part)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def install(source: Path, folder: Path) -> Path:
    """`folder`, in which the package of a folder is installed."""
    here_only = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    run_python("-m", "pip", "install", *here_only, "--target", folder, source, folder=source)
    return folder
