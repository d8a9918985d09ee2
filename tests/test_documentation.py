"""What the documentation shows runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
pytestmark = pytest.mark.documentation


def blocks(language: str) -> list:
    """Every fenced block of a language, by page and line."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in re.finditer(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            line = text[: match.start()].count("\n") + 1
            found.append(pytest.param(match[1], id=f"{page.relative_to(ROOT)}:{line}"))
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_python_snippets_run(code: str, tmp_path: Path):
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_the_team_of_the_readme_can_be_entered(tmp_path: Path):
    (code,) = [p.values[0] for p in blocks("python") if "class MyTeam" in p.values[0]]
    (tmp_path / "my_package.py").write_text(code)
    command = [sys.executable, "-m", "evaluation.cli", "evaluate", "my_package:MyTeam", "--episodes", "20"]
    result = subprocess.run(command, cwd=tmp_path, env=None, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_commands_of_the_readme_run(tmp_path: Path):
    text = (ROOT / "README.md").read_text()
    commands = [shlex.split(line, comments=True) for line in re.findall(r"^soc-env .*$", text, re.MULTILINE)]
    assert len(commands) >= 3
    for _, *arguments in commands:
        command = [sys.executable, "-m", "evaluation.cli", *arguments, "--episodes", "60"]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_links_between_files_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
