"""A window that shows an episode while it runs, for `render_mode="human"`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering.canvas import load_pygame


class Window:
    """Shows pictures at a steady pace; opens with the first of them.

    Once a person has closed it (its button, or Escape) it stays closed and further pictures are
    dropped, so that the episode goes on undisturbed.

    Args:
        fps: pictures a second; `show` waits until the next is due.
        title: what its bar says.

    Raises:
        ImportError: pygame is not installed.
        ValueError: fps is not positive.
    """

    def __init__(self, fps: float, title: str = "soc-env") -> None:
        if not fps > 0:
            raise ValueError(f"fps must be a positive number, got {fps!r}")
        self._pygame: Any = load_pygame("render_mode='human'")
        self._fps = fps
        self._title = title
        self._screen: Any = None
        self._clock = self._pygame.time.Clock()
        self.closed = False

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Shows a picture, uint8 (height, width, 3), then waits for its turn to end."""
        if self._screen is None and not self.closed:
            self._pygame.display.init()
            self._pygame.display.set_caption(self._title)
            self._screen = self._pygame.display.set_mode((frame.shape[1], frame.shape[0]))
        if self._person_closes():
            self.close()
        if self.closed:
            return
        self._pygame.surfarray.blit_array(self._screen, frame.swapaxes(0, 1))
        self._pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Closes the window for good; harmless when it is closed or was never opened."""
        if self._screen is not None:
            self._pygame.display.quit()
            self._screen = None
        self.closed = True

    def _person_closes(self) -> bool:
        if self._screen is None:
            return False
        pygame = self._pygame
        return any(
            event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)
            for event in pygame.event.get()
        )
