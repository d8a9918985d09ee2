"""The leaderboard's page as a person has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jsonschema")
pytest.importorskip("selenium")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select

from evaluation.leaderboard.page import render
from tests.browser import (
    DESKTOP,
    PHONE,
    check_fit,
    check_theme,
    forget_logs,
    press,
    requested,
    show_as,
)
from tests.soc_v0_metrics import HEADLINES, NAMES
from tests.test_leaderboard_page import MARKUP, TEAMS, make_leaderboard

pytestmark = pytest.mark.browser

RANKED = [called for _, called, _ in TEAMS]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_leaderboard(tmp_path_factory.mktemp("leaderboard") / "entries")


@pytest.fixture(scope="module")
def page(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("pages") / "index.html"
    path.write_text(render(document), "utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: webdriver.Chrome, page: str) -> webdriver.Chrome:
    """The page just loaded, on a desktop in light colours."""
    show_as(browser, DESKTOP, "light")
    browser.get("about:blank")
    browser.get(page)
    return browser


def names(browser: webdriver.Chrome) -> list[str]:
    """The teams that are to be seen, from top to bottom."""
    return [
        name.text.partition(". ")[2] or name.text
        for name in browser.find_elements(By.CLASS_NAME, "name")
        if name.is_displayed()
    ]


def head(browser: webdriver.Chrome, key: str) -> WebElement:
    """A column's heading on the first board."""
    return browser.find_element(By.CSS_SELECTOR, f"[data-key={key}]")


def team(browser: webdriver.Chrome, name: str) -> WebElement:
    """All that belongs to a team of the first board."""
    (found,) = [
        element
        for element in browser.find_elements(By.CLASS_NAME, "entry")
        if element.find_element(By.CLASS_NAME, "name").text.endswith(name)
    ]
    return found


def search(browser: webdriver.Chrome, text: str) -> None:
    field = browser.find_element(By.ID, "search")
    field.clear()
    field.send_keys(text)


def shown(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.ID, "shown").text


def test_it_loads_without_errors_and_without_asking_for_anything(
    browser: webdriver.Chrome, page: str
) -> None:
    forget_logs(browser)
    browser.get(page)
    for name in browser.find_elements(By.CLASS_NAME, "name"):
        name.click()
    head(browser, "reward").find_element(By.TAG_NAME, "button").click()
    assert requested(browser) == [page]
    assert browser.get_log("browser") == []
    assert browser.title == "Leaderboard of soc-env"


@pytest.mark.parametrize("key", ["rank", "team", *HEADLINES, "difference", "better"])
def test_every_column_sorts_both_ways_the_best_first(
    key: str, opened: webdriver.Chrome, document: dict[str, Any]
) -> None:
    def value(entry: dict[str, Any]) -> Any:
        versus = entry["versus_reference"]
        if key == "difference":
            return versus["differences"]["reward"]["mean"] if versus else 0.0
        if key == "better":
            return versus["probability_of_improvement"]["value"] if versus else 0.5
        own = {"rank": entry["rank"], "team": entry["policy"]["name"].lower()}
        return own[key] if key in own else entry["aggregates"][key]["mean"]

    entries = document["boards"][0]["entries"]
    more_is_better = HEADLINES.get(key, "").endswith("↑") or key in ("difference", "better")
    button = head(opened, key).find_element(By.TAG_NAME, "button")
    if key == "rank":  # as it is sorted to begin with
        button.click()
    for reverse in (more_is_better, not more_is_better):
        button.click()
        found = names(opened)[: len(entries)]
        by_name = {entry["policy"]["name"]: entry for entry in entries}
        values = [value(by_name[name]) for name in found]
        assert values == sorted(values, reverse=reverse)
        assert head(opened, key).get_attribute("aria-sort") == ("descending" if reverse else "ascending")
        assert len(opened.find_elements(By.CSS_SELECTOR, "[aria-sort]")) == len(document["boards"])
    assert sorted(names(opened)) == sorted(RANKED)


def test_the_keyboard_reaches_everything(opened: webdriver.Chrome) -> None:
    press(opened, *[Keys.TAB] * 3)
    for _ in range(30):
        if opened.switch_to.active_element.text.startswith("MTTD"):
            break
        press(opened, Keys.TAB)
    press(opened, Keys.ENTER)
    assert head(opened, "mttd").get_attribute("aria-sort") == "ascending"
    press(opened, Keys.SPACE)
    assert head(opened, "mttd").get_attribute("aria-sort") == "descending"
    press(opened, *[Keys.TAB] * 6)  # past the headings, to the first team
    first = opened.switch_to.active_element
    assert first.text == names(opened)[0]
    press(opened, Keys.ENTER)
    assert first.get_attribute("aria-expanded") == "true"
    press(opened, Keys.TAB)  # what is wider than the screen can be scrolled
    assert opened.switch_to.active_element.accessible_name == f"All figures of {first.text}"


def test_the_filter_finds_teams_by_all_words(opened: webdriver.Chrome) -> None:
    assert names(opened) == RANKED
    assert shown(opened) == "5 entries"
    search(opened, "SOAR")
    assert names(opened) == ["Tuned-SOAR", "Rule-SOAR"]
    assert shown(opened) == "2 of 5 entries"
    assert len([card for card in opened.find_elements(By.CSS_SELECTOR, ".card") if card.is_displayed()]) == 2
    search(opened, "soar rule")
    assert names(opened) == ["Rule-SOAR"]
    search(opened, "no such team")
    assert names(opened) == []
    assert shown(opened) == "No entry matches"
    search(opened, " ")
    assert names(opened) == RANKED


def test_a_board_can_be_chosen(opened: webdriver.Chrome) -> None:
    board = Select(opened.find_element(By.ID, "board"))
    assert "stealth=0.9" in board.options[2].text
    board.select_by_index(2)
    assert names(opened) == ["Random, stealthy"]
    board.select_by_index(1)
    assert names(opened) == RANKED[:4]
    board.select_by_index(0)
    assert names(opened) == RANKED


def test_figures_are_those_of_the_entries(opened: webdriver.Chrome, document: dict[str, Any]) -> None:
    def numbers(row: WebElement) -> list[float]:
        found = [cell.text for cell in row.find_elements(By.CSS_SELECTOR, ".figure b")]
        return [float(text.replace("\N{MINUS SIGN}", "-")) for text in found]

    for statistic in ("mean", "iqm"):
        Select(opened.find_element(By.ID, "statistic")).select_by_value(statistic)
        for entry in document["boards"][0]["entries"]:
            row = team(opened, entry["policy"]["name"])
            expected = [entry["aggregates"][metric][statistic] for metric in HEADLINES]
            versus = entry["versus_reference"]
            if versus is not None:
                expected += [
                    versus["differences"]["reward"][statistic],
                    versus["probability_of_improvement"]["value"],
                ]
            assert numbers(row) == pytest.approx(expected, abs=0.51)  # wide intervals leave no decimals
            assert len(row.find_elements(By.CSS_SELECTOR, ".main .bar")) == len(expected)


def test_bars_lie_where_their_numbers_say(opened: webdriver.Chrome, document: dict[str, Any]) -> None:
    """The better half of a board sets the scale; arrows stand for what lies beyond it."""
    tuned, zero, *_ = document["boards"][0]["entries"]
    ends = [tuned["aggregates"]["reward"]["mean_interval"], zero["aggregates"]["reward"]["mean_interval"]]
    low, high = min(ends)[0], max(end for _, end in ends)
    room = 0.06 * (high - low)

    def place(name: str, piece: str) -> float:
        bar = team(opened, name).find_elements(By.CSS_SELECTOR, ".main .bar")[0]
        (found,) = bar.find_elements(By.CLASS_NAME, piece)
        left = opened.execute_script("return parseFloat(arguments[0].style.left)", found)
        return low - room + left / 100 * (high - low + 2 * room)

    for entry in (tuned, zero):
        name, figures = entry["policy"]["name"], entry["aggregates"]["reward"]
        assert place(name, "dot") == pytest.approx(figures["mean"], rel=1e-3)
        assert place(name, "band") == pytest.approx(figures["mean_interval"][0], rel=1e-3)
        assert place(name, "mark") == pytest.approx(tuned["aggregates"]["reward"]["mean"], rel=1e-3)
    assert team(opened, "Rule-SOAR").find_elements(By.CSS_SELECTOR, ".bar .beyond.low")


def test_the_reference_is_marked_and_compared_with(opened: webdriver.Chrome) -> None:
    (tag, *others) = opened.find_elements(By.CLASS_NAME, "tag")
    assert not others
    assert tag.text == "reference"
    assert "Tuned-SOAR" in team(opened, "Tuned-SOAR").text.splitlines()[1]
    assert (
        team(opened, "Rule-SOAR").find_element(By.CSS_SELECTOR, ".minus b").text.startswith("\N{MINUS SIGN}")
    )
    assert "no differences" in opened.find_elements(By.CLASS_NAME, "card")[1].text


def test_a_team_s_row_opens_all_there_is_about_it(opened: webdriver.Chrome, document: dict[str, Any]) -> None:
    entry = document["boards"][0]["entries"][1]
    row = team(opened, entry["policy"]["name"])
    name = row.find_element(By.CLASS_NAME, "name")
    name.click()
    assert name.get_attribute("aria-expanded") == "true"
    assert opened.current_url.endswith("#zero-enrich")
    text = row.find_element(By.CLASS_NAME, "details").text
    for part in (entry["machine"], entry["actions"]["sha256"], entry["versions"]["numpy"], MARKUP):
        assert part in text
    assert f"of which the policy took {100 * entry['policy_share']:.1f} %" in text
    assert "soc-env leaderboard verify zero-enrich.json --policy TEAM" in text  # not what the entry names
    figures, seeds = row.find_elements(By.CLASS_NAME, "numbers")
    assert len(figures.find_elements(By.CSS_SELECTOR, ":scope > tbody > tr")) == len(NAMES)
    rows = [found.text.split() for found in seeds.find_elements(By.CSS_SELECTOR, ":scope > tbody > tr")]
    assert [int(cells[0]) for cells in rows] == entry["seeds"]["evaluation"]
    for place, cells in enumerate(rows):
        expected = [entry["seed_means"][metric][place] for metric in NAMES]
        found = [float(cell.replace("\N{MINUS SIGN}", "-")) for cell in cells[1:]]
        assert found == pytest.approx(expected, abs=0.051)
    name.click()
    assert name.get_attribute("aria-expanded") == "false"
    assert not row.find_element(By.CLASS_NAME, "details").is_displayed()
    assert "#" not in opened.current_url


def test_a_link_opens_its_team(browser: webdriver.Chrome, page: str) -> None:
    show_as(browser, DESKTOP, "light")
    browser.get("about:blank")
    browser.get(f"{page}#random-stealthy")
    (details,) = browser.find_elements(By.CLASS_NAME, "details")
    assert details.is_displayed()
    assert "Random, stealthy" in team(browser, "Random, stealthy").text
    search(browser, "tuned")
    browser.execute_script("location.hash = 'rule-soar'")
    assert names(browser) == RANKED
    assert team(browser, "Rule-SOAR").find_element(By.CLASS_NAME, "details").is_displayed()
    for odd in ("%", "theme", "%3Cb%3E"):
        browser.execute_script("location.hash = arguments[0]", odd)
    assert browser.get_log("browser") == []


def test_refused_files_are_listed_with_their_reasons(
    opened: webdriver.Chrome, document: dict[str, Any]
) -> None:
    refused = opened.find_element(By.CLASS_NAME, "refused").text
    (expected,) = document["refused"]
    assert expected["file"] in refused
    assert expected["reason"] in refused
    assert "1 file refused" in opened.find_element(By.ID, "about").text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system_until_the_button_is_pressed(
    scheme: str, browser: webdriver.Chrome, page: str
) -> None:
    check_theme(browser, page, scheme)


@pytest.mark.parametrize("size", [PHONE, (768, 1024), (1200, 800), DESKTOP])
def test_nothing_is_wider_than_the_screen_or_lies_on_something_else(
    size: tuple[int, int], browser: webdriver.Chrome, page: str
) -> None:
    show_as(browser, size, "light")
    browser.get("about:blank")
    browser.get(page)
    for name in browser.find_elements(By.CLASS_NAME, "name"):
        name.click()
    check_fit(
        browser, ".card, .figure > *, #controls label, #controls input, #controls select, .facts section"
    )


def test_a_phone_sorts_by_the_same_headings(browser: webdriver.Chrome, page: str) -> None:
    show_as(browser, PHONE, "light")
    browser.get("about:blank")
    browser.get(page)
    head(browser, "mttr").find_element(By.TAG_NAME, "button").click()
    assert head(browser, "mttr").get_attribute("aria-sort") == "ascending"
    assert head(browser, "mttr").aria_role == "columnheader"
    labels = [
        cell.get_attribute("data-label")
        for cell in team(browser, "Random").find_elements(By.CLASS_NAME, "figure")
    ]
    assert [label.replace("\N{NO-BREAK SPACE}", " ") for label in labels[:5]] == list(HEADLINES.values())


def test_everything_that_can_be_worked_has_a_name(opened: webdriver.Chrome) -> None:
    for name in opened.find_elements(By.CLASS_NAME, "name"):
        name.click()
    for element in opened.find_elements(By.CSS_SELECTOR, "button, input, select, table, [role=region]"):
        if element.get_attribute("class").startswith("numbers"):
            continue  # named by the region around it
        assert element.accessible_name, element.get_attribute("outerHTML")
