"""The three kinds of team environment for tests, and how to play and compare them in one way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pettingzoo
import pytest
from gymnasium.vector import AutoresetMode, VectorEnv

from soc_env import soc_v0
from soc_env.team import AGENTS, TRIAGE

# Short episodes on few hosts, so that many end.
CONFIG: dict[str, Any] = {"hosts_per_segment": 6, "max_steps": 12}
NUM_ENVS = 3
MAKE: dict[str, Any] = {
    "parallel": lambda **more: soc_v0.parallel_env(**CONFIG, **more),
    "aec": lambda **more: soc_v0.env(**CONFIG, **more),
    "vector": lambda **more: soc_v0.vector_env(NUM_ENVS, num_threads=1, **CONFIG, **more),
}
BASES = {"parallel": pettingzoo.ParallelEnv, "aec": pettingzoo.AECEnv, "vector": VectorEnv}

# Before 1.4 Gymnasium's RecordEpisodeStatistics takes every mode for next-step and miscounts same-step.
AUTORESET_MODES_WITH_STATISTICS = [
    mode.value
    for mode in AutoresetMode
    if mode is not AutoresetMode.SAME_STEP or tuple(map(int, gymnasium.__version__.split(".")[:2])) >= (1, 4)
]

every_kind = pytest.mark.parametrize("kind", MAKE)


def space_of(env: Any, agent: str) -> gymnasium.Space:
    """The space of the actions that `env` takes from an agent, batched for the vector kind."""
    if isinstance(env, VectorEnv):
        spaces: Any = env.action_space
        return spaces[agent]
    return env.action_space(agent)


def sample_actions(env: Any, steps: int, seed: int = 0) -> list[dict[str, Any]]:
    for number, agent in enumerate(AGENTS):
        space_of(env, agent).seed(seed + number)
    return [{agent: space_of(env, agent).sample() for agent in AGENTS} for _ in range(steps)]


def play(env: Any, actions: list[dict[str, Any]], seed: int = 1) -> Iterator[tuple[dict, Any]]:
    """(observations, all else that can be seen) after every step; episodes follow one another."""
    env.reset(seed=seed)
    for each in actions:
        if isinstance(env, pettingzoo.AECEnv):
            if env.terminations[TRIAGE] or env.truncations[TRIAGE]:
                env.reset()
            for agent in AGENTS:
                env.step(each[agent])
            observations = {agent: env.observe(agent) for agent in AGENTS}
            yield observations, [env.rewards, env.terminations, env.truncations, env.infos, env.state()]
            continue
        if isinstance(env, pettingzoo.ParallelEnv) and not env.agents:
            env.reset()
        observations, *rest = env.step(each)
        yield observations, [*rest, env.state()]


def holds_objects(shown: Any) -> bool:
    return isinstance(shown, np.ndarray) and shown.dtype.hasobject


def assert_same(one: Any, other: Any, where: str = "") -> None:
    """Equal to the bit, with the same types, keys, dtypes and shapes at every depth."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}[{key!r}]")
    elif isinstance(one, (tuple, list)) or holds_objects(one):
        assert len(one) == len(other), where
        for index, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape), where
        assert one.tobytes() == other.tobytes(), where
    else:
        assert one == other, where


def to_bytes(shown: Any) -> Any:
    """Something that compares equal only where every bit does."""
    if isinstance(shown, dict):
        return {key: to_bytes(value) for key, value in shown.items()}
    if isinstance(shown, (list, tuple)) or holds_objects(shown):
        return [to_bytes(value) for value in shown]
    return (shown.dtype.str, shown.shape, shown.tobytes()) if isinstance(shown, np.ndarray) else shown


def assert_refused(env: Any, agent: str, action: Any, error: type[Exception], message: str) -> None:
    """`action` raises, names its agent, and changes nothing."""
    env.reset(seed=0)
    actions = sample_actions(env, 1)[0] | {agent: action}
    if isinstance(env, pettingzoo.AECEnv):
        for earlier in AGENTS[: AGENTS.index(agent)]:
            env.step(actions[earlier])
    before = env.state()
    with pytest.raises(error, match=f"{agent}.*{message}"):
        env.step(action if isinstance(env, pettingzoo.AECEnv) else actions)
    assert np.array_equal(env.state(), before)
    if isinstance(env, pettingzoo.AECEnv):
        assert env.agent_selection == agent
