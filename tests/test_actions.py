"""Bad actions raise an error that says why, in every face, before anything changes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from soc_env import soc_v0
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, TRIAGE, join_observations
from soc_env.wrappers import continuous_actions

GOOD = {COORDINATOR: np.zeros(8), HUNTER: np.zeros(16), TRIAGE: 3, RESPONDER: np.zeros(12)}


def without(agent):
    return {name: action for name, action in GOOD.items() if name != agent}


def entry(size, index, value):
    action = np.zeros(size)
    action[index] = value
    return action


BAD = [
    (None, "actions must be a dictionary keyed by agent, got NoneType"),
    ({}, "missing .*strategic_coordinator.*"),
    (without(HUNTER), r"missing \['threat_hunter'\]"),
    (GOOD | {"intern": np.zeros(3)}, r"unknown \['intern'\]"),
    (GOOD | {HUNTER: np.zeros(15)}, r"threat_hunter: action must have shape \(16,\), got \(15,\)"),
    (GOOD | {HUNTER: np.zeros((1, 16))}, r"threat_hunter: action must have shape \(16,\), got \(1, 16\)"),
    (GOOD | {HUNTER: entry(16, 3, np.nan)}, r"threat_hunter: action must be finite, got nan at \[3\]"),
    (GOOD | {HUNTER: entry(16, 3, np.nan).astype(np.float32)}, r"threat_hunter: .* got nan at \[3\]"),
    (GOOD | {RESPONDER: entry(12, 11, -np.inf)}, r"response_orchestrator: .* got -inf at \[11\]"),
    (GOOD | {COORDINATOR: ["a"] * 8}, "strategic_coordinator: action must be an array of numbers"),
    (GOOD | {COORDINATOR: None}, "strategic_coordinator: action must be an array of numbers"),
    (GOOD | {TRIAGE: 4}, "alert_triage: verdict must be an integer from 0 to 3, got 4"),
    (GOOD | {TRIAGE: -1}, "alert_triage: verdict must be an integer from 0 to 3, got -1"),
    (GOOD | {TRIAGE: 1.0}, "alert_triage: verdict must be an integer from 0 to 3, got 1.0"),
    (GOOD | {TRIAGE: True}, "alert_triage: verdict must be an integer from 0 to 3, got True"),
    (GOOD | {TRIAGE: np.True_}, "alert_triage: verdict must be an integer from 0 to 3, got .*True"),
    (GOOD | {TRIAGE: "1"}, "alert_triage: verdict must be an integer from 0 to 3, got '1'"),
    (GOOD | {TRIAGE: None}, "alert_triage: verdict must be an integer from 0 to 3, got None"),
    (GOOD | {TRIAGE: np.array([1])}, r"alert_triage: verdict must be a scalar, got an array of shape \(1,\)"),
]


@pytest.mark.parametrize(("actions", "message"), BAD)
def test_the_parallel_face_refuses_bad_actions_and_changes_nothing(actions, message):
    env, twin = soc_v0.parallel_env(), soc_v0.parallel_env()
    env.reset(seed=1), twin.reset(seed=1)
    with pytest.raises((TypeError, ValueError), match=message):
        env.step(actions)
    ours, theirs = env.step(GOOD), twin.step(GOOD)
    np.testing.assert_array_equal(join_observations(ours[0]), join_observations(theirs[0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({HUNTER: np.zeros((2, 16))}, r"threat_hunter: action must have shape \(3, 16\), got \(2, 16\)"),
        ({HUNTER: np.full((3, 16), np.inf)}, r"threat_hunter: action must be finite, got inf at \[0, 0\]"),
        ({TRIAGE: np.array([0, 4, 1])}, "verdicts must be integers from 0 to 3, got 4 in lane 1"),
        ({TRIAGE: np.array([0.0, 1.0, 2.0])}, "verdicts must be integers from 0 to 3, got dtype float64"),
        ({TRIAGE: np.array([[0], [1], [2]])}, r"verdicts must have shape \(3,\), got \(3, 1\)"),
        ({TRIAGE: 3}, r"verdicts must have shape \(3,\), got \(\)"),
    ],
)
def test_the_vector_face_refuses_bad_actions_and_changes_nothing(change, message):
    good = {agent: np.stack([action] * 3) for agent, action in GOOD.items()}
    env, twin = soc_v0.vector_env(3), soc_v0.vector_env(3)
    env.reset(seed=1), twin.reset(seed=1)
    with pytest.raises((TypeError, ValueError), match=message):
        env.step(good | change)
    ours, theirs = env.step(good), twin.step(good)
    np.testing.assert_array_equal(join_observations(ours[0]), join_observations(theirs[0]))


@pytest.mark.parametrize("action", [np.zeros(39), np.full(40, np.nan), None, entry(40, 25, np.inf)])
def test_the_joint_face_refuses_bad_actions(action):
    env = soc_v0.joint_env()
    env.reset(seed=1)
    with pytest.raises((TypeError, ValueError), match="action must"):
        env.step(action)


FACES = {
    "parallel": soc_v0.parallel_env,
    "aec": soc_v0.env,
    "joint": soc_v0.joint_env,
    "vector": partial(soc_v0.vector_env, 1),
    "continuous": lambda: continuous_actions(soc_v0.parallel_env()),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, object])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, "ragged"])
@pytest.mark.parametrize("face", FACES)
def test_an_error_comes_alone_without_a_warning_before_it(face, value, dtype):
    env = FACES[face]()
    env.reset(seed=1)
    action: object = [[0.0] * 3, [0.0]] if value == "ragged" else entry(8, 3, value).astype(dtype)
    if face == "joint":
        action = action if isinstance(action, list) else np.concatenate([action, np.zeros(32, dtype)])
    elif face == "vector":
        action = {**{agent: [one] for agent, one in GOOD.items()}, COORDINATOR: [action]}
    elif face != "aec":
        action = GOOD | {COORDINATOR: action} | ({TRIAGE: np.zeros(4)} if face == "continuous" else {})
    owner = "joint" if face == "joint" else COORDINATOR
    with pytest.raises((TypeError, ValueError), match=f"^{owner}: action must be "):
        env.step(action)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_largest_finite_numbers_are_taken_without_a_warning(dtype):
    env = soc_v0.parallel_env()
    env.reset(seed=1)
    most = np.finfo(dtype).max
    env.step({agent: 3 if agent == TRIAGE else one.astype(dtype) + most for agent, one in GOOD.items()})


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64])
def test_any_float_or_integer_dtype_is_cast(dtype):
    env = soc_v0.parallel_env()
    env.reset(seed=1)
    actions = {agent: np.ones_like(action, dtype) for agent, action in GOOD.items()}
    actions[TRIAGE] = np.int8(2)
    env.step(actions)
    np.testing.assert_array_equal(env._lane.engine.controls, 1.0)


@pytest.mark.parametrize("verdict", [2, np.int8(2), np.uint64(2), np.array(2)])
def test_any_integer_scalar_is_a_verdict(verdict):
    env = soc_v0.parallel_env()
    env.reset(seed=1)
    env.step(GOOD | {TRIAGE: verdict})
    assert env._lane.engine.verdicts.tolist() == [2]


def test_lists_are_as_good_as_arrays():
    env = soc_v0.parallel_env()
    env.reset(seed=1)
    env.step({COORDINATOR: [0.5] * 8, HUNTER: [0] * 16, TRIAGE: 0, RESPONDER: tuple([1.0] * 12)})


def test_finite_values_beyond_float32_are_clipped():
    env, twin = soc_v0.parallel_env(), soc_v0.parallel_env()
    env.reset(seed=1), twin.reset(seed=1)
    huge = env.step(GOOD | {HUNTER: np.full(16, 1e300)})
    ones = twin.step(GOOD | {HUNTER: np.ones(16)})
    np.testing.assert_array_equal(join_observations(huge[0]), join_observations(ones[0]))


@pytest.mark.parametrize("make", [soc_v0.parallel_env, soc_v0.joint_env])
def test_stepping_before_reset_is_an_error(make):
    with pytest.raises(RuntimeError, match=r"step\(\) was called before reset\(\)"):
        make().step(GOOD if make is soc_v0.parallel_env else np.zeros(40))


def test_stepping_the_aec_face_before_reset_is_an_error():
    with pytest.raises(RuntimeError, match=r"step\(\) was called before reset\(\)"):
        soc_v0.env().step(np.zeros(8))


@pytest.mark.parametrize("call", [lambda env: env.last(), lambda env: env.observe(HUNTER)])
def test_asking_the_aec_face_before_reset_is_an_error(call):
    with pytest.raises(RuntimeError, match=r"\(\) was called before reset\(\)"):
        call(soc_v0.env())


def test_stepping_the_vector_face_before_reset_is_an_error():
    with pytest.raises(RuntimeError, match=r"step\(\) was called before reset\(\)"):
        soc_v0.vector_env(1).step({agent: np.stack([action]) for agent, action in GOOD.items()})


def test_stepping_after_the_end_is_an_error_until_reset():
    env = soc_v0.parallel_env(max_steps=1)
    env.reset(seed=1)
    env.step(GOOD)
    assert env.agents == []
    with pytest.raises(RuntimeError, match="after the end of the episode"):
        env.step(GOOD)
    env.reset()
    env.step(GOOD)


def test_the_aec_face_raises_after_the_end_as_well():
    env = soc_v0.env(max_steps=1)
    env.reset(seed=1)
    for agent in list(env.agents):
        env.step(GOOD[agent])
    for _ in list(env.agents):
        env.step(None)
    with pytest.raises(RuntimeError, match="after the end of the episode"):
        env.step(GOOD[COORDINATOR])


def test_the_aec_face_checks_each_action_at_its_agent_s_own_step():
    env = soc_v0.env()
    env.reset(seed=1)
    env.step(GOOD[COORDINATOR])
    with pytest.raises(ValueError, match="threat_hunter: action must have shape"):
        env.step(np.zeros(3))
    assert env.agent_selection == HUNTER
    env.step(GOOD[HUNTER])
    with pytest.raises(ValueError, match="alert_triage: verdict must be an integer"):
        env.step(7)
    assert env.agent_selection == TRIAGE


def test_a_lane_that_is_over_must_be_reset_where_autoreset_is_disabled():
    env = soc_v0.vector_env(2, max_steps=1, autoreset_mode="Disabled")
    env.reset(seed=1)
    actions = env.action_space.sample()
    env.step(actions)
    with pytest.raises(RuntimeError, match=r"lanes \[0, 1\] are over and autoreset is disabled"):
        env.step(actions)
    env.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(RuntimeError, match=r"lanes \[1\] are over"):
        env.step(actions)


@pytest.mark.parametrize("make", [soc_v0.parallel_env, soc_v0.env, soc_v0.raw_env, soc_v0.joint_env])
def test_an_unknown_render_mode_is_refused_at_construction(make):
    with pytest.raises(ValueError, match=r"render_mode must be .*got 'hologram'"):
        make(render_mode="hologram")


def test_the_vector_face_has_no_window():
    with pytest.raises(ValueError, match=r"render_mode must be None or one of .* got 'human'"):
        soc_v0.vector_env(1, render_mode="human")


def test_rendering_without_a_mode_is_an_error():
    env = soc_v0.parallel_env()
    env.reset(seed=1)
    with pytest.raises(RuntimeError, match=r"render\(\) needs render_mode"):
        env.render()


@pytest.mark.parametrize(
    ("reset", "message"),
    [
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
        ({"seed": 1.5}, "seed must be an integer >= 0 or None, got 1.5"),
        ({"seed": "1"}, "seed must be an integer >= 0 or None, got '1'"),
        ({"seed": 1, "options": {"lane": -2}}, r"options\['lane'\] must be an integer >= 0, got -2"),
        ({"options": {"lane": 2}}, r"options\['lane'\]=2 needs a seed"),
    ],
)
@pytest.mark.parametrize("make", [soc_v0.parallel_env, soc_v0.env, lambda: soc_v0.vector_env(2)])
def test_bad_seeds_are_refused_and_the_episode_goes_on(make, reset, message):
    env = make()
    env.reset(seed=1)
    state = env.state()
    with pytest.raises((TypeError, ValueError), match=message):
        env.reset(**reset)
    np.testing.assert_array_equal(env.state(), state)


@pytest.mark.parametrize(
    ("seed", "options", "message"),
    [
        ([1], {}, "seed must have one entry for each of 2 lanes, got 1"),
        ([1, -1], {}, "seed must be an integer >= 0, got -1"),
        (None, {"reset_mask": [True, False]}, r"must be a bool array of shape \(2,\)"),
        (None, {"reset_mask": np.zeros(2, bool)}, "must select at least one lane"),
        (None, {"reset_mask": np.zeros(3, bool)}, r"must be a bool array of shape \(2,\)"),
    ],
)
def test_bad_resets_of_the_vector_face_are_refused(seed, options, message):
    env = soc_v0.vector_env(2)
    env.reset(seed=1)
    state = env.state()
    with pytest.raises((TypeError, ValueError), match=message):
        env.reset(seed=seed, options=options)
    np.testing.assert_array_equal(env.state(), state)


@pytest.mark.parametrize("num_envs", [0, -1, 1.5, True, "2"])
def test_the_number_of_lanes_must_be_a_positive_integer(num_envs):
    with pytest.raises(ValueError, match="num_envs must be an integer >= 1, got"):
        soc_v0.vector_env(num_envs)


def test_an_unknown_autoreset_mode_is_refused():
    with pytest.raises(
        ValueError, match=r"autoreset_mode must be one of \['NextStep', 'SameStep', 'Disabled'\]"
    ):
        soc_v0.vector_env(1, autoreset_mode="sometimes")
