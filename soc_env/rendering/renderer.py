"""One call for every render mode."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering.frame import FrameRenderer
from soc_env.rendering.snapshot import Snapshot
from soc_env.rendering.text import render_text
from soc_env.rendering.window import Window

RENDER_MODES: Final = ("human", "rgb_array", "ansi")


class Renderer:
    """Pictures of snapshots in one render mode.

    Args:
        render_mode: "human" (a window), "rgb_array" or "ansi"; all but "ansi" need pygame.
        fps: pictures a second in the window; the other modes do not wait.

    Raises:
        ValueError: another render_mode.
        ImportError: the mode needs pygame, which is not installed.
    """

    def __init__(self, render_mode: str, fps: float) -> None:
        if render_mode not in RENDER_MODES:
            raise ValueError(f"render_mode must be None or one of {RENDER_MODES}, got {render_mode!r}")
        self._frames = None if render_mode == "ansi" else FrameRenderer(f"render_mode={render_mode!r}")
        self._window = Window(fps) if render_mode == "human" else None

    def render(self, snapshot: Snapshot) -> NDArray[np.uint8] | str | None:
        """None after showing it ("human"), uint8 (760, 1200, 3) ("rgb_array") or coloured text ("ansi")."""
        if self._frames is None:
            return render_text(snapshot)
        if self._window is None:
            return self._frames.draw(snapshot)
        if not self._window.closed:
            self._window.show(self._frames.draw(snapshot))
        return None

    def close(self) -> None:
        """Closes the window, if there is one."""
        if self._window is not None:
            self._window.close()
