"""A window that shows an episode while it runs, for `render_mode="human"`."""

from __future__ import annotations

import warnings
from typing import Any
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering.canvas import load_pygame

# pygame has one window a process: those of several environments take turns in it. It goes with the
# last of them.
_open: WeakSet[Window] = WeakSet()


class Window:
    """Shows pictures at a steady pace; opens with the first of them.

    Several of one process share the place on the screen, which shows what was drawn last; closing one
    leaves it to the others. Once a person has closed it (its button, or Escape) all that are open then
    stay closed. Whatever becomes of the screen, further pictures are dropped and the episode goes on.

    Args:
        fps: pictures a second; `show` waits until the next is due.
        title: what its bar says.

    Raises:
        ImportError: pygame is not installed.
        RuntimeError: there is no screen.
        ValueError: fps is not positive.
    """

    def __init__(self, fps: float, title: str = "soc-env") -> None:
        if not fps > 0:
            raise ValueError(f"fps must be a positive number, got {fps!r}")
        self._pygame: Any = load_pygame("render_mode='human'")
        try:
            # At once, so that a missing screen shows before an episode does.
            self._pygame.display.init()
        except self._pygame.error as error:
            raise RuntimeError(f"render_mode='human' needs a screen: {error}") from None
        self._fps = fps
        self._title = title
        self._clock = self._pygame.time.Clock()
        self.closed = False

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Shows a picture, uint8 (height, width, 3), then waits for its turn to end."""
        if self.closed:
            return
        try:
            self._draw(frame)
        except self._pygame.error as error:
            warnings.warn(f"the window is gone, and the episode goes on without it: {error}", stacklevel=2)
            self.close()
        else:
            self._clock.tick(self._fps)

    def close(self) -> None:
        """Closes the window for good; harmless when it is closed or was never opened."""
        self.closed = True
        shown = self in _open
        _open.discard(self)
        if shown and not _open:
            self._pygame.display.quit()

    def _draw(self, frame: NDArray[np.uint8]) -> None:
        pygame, size = self._pygame, (frame.shape[1], frame.shape[0])
        if _open and self._person_closes():
            for window in list(_open):
                window.close()
        if self.closed:
            return
        _open.add(self)
        pygame.display.init()  # does nothing, unless somebody else has ended it
        screen = pygame.display.get_surface()
        if screen is None or screen.get_size() != size:
            screen = pygame.display.set_mode(size)
        pygame.display.set_caption(self._title)
        pygame.surfarray.blit_array(screen, frame.swapaxes(0, 1))
        pygame.display.flip()

    def _person_closes(self) -> bool:
        pygame = self._pygame
        return pygame.display.get_init() and any(
            event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE)
            for event in pygame.event.get()
        )
