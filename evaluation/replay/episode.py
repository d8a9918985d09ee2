"""A seeded episode played again, every moment of it as pictures show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from evaluation.checks import StrictPolicy
from evaluation.environments import EnvSpec
from evaluation.trajectories import Trajectory
from soc_env.contract import Scenario
from soc_env.metrics import RETURN
from soc_env.policy import TeamPolicy
from soc_env.rendering import Snapshot
from soc_env.team import Actions, Observations, action_spaces


@dataclass(frozen=True)
class Episode:
    """An episode of T steps.

    Attributes:
        moments: T + 1 snapshots; number t is the moment after t steps, with the actions of step t.
        figures: of the whole episode by metric, in the units of the scenario's metrics.
        spec: the environment; seed and lane say which of its episodes this is.
    """

    moments: tuple[Snapshot, ...]
    figures: dict[str, float]
    spec: EnvSpec
    seed: int
    lane: int


class OtherEpisodeError(ValueError):
    """A recorded episode, played again, is another."""


def play_episode(policy: TeamPolicy, spec: EnvSpec, seed: int, lane: int) -> Episode:
    """Let a team play the first episode of a lane under a seed, greedily.

    Raises:
        PolicyError: the policy raised, returned an invalid action or is for another environment.
        TypeError, ValueError: a setting of the environment, seed or lane is not valid.
    """
    team = StrictPolicy(policy, spaces.Dict(action_spaces()), spec.env_id)
    team.reset(1, seed=0)
    starts = np.array([True])

    def act(observations: Observations) -> Actions:
        batch = team.act({agent: row[None] for agent, row in observations.items()}, starts.copy())
        starts[:] = False
        return {agent: action[0] for agent, action in batch.items()}

    return _play(act, spec, seed, lane)


def play_again(recorded: Trajectory, spec: EnvSpec) -> Episode:
    """Take the actions of a recorded episode once more.

    Raises:
        OtherEpisodeError: the rewards are others than those recorded, so the environment is another.
    """
    steps = iter(range(len(recorded.rewards)))

    def act(_: Observations) -> Actions:
        step = next(steps, len(recorded.rewards) - 1)
        return {agent: rows[step] for agent, rows in recorded.actions.items()}

    episode = _play(act, spec, recorded.seed, recorded.lane)
    rewards = np.array([moment.reward for moment in episode.moments[1:]])
    if not np.array_equal(rewards, recorded.rewards):
        raise OtherEpisodeError(
            f"the recorded episode of seed {recorded.seed}, lane {recorded.lane} has {len(recorded.rewards)} "
            f"steps and the return {recorded.rewards.sum():g}; played again in {spec.env_id} it has "
            f"{len(rewards)} and {rewards.sum():g}: it must come from the same environment"
        )
    return episode


def _with_pictures(spec: EnvSpec) -> Scenario:
    scenario = spec.scenario
    if not isinstance(scenario, Scenario):
        raise ValueError(f"env must be a scenario with pictures, on this package's engine; got {spec.env_id}")
    return scenario


def _play(act: Callable[[Observations], Actions], spec: EnvSpec, seed: int, lane: int) -> Episode:
    env = _with_pictures(spec).parallel_env()
    observations, infos = env.reset(seed=seed, options={"lane": lane})
    moments, total = [env.snapshot()], 0.0
    while env.agents:
        agent = env.agents[0]  # all share the reward and the episode's metrics
        observations, rewards, _, _, infos = env.step(act(observations))
        total += rewards[agent]
        moments.append(env.snapshot())
    measured = infos[agent]["episode_metrics"]
    metrics = spec.scenario.metrics
    figures = dict(zip(metrics.names, metrics.figures({**measured, RETURN: total}), strict=True))
    return Episode(tuple(moments), figures, spec, seed, lane)
