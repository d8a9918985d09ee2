"""The PettingZoo faces: PettingZoo's own conformance tests, and that both play the same episodes."""

from __future__ import annotations

import copy
import functools
import importlib
import itertools
import pickle
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pettingzoo
import pytest
from pettingzoo.test import (
    api_test,
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    performance_benchmark,
    render_test,
    seed_test,
)
from pettingzoo.test.state_test import state_test
from pettingzoo.utils import BaseParallelWrapper
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec

from soc_env import soc_v0
from soc_env.team import AGENTS, COORDINATOR
from soc_env.wrappers import continuous_actions, leak_free
from tests.faces import CONFIG, to_bytes

# What PettingZoo's tests remark about any team of unlike agents whose observations hold noise and
# entries that are always 0; every other warning is an error.
remarks_expected = pytest.mark.filterwarnings(
    "error",
    "ignore:We recommend agents to be named",
    "ignore:Agent's (minimum|maximum) observation space value is -?infinity",
    "ignore:Agents have different (observation|action) space sizes",
    "ignore:Observations are different shapes",
    "ignore:Observation numpy array is all zeros",
    "ignore:Action space for each agent probably should be",  # discrete_actions has MultiDiscrete ones
)


def random_actions(env: Any) -> dict[str, Any]:
    return {agent: env.action_space(agent).sample() for agent in env.agents}


def seed_actions(env: Any) -> Any:
    for number, agent in enumerate(env.possible_agents):
        env.action_space(agent).seed(number)
    return env


# PettingZoo's tests


@remarks_expected
def test_parallel_env_passes_pettingzoos_test() -> None:
    parallel_api_test(soc_v0.parallel_env(**CONFIG), num_cycles=100)


@remarks_expected
def test_aec_env_passes_pettingzoos_test() -> None:
    api_test(soc_v0.env(**CONFIG), num_cycles=100)


@remarks_expected
@pytest.mark.parametrize(
    "convert",
    [lambda: parallel_to_aec(soc_v0.parallel_env(**CONFIG)), lambda: soc_v0.raw_env(**CONFIG)],
    ids=["parallel_to_aec", "raw_env"],
)
def test_other_ways_to_an_aec_env_pass_too(convert: Any) -> None:
    api_test(convert(), num_cycles=100)


@remarks_expected
def test_pettingzoos_parallel_view_of_the_aec_env_passes_too() -> None:
    parallel_api_test(aec_to_parallel(soc_v0.env(**CONFIG)), num_cycles=100)


@remarks_expected
def test_a_seed_decides_everything() -> None:
    parallel_seed_test(lambda: soc_v0.parallel_env(**CONFIG), num_cycles=30)
    seed_test(lambda: soc_v0.env(**CONFIG), num_cycles=30)


@remarks_expected
def test_state_is_in_its_space() -> None:
    state_test(soc_v0.env(**CONFIG), soc_v0.parallel_env(**CONFIG), num_cycles=100)


@remarks_expected
def test_max_cycles_limits_the_episode() -> None:
    max_cycles_test(soc_v0)


@remarks_expected
def test_pettingzoos_benchmark_runs(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    clock = itertools.count(0.0, 0.05)  # 100 cycles instead of 5 seconds
    module = importlib.import_module("pettingzoo.test.performance_benchmark")
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: next(clock)))
    performance_benchmark(soc_v0.env(**CONFIG))
    assert "turns per second" in capsys.readouterr().out


@pytest.mark.parametrize("face", [soc_v0.env, soc_v0.parallel_env], ids=["aec", "parallel"])
def test_every_render_mode_gives_its_kind_of_picture(face: Any) -> None:
    def make(render_mode: str) -> Any:
        env = face(render_mode=render_mode, **CONFIG)
        return env if face is soc_v0.env else parallel_to_aec(env)

    render_test(make)


@pytest.mark.parametrize("kind", ["parallel", "aec"])
def test_pettingzoo_makes_them_by_name(kind: str) -> None:
    env = pettingzoo.make(kind, "soc_env/soc-v0", **CONFIG)
    own: Any = {"parallel": soc_v0.parallel_env, "aec": soc_v0.env}[kind](**CONFIG)
    env.reset(seed=4)
    own.reset(seed=4)
    assert type(env.unwrapped) is type(own)
    assert np.array_equal(env.state(), own.state())


def test_where_pettingzoo_has_no_registry_all_else_is_as_ever() -> None:
    code = """
import pettingzoo
vars(pettingzoo).pop("register", None)  # as before 1.27
import gymnasium, soc_env
from pettingzoo.test import api_test, parallel_api_test
config = {"hosts_per_segment": 6, "max_steps": 12}
parallel_api_test(soc_env.soc_v0.parallel_env(**config), num_cycles=15)
api_test(soc_env.soc_v0.env(**config), num_cycles=15)
id = "soc_env/soc-v0"
for env in gymnasium.make(id, **config), gymnasium.make_vec(id, num_envs=2, **config):
    env.reset(seed=0)
    env.step(env.action_space.sample())
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


# Both faces play the same


def play_parallel(seed: int, episodes: int) -> Iterator[tuple]:
    env = seed_actions(soc_v0.parallel_env(**CONFIG))
    for episode in range(episodes):
        observations, infos = env.reset(seed=seed if episode == 0 else None)
        yield observations, env.state(), None, None, None, infos
        while env.agents:
            observations, rewards, terminated, truncated, infos = env.step(random_actions(env))
            yield observations, env.state(), rewards, terminated, truncated, infos


def play_aec(seed: int, episodes: int) -> Iterator[tuple]:
    env = seed_actions(soc_v0.env(**CONFIG))
    for episode in range(episodes):
        env.reset(seed=seed if episode == 0 else None)
        yield {agent: env.observe(agent) for agent in AGENTS}, env.state(), None, None, None, env.infos
        while not any(env.terminations.values()) and not any(env.truncations.values()):
            actions = random_actions(env)
            for agent in AGENTS:
                assert env.agent_selection == agent
                env.step(actions[agent])
            observations = {agent: env.observe(agent) for agent in AGENTS}
            yield observations, env.state(), env.rewards, env.terminations, env.truncations, env.infos
        for agent in AGENTS:
            assert env.agent_selection == agent
            env.step(None)
        assert env.agents == []


def test_the_aec_env_plays_the_parallel_env_step_for_step() -> None:
    steps = 0
    for parallel, aec in zip(play_parallel(5, episodes=6), play_aec(5, episodes=6), strict=True):
        for agent in AGENTS:
            assert parallel[0][agent].tobytes() == aec[0][agent].tobytes()
        assert parallel[1].tobytes() == aec[1].tobytes()
        assert parallel[2:] == aec[2:]
        steps += 1
    assert steps > 40


def test_in_the_aec_env_every_agent_collects_each_reward_once() -> None:
    parallel = seed_actions(soc_v0.parallel_env(**CONFIG))
    parallel.reset(seed=6)
    expected = 0.0
    while parallel.agents:
        expected += parallel.step(random_actions(parallel))[1][COORDINATOR]
    aec = seed_actions(soc_v0.env(**CONFIG))
    aec.reset(seed=6)
    returns = dict.fromkeys(AGENTS, 0.0)
    for agent in aec.agent_iter():
        _, reward, terminated, truncated, _ = aec.last()
        returns[agent] += reward
        aec.step(None if terminated or truncated else aec.action_space(agent).sample())
    assert returns == pytest.approx(dict.fromkeys(AGENTS, expected))


def test_within_a_cycle_nothing_moves_until_the_last_agent_has_acted() -> None:
    env = soc_v0.env(**CONFIG)
    env.reset(seed=1)
    before = env.state()
    for agent in AGENTS[:-1]:
        env.step(env.action_space(agent).sample())
        assert np.array_equal(env.state(), before)
    env.step(env.action_space(AGENTS[-1]).sample())
    assert not np.array_equal(env.state(), before)


# What is handed out, and what is taken after the end


@pytest.mark.parametrize("face", [soc_v0.parallel_env, soc_v0.env], ids=["parallel", "aec"])
def test_each_agent_has_metrics_of_its_own(face: Any) -> None:
    env = face(**CONFIG | {"max_steps": 1})
    env.reset(seed=0)
    if face is soc_v0.env:
        for agent in AGENTS:
            env.step(env.action_space(agent).sample())
        infos = env.infos
    else:
        *_, infos = env.step(random_actions(env))
    infos[COORDINATOR]["episode_metrics"]["length"] = -1
    assert [infos[agent]["episode_metrics"]["length"] for agent in AGENTS] == [-1, 1, 1, 1]


def test_what_the_aec_env_shows_can_be_changed_without_changing_what_it_shows_next() -> None:
    env = soc_v0.env(**CONFIG)
    env.reset(seed=0)
    before = env.observe(COORDINATOR).copy()
    env.observe(COORDINATOR)[:] = 7.0
    env.last()[0][:] = 7.0
    assert np.array_equal(env.observe(COORDINATOR), before)


@pytest.mark.parametrize("wrap", [lambda env: env, continuous_actions, leak_free, BaseParallelWrapper])
def test_after_the_end_nobody_acts_and_nobody_is_told_anything(wrap: Any) -> None:
    env = wrap(soc_v0.parallel_env(**CONFIG | {"max_steps": 1}))
    with pytest.raises(RuntimeError, match="before reset"):
        env.step({})
    env.reset(seed=0)
    with pytest.raises(ValueError, match="exactly the agents"):
        env.step({})
    actions = random_actions(env)
    env.step(actions)
    state = env.state()
    assert env.step({}) == ({}, {}, {}, {}, {})
    assert np.array_equal(env.state(), state)
    with pytest.raises(RuntimeError, match="after the end"):
        env.step(actions)


# Copies


def advance(env: Any, action: Any) -> list[Any]:
    """One step of any face; what it shows afterwards."""
    result = env.step(action)
    if isinstance(env, pettingzoo.AECEnv):
        result = env.last()
    return [result, env.state()]


def next_action(env: Any) -> Any:
    if isinstance(env, gymnasium.Env):
        return env.action_space.sample()
    if isinstance(env, pettingzoo.AECEnv):
        return env.action_space(env.agent_selection).sample()
    return random_actions(env)


@pytest.mark.parametrize("face", [soc_v0.parallel_env, soc_v0.env, soc_v0.joint_env])
def test_a_pickled_environment_goes_on_in_mid_episode_with_the_same_bits(face: Any) -> None:
    env = face(**CONFIG | {"max_steps": 40})
    env.reset(seed=0)
    for _ in range(9):  # in mid-cycle for the AEC face
        advance(env, next_action(env))
    twin = pickle.loads(pickle.dumps(env))
    for _ in range(12):
        action = next_action(env)
        assert to_bytes(advance(env, action)) == to_bytes(advance(twin, action))
    env.reset()
    twin.reset()
    assert np.array_equal(env.state(), twin.state())


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
@pytest.mark.parametrize(
    "face",
    [soc_v0.parallel_env, soc_v0.env, soc_v0.joint_env, functools.partial(soc_v0.vector_env, 2)],
    ids=["parallel", "aec", "joint", "vector"],
)
def test_copies_of_an_environment_that_nobody_seeded_play_different_episodes(
    face: Any, duplicate: Any
) -> None:
    # Libraries such as SuperSuit make many environments by copying one.
    env = face(**CONFIG)
    twin = duplicate(env)
    env.reset()
    twin.reset()
    assert not np.array_equal(env.state(), twin.state())
