"""`leak_free`: observations without the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from soc_env import soc_v0
from soc_env.faces.vector import stack_final_observations
from soc_env.team import (
    AGENTS,
    COORDINATOR,
    HUNTER,
    OBSERVATION_SIZES,
    RESPONDER,
    TRIAGE,
    join_observations,
)
from soc_env.wrappers import leak_free
from tests.faces import (
    CONFIG,
    MAKE,
    NUM_ENVS,
    every_kind,
    play,
    sample_actions,
    to_bytes,
)

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


@every_kind
def test_the_keyword_shows_what_the_wrapper_shows(kind: str) -> None:
    wrapped, env = leak_free(MAKE[kind]()), MAKE[kind](leak_free=True)
    actions = sample_actions(env, 40)
    for expected, given in zip(play(wrapped, actions), play(env, actions), strict=True):
        assert to_bytes(expected) == to_bytes(given)


def test_the_keyword_is_true_or_false() -> None:
    with pytest.raises(TypeError, match="leak_free must be True or False, got 1"):
        soc_v0.parallel_env(leak_free=1)
