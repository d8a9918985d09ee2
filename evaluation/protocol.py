"""How a team is measured: the held-out protocol, the one to trust, and the paper's, for comparison.

Held out. A team plays `NUM_EPISODES` lanes of an environment seeded with an evaluation seed, exactly one
episode in each lane. (Taking whichever 2,000 episodes end first would favour short ones.) The k-th
training seed of a learner plays evaluation seed E_k = 1,000,000,000 + k, with its greedy actions; a
scripted team, which has no training seeds, plays all those blocks. So any two teams have met the same
(evaluation seed, lane) pairs, and their difference can be taken episode by episode.

The paper's. Its figures are means over the last 2,000 of 10,000 training episodes on each of five seeds.
For a learner they are read from the log of the training run (`evaluation.training_log`). A scripted team
does not learn, so its last 2,000 episodes are distributed as its first: it plays exactly 2,000 on each
seed, one after another in the one network that the seed gives.

The evaluator owns the environment and adds the rewards up itself; the other figures are the simulator's
own. A policy gets observations and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from evaluation import paper
from evaluation.checks import StrictPolicy
from evaluation.environments import EnvSpec
from evaluation.seeds import check_evaluation_seed, check_training_seed
from soc_env.contract import TeamLanes
from soc_env.metrics import RETURN, Metrics
from soc_env.policy import TeamPolicy

PROTOCOL_VERSION: Final = "1.0"
NUM_EPISODES: Final = 2_000  # for each evaluation seed, and in the paper's tail

Progress = Callable[[int], None]  # told how many more episodes have ended


def play_held_out(
    policy: TeamPolicy,
    spec: EnvSpec,
    evaluation_seed: int,
    *,
    num_episodes: int = NUM_EPISODES,
    policy_seed: int = 0,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Every episode's figures, (num_episodes, metrics): exactly one episode in each lane, in lane order.

    Args:
        policy: a team ready to act greedily.
        evaluation_seed: from `EVALUATION_SEEDS`.
        policy_seed: for the policy's own randomness. It is not the environment's, whose dice a policy
            could otherwise foresee.

    Raises:
        PolicyError: the policy raised or returned an invalid action.
        ValueError: a training seed was given for the evaluation seed, or fewer than one episode.
    """
    seed = check_evaluation_seed(evaluation_seed, "evaluation_seed")
    _check_episodes(num_episodes)
    env = spec.make_vector_env(num_episodes)
    try:
        return play(
            policy,
            env,
            spec.env_id,
            metrics=spec.scenario.metrics,
            seed=seed,
            policy_seed=policy_seed,
            progress=progress,
        )[:, 0]
    finally:
        env.close()


def play_paper_protocol(
    policy: TeamPolicy,
    spec: EnvSpec,
    seeds: Sequence[int] = paper.SEEDS,
    *,
    num_episodes: int = NUM_EPISODES,
    policy_seed: int = 0,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """A scripted team's figures, (seeds, num_episodes, metrics): consecutive episodes in one network a seed.

    Args and errors as for `play_held_out`, but `seeds` are training seeds, as the paper's are.
    """
    seeds = [check_training_seed(seed, "seeds") for seed in seeds]
    _check_episodes(num_episodes)
    env = spec.make_vector_env(len(seeds))
    try:
        return play(
            policy,
            env,
            spec.env_id,
            metrics=spec.scenario.metrics,
            seed=seeds,
            episodes_per_lane=num_episodes,
            policy_seed=policy_seed,
            progress=progress,
        )
    finally:
        env.close()


def play(
    policy: TeamPolicy,
    env: TeamLanes,
    env_id: str,
    *,
    metrics: Metrics,
    seed: int | list[int],
    episodes_per_lane: int = 1,
    policy_seed: int = 0,
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """The figures of each lane's first episodes, (lanes, episodes_per_lane, metrics).

    A lane that is done before the others plays on, and what it plays then does not count.

    Args:
        env: a vector environment in same-step autoreset mode.
        metrics: its scenario's. The evaluator adds the rewards up itself; the rest is the simulator's own.
        seed: as for the environment's `reset`: one for all lanes, or a list of one a lane.
    """
    assert isinstance(env.single_action_space, spaces.Dict)
    team = StrictPolicy(policy, env.single_action_space, env_id)
    team.reset(env.num_envs, policy_seed)
    observations, _ = env.reset(seed=seed)
    episode_starts = np.ones(env.num_envs, bool)
    episode_returns = np.zeros(env.num_envs)
    num_ended = np.zeros(env.num_envs, np.int64)
    figures = np.full((env.num_envs, episodes_per_lane, len(metrics)), np.nan)

    while num_ended.min() < episodes_per_lane:
        actions = team.act(observations, episode_starts)
        observations, rewards, terminated, truncated, info = env.step(actions)
        episode_returns += rewards
        episode_starts = terminated | truncated
        counted = np.flatnonzero(episode_starts & (num_ended < episodes_per_lane))
        if counted.size:
            measured = info["final_info"]["episode_metrics"]
            measured = {**measured, RETURN: episode_returns}
            figures[counted, num_ended[counted]] = np.stack(metrics.figures(measured), -1)[counted]
            if progress is not None:
                progress(counted.size)
        num_ended += episode_starts
        episode_returns[episode_starts] = 0.0
    return figures


def _check_episodes(num_episodes: int) -> None:
    if num_episodes < 1:
        raise ValueError(f"num_episodes must be an integer >= 1, got {num_episodes!r}")
