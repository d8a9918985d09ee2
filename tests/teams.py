"""Small environments and teams for the tests of the evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from baselines import scripted
from evaluation.entrants import Entrant
from evaluation.environments import EnvSpec
from evaluation.seeds import EVALUATION_SEEDS
from soc_env.team import Actions, Observations

SEED = EVALUATION_SEEDS.start
SPEC = EnvSpec("soc_v0", {"hosts_per_segment": 8, "max_steps": 60})


class Recorder:
    """Plays like Tuned-SOAR and notes what it is told; subclasses and `change` make it misbehave."""

    env_id = "soc_v0"

    def __init__(self, change: Callable[[Actions], Any] | None = None, from_step: int = 1) -> None:
        self.inner = scripted.TunedSOAR()
        self.change, self.from_step = change, from_step
        self.resets: list[tuple[int, int | None]] = []
        self.starts: list[np.ndarray] = []

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.resets.append((num_envs, seed))
        self.starts.clear()

    def act(self, observations: Observations, episode_starts: np.ndarray | None = None) -> Any:
        assert episode_starts is not None
        self.starts.append(episode_starts)
        actions = self.inner.act(observations)
        return self.change(actions) if self.change and len(self.starts) >= self.from_step else actions


def fixed(policy: Any, name: str = "mine") -> Entrant:
    return Entrant(name, "fixed", lambda _: policy)


def load_nothing(_: int | None) -> Any:
    """A team's weights that are not there."""
    raise FileNotFoundError("no weights")
