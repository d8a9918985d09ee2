"""What all wrappers have in common, on every kind of environment: parallel, AEC and vector."""

from __future__ import annotations

import pickle
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from pettingzoo.test import api_test, parallel_api_test
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from soc_env import soc_v0
from soc_env.team import (
    AGENTS,
    COORDINATOR,
    HUNTER,
)
from soc_env.wrappers import continuous_actions, discrete_actions, leak_free
from tests.faces import (
    AUTORESET_MODES_WITH_STATISTICS,
    BASES,
    CONFIG,
    MAKE,
    NUM_ENVS,
    every_kind,
    play,
    sample_actions,
    space_of,
    to_bytes,
)
from tests.test_pettingzoo import remarks_expected

WRAPPERS = [continuous_actions, discrete_actions, leak_free]
every_wrapper = pytest.mark.parametrize("wrapper", WRAPPERS)


@every_wrapper
@every_kind
def test_the_same_kind_comes_back(kind: str, wrapper: Any) -> None:
    env = wrapper(MAKE[kind]())
    assert isinstance(env, BASES[kind])
    assert wrapper.__name__ in repr(env) or wrapper.__name__ in str(env)
    assert type(env.unwrapped) is type(MAKE[kind]())


@remarks_expected
@every_wrapper
def test_wrapped_environments_pass_pettingzoos_tests(wrapper: Any) -> None:
    parallel_api_test(wrapper(MAKE["parallel"]()), num_cycles=60)
    api_test(wrapper(MAKE["aec"]()), num_cycles=60)
    api_test(wrapper(parallel_to_aec(MAKE["parallel"]())), num_cycles=60)
    parallel_api_test(wrapper(aec_to_parallel(MAKE["aec"]())), num_cycles=60)
    api_test(OrderEnforcingWrapper(wrapper(MAKE["aec"]())), num_cycles=60)


@every_wrapper
@pytest.mark.parametrize(
    "make",
    [
        lambda: soc_v0.joint_env(),
        lambda: gymnasium.make("CartPole-v1"),
        lambda: SyncVectorEnv([lambda: gymnasium.make("CartPole-v1")]),
        lambda: soc_v0.parallel_env,
        lambda: None,
    ],
)
def test_another_kind_is_refused_by_name(make: Any, wrapper: Any) -> None:
    env = make()
    with pytest.raises(TypeError, match=f"{wrapper.__name__} wraps .* got {type(env).__name__}"):
        wrapper(env)


@every_wrapper
@every_kind
def test_spaces_are_the_same_objects_at_each_call(kind: str, wrapper: Any) -> None:
    env = wrapper(MAKE[kind]())
    if kind == "vector":
        for name in ("action_space", "single_action_space", "observation_space", "single_observation_space"):
            assert getattr(env, name) is getattr(env, name)
        return
    for agent in AGENTS:
        assert env.action_space(agent) is env.action_space(agent)
        assert env.action_spaces[agent] is env.action_space(agent)
        assert env.observation_space(agent) is env.observation_space(agent)


@every_wrapper
@every_kind
def test_observations_stay_in_their_spaces(kind: str, wrapper: Any) -> None:
    env = wrapper(MAKE[kind]())
    for observations, _ in play(env, sample_actions(env, 30)):
        if kind == "vector":
            assert env.observation_space.contains(observations)
        else:
            assert all(env.observation_space(agent).contains(observations[agent]) for agent in AGENTS)


@every_wrapper
@every_kind
def test_what_the_environment_offers_stays_reachable(kind: str, wrapper: Any) -> None:
    plain, env = MAKE[kind](), wrapper(MAKE[kind]())
    env.reset(seed=3)
    plain.reset(seed=3)
    assert np.array_equal(env.state(), plain.state())
    assert env.scenario.env_id == "soc_v0"
    assert env.metadata == plain.metadata
    assert env.render_mode is None
    if kind == "vector":
        assert env.single_state_space == plain.single_state_space
        assert to_bytes(env.save_state()) == to_bytes(plain.save_state())
    else:
        assert env.state_space == plain.state_space
        assert env.possible_agents == list(AGENTS)
    for missing in ("_secret", "no_such_thing"):
        with pytest.raises(AttributeError, match=missing):
            getattr(env, missing)


@every_wrapper
@every_kind
def test_a_pickled_wrapped_environment_goes_on_with_the_same_bits(kind: str, wrapper: Any) -> None:
    env = wrapper(MAKE[kind]())
    list(play(env, sample_actions(env, 5)))
    twin = pickle.loads(pickle.dumps(env))
    rest = sample_actions(env, 6, seed=9)
    if kind == "aec":
        for each in rest[:3]:
            for agent in AGENTS:
                env.step(each[agent])
                twin.step(each[agent])
                assert to_bytes(env.last()) == to_bytes(twin.last())
    else:
        for each in rest[:3]:
            assert to_bytes(env.step(each)) == to_bytes(twin.step(each))


@every_kind
@pytest.mark.parametrize("change_actions", [continuous_actions, discrete_actions])
def test_one_wrapper_for_actions_and_one_for_observations_stack_in_any_order(
    kind: str, change_actions: Any
) -> None:
    one, other = change_actions(leak_free(MAKE[kind]())), leak_free(change_actions(MAKE[kind]()))
    actions = sample_actions(one, 30)
    assert to_bytes(list(play(one, actions))) == to_bytes(list(play(other, actions)))
    for agent in AGENTS:
        assert space_of(one, agent) == space_of(other, agent)


@every_kind
def test_two_wrappers_for_actions_do_not_stack(kind: str) -> None:
    for outer in (continuous_actions, discrete_actions):
        for inner in (continuous_actions, discrete_actions):
            with pytest.raises(ValueError, match=r"only one wrapper can change the actions"):
                outer(inner(MAKE[kind]()))


@every_wrapper
def test_steps_before_reset_and_after_the_end_fail_as_without_a_wrapper(wrapper: Any) -> None:
    for kind in MAKE:
        env = wrapper(MAKE[kind]())
        action = sample_actions(env, 1)[0]
        with pytest.raises(RuntimeError, match="before reset"):
            env.step(action[COORDINATOR] if kind == "aec" else action)
    env = wrapper(MAKE["parallel"]())
    actions = sample_actions(env, CONFIG["max_steps"])
    env.reset(seed=0)
    while env.agents:
        env.step(actions.pop())
    with pytest.raises(RuntimeError, match="after the end"):
        env.step(sample_actions(env, 1)[0])
    env = wrapper(MAKE["aec"]())
    env.reset(seed=0)
    for agent in env.agent_iter():
        over = env.terminations[agent] or env.truncations[agent]
        env.step(None if over else env.action_space(agent).sample())
    with pytest.raises(RuntimeError, match="after the end"):
        env.step(env.action_space(COORDINATOR).sample())


@pytest.mark.parametrize("mode", AUTORESET_MODES_WITH_STATISTICS)
@every_wrapper
def test_gymnasiums_statistics_go_inside_and_outside(wrapper: Any, mode: str) -> None:
    def vector_env() -> Any:
        return soc_v0.vector_env(NUM_ENVS, autoreset_mode=mode, num_threads=1, **CONFIG)

    inside: Any = wrapper(RecordEpisodeStatistics(vector_env()))
    outside: Any = RecordEpisodeStatistics(wrapper(vector_env()))
    for env in (inside, outside):
        episodes = 0
        env.reset(seed=[1, 2, 3])
        for each in sample_actions(env, 40):
            _, _, terminated, truncated, info = env.step(each)
            over = terminated | truncated
            if over.any():
                episodes += over.sum()
                metrics = info.get("final_info", info)["episode_metrics"]
                assert np.array_equal(info["episode"]["l"], metrics["length"])
                if mode == "Disabled":
                    env.reset(options={"reset_mask": over})
        assert episodes > 3


@pytest.mark.parametrize("actions", [None, 3, [1, 2, 3, 4]])
@pytest.mark.parametrize("kind", ["parallel", "vector"])
@every_wrapper
def test_actions_that_are_no_dictionary_are_refused(wrapper: Any, kind: str, actions: Any) -> None:
    env = wrapper(MAKE[kind]())
    env.reset(seed=0)
    with pytest.raises(TypeError, match="dictionary keyed by agent"):
        env.step(actions)


@pytest.mark.parametrize("kind", ["parallel", "vector"])
@every_wrapper
def test_missing_and_unknown_agents_are_refused(wrapper: Any, kind: str) -> None:
    env = wrapper(MAKE[kind]())
    env.reset(seed=0)
    actions = sample_actions(env, 1)[0]
    with pytest.raises(ValueError, match=r"missing.*threat_hunter"):
        env.step({agent: actions[agent] for agent in AGENTS if agent != HUNTER})
    with pytest.raises(ValueError, match=r"unknown.*intern"):
        env.step(actions | {"intern": 0})
