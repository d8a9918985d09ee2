"""A seeded episode played again, with what a picture of any of its steps needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.environments import EnvSpec
from soc_env.contract import TrainingScenario
from soc_env.policy import TeamPolicy
from soc_env.team import Actions, join_observations


@dataclass(frozen=True)
class Episode:
    """What a team met and did; the steps are 0 to `length` - 1.

    Attributes:
        scenario: the environment's.
        observations: (length, 352), what was seen before each step.
        actions: of each step, without the lanes' axis.
        situations: the truth before each step, in a few words.
        spec, seed, lane: which episode of which environment it is.
    """

    scenario: TrainingScenario
    observations: NDArray[np.float32]
    actions: tuple[Actions, ...]
    situations: tuple[str, ...]
    spec: EnvSpec
    seed: int
    lane: int

    @property
    def length(self) -> int:
        return len(self.actions)

    def check_step(self, step: int, argument: str) -> int:
        """Return `step`.

        Raises:
            ValueError: the episode has no such step; the message says how long it was.
        """
        if not 0 <= step < self.length:
            raise ValueError(
                f"{argument} must be from 0 to {self.length - 1}: the episode of seed {self.seed}, "
                f"lane {self.lane} was over after {self.length} steps; got {step}"
            )
        return step


def play_episode(policy: TeamPolicy, spec: EnvSpec, seed: int, lane: int) -> Episode:
    """Play the first episode of a lane under a seed, as `soc-env evaluate` does.

    Raises:
        TypeError, ValueError: a setting of the environment, seed or lane is not valid.
    """
    scenario = spec.scenario
    env = scenario.vector_env(1)
    try:
        observations, _ = env.reset(seed=seed, options={"lane": lane})
        policy.reset(1, seed=0)
        starts, over = np.ones(1, np.bool_), False
        seen: list[NDArray[np.float32]] = []
        actions: list[Actions] = []
        situations: list[str] = []
        while not over:
            seen.append(join_observations(observations)[0])
            situations.append(scenario.situation(env.state()[0]))
            batch = policy.act(observations, starts)
            actions.append({agent: action[0] for agent, action in batch.items()})
            observations, _, terminated, truncated, _ = env.step(batch)
            starts = terminated | truncated
            over = bool(starts[0])
    finally:
        env.close()
    return Episode(scenario, np.stack(seen), tuple(actions), tuple(situations), spec, seed, lane)
