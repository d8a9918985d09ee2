"""Pages as a person has them: loaded from a file into Chromium, worked by mouse and keyboard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from baselines.scripted import TunedSOAR
from evaluation.environments import EnvSpec
from evaluation.replay.episode import Episode, play_episode
from evaluation.replay.page import render
from evaluation.seeds import EVALUATION_SEEDS

pytestmark = pytest.mark.browser

NAME = "</script><script>document.title = 'smuggled'</script>"
DESKTOP, PHONE = (1280, 800), (360, 740)


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    yield driver
    driver.quit()


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


def show_as(browser: webdriver.Chrome, size: tuple[int, int], scheme: str) -> None:
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def step(browser: webdriver.Chrome) -> int:
    """The step that the page says it shows; slider and words agree."""
    words, value = browser.execute_script("return [find('where').textContent, find('step').value]")
    assert words.split()[1] == value
    return int(value)


def press(browser: webdriver.Chrome, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


def brightness(browser: webdriver.Chrome, selector: str, colour: str) -> float:
    """Of an element's `colour` or `background-color`, 0 (black) to 255, as it comes out on the screen."""
    script = """
        const context = new OffscreenCanvas(1, 1).getContext("2d");
        context.fillStyle = getComputedStyle(document.querySelector(arguments[0]))[arguments[1]];
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    """
    return sum(browser.execute_script(script, selector, colour)) / 3


def test_it_loads_without_errors_and_without_asking_for_anything(
    browser: webdriver.Chrome, page: str
) -> None:
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # what other tests left
    browser.get(page)
    press(browser, Keys.END)
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in urls if not url.startswith("data:")] == [page]
    assert browser.get_log("browser") == []
    assert browser.title == f"{NAME} on soc_v0"


def test_keys_go_through_the_episode(opened: webdriver.Chrome, episode: Episode) -> None:
    last = len(episode.moments) - 1
    assert step(opened) == 0
    for key, expected in [
        (Keys.ARROW_RIGHT, 1),
        (Keys.ARROW_RIGHT, 2),
        (Keys.ARROW_LEFT, 1),
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
        ("One step on", 1),
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
    for moment in episode.moments:
        assert step(opened) == moment.step
        reward = opened.find_element(By.ID, "return").text.replace("\N{MINUS SIGN}", "-")
        assert float(reward) == pytest.approx(moment.episode_return, abs=0.005)
        phase = opened.find_element(By.CSS_SELECTOR, "#phases [aria-current] .name").text
        assert moment.phases[moment.phase].startswith(phase.partition(" ")[2])
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
    def is_dark() -> bool:
        ground = brightness(browser, "body", "backgroundColor")
        assert abs(brightness(browser, "body", "color") - ground) > 150
        return ground < 100

    show_as(browser, DESKTOP, scheme)
    browser.get(page)
    assert is_dark() == (scheme == "dark")
    button = browser.find_element(By.ID, "theme")
    button.click()
    assert is_dark() == (scheme == "light")
    assert button.get_attribute("aria-label") == f"Switch to {scheme} colours"
    button.click()
    assert is_dark() == (scheme == "dark")


@pytest.mark.parametrize("size", [PHONE, (768, 1024), DESKTOP])
def test_nothing_is_wider_than_the_screen_or_lies_on_something_else(
    size: tuple[int, int], browser: webdriver.Chrome, page: str
) -> None:
    show_as(browser, size, "light")
    browser.get(page)
    press(browser, Keys.END)
    wide, room = browser.execute_script(
        "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
    )
    assert wide <= room <= size[0]
    overlaps: list[Any] = browser.execute_script(
        """
        const boxes = [...document.querySelectorAll("main .card, .segment, .buttons button, #where, #speed")]
          .filter((element) => element.offsetParent)
          .map((element) => [element, element.getBoundingClientRect()]);
        const beside = (a, b) => a.right <= b.left || a.bottom <= b.top;
        const found = [];
        boxes.forEach(([first, a], index) => boxes.slice(index + 1).forEach(([second, b]) => {
          const apart = beside(a, b) || beside(b, a) || first.contains(second);
          if (!apart) found.push([first.className, second.className]);
        }));
        return found;
        """
    )
    assert overlaps == []


def test_everything_that_can_be_worked_has_a_name(opened: webdriver.Chrome) -> None:
    for element in opened.find_elements(By.CSS_SELECTOR, "button, input, select, [role=img]"):
        assert element.accessible_name, element.get_attribute("outerHTML")
    slider = opened.find_element(By.ID, "step")
    assert slider.get_attribute("aria-valuetext").startswith("Step 0 of")
