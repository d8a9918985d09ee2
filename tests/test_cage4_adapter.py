"""From CAGE-4's observations to the SOC's, on a recorded interface and recorded episodes; no CybORG."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from evaluation.cage4 import observing
from evaluation.cage4.adapter import Adapter
from evaluation.cage4.flags import PLACES, read_flags
from evaluation.cage4.interface import (
    BLUE_AGENTS,
    HOST_SLICES,
    NUM_HOSTS,
    OBSERVATION_SIZE,
    OBSERVATION_SLICES,
    existing_hosts,
)
from evaluation.cage4.meaning import SEGMENT_NAMES, SEGMENT_OF_AGENT
from soc_env import soc_v0
from soc_env.soc_v0.config import Config
from soc_env.soc_v0.scenario import SocV0
from soc_env.team import AGENTS, COORDINATOR, HUNTER, RESPONDER, TRIAGE
from tests.test_cage4_interface import (
    ALL,
    EPISODES,
    HOSTS,
    NOTHING,
    RECORDED,
    RECORDED_SUBNETS,
    TRACES,
    begun,
    field,
    flagged,
    quiet,
    random_actions,
    recorded,
    wishing,
)


@pytest.mark.parametrize("episode", EPISODES)
def test_flags_are_read_as_the_wrapper_lays_them_out(episode):
    """Phase; per subnet: which (9), blocked (9), policy (9), process (16), connection (16); messages."""
    flags = read_flags(recorded(episode, "observation"))
    guarded = 0
    for agent in BLUE_AGENTS:
        own = TRACES[f"{episode}/{agent}/observation"]
        assert (flags.phase == own[:, 0]).all()
        for place, subnet in enumerate(RECORDED["subnets"][agent]):
            block = own[:, 1 + 59 * place : 1 + 59 * (place + 1)]
            others = [index for index, name in enumerate(RECORDED_SUBNETS) if name != subnet]
            assert (block[:, RECORDED_SUBNETS.index(subnet)] == 1).all()
            np.testing.assert_array_equal(flags.blocked[:, guarded], block[:, 9:18][:, others])
            np.testing.assert_array_equal(flags.unwanted[:, guarded], block[:, 18:27][:, others])
            hosts = slice(16 * guarded, 16 * (guarded + 1))
            np.testing.assert_array_equal(flags.process[:, hosts], block[:, 27:43])
            np.testing.assert_array_equal(flags.connection[:, hosts], block[:, 43:59])
            guarded += 1


@pytest.mark.parametrize("number", range(NUM_HOSTS))
def test_both_flags_on_a_host_are_a_compromise_in_its_segment_and_an_alert(number):
    agent, _ = HOSTS[number]
    segment = SEGMENT_OF_AGENT[agent]
    seen = observing.observe(begun(flagged(("process", number), ("connection", number))).evidence)
    for one, prefix in (
        (COORDINATOR, ""),
        (HUNTER, ""),
        (RESPONDER, ""),
        (HUNTER, "hunt."),
        (RESPONDER, "response."),
    ):
        for name in SEGMENT_NAMES:
            expected = 1 / 40 if name == segment else 0.0
            assert field(seen, one, f"{name}.{prefix}compromised") == pytest.approx(expected)
    assert field(seen, HUNTER, f"{segment}.stage") == pytest.approx(2 / 5 / 40)
    assert field(seen, TRIAGE, "alert[0].segment") == pytest.approx(SEGMENT_NAMES.index(segment) / 5)
    critical = 0.25 if segment in ("DataCenter", "Cloud") else 0.0
    assert field(seen, TRIAGE, "alert[0].severity") == pytest.approx(0.75 + critical)
    assert field(seen, TRIAGE, "alert[0].truth") == 1.0
    assert field(seen, TRIAGE, "alert[1].severity") == 0.0
    assert field(seen, TRIAGE, "queue") == field(seen, COORDINATOR, "queue") == pytest.approx(1 / 50)
    assert field(seen, COORDINATOR, "compromised") == pytest.approx(1 / 200)
    endpoints = seen[HUNTER][0, 80:]
    headquarters = [one for one, (guard, _) in enumerate(HOSTS) if guard == "blue_agent_4"]
    expected_endpoints = [0.3 * 2 / 5 if one == number else 0.0 for one in headquarters]
    np.testing.assert_allclose(endpoints, expected_endpoints, rtol=1e-6)


@pytest.mark.parametrize("number", range(0, NUM_HOSTS, 7))
@pytest.mark.parametrize(("kind", "severity", "stage"), [("connection", 0.25, 1), ("process", 0.5, 2)])
def test_either_flag_alone_is_a_lesser_alert_and_no_compromise(number, kind, severity, stage):
    agent, _ = HOSTS[number]
    seen = observing.observe(begun(flagged((kind, number))).evidence)
    assert field(seen, COORDINATOR, "compromised") == 0.0
    assert field(seen, COORDINATOR, f"{SEGMENT_OF_AGENT[agent]}.stage") == pytest.approx(stage / 5 / 40)
    assert field(seen, TRIAGE, "alert[0].truth") == 0.0
    assert field(seen, TRIAGE, "alert[0].confidence") == pytest.approx(0.2)
    critical = 0.25 if agent in ("blue_agent_1", "blue_agent_3") else 0.0
    assert field(seen, TRIAGE, "alert[0].severity") == pytest.approx(severity + critical)


@pytest.mark.parametrize("episode", EPISODES)
def test_every_recorded_flag_is_remembered_for_a_while_where_nobody_deals_with_it(episode):
    observations, masks = recorded(episode, "observation"), recorded(episode, "mask")[None]
    adapter = Adapter(1)
    seen = adapter.begin(ALL, observations[:1], masks)
    process, connection = np.zeros((2, NUM_HOSTS), np.bool_)
    raised = np.full(NUM_HOSTS, -1000)
    for step, observation in enumerate(observations):
        if step:
            adapter.act(wishing())  # neither hunts nor responds
            seen = adapter.observe(observation[None], NOTHING)
        stale = step - raised > 25
        process[stale] = connection[stale] = False
        flags = read_flags(observation[None])
        flagged_now = flags.process[0] | flags.connection[0]
        raised[stale & flagged_now] = step
        process |= flags.process[0]
        connection |= flags.connection[0]
        np.testing.assert_array_equal(adapter.evidence.process[0], process)
        np.testing.assert_array_equal(adapter.evidence.connection[0], connection)
        for agent, hosts in zip(BLUE_AGENTS, HOST_SLICES, strict=True):
            shown = field(seen, COORDINATOR, f"{SEGMENT_OF_AGENT[agent]}.compromised")
            assert shown == pytest.approx((process & connection)[hosts].sum() / 40)
        assert field(seen, TRIAGE, "queue") == pytest.approx((process | connection).sum() / 50)


def test_the_oldest_alert_comes_first_and_times_are_those_of_the_present_incident():
    adapter = begun()
    for _ in range(99):
        adapter.observe(quiet(), NOTHING)
    adapter.observe(flagged(("process", 20)), NOTHING)
    adapter.observe(quiet(), NOTHING)
    seen = adapter.observe(flagged(("connection", 3)), NOTHING)
    assert field(seen, COORDINATOR, "time") == pytest.approx(25 / 200)
    assert field(seen, TRIAGE, "alert[0].timestamp") == pytest.approx(23 / 200)
    assert field(seen, TRIAGE, "alert[1].timestamp") == pytest.approx(25 / 200)
    assert field(seen, TRIAGE, "alert[0].segment") == pytest.approx(SEGMENT_NAMES.index("DataCenter") / 5)


def test_hosts_that_are_being_restored_are_what_the_soc_calls_isolated():
    found = NOTHING.copy()
    found[0, [20, 70]] = True
    adapter = begun()
    adapter.observe(quiet(), found)
    adapter.act(wishing(isolate=0.6))
    seen = adapter.observe(quiet(), NOTHING)
    assert field(seen, RESPONDER, "DataCenter.isolated") == pytest.approx(1 / 40)
    assert field(seen, RESPONDER, "DMZ.response.isolated") == pytest.approx(1 / 40)
    assert field(seen, RESPONDER, "isolated") == pytest.approx(2 / 200)
    assert field(seen, RESPONDER, "Cloud.isolated") == 0.0


def test_the_missions_phase_is_what_segments_are_worth():
    worth = [
        {
            name: field(observing.observe(begun(quiet(phase)).evidence), RESPONDER, f"{name}.response.value")
            for name in SEGMENT_NAMES
        }
        for phase in range(3)
    ]
    assert worth[0] == pytest.approx({segment.name: segment.value for segment in Config().segments})
    assert worth[1]["DataCenter"] == 1.0 == worth[2]["Cloud"]
    assert worth[1]["Cloud"] < 0.9 > worth[2]["DataCenter"]


def test_found_malware_is_a_detection():
    found = NOTHING.copy()
    found[0, 17] = True
    seen = begun().observe(quiet(), found)
    assert field(seen, COORDINATOR, "DataCenter.detected") == pytest.approx(1 / 40)
    assert field(seen, COORDINATOR, "DataCenter.stage") == pytest.approx(4 / 5 / 40)
    assert field(seen, COORDINATOR, "detected") == pytest.approx(1 / 2)


@pytest.mark.parametrize("episode", EPISODES)
def test_observations_are_in_the_spaces_of_soc_v0(episode):
    spaces = SocV0(Config()).observation_spaces
    generator = np.random.default_rng(0)
    adapter = Adapter(1)
    seen = adapter.begin(ALL, recorded(episode, "observation")[:1], recorded(episode, "mask")[None])
    for observation in recorded(episode, "observation")[1:]:
        adapter.act(random_actions(generator, 1))
        malware = (generator.random((1, NUM_HOSTS)) < 0.02) & adapter.evidence.exists
        seen = adapter.observe(observation[None], malware)
        for agent in AGENTS:
            assert spaces[agent].contains(seen[agent][0])


def test_every_entry_is_described():
    for agent in AGENTS:
        described = observing.fields(agent)
        assert [one.name for one in described] == [one.name for one in soc_v0.fields(agent)]
        assert all(one.description in observing.TABLE.values() for one in described)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (OBSERVATION_SLICES[0].start, 3, "mission phase must be from 0 to 2, got"),
        (int(PLACES.process[5]), 2, "process must be 0 or 1, got"),
        (int(PLACES.subnet[0, 0]), 1, "guarded subnet 0 must be"),
    ],
)
def test_values_that_the_interface_does_not_have_are_refused(place, value, message):
    observation = quiet()
    observation[0, place] = value
    with pytest.raises(ValueError, match=message):
        begun(observation)


def test_observations_of_another_size_are_refused_with_both_sizes():
    with pytest.raises(ValueError, match=rf"\(lanes, {OBSERVATION_SIZE}\), got \(1, 7\)"):
        begun().observe(np.zeros((1, 7), np.int64), NOTHING)


def test_an_adapter_without_memory_shows_the_flags_of_one_step_alone():
    masks = recorded("reactive", "mask")[None]
    one, other = np.flatnonzero(existing_hosts(masks)[0])[:2]
    adapter = Adapter(1, memory=False)
    adapter.begin(ALL, flagged(("process", one), ("connection", one)), masks)
    seen = adapter.observe(flagged(("process", other)), NOTHING)
    assert field(seen, TRIAGE, "queue") == pytest.approx(1 / 50)
    assert field(adapter.observe(quiet(), NOTHING), TRIAGE, "queue") == 0.0


@pytest.mark.parametrize("seen", [("process",), ("process", "connection")])
def test_an_adapter_without_findings_goes_by_both_flags_of_an_examined_host(seen):
    masks = recorded("reactive", "mask")[None]
    host = np.flatnonzero(existing_hosts(masks)[0])[0]
    malware = NOTHING.copy()
    malware[0, host + 1] = True  # not to be looked at
    adapter = Adapter(1, findings=False)
    adapter.begin(ALL, flagged(*((kind, host) for kind in seen)), masks)
    adapter.act(wishing(intensity=1.0))
    while adapter.evidence.examinations[0] == 0:
        assert not adapter.evidence.found.any()
        adapter.observe(quiet(), malware)
    assert np.flatnonzero(adapter.evidence.found[0]).tolist() == ([host] if len(seen) == 2 else [])
