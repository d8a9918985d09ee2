"""A file of the user's that hides a package of soc-env is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
COMMAND = "from soc_env.command import main; main(['evaluate', '--help'])"
LOAD = "from soc_env.policy import load_policy; load_policy('rule-soar')"


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A script in a folder: what lies beside it comes before what is installed."""
    script = folder / "script.py"
    script.write_text(code, "utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, cwd=folder, check=False
    )


@pytest.mark.parametrize(
    ("package", "hidden"),
    [("evaluation", "evaluation.py"), ("agent_zoo", "agent_zoo"), ("baselines", "baselines.py")],
)
def test_the_command_names_what_hides_a_package(package: str, hidden: str, tmp_path: Path) -> None:
    theirs = tmp_path / hidden
    if theirs.suffix:
        theirs.touch()
    else:
        theirs.mkdir()
        (theirs / "__init__.py").touch()
    done = python(COMMAND, tmp_path)
    said = f"soc-env: {theirs} hides soc-env's own package {package}: rename it, or run elsewhere\n"
    assert done.stderr == said
    assert done.returncode == 2


def test_a_script_is_told_too(tmp_path: Path) -> None:
    (tmp_path / "baselines.py").touch()
    last = python(LOAD, tmp_path).stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {tmp_path / 'baselines.py'} hides soc-env's own package baselines")


def test_a_folder_that_is_no_package_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "other.py").touch()
    done = python(COMMAND, tmp_path)
    assert done.returncode == 0, done.stderr
