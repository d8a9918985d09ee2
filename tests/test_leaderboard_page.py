"""The leaderboard's page holds the whole leaderboard; nothing can be smuggled into it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jsonschema")
pytest.importorskip("tyro")

from evaluation.entrants import find_entrants
from evaluation.environments import EnvSpec
from evaluation.leaderboard.build import build
from evaluation.leaderboard.entry import digests
from evaluation.leaderboard.page import render
from evaluation.leaderboard.submit import submit
from evaluation.seeds import evaluation_seeds
from tests.soc_v0_metrics import NAMES
from tests.teams import SPEC
from tests.test_cli import run

MARKUP = "</script><script>document.title = 'smuggled'</script><!--<script>{{ data }}"
STEALTHY = EnvSpec(SPEC.env_id, {**SPEC.config, "stealth": 0.9})
TEAMS = [
    ("tuned-soar", "Tuned-SOAR", SPEC),
    ("zero-enrich", "Zero+enrich", SPEC),
    ("random", "Random", SPEC),
    ("rule-soar", "Rule-SOAR", SPEC),
    ("random", "Random, stealthy", STEALTHY),
]
"""Those of the leaderboard that the tests look at, best first, with the names it gives them."""


def make_leaderboard(folder: Path) -> dict[str, Any]:
    """Of a few short episodes; one entry's class and a refused file have markup in their names."""
    folder.mkdir()
    for name, called, spec in TEAMS:
        (team,) = find_entrants(name, spec.env_id, (), Path())
        path = submit(team, spec, evaluation_seeds(2), 20, folder, called).path
        assert path is not None
    entry = json.loads((folder / "zero-enrich.json").read_text("utf-8"))
    entry["policy"]["origin"] = {"kind": "class", "name": MARKUP, "weights": []}
    entry["digests"] = digests(entry)
    (folder / "zero-enrich.json").write_text(json.dumps(entry), "utf-8")
    (folder / "<img src=x onerror=alert()>.json").write_text("{")
    return build(folder)


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_leaderboard(tmp_path_factory.mktemp("leaderboard") / "entries")


def test_it_carries_the_whole_leaderboard_and_refers_to_nothing(document: dict[str, Any]) -> None:
    page = render(document)
    (text,) = re.findall(r'<script id="leaderboard" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert json.loads(text) == {"leaderboard": document}
    for board in document["boards"]:
        assert [metric["name"] for metric in board["metrics"]] == list(NAMES)
        assert (board["score"], board["reference"]) == ("reward", "tuned-soar")
    without_data = page.replace(text, "")
    assert not re.search(r"https?:|//[a-z]|@import|url\(|src=|\{\{", without_data)
    assert "default-src 'none'" in without_data


def test_no_name_gets_out_of_its_place(document: dict[str, Any]) -> None:
    page, empty = render(document).lower(), render({**document, "boards": [], "refused": []}).lower()
    for mark in ("<script", "</script", "<!--", "<img"):
        assert page.count(mark) == empty.count(mark)


def test_the_environment_as_it_comes_is_the_first_board(document: dict[str, Any]) -> None:
    configs = [board["environment"]["config"] for board in document["boards"]]
    assert configs == [SPEC.config, STEALTHY.config]


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entries, output = tmp_path / "entries", tmp_path / "board"
    make_leaderboard(entries)
    assert run("leaderboard", "build", str(entries), "--output", str(output)) == 1  # a file is refused
    files = {path.name for path in output.iterdir()}
    assert files == {"index.html", "leaderboard.md", "leaderboard.json"}
    written = json.loads((output / "leaderboard.json").read_text("utf-8"))
    assert (output / "index.html").read_text("utf-8") == render(written)
    assert f"Written: {output / 'index.html'}, and leaderboard.md" in capsys.readouterr().out
