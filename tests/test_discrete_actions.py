"""`discrete_actions`: every agent chooses among levels."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from soc_env import soc_v0
from soc_env.team import (
    CONTROL_SIZES,
    COORDINATOR,
    HUNTER,
    RESPONDER,
    TRIAGE,
    join_observations,
)
from soc_env.wrappers import discrete_actions
from tests.faces import (
    MAKE,
    NUM_ENVS,
    assert_refused,
    every_kind,
    play,
    sample_actions,
    to_bytes,
)

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


def visible_future(change: Any, lanes: int = 48, steps: int = 40) -> list[Any]:
    """All observations of lanes whose otherwise random play `change(actions)` has altered."""
    env = soc_v0.vector_env(lanes, num_threads=1, hosts_per_segment=10, max_steps=steps)
    env.action_space.seed(3)
    history: list[Any] = [join_observations(env.reset(seed=2)[0])]
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
