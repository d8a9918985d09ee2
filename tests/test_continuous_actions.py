"""`continuous_actions`: the triage scores its verdicts."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest

from soc_env.team import (
    AGENTS,
    CONTROL_SIZES,
    TRIAGE,
)
from soc_env.wrappers import continuous_actions
from tests.faces import (
    MAKE,
    NUM_ENVS,
    assert_refused,
    every_kind,
    play,
    sample_actions,
    space_of,
    to_bytes,
)


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
