"""Draw the documentation's pictures of soc_v0 anew: `python -m docs.pictures`.

Needs the extras `dev` and `evaluation`, Chromium and chromedriver.
"""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import numpy as np
import pygame

from baselines.scripted import Random, TunedSOAR
from evaluation.environments import EnvSpec
from evaluation.replay.episode import play_episode
from evaluation.replay.page import render
from evaluation.seeds import EVALUATION_SEEDS
from soc_env.rendering import FrameRenderer
from tests.browser import DESKTOP, chromium, show_as

IMAGES = Path(__file__).parent / "images"
FRAME_SEED, FRAME_STEP = 0, 12
REPLAY_LANE, REPLAY_STEP = 5, 23


def draw_frame() -> None:
    episode = play_episode(Random(), EnvSpec(), FRAME_SEED, 0)
    frame = FrameRenderer().draw(episode.moments[FRAME_STEP])
    pygame.image.save(pygame.surfarray.make_surface(np.swapaxes(frame, 0, 1)), IMAGES / "soc_v0.png")


def photograph_replay() -> None:
    episode = play_episode(TunedSOAR(), EnvSpec(), EVALUATION_SEEDS.start, REPLAY_LANE)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder) / "replay.html"
        page.write_text(render(episode, "Tuned-SOAR"), "utf-8")
        for scheme in ("light", "dark"):
            show_as(browser, DESKTOP, scheme)
            browser.get(page.as_uri())
            browser.execute_script(
                "const slider = document.getElementById('step'); slider.value = arguments[0];"
                "slider.dispatchEvent(new Event('input', {bubbles: true}))",
                REPLAY_STEP,
            )
            height = browser.execute_script("return document.documentElement.scrollHeight")
            show_as(browser, (DESKTOP[0], height), scheme)  # without a bar to scroll by
            picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
            (IMAGES / f"replay-{scheme}.png").write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
    draw_frame()
    photograph_replay()
