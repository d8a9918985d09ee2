"""The wrappers on every kind of environment: parallel, AEC and vector."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pettingzoo
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics
from pettingzoo.test import api_test, parallel_api_test
from pettingzoo.utils.conversions import aec_to_parallel, parallel_to_aec
from pettingzoo.utils.wrappers import OrderEnforcingWrapper

from soc_env import soc_v0
from soc_env.faces.vector import stack_final_observations
from soc_env.team import (
    AGENTS,
    CONTROL_SIZES,
    COORDINATOR,
    HUNTER,
    OBSERVATION_SIZES,
    RESPONDER,
    TRIAGE,
    join_observations,
)
from soc_env.wrappers import continuous_actions, discrete_actions, leak_free
from tests.test_pettingzoo import remarks_expected

CONFIG: dict[str, Any] = {"hosts_per_segment": 6, "max_steps": 12}
NUM_ENVS = 3
MAKE: dict[str, Any] = {
    "parallel": lambda: soc_v0.parallel_env(**CONFIG),
    "aec": lambda: soc_v0.env(**CONFIG),
    "vector": lambda: soc_v0.vector_env(NUM_ENVS, num_threads=1, **CONFIG),
}
BASES = {"parallel": pettingzoo.ParallelEnv, "aec": pettingzoo.AECEnv, "vector": VectorEnv}
WRAPPERS = [continuous_actions, discrete_actions, leak_free]

every_kind = pytest.mark.parametrize("kind", MAKE)
every_wrapper = pytest.mark.parametrize("wrapper", WRAPPERS)


def space_of(env: Any, agent: str) -> gymnasium.Space:
    """The space of the actions that `env` takes from an agent, batched for the vector kind."""
    return env.action_space[agent] if isinstance(env, VectorEnv) else env.action_space(agent)


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


def to_bytes(shown: Any) -> Any:
    """Something that compares equal only where every bit does."""
    if isinstance(shown, dict):
        return {key: to_bytes(value) for key, value in shown.items()}
    if isinstance(shown, (list, tuple)) or getattr(shown, "dtype", None) == object:
        return [to_bytes(value) for value in shown]
    return (shown.dtype.str, shown.shape, shown.tobytes()) if isinstance(shown, np.ndarray) else shown


# What all wrappers have in common


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
    for late in ({}, sample_actions(env, 1)[0]):
        with pytest.raises(RuntimeError, match="after the end"):
            env.step(late)
    env = wrapper(MAKE["aec"]())
    env.reset(seed=0)
    for agent in env.agent_iter():
        over = env.terminations[agent] or env.truncations[agent]
        env.step(None if over else env.action_space(agent).sample())
    with pytest.raises(RuntimeError, match="after the end"):
        env.step(env.action_space(COORDINATOR).sample())


@pytest.mark.parametrize("mode", [mode.value for mode in AutoresetMode])
@every_wrapper
def test_gymnasiums_statistics_go_inside_and_outside(wrapper: Any, mode: str) -> None:
    def vector_env() -> Any:
        return soc_v0.vector_env(NUM_ENVS, autoreset_mode=mode, num_threads=1, **CONFIG)

    for env in (
        wrapper(RecordEpisodeStatistics(vector_env())),
        RecordEpisodeStatistics(wrapper(vector_env())),
    ):
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
    with pytest.raises(ValueError, match="missing.*threat_hunter"):
        env.step({agent: actions[agent] for agent in AGENTS if agent != HUNTER})
    with pytest.raises(ValueError, match="unknown.*intern"):
        env.step(actions | {"intern": 0})


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


# Continuous actions


def own_action(agent: str, scores: Any) -> Any:
    """The documented meaning: the verdict with the largest score."""
    if agent != TRIAGE:
        return scores
    return np.array([list(row).index(max(row)) for row in np.reshape(scores, (-1, 4))]).reshape(
        np.shape(scores)[:-1]
    )


@every_kind
def test_every_continuous_action_is_a_box(kind: str) -> None:
    env = continuous_actions(MAKE[kind]())
    lanes = (NUM_ENVS,) if kind == "vector" else ()
    for agent in AGENTS:
        space = space_of(env, agent)
        assert space == gymnasium.spaces.Box(-1.0, 1.0, (*lanes, CONTROL_SIZES.get(agent, 4)), np.float32)


@every_kind
def test_the_largest_score_is_the_verdict(kind: str) -> None:
    plain, env = MAKE[kind](), continuous_actions(MAKE[kind]())
    actions = sample_actions(env, 40)
    own = [{agent: own_action(agent, each[agent]) for agent in AGENTS} for each in actions]
    assert len({int(verdict) for each in own for verdict in np.ravel(each[TRIAGE])}) == 4
    assert to_bytes(list(play(env, actions))) == to_bytes(list(play(plain, own)))


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [
        ([0.0, 0.0, 0.0, 0.0], 0),
        ([-1.0, 0.5, 0.5, -1.0], 1),
        ([-3.0, -2.0, 5.0, 7.0], 3),
        (np.array([2.0, 3.0, 1.0, 1.0], np.float64), 1),
        (np.array([1, 2, 9, 3]), 2),
        (np.array([-9.0, -3.0, -8.0, -7.0], np.float16), 1),
    ],
)
def test_scores_are_compared_as_they_are_and_the_first_of_equals_wins(scores: Any, verdict: int) -> None:
    for kind in MAKE:
        plain, env = MAKE[kind](), continuous_actions(MAKE[kind]())
        others = sample_actions(plain, 25)
        batch = (lambda one: np.array([one] * NUM_ENVS)) if kind == "vector" else (lambda one: one)
        ours = play(env, [each | {TRIAGE: batch(scores)} for each in others])
        assert to_bytes(list(ours)) == to_bytes(
            list(play(plain, [each | {TRIAGE: batch(verdict)} for each in others]))
        )


@every_kind
@pytest.mark.parametrize(
    ("scores", "error", "message"),
    [
        ([0.0, np.nan, 0.0, 0.0], ValueError, "finite, got nan at .*1"),
        ([0.0, 0.0, 0.0, np.inf], ValueError, "finite, got inf at .*3"),
        ([0.0, 0.0, 0.0], ValueError, r"shape .*4.*got .*3"),
        (2, ValueError, r"shape .*4"),
        (["a", "b", "c", "d"], TypeError, "array of numbers"),
        ([None] * 4, TypeError, "array of numbers"),
    ],
)
def test_bad_scores_are_refused_and_nothing_changes(kind: str, scores: Any, error: Any, message: str) -> None:
    given = [scores] * NUM_ENVS if kind == "vector" else scores
    assert_refused(continuous_actions(MAKE[kind]()), TRIAGE, given, error, message)


# Discrete actions

ENTRIES = {COORDINATOR: (0, 1, 4), HUNTER: tuple(range(10)), RESPONDER: tuple(range(10))}


@every_kind
def test_every_discrete_action_is_multidiscrete_or_discrete(kind: str) -> None:
    env = discrete_actions(MAKE[kind](), levels=5)
    spaces = env.single_action_space if kind == "vector" else env.action_spaces
    assert dict(spaces.items()) == {
        COORDINATOR: gymnasium.spaces.MultiDiscrete([5] * 3),
        HUNTER: gymnasium.spaces.MultiDiscrete([5] * 10),
        TRIAGE: gymnasium.spaces.Discrete(4),
        RESPONDER: gymnasium.spaces.MultiDiscrete([5] * 10),
    }
    if kind == "vector":
        for agent in ENTRIES:
            assert env.action_space[agent].shape == (NUM_ENVS, len(ENTRIES[agent]))


@every_kind
@pytest.mark.parametrize(
    ("levels", "values"), [(2, [-1, 1]), (3, [-1, 0, 1]), (5, [-1, -0.5, 0, 0.5, 1]), (1001, None)]
)
def test_choices_are_levels_evenly_over_the_box(kind: str, levels: int, values: list[float] | None) -> None:
    plain, env = MAKE[kind](), discrete_actions(MAKE[kind](), levels)
    value = np.array(values or [(2 * k - 1000) / 1000 for k in range(1001)], np.float32)
    actions = sample_actions(env, 30)
    own = []
    for each in actions:
        own.append({TRIAGE: each[TRIAGE]})
        for agent, entries in ENTRIES.items():
            control = np.zeros((*each[agent].shape[:-1], CONTROL_SIZES[agent]), np.float32)
            for choice, entry in enumerate(entries):
                control[..., entry] = value[each[agent][..., choice]]
            own[-1][agent] = control
    assert to_bytes(list(play(env, actions))) == to_bytes(list(play(plain, own)))


def visible_future(change: Any, lanes: int = 48, steps: int = 40) -> list[np.ndarray]:
    """All observations of lanes whose otherwise random play `change(actions)` has altered."""
    env = soc_v0.vector_env(lanes, num_threads=1, hosts_per_segment=10, max_steps=steps)
    env.action_space.seed(3)
    history = [join_observations(env.reset(seed=2)[0])]
    for _ in range(steps):
        actions = env.action_space.sample()
        change(actions)
        observations, rewards, *_ = env.step(actions)
        history += [join_observations(observations), rewards]
    return history


@pytest.mark.parametrize("agent", ENTRIES)
def test_exactly_the_entries_of_the_choices_have_an_effect(agent: str) -> None:
    usual = visible_future(lambda actions: None)

    def set_to(entries: Any, value: float) -> Any:
        return lambda actions: actions[agent].__setitem__((slice(None), entries), value)

    unused = [entry for entry in range(CONTROL_SIZES[agent]) if entry not in ENTRIES[agent]]
    assert to_bytes(visible_future(set_to(unused, 1.0))) == to_bytes(usual)
    for entry in ENTRIES[agent]:
        low, high = (visible_future(set_to(entry, value)) for value in (-1.0, 1.0))
        assert to_bytes(low) != to_bytes(high), entry


@every_kind
@pytest.mark.parametrize(
    ("agent", "action", "error", "message"),
    [
        (COORDINATOR, [0, 3, 0], ValueError, "integers from 0 to 2 .*got 3 at .*1"),
        (COORDINATOR, [0, -1, 0], ValueError, "integers from 0 to 2 .*got -1 at .*1"),
        (HUNTER, [1] * 9, ValueError, r"shape .*10.*got .*9"),
        (HUNTER, 1, ValueError, r"shape .*10"),
        (RESPONDER, [0.0] * 10, TypeError, "integers from 0 to 2 .*got dtype float64"),
        (RESPONDER, [True] * 10, TypeError, "integers from 0 to 2 .*got dtype bool"),
        (TRIAGE, 4, ValueError, "integers? from 0 to 3, got 4"),
        (TRIAGE, 1.0, TypeError, "integers? from 0 to 3, got"),
    ],
)
def test_bad_choices_are_refused_and_nothing_changes(
    kind: str, agent: str, action: Any, error: Any, message: str
) -> None:
    given = [action] * NUM_ENVS if kind == "vector" else action
    assert_refused(discrete_actions(MAKE[kind]()), agent, given, error, message)


@pytest.mark.parametrize(
    ("levels", "error"), [(1, ValueError), (0, ValueError), (1002, ValueError), (2.5, TypeError)]
)
def test_levels_must_be_an_integer_from_2(levels: Any, error: Any) -> None:
    with pytest.raises(error, match=f"levels must be an integer from 2 to 1001, got {levels}"):
        discrete_actions(MAKE["parallel"](), levels)


# Leak-free observations

NET_LEAKS = {entry for segment in range(5) for entry in (4 * segment, 4 * segment + 1)}
LEAKS = {
    COORDINATOR: NET_LEAKS | {22, 23},
    HUNTER: NET_LEAKS | {20 + 10 * segment + entry for segment in range(5) for entry in (0, 1)},
    TRIAGE: {1 + 6 * alert + entry for alert in range(10) for entry in (3, 5)},
    RESPONDER: NET_LEAKS | {21 + 8 * segment for segment in range(5)},
}


def without_leaks(observations: Any) -> dict[str, np.ndarray]:
    clean = {agent: one.copy() for agent, one in observations.items()}
    for agent, entries in LEAKS.items():
        clean[agent][..., sorted(entries)] = 0.0
    return clean


@every_kind
def test_leaks_are_0_and_all_else_is_as_it_was(kind: str) -> None:
    plain, env = MAKE[kind](), leak_free(MAKE[kind]())
    actions = sample_actions(plain, 40)
    hidden = dict.fromkeys(AGENTS, False)
    for (before, rest), (after, same) in zip(play(plain, actions), play(env, actions), strict=True):
        assert to_bytes(without_leaks(before)) == to_bytes(after)
        for agent in AGENTS:
            hidden[agent] |= not np.array_equal(before[agent], after[agent])
        if kind == "vector" and "final_obs" in rest[3]:
            final = rest[3]["final_obs"]
            rest[3]["final_obs"] = [None if one is None else without_leaks(one) for one in final]
        assert to_bytes(rest) == to_bytes(same)
    assert all(hidden.values())


def test_first_observations_leak_nothing_either() -> None:
    plain, env = MAKE["parallel"](), leak_free(MAKE["parallel"]())
    assert to_bytes(without_leaks(plain.reset(seed=5)[0])) == to_bytes(env.reset(seed=5)[0])
    assert sum(map(len, LEAKS.values())) == 12 + 20 + 20 + 15


@pytest.mark.parametrize("mode", [mode.value for mode in AutoresetMode])
def test_leak_free_lanes_end_and_begin_as_plain_ones_do(mode: str) -> None:
    plain, env = (
        wrapper(soc_v0.vector_env(NUM_ENVS, autoreset_mode=mode, num_threads=1, **CONFIG))
        for wrapper in (lambda env: env, leak_free)
    )
    plain.reset(seed=1)
    env.reset(seed=1)
    for each in sample_actions(plain, 40):
        before, _, terminated, truncated, info = plain.step(each)
        after, *_, wrapped_info = env.step(each)
        assert to_bytes(without_leaks(before)) == to_bytes(after)
        assert wrapped_info.keys() == info.keys()
        lanes, final = stack_final_observations(info)
        wrapped_lanes, wrapped_final = stack_final_observations(wrapped_info)
        assert np.array_equal(lanes, wrapped_lanes)
        assert to_bytes(without_leaks(final)) == to_bytes(wrapped_final)
        over = terminated | truncated
        if mode == "Disabled" and over.any():
            options = {"reset_mask": over}
            assert to_bytes(without_leaks(plain.reset(options=options)[0])) == to_bytes(
                env.reset(options=options)[0]
            )


def test_a_loaded_state_leaks_nothing_and_the_environment_keeps_the_truth() -> None:
    plain, env = MAKE["vector"](), leak_free(MAKE["vector"]())
    actions = sample_actions(plain, 9)
    observations, _ = list(play(plain, actions))[-1]
    seen, _ = list(play(env, actions))[-1]
    saved = env.save_state()
    assert np.array_equal(saved["observations"], join_observations(observations))
    assert to_bytes(env.load_state(saved)) == to_bytes(seen)


def test_leak_free_sizes_stay() -> None:
    plain, env = MAKE["parallel"](), leak_free(MAKE["parallel"]())
    for agent in AGENTS:
        assert env.observation_space(agent) == plain.observation_space(agent)
        assert env.reset(seed=0)[0][agent].shape == (OBSERVATION_SIZES[agent],)
        assert env.reset(seed=0)[0][agent].dtype == np.float32
