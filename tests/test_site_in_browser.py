"""The documentation's site on a laptop and on a phone: wide tables are there whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="the extra docs is not installed")

from selenium import webdriver

from tests.browser import DESKTOP, PHONE, show_as

ROOT = Path(__file__).parent.parent
pytestmark = [pytest.mark.documentation, pytest.mark.browser]

LAST_COLUMNS = """
    document.body.style.setProperty("--md-text-font", arguments[0]);
    return [...document.querySelectorAll(".md-typeset table:not([class])")].map((table) => {
      const frame = table.closest(".md-typeset__scrollwrap");
      const last = table.rows[0].lastElementChild.getBoundingClientRect().right;
      return [last, frame.getBoundingClientRect().right, getComputedStyle(frame).overflowX];
    });
"""
"""Of every table: where its last column ends, where what shows it ends, and whether that scrolls."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}, check=True)
    return folder


@pytest.mark.parametrize("font", ["Arial", "DejaVu Sans"])  # a narrow and a wide one
def test_the_leaderboard_has_its_last_column_on_a_laptop(
    font: str, site: Path, browser: webdriver.Chrome
) -> None:
    show_as(browser, DESKTOP, "light")
    browser.get((site / "leaderboard.html").as_uri())
    tables = browser.execute_script(LAST_COLUMNS, font)
    assert len(tables) == 2
    for last, end, _ in tables:
        assert last <= end <= DESKTOP[0]


@pytest.mark.parametrize("page", ["leaderboard.html", "results.html", "evaluating.html"])
def test_on_a_phone_wide_tables_scroll_and_the_page_does_not(
    page: str, site: Path, browser: webdriver.Chrome
) -> None:
    show_as(browser, PHONE, "light")
    browser.get((site / page).as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE[0]
    for last, end, overflow in browser.execute_script(LAST_COLUMNS, "Arial"):
        assert last <= end or overflow == "auto"
