"""Any config that is accepted runs; any that is not raises an error that says why."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soc_env import soc_v0

NUMERIC = {field.name: field for field in dataclasses.fields(soc_v0.Config) if "low" in field.metadata}
# Sizes stay small enough to run; the ranges' own ends are tried one at a time below.
SMALL = {
    "hosts_per_segment": 30,
    "max_steps": 50,
    "queue_capacity": 60,
    "min_phase_steps": 6,
    "initial_targets": 20,
}


def accepted(field: dataclasses.Field) -> st.SearchStrategy:
    low, high = field.metadata["low"], SMALL.get(field.name, field.metadata["high"])
    if field.metadata["kind"] is int:
        return st.integers(low, high)
    return st.floats(low, high, allow_nan=False)


names = st.text(min_size=1, max_size=8)
unit = st.floats(0, 1)
segments = st.tuples(
    *[
        st.builds(
            soc_v0.Segment,
            name=names,
            value=unit,
            vulnerability_mean=unit,
            reaches=st.lists(st.integers(0, 4), unique=True).map(tuple),
        )
    ]
    * 5
)
phases = st.tuples(*[st.builds(soc_v0.AttackPhase, name=names, technique=names, visibility=unit)] * 5)
configs = st.fixed_dictionaries(
    {},
    optional={name: accepted(field) for name, field in NUMERIC.items()}
    | {"segments": segments, "phases": phases},
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(config=configs, seed=st.integers(0, 2**70), extreme=st.booleans())
def test_every_accepted_config_runs_and_stays_within_its_spaces(config, seed, extreme):
    low, high = config.get("vulnerability_low", 0.05), config.get("vulnerability_high", 0.95)
    if low > high:
        config["vulnerability_low"], config["vulnerability_high"] = high, low
        if config["vulnerability_low"] > config["vulnerability_high"]:
            return
    env = soc_v0.vector_env(2, **config)
    observations, _ = env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    for _ in range(60):
        size = 1.0 if not extreme else 1e30
        observations, rewards, _, _, info = env.step(
            {
                "strategic_coordinator": size * rng.choice([-1, 0.3, 1], (2, 8)),
                "threat_hunter": size * rng.choice([-1, 0.3, 1], (2, 16)),
                "alert_triage": rng.integers(0, 4, 2),
                "response_orchestrator": size * rng.choice([-1, 0.3, 1], (2, 12)),
            }
        )
        assert np.isfinite(rewards).all()
        for agent, values in observations.items():
            assert np.isfinite(values).all()
            assert env.observation_space[agent].contains(values), agent
        for state in env.state():
            assert env.single_state_space.contains(state)
        metrics = info.get("final_info", {}).get("episode_metrics", {})
        for name in ("fpr", "csr"):
            assert (np.asarray(metrics.get(name, 0.0)) <= 1).all()


@pytest.mark.parametrize("name", NUMERIC)
def test_a_number_outside_its_range_is_refused_by_name_value_and_expectation(name):
    low, high = (NUMERIC[name].metadata[key] for key in ("low", "high"))
    step = 1 if NUMERIC[name].metadata["kind"] is int else 0.5
    for value in (low - step, high + step):
        with pytest.raises(
            ValueError, match=rf"soc_v0: {name} must be .* from {low:g} to .*got {value}".replace("+", r"\+")
        ):
            soc_v0.parallel_env(**{name: value})


@pytest.mark.parametrize("name", NUMERIC)
@pytest.mark.parametrize("value", ["3", None, True, [1], math.nan, math.inf, 2j])
def test_a_value_of_another_kind_is_refused(name, value):
    with pytest.raises((TypeError, ValueError), match=rf"soc_v0: {name} must be "):
        soc_v0.parallel_env(**{name: value})


def test_a_fraction_is_no_number_of_hosts():
    with pytest.raises(TypeError, match=r"hosts_per_segment must be an integer from 1 to 100000, got 40\.5"):
        soc_v0.Config(hosts_per_segment=40.5)


def test_numpy_numbers_are_as_good_as_pythons():
    assert soc_v0.Config(hosts_per_segment=np.int32(7), stealth=np.float32(0.5)) == soc_v0.Config(
        hosts_per_segment=7, stealth=0.5
    )


def test_an_unknown_option_is_refused_with_the_nearest_known_one():
    words = r"got an unexpected keyword argument 'host_per_segment'; did you mean 'hosts_per_segment'\?"
    with pytest.raises(TypeError, match=words):
        soc_v0.parallel_env(host_per_segment=3)


@pytest.mark.parametrize(
    "segments", [soc_v0.SEGMENTS[:4], [], None, ["DMZ"] * 5, (*soc_v0.SEGMENTS, soc_v0.SEGMENTS[0])]
)
def test_segments_must_be_exactly_five(segments):
    with pytest.raises(ValueError, match="segments must be exactly 5 of Segment, got"):
        soc_v0.vector_env(1, segments=segments)


@pytest.mark.parametrize("reaches", [(5,), (-1,), (1, 1), ("a",), None, 3])
def test_segments_must_reach_existing_segments(reaches):
    with pytest.raises(
        ValueError, match="segment 'X': reaches must be different segment indices from 0 to 4"
    ):
        soc_v0.Segment("X", 0.5, 0.5, reaches)


def test_a_segment_needs_a_value_between_0_and_1():
    with pytest.raises(ValueError, match=r"segment 'X': value must be a number from 0 to 1, got 1\.5"):
        soc_v0.Segment("X", 1.5)


def test_phases_must_be_exactly_five_with_a_name_and_a_technique():
    with pytest.raises(ValueError, match="phases must be exactly 5 of AttackPhase"):
        soc_v0.Config(phases=soc_v0.PHASES[1:])
    with pytest.raises(TypeError, match="technique must be a non-empty string, got ''"):
        soc_v0.AttackPhase("Scan", "")


def test_the_smallest_vulnerability_cannot_exceed_the_largest():
    with pytest.raises(ValueError, match=r"vulnerability_low must be at most .*=0\.2, got 0\.4"):
        soc_v0.Config(vulnerability_low=0.4, vulnerability_high=0.2)


def test_a_config_cannot_be_changed_after_its_checks():
    with pytest.raises(dataclasses.FrozenInstanceError):
        soc_v0.Config().stealth = 2.0


def test_max_cycles_is_another_name_for_max_steps():
    assert soc_v0.parallel_env(max_cycles=7).scenario.config.max_steps == 7
    with pytest.raises(ValueError, match="max_cycles is another name for max_steps, got 7 and 8"):
        soc_v0.parallel_env(max_cycles=7, max_steps=8)


def test_ten_thousand_hosts_and_more_run():
    env = soc_v0.vector_env(1, hosts_per_segment=100_000, max_steps=3)
    env.reset(seed=0)
    for _ in range(4):
        env.step(env.action_space.sample())
