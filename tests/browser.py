"""Chromium for the tests of pages: loaded from a file, worked by mouse and keyboard."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

pytest.importorskip("selenium")

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains

DESKTOP, PHONE = (1280, 800), (360, 740)


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """A browser without a window that notes errors and requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def show_as(browser: webdriver.Chrome, size: tuple[int, int], scheme: str) -> None:
    """Give the browser a screen of that size, and a system with that colour scheme."""
    width, height = size
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def press(browser: webdriver.Chrome, *keys: str) -> None:
    """Press keys where the focus is."""
    ActionChains(browser).send_keys(*keys).perform()


def forget_logs(browser: webdriver.Chrome) -> None:
    """Leave the page, and drop what was noted before."""
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)


def requested(browser: webdriver.Chrome) -> list[str]:
    """What the browser has asked for since, but for what a page carries in itself."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if not url.startswith("data:")]


def brightness(browser: webdriver.Chrome, selector: str, colour: str) -> float:
    """Of an element's `colour` or `background-color`, 0 (black) to 255, as it comes out on the screen."""
    script = """
        const context = new OffscreenCanvas(1, 1).getContext("2d");
        context.fillStyle = getComputedStyle(document.querySelector(arguments[0]))[arguments[1]];
        context.fillRect(0, 0, 1, 1);
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    """
    return sum(browser.execute_script(script, selector, colour)) / 3


def is_dark(browser: webdriver.Chrome) -> bool:
    """Whether the page's ground is dark; its text must stand out."""
    ground = brightness(browser, "body", "backgroundColor")
    assert abs(brightness(browser, "body", "color") - ground) > 150
    return ground < 100


def check_theme(browser: webdriver.Chrome, page: str, scheme: str) -> None:
    """A page takes the system's colours until its button is pressed."""
    show_as(browser, DESKTOP, scheme)
    browser.get(page)
    assert is_dark(browser) == (scheme == "dark")
    button = browser.find_element("id", "theme")
    button.click()
    assert is_dark(browser) == (scheme == "light")
    assert button.get_attribute("aria-label") == f"Switch to {scheme} colours"
    button.click()
    assert is_dark(browser) == (scheme == "dark")


def check_fit(browser: webdriver.Chrome, boxes: str) -> None:
    """The page is as wide as the screen, and no two of its `boxes` (a CSS selector) lie on one another."""
    wide, room, screen = browser.execute_script(
        "const page = document.documentElement; return [page.scrollWidth, page.clientWidth, innerWidth]"
    )
    assert wide <= room <= screen
    overlaps = browser.execute_script(
        """
        const boxes = [...document.querySelectorAll(arguments[0])]
          .filter((element) => element.offsetParent)
          .map((element) => [element, element.getBoundingClientRect()]);
        const beside = (a, b) => a.right <= b.left || a.bottom <= b.top;
        const found = [];
        boxes.forEach(([first, a], index) => boxes.slice(index + 1).forEach(([second, b]) => {
          const apart = beside(a, b) || beside(b, a) || first.contains(second);
          if (!apart) found.push([first.className, second.className]);
        }));
        return found;
        """,
        boxes,
    )
    assert overlaps == []
