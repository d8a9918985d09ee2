"""The replay's page as a person has it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("selenium")

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from baselines.scripted import TunedSOAR
from evaluation.environments import EnvSpec
from evaluation.replay.episode import Episode, play_episode
from evaluation.replay.page import render
from evaluation.seeds import EVALUATION_SEEDS
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

pytestmark = pytest.mark.browser

NAME = "</script><script>document.title = 'smuggled'</script>"


@pytest.fixture(scope="module")
def episode() -> Episode:
    return play_episode(TunedSOAR(), EnvSpec(), EVALUATION_SEEDS.start, 0)


@pytest.fixture(scope="module")
def page(episode: Episode, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("pages") / "replay.html"
    path.write_text(render(episode, NAME), "utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: webdriver.Chrome, page: str) -> webdriver.Chrome:
    """The page just loaded, on a desktop in light colours."""
    show_as(browser, DESKTOP, "light")
    browser.get(page)
    return browser


def step(browser: webdriver.Chrome) -> int:
    """The step that the page says it shows; slider and words agree."""
    words, value = browser.execute_script("return [find('where').textContent, find('step').value]")
    assert words.split()[1] == value
    return int(value)


def test_it_loads_without_errors_and_without_asking_for_anything(
    browser: webdriver.Chrome, page: str
) -> None:
    forget_logs(browser)
    browser.get(page)
    press(browser, Keys.END)
    assert requested(browser) == [page]
    assert browser.get_log("browser") == []
    assert browser.title == f"{NAME} on soc_v0"


def test_it_opens_on_what_the_team_does_first(opened: webdriver.Chrome) -> None:
    assert step(opened) == 1
    assert "the directive in force" in opened.find_element(By.ID, "team").text


def test_before_the_first_step_nobody_has_decided_anything(opened: webdriver.Chrome) -> None:
    press(opened, Keys.HOME)
    team = opened.find_element(By.ID, "team").text
    assert "no directive yet" in team
    assert team.count("no action yet") == 3
    assert "%" not in team


def test_keys_go_through_the_episode(opened: webdriver.Chrome, episode: Episode) -> None:
    last = len(episode.moments) - 1
    for key, expected in [
        (Keys.ARROW_RIGHT, 2),
        (Keys.ARROW_RIGHT, 3),
        (Keys.ARROW_LEFT, 2),
        (Keys.END, last),
        (Keys.ARROW_RIGHT, last),
        (Keys.HOME, 0),
        (Keys.ARROW_LEFT, 0),
    ]:
        press(opened, key)
        assert step(opened) == expected


def test_the_slider_answers_to_the_mouse_and_to_keys(opened: webdriver.Chrome, episode: Episode) -> None:
    slider = opened.find_element(By.ID, "step")
    ActionChains(opened).move_to_element(slider).click().perform()
    middle = step(opened)
    assert abs(middle - (len(episode.moments) - 1) / 2) <= 1
    for key, expected in [(Keys.ARROW_RIGHT, 1), (Keys.ARROW_UP, 2), (Keys.ARROW_DOWN, 1)]:
        slider.send_keys(key)
        assert step(opened) == middle + expected
    slider.send_keys(Keys.HOME)
    assert step(opened) == 0


def test_buttons_and_the_chart_go_to_steps(opened: webdriver.Chrome, episode: Episode) -> None:
    last = len(episode.moments) - 1
    for label, expected in [
        ("One step on", 2),
        ("Last step", last),
        ("One step back", last - 1),
        ("First step", 0),
    ]:
        opened.find_element(By.CSS_SELECTOR, f"[aria-label='{label}']").click()
        assert step(opened) == expected
    chart = opened.find_element(By.ID, "chart")
    ActionChains(opened).move_to_element_with_offset(
        chart, chart.size["width"] // 2 - 10, 0
    ).click().perform()
    assert step(opened) == last


def test_the_space_bar_plays_to_the_end_and_stops_there(opened: webdriver.Chrome, episode: Episode) -> None:
    play = opened.find_element(By.ID, "play")
    opened.execute_script("find('speed').value = '25'")
    press(opened, Keys.SPACE)
    assert play.get_attribute("aria-label") == "Pause"
    WebDriverWait(opened, 20).until(lambda _: step(opened) == len(episode.moments) - 1)
    WebDriverWait(opened, 20).until(lambda _: play.get_attribute("aria-label") == "Play")
    press(opened, Keys.SPACE, Keys.SPACE)  # from the beginning, and stop
    assert step(opened) < len(episode.moments) - 1
    assert play.get_attribute("aria-label") == "Play"


def test_each_step_shows_its_own_figures(opened: webdriver.Chrome, episode: Episode) -> None:
    press(opened, Keys.HOME)
    for moment in episode.moments:
        assert step(opened) == moment.step
        reward = opened.find_element(By.ID, "return").text.replace("\N{MINUS SIGN}", "-")
        assert float(reward) == pytest.approx(moment.episode_return, abs=0.005)
        phase = opened.find_element(By.CSS_SELECTOR, "#phases [aria-current] .name").text
        assert f"{moment.phase} {moment.phases[moment.phase]}".startswith(f"{phase} ")
        hosts = [opened.find_elements(By.CSS_SELECTOR, f".hosts .s{state}") for state in (2, 3, 4)]
        assert sum(map(len, hosts)) == sum(segment.compromised.sum() for segment in moment.segments)
        scanned = opened.find_elements(By.CSS_SELECTOR, ".segment.scanned")
        assert len(scanned) == sum(segment.scanned for segment in moment.segments)
        alerts = opened.find_elements(By.CSS_SELECTOR, "#alerts tbody tr:not(.vacant)")
        assert len(alerts) == min(5, len(moment.alerts))
        press(opened, Keys.ARROW_RIGHT)
    assert opened.find_element(By.CSS_SELECTOR, ".verdicts .now").text == "enrich"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_follow_the_system_until_the_button_is_pressed(
    scheme: str, browser: webdriver.Chrome, page: str
) -> None:
    check_theme(browser, page, scheme)


@pytest.mark.parametrize("size", [PHONE, (768, 1024), DESKTOP])
def test_nothing_is_wider_than_the_screen_or_lies_on_something_else(
    size: tuple[int, int], browser: webdriver.Chrome, page: str
) -> None:
    show_as(browser, size, "light")
    browser.get(page)
    press(browser, Keys.END)
    check_fit(browser, "main .card, .segment, .buttons button, #where, #speed")


def test_everything_that_can_be_worked_has_a_name(opened: webdriver.Chrome) -> None:
    for element in opened.find_elements(By.CSS_SELECTOR, "button, input, select, [role=img]"):
        assert element.accessible_name, element.get_attribute("outerHTML")
    slider = opened.find_element(By.ID, "step")
    assert slider.get_attribute("aria-valuetext").startswith("Step 1 of")
