"""The template of a third party's package: its guide can be followed, in processes of its own."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

pytest.importorskip("jsonschema")

from tests.installed import install, run_python

TEMPLATE = Path(__file__).parent.parent / "examples" / "third_party_policy"
pytestmark = pytest.mark.install


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the template, outside this repository."""
    return shutil.copytree(TEMPLATE, tmp_path_factory.mktemp("theirs") / "my_team")


@pytest.fixture(scope="module")
def packages(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the package is installed, beside what this environment has."""
    return install(source, tmp_path_factory.mktemp("packages"))


def test_its_own_tests_pass(source: Path, packages: Path) -> None:
    own = ("-c", source / "pyproject.toml", "-p", "no:cacheprovider")
    assert "passed" in run_python("-m", "pytest", *own, "tests", folder=source, packages=packages)


def test_the_guide_leads_to_a_place_on_the_leaderboard(packages: Path, tmp_path: Path) -> None:
    guide = (TEMPLATE / "README.md").read_text("utf-8")
    printed = ""
    for command in re.findall(r"^soc-env (.+)$", guide, re.MULTILINE):
        few = ("--episodes", "20") if re.match("evaluate|leaderboard submit", command) else ()
        arguments = ("-m", "evaluation.cli", *shlex.split(command), *few)
        printed += run_python(*arguments, folder=tmp_path, packages=packages)
    assert "entries/patient-soar.json: verified: 100 episodes replayed exactly; its policy acts" in printed
    board = json.loads((tmp_path / "board" / "leaderboard.json").read_text("utf-8"))
    first, second = board["boards"][0]["entries"]
    assert first["policy"] == {
        "name": "patient-soar",
        "version": "1.0",
        "origin": {"kind": "registered", "name": "patient-soar", "weights": []},
    }
    assert second["policy"]["name"] == "Tuned-SOAR"
    assert "patient-soar" in (tmp_path / "board" / "index.html").read_text("utf-8")


def test_it_is_no_team_where_it_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="got 'patient-soar'"):
        run_python("-m", "evaluation.cli", "evaluate", "patient-soar", folder=tmp_path)
