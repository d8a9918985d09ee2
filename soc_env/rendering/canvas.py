"""Drawing on an off-screen pygame surface, in colours that colour-blind people can tell apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soc_env.extras import require

Colour = tuple[int, int, int]
Point = tuple[float, float]

# Okabe & Ito, "Color Universal Design" (2008), two of them a little lighter for the dark ground.
# Vermilion is the attacker, green the team.
ORANGE: Final[Colour] = (230, 159, 0)
SKY: Final[Colour] = (86, 180, 233)
GREEN: Final[Colour] = (16, 172, 128)
YELLOW: Final[Colour] = (240, 228, 66)
VERMILION: Final[Colour] = (230, 94, 20)
PURPLE: Final[Colour] = (204, 121, 167)

GROUND: Final[Colour] = (17, 22, 31)
PANEL: Final[Colour] = (28, 35, 47)
TROUGH: Final[Colour] = (46, 56, 72)
EDGE: Final[Colour] = (66, 79, 100)
FAINT: Final[Colour] = (126, 140, 161)
INK: Final[Colour] = (226, 232, 240)
DARK: Final[Colour] = (12, 16, 23)

SMALL, NORMAL, TITLE = 18, 21, 24


def blend(colour: Colour, other: Colour, share: float) -> Colour:
    """`share` of the first colour, the rest of the other."""
    mixed = share * np.asarray(colour) + (1.0 - share) * np.asarray(other)
    red, green, blue = (int(part) for part in np.rint(mixed))
    return red, green, blue


def load_pygame(purpose: str) -> ModuleType:
    """pygame, without the greeting that it prints on import (commands print JSON on the same stream).

    Raises:
        ImportError: pygame is not installed; the message says that `purpose` needs it and how to get it.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    return require("pygame", extra="render", purpose=purpose)


class Canvas:
    """A surface of `width` x `height` pixels, on which nothing depends on a display or on installed fonts."""

    def __init__(self, width: int, height: int, purpose: str) -> None:
        self._pygame: Any = load_pygame(purpose)
        self._line_image = lru_cache(maxsize=2000)(
            self._draw_line
        )  # most words come again in the next picture
        self._surface = self._pygame.Surface((width, height), depth=32)

    def rect(self, x: float, y: float, width: float, height: float) -> Any:
        """A `pygame.Rect`."""
        return self._pygame.Rect(round(x), round(y), round(width), round(height))

    def clear(self) -> None:
        self._surface.fill(GROUND)

    def pixels(self) -> NDArray[np.uint8]:
        """A copy of the picture, uint8 (height, width, 3)."""
        return np.array(self._pygame.surfarray.array3d(self._surface).swapaxes(0, 1), order="C")

    def text(
        self,
        text: str,
        x: float,
        y: float,
        *,
        size: int = NORMAL,
        colour: Colour = INK,
        anchor: str = "midleft",
        room: float | None = None,
    ) -> int:
        """Writes a line, cut with an ellipsis where it is wider than `room`; returns its width in pixels.

        `anchor` is the point of the line that lies at (x, y), by its name in `pygame.Rect`.
        """
        image, height = self._line_image(text, size, colour, room)
        # The line's own box, not the image's, which is taller where a letter reaches below the line.
        line = self._pygame.Rect(0, 0, image.get_width(), height)
        setattr(line, anchor, (round(x), round(y)))
        self._surface.blit(image, line.topleft)
        return int(image.get_width())

    def box(self, rect: Any, colour: Colour, *, border: int = 0, radius: int = 0) -> None:
        """A filled rectangle, or with `border` pixels only its outline."""
        self._pygame.draw.rect(self._surface, colour, rect, border, radius)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        self._pygame.draw.polygon(self._surface, colour, points)
        self._pygame.draw.aalines(self._surface, colour, True, points)

    def bar(self, rect: Any, fraction: float, colour: Colour, *, tick: float | None = None) -> None:
        """A horizontal bar filled to `fraction` of its length, with a mark at `tick` of its length."""
        self.box(rect, TROUGH, radius=2)
        filled = round(float(np.clip(fraction, 0.0, 1.0)) * rect.width)
        if filled:
            self.box(self.rect(rect.x, rect.y, filled, rect.height), colour, radius=2)
        if tick is not None:
            self.box(self.rect(rect.x + tick * rect.width, rect.y - 2, 1, rect.height + 4), FAINT)

    def arrow(self, points: Sequence[Point], colour: Colour, width: int = 2) -> None:
        """A line through `points` with a head at the last of them."""
        tail, tip = np.asarray(points[-2], float), np.asarray(points[-1], float)
        along = (tip - tail) / max(1e-9, float(np.linalg.norm(tip - tail)))
        across = np.array([-along[1], along[0]])
        neck = tip - 9 * along
        corners = [*points[:-1], tuple(neck)]
        for start, end in pairwise(corners):
            self._line(np.asarray(start, float), np.asarray(end, float), colour, width)
        self.polygon([tuple(tip), tuple(neck + 5 * across), tuple(neck - 5 * across)], colour)

    def _line(self, start: NDArray[Any], end: NDArray[Any], colour: Colour, width: int) -> None:
        along = (end - start) / max(1e-9, float(np.linalg.norm(end - start)))
        side = np.array([-along[1], along[0]]) * width / 2
        self.polygon([tuple(start + side), tuple(end + side), tuple(end - side), tuple(start - side)], colour)

    def _draw_line(self, text: str, size: int, colour: Colour, room: float | None) -> tuple[Any, int]:
        """A line and its height: drawn twice as large, then shrunk, so that letters stand evenly."""
        # A font is not kept: pygame.quit(), which other environments call when they are closed, ends all
        # fonts, and one that has outlived it crashes the process.
        self._pygame.font.init()
        font = self._pygame.font.Font(None, 2 * size)  # None: the font that pygame brings
        if room is not None and font.size(text)[0] > 2 * room:
            while text and font.size(text + "…")[0] > 2 * room:
                text = text[:-1]
            text += "…"
        image = font.render(text, True, colour)
        half = ((image.get_width() + 1) // 2, (image.get_height() + 1) // 2)
        return self._pygame.transform.smoothscale(image, half), font.get_height() // 2
