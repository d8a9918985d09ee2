"""Every form of a team takes what its protocol allows, and refuses the rest in the same words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import agent_zoo
import baselines
from agent_zoo.hmarl_soc import HMARLSOC
from agent_zoo.inference import CompiledTeam, FusedPolicy, FusedTeam, OnnxTeam, compiled, onnx_file
from soc_env.policy import TeamPolicy
from soc_env.team import AGENTS, CONTROL_SIZES, COORDINATOR, JOINT_OBSERVATION_SIZE, Observations
from tests.team_inputs import ACCEPTED, LANES, REFUSED, STARTS_ACCEPTED, STARTS_REFUSED, observations

# Forms of one trained team, none of them reset.


@cache
def trained() -> HMARLSOC:
    return agent_zoo.load("hmarl-soc")


def eager() -> HMARLSOC:
    return HMARLSOC(trained().actors, trained().config)


def like_native_code() -> FusedPolicy:
    """Fused, by a computation that gets nothing that machine code would misread."""
    fused = FusedTeam(trained())

    def run(observation: Tensor, directive: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        widths = ((JOINT_OBSERVATION_SIZE,), (CONTROL_SIZES[COORDINATOR],), ())
        dtypes = (torch.float32, torch.float32, torch.int64)
        for given, width, dtype in zip((observation, directive, age), widths, dtypes, strict=True):
            assert given.shape == (len(age), *width)
            assert given.dtype == dtype
            assert given.is_contiguous()
        return fused(observation, directive, age)

    return FusedPolicy(run, trained().env_id, trained().config.coordinator.interval)


def compiled_elsewhere() -> CompiledTeam:
    with pytest.warns(UserWarning, match="plays eagerly"):
        return CompiledTeam(trained(), {}, compiled.target() | {"torch": "1.0"})


@cache
def packages() -> dict[str, bytes]:
    return compiled.compile_team(trained())


def compiled_here() -> CompiledTeam:
    return CompiledTeam(trained(), packages(), compiled.target())


@cache
def model() -> bytes:
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module)
    return onnx_file.to_onnx(trained())


def onnx() -> OnnxTeam:
    return OnnxTeam(model(), trained().env_id, trained().config.coordinator.interval)


FORMS = [
    eager,
    like_native_code,
    compiled_elsewhere,
    pytest.param(compiled_here, marks=pytest.mark.compile),
    pytest.param(onnx, marks=pytest.mark.compile),
]
BASELINES = [pytest.param(partial(cache(baselines.load), name), id=name) for name in baselines.list_entries()]
every_form = pytest.mark.parametrize("form", FORMS)
every_team = pytest.mark.parametrize("form", FORMS + BASELINES)

Form = Callable[[], TeamPolicy]
STARTS = np.array([True, False, True])


def played(policy: TeamPolicy, steps: Sequence[tuple[Any, ...]]) -> list[dict[str, np.ndarray]]:
    """What a team does when it is told that."""
    done = (policy.act(*told) for told in steps)
    return [{agent: actions[agent].copy() for agent in AGENTS} for actions in done]


def plainly(seen: Any) -> Observations:
    """The same observations as environments give them."""
    return {agent: np.asarray(seen[agent]).astype(np.float32, order="C") for agent in AGENTS}


def begun(form: Form) -> TeamPolicy:
    """A team that holds directives."""
    policy = form()
    policy.reset(LANES, seed=1)
    policy.act(observations(seed=1))
    return policy


def assert_equal_play(policy: TeamPolicy, told: tuple[Any, ...], other: TeamPolicy, plain: tuple[Any, ...]):
    """Both do the same when told so, and afterwards."""
    later = [(observations(seed=seed),) for seed in range(2, 7)]
    for actions, others in zip(played(policy, [told, *later]), played(other, [plain, *later]), strict=True):
        for agent in AGENTS:
            np.testing.assert_allclose(actions[agent], others[agent], atol=1e-5)
            assert actions[agent].dtype == others[agent].dtype


def assert_refused(form: Form, told: tuple[Any, ...], error: type[Exception], message: str) -> None:
    """The team raises, and goes on as one that has not been asked."""
    expected = played(begun(form), [(observations(seed=8),)])
    policy = begun(form)
    with pytest.raises(error, match=message) as raised:
        policy.act(*told)
    assert "\n" not in str(raised.value)
    for agent, actions in played(policy, [(observations(seed=8),)])[0].items():
        np.testing.assert_array_equal(actions, expected[0][agent])


@every_form
@pytest.mark.parametrize("case", ACCEPTED)
def test_observations_of_other_dtypes_and_layouts_are_the_same_observations(form: Form, case: str) -> None:
    seen = ACCEPTED[case](observations())
    plain = plainly(seen)
    assert_equal_play(begun(form), (seen,), begun(eager), (plain,))


@pytest.mark.parametrize("form", BASELINES)
@pytest.mark.parametrize("case", ACCEPTED)
def test_baselines_take_them_too(form: Form, case: str) -> None:
    seen = ACCEPTED[case](observations())
    plain = plainly(seen)
    (actions,), (expected,) = played(begun(form), [(seen,)]), played(begun(form), [(plain,)])
    for agent in AGENTS:
        np.testing.assert_array_equal(actions[agent], expected[agent])


@every_form
@pytest.mark.parametrize("case", STARTS_ACCEPTED)
def test_starts_are_any_truth_values(form: Form, case: str) -> None:
    seen = observations()
    assert_equal_play(begun(form), (seen, STARTS_ACCEPTED[case]), begun(eager), (seen, STARTS))


def test_starts_matter_to_the_team_that_is_compared() -> None:
    seen = observations()
    with pytest.raises(AssertionError):
        assert_equal_play(begun(eager), (seen, STARTS), begun(eager), (seen,))


@every_team
@pytest.mark.parametrize("case", REFUSED)
def test_what_are_no_observations_is_refused_and_nothing_changes(form: Form, case: str) -> None:
    change, error, message = REFUSED[case]
    assert_refused(form, (change(observations()), STARTS), error, message)


@every_team
@pytest.mark.parametrize("case", STARTS_REFUSED)
def test_what_are_no_starts_is_refused_and_nothing_changes(form: Form, case: str) -> None:
    starts, error, message = STARTS_REFUSED[case]
    assert_refused(form, (observations(), starts), error, message)


@every_form
def test_a_team_with_memory_must_be_reset(form: Form) -> None:
    policy = form()
    with pytest.raises(RuntimeError, match=r"^act\(\) was called before reset\(\): call reset\(num_envs\) "):
        policy.act(observations(1))
    policy.reset(1)
    policy.act(observations(1))


@every_form
@pytest.mark.parametrize(("prepared", "shown"), [(2, 8), (8, 2), (1, 2), (2, 1), (1, 0), (1024, 1025)])
def test_a_team_with_memory_plays_the_lanes_that_it_was_reset_for(
    form: Form, prepared: int, shown: int
) -> None:
    policy = form()
    policy.reset(prepared)
    message = rf"must have shape \({prepared}, 64\) after reset\({prepared}\), got \({shown}, 64\)"
    with pytest.raises(ValueError, match=message):
        policy.act(observations(shown), np.ones(shown, np.bool_))
    policy.reset(shown or 1)
    policy.act(observations(shown or 1))


@pytest.mark.parametrize("form", BASELINES)
def test_a_team_without_memory_plays_any_number_of_lanes(form: Form) -> None:
    policy = form()
    for lanes in (5, 1):
        assert all(len(actions) == lanes for actions in policy.act(observations(lanes)).values())


@every_team
@pytest.mark.parametrize(
    ("told", "error", "message"),
    [
        ((0,), ValueError, "num_envs must be an integer >= 1, got 0"),
        ((-3,), ValueError, "num_envs must be an integer >= 1, got -3"),
        ((2.0,), ValueError, r"num_envs must be an integer >= 1, got 2\.0"),
        ((True,), ValueError, "num_envs must be an integer >= 1, got True"),
        ((None,), ValueError, "num_envs must be an integer >= 1, got None"),
        ((3, -1), ValueError, "seed must be an integer >= 0, got -1"),
        ((3, 0.5), TypeError, r"seed must be an integer >= 0 or None, got 0\.5"),
    ],
)
def test_a_reset_for_no_lanes_or_seed_is_refused_and_nothing_changes(
    form: Form, told: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    expected = played(begun(form), [(observations(seed=8),)])
    policy = begun(form)
    with pytest.raises(error, match=message):
        policy.reset(*told)
    for agent, actions in played(policy, [(observations(seed=8),)])[0].items():
        np.testing.assert_array_equal(actions, expected[0][agent])


@every_form
def test_numpys_integers_are_numbers_of_lanes(form: Form) -> None:
    policy = form()
    policy.reset(np.int64(2), seed=np.uint32(7))
    policy.act(observations(2))
