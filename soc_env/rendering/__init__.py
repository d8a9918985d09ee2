"""Pictures of a moment of an episode: a scenario fills in a `Snapshot`, a `Renderer` shows it.

Importing this package does not import pygame; only what draws does, when it is made.
"""

from soc_env.rendering.frame import FrameRenderer
from soc_env.rendering.renderer import RENDER_MODES, Renderer
from soc_env.rendering.snapshot import AlertView, Fact, SegmentView, Snapshot
from soc_env.rendering.text import render_text
from soc_env.rendering.window import Window

__all__ = [
    "RENDER_MODES",
    "AlertView",
    "Fact",
    "FrameRenderer",
    "Renderer",
    "SegmentView",
    "Snapshot",
    "Window",
    "render_text",
]
