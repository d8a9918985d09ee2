"""What the faces of one lane share: the engine behind them, its seeding and its pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from soc_env.engine import seeding
from soc_env.engine.actions import read_single
from soc_env.engine.engine import Engine
from soc_env.engine.scenario import EngineScenario
from soc_env.rendering import Renderer

RENDER_MODES = ("human", "rgb_array", "ansi")
FPS = 8


class SingleLane:
    """One lane of a scenario, with the states a face must tell apart."""

    def __init__(self, scenario: EngineScenario, render_mode: str | None) -> None:
        self.engine = Engine(scenario, num_envs=1, num_threads=1)
        self.render_mode = render_mode
        # Built at once, so that an unknown mode or a missing pygame shows here and not at the first picture.
        self._renderer = None if render_mode is None else Renderer(render_mode, FPS)

    def reset(self, seed: int | None, options: dict[str, Any] | None) -> tuple[np.ndarray, int | None]:
        """Begin an episode; returns the joint observation (352,) and the seed, if it is a new one.

        With a seed the lane is number `options["lane"]` (default 0) of that seed, at its episode 0;
        without one the next episode of the present seed follows.
        """
        lane = seeding.checked_lane(options)
        if seed is not None:
            seed = seeding.checked_seed(seed)
        elif lane is not None:
            raise ValueError(f"options['lane']={lane} needs a seed: lanes are numbered under one")
        elif not self.engine.seeded[0]:
            # Drawn here and not before, so that copies of an environment that nobody seeded differ.
            seed = seeding.fresh_seed()
        if seed is not None:
            self.engine.seed(seeding.root_keys([seed]), np.array([lane or 0], np.int64))
        return self.engine.reset()[0], seed

    def check_started(self, method: str) -> None:
        """Raise RuntimeError before the first reset."""
        if self.engine.episodes[0] < 0:
            raise RuntimeError(f"{method}() was called before reset(): call reset() first")

    def check_can_step(self) -> None:
        """Raise RuntimeError before the first reset and after the end of an episode."""
        self.check_started("step")
        if self.engine.over[0]:
            raise RuntimeError(
                "step() was called after the end of the episode: call reset() to begin another"
            )

    def act(self, actions: Any) -> np.ndarray:
        """Check the team's actions and advance by them; returns the joint observation (352,)."""
        self.check_can_step()
        read_single(actions, self.engine.controls, self.engine.verdicts)
        return self.engine.step()[0]

    def step(self) -> np.ndarray:
        """Advance by the actions in the engine's buffers; returns the joint observation (352,)."""
        return self.engine.step()[0]

    def metrics(self) -> dict[str, int | float]:
        """The episode's metrics as plain numbers."""
        return {name: values[0].item() for name, values in self.engine.metrics(np.ones(1, np.bool_)).items()}

    def state(self) -> np.ndarray:
        """The truth, float32 (state size,)."""
        return self.engine.state()[0]

    def render(self) -> Any:
        """A picture in the mode chosen at construction: None, uint8 (height, width, 3), or str."""
        if self.render_mode is None:
            raise RuntimeError(f"render() needs render_mode, one of {RENDER_MODES}, at construction")
        self.check_started("render")
        if self._renderer is None:
            self._renderer = Renderer(self.render_mode, FPS)
        return self._renderer.render(self.engine.snapshot())

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_renderer": None}  # a window cannot be copied; a new one opens
