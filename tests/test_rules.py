"""The rules of soc_v0, one by one, with chance set to never or always."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from soc_env import soc_v0
from soc_env.team import COORDINATOR, HUNTER, RESPONDER, TRIAGE, Verdict

QUIET = {
    "exploit_probability": 0.0,
    "execution_probability": 0.0,
    "lateral_probability": 0.0,
    "exfiltration_probability": 0.0,
    "true_alert_factor": 0.0,
    "benign_alert_probability": 0.0,
    "false_scan_probability": 0.0,
    "collateral_probability": 0.0,
}
CERTAIN = QUIET | {
    "exploit_probability": 1.0,
    "execution_probability": 1.0,
    "lateral_probability": 1.0,
    "exfiltration_probability": 1.0,
    "vulnerability_low": 1.0,
    "vulnerability_high": 1.0,
}


class World:
    """One environment whose state tests may read and set."""

    def __init__(self, **config):
        self.env = soc_v0.parallel_env(**config)
        self.env.reset(seed=0)
        self.arrays = self.env._lane.engine.arrays
        self.n = self.env.scenario.config.hosts_per_segment

    @property
    def lane(self):
        return self.arrays.lanes[0]

    def host(self, name):
        return getattr(self.arrays, name)[0]

    def footholds(self):
        return self.arrays.footholds[0, : self.lane["num_footholds"]].tolist()

    def alerts(self):
        return self.env._lane.engine.snapshot().alerts

    def seize(self, h, stage=1, detected=0, isolated=0):
        """Put a host into the attacker's hands."""
        for name, value in {
            "compromised": 1,
            "stage": stage,
            "detected": detected,
            "isolated": isolated,
        }.items():
            self.host(name)[h] = value
        for entries, count in (("footholds", "num_footholds"), ("victims", "num_victims")):
            getattr(self.arrays, entries)[0, self.lane[count]] = h
            self.lane[count] += 1

    def queue(self, *alerts):
        """Replace the queue by (severity, segment, true) alerts."""
        self.lane["queue_length"], self.lane["queue_start"] = len(alerts), 0
        for place, (severity, segment, is_true) in enumerate(alerts):
            self.arrays.queue[0, place] = (severity, 0.3, 0.1, segment, place, is_true)

    def step(
        self, directive=-1.0, intensity=-1.0, scope=1.0, verdict=Verdict.ENRICH, isolate=-1.0, remediate=-1.0
    ):
        action = {
            COORDINATOR: np.full(8, directive, np.float32),
            HUNTER: np.zeros(16, np.float32),
            TRIAGE: int(verdict),
            RESPONDER: np.zeros(12, np.float32),
        }
        action[HUNTER][:5], action[HUNTER][5:10] = intensity, scope
        action[RESPONDER][:5], action[RESPONDER][5:10] = isolate, remediate
        observations, rewards, terminated, truncated, infos = self.env.step(action)
        self.observations, self.info = observations, infos[TRIAGE]
        return rewards[TRIAGE], terminated[TRIAGE], truncated[TRIAGE]


def test_reconnaissance_picks_the_five_most_vulnerable_hosts_of_segment_0():
    world = World(**QUIET)
    world.step()
    vulnerability = world.host("vulnerability")[: world.n]
    assert world.arrays.targets[0].tolist() == np.argsort(-vulnerability)[:5].tolist()


def test_reconnaissance_leaves_out_isolated_and_compromised_hosts():
    world = World(**QUIET, hosts_per_segment=4)
    world.host("isolated")[0] = 1
    world.seize(1)
    world.step()
    assert sorted(world.arrays.targets[0, : world.lane["num_targets"]]) == [2, 3]


def test_reconnaissance_without_candidates_goes_on_for_ever():
    world = World(**QUIET, hosts_per_segment=2)
    world.host("isolated")[:2] = 1
    for _ in range(10):
        world.step()
    assert (world.lane["phase"], world.lane["phase_steps"]) == (0, 10)


def test_a_phase_lasts_three_steps_and_none_is_skipped():
    world = World(**CERTAIN | {"exfiltration_probability": 0.0}, max_steps=30)
    phases = []
    for _ in range(14):
        world.step()
        phases.append(int(world.lane["phase"]))
    assert phases == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2]  # every host has stage 2: execution is stuck


def test_execution_acts_on_hosts_that_were_cleaned_meanwhile():
    world = World(**CERTAIN, hosts_per_segment=2)
    world.lane["phase"] = 2
    world.seize(0)
    world.host("compromised")[0] = world.host("stage")[0] = 0
    world.step()
    assert world.host("stage")[0] == 2
    assert world.host("compromised")[0] == 0


def test_access_takes_a_target_again_while_it_is_not_isolated():
    world = World(**CERTAIN, hosts_per_segment=3)
    world.lane["phase"] = 1
    world.lane["num_targets"] = 2
    world.arrays.targets[0, :2] = [2, 0]
    world.host("isolated")[0] = 1
    world.step()
    world.step()
    assert world.footholds() == [2, 2]
    assert world.arrays.victims[0, : world.lane["num_victims"]].tolist() == [2]
    assert world.host("stage")[2] == 1


def test_lateral_movement_tries_each_pair_of_segments_once_a_step():
    world = World(**CERTAIN, hosts_per_segment=10)
    world.lane["phase"] = 3
    world.seize(0)  # DMZ reaches Corporate and Development
    world.seize(11)  # Corporate reaches DMZ, Development and DataCenter
    world.step()
    segments = [h // 10 for h in world.footholds()[2:]]
    assert segments == [1, 2, 0, 2, 3]
    assert len(set(world.footholds())) == 7
    assert (world.host("stage")[world.footholds()[2:]] == 3).all()


def test_lateral_movement_starts_from_cleaned_hosts_but_not_from_isolated_ones():
    world = World(**CERTAIN, hosts_per_segment=10)
    world.lane["phase"] = 3
    world.seize(0, isolated=1)
    world.seize(45)
    world.host("compromised")[45] = 0
    world.step()
    assert {h // 10 for h in world.footholds()[2:]} == {2, 3}  # what the cloud reaches


def test_lateral_movement_with_no_clean_host_left_makes_no_try():
    world = World(**CERTAIN, hosts_per_segment=1)
    world.lane["phase"] = 3
    world.seize(0)
    world.host("isolated")[1:3] = 1
    world.step()
    assert world.footholds() == [0]


def test_exfiltration_needs_stage_3_in_a_valuable_segment():
    world = World(**CERTAIN, hosts_per_segment=10)
    world.lane["phase"] = 4
    world.seize(0, stage=4)  # the DMZ is not worth it
    world.seize(30, stage=2)  # the data center is, but not yet
    _, terminated, _ = world.step()
    assert not terminated
    world.host("stage")[30] = 3
    reward, terminated, _ = world.step()
    assert terminated
    assert reward == -10.0
    assert world.host("stage")[30] == 4
    assert world.info["episode_metrics"]["exfiltrated"] == 1


def test_true_alerts_describe_the_phase_that_acted_and_the_visibility_after_it():
    world = World(**CERTAIN | {"true_alert_factor": 100.0}, hosts_per_segment=10)
    world.lane["phase"], world.lane["phase_steps"] = 1, 2
    world.lane["num_targets"] = 1
    world.step()  # access succeeds for the third time: execution comes next
    (alert,) = world.alerts()
    visibility = 0.5 * (1 - 0.7)
    assert (alert.severity, alert.segment, alert.is_true, alert.timestamp) == (0.25, 0, True, 1)
    assert alert.confidence == pytest.approx(min(1.0, 0.5 + 0.5 * visibility + 0.2))  # enriched in this step
    assert world.observations[TRIAGE][6] == pytest.approx(visibility)


def test_reconnaissance_raises_no_alert():
    world = World(**QUIET | {"true_alert_factor": 100.0})
    world.step()
    assert world.alerts() == ()


def test_a_full_queue_drops_its_oldest_alert_and_counts_all():
    world = World(**QUIET | {"benign_alert_probability": 1.0}, queue_capacity=3)
    for _ in range(5):
        world.step()
    assert [alert.timestamp for alert in world.alerts()] == [3, 4, 5]
    assert world.lane["alerts"] == 5


def test_the_hunter_scans_above_the_threshold_and_the_directive_adds_to_it():
    world = World(**QUIET)
    world.step(intensity=-0.41)  # 0.295
    assert world.lane["scans"] == 0
    world.step(intensity=-0.39)  # 0.305
    assert world.lane["scans"] == 200
    world.step(intensity=-1.0, directive=1.0)  # 0 + 0.3 is not above 0.3
    world.step(intensity=-0.9, directive=1.0)
    assert world.lane["scans"] == 400


def test_the_hunter_detects_only_compromised_hosts_of_stages_above_0():
    world = World(**QUIET, stealth_penalty=0.0)
    world.seize(0, stage=5)
    world.seize(1, stage=0)
    reward, _, _ = world.step(intensity=1.0)
    assert world.host("detected")[:3].tolist() == [1, 0, 0]
    assert world.lane["detection_time"] == 1
    assert reward == 1.0


def test_false_scans_need_intensity_above_the_threshold_and_flag_nothing():
    world = World(**QUIET | {"false_scan_probability": 1.0})
    world.seize(0, stage=0)
    world.host("isolated")[5] = 1
    assert world.step(intensity=0.39)[0] == 0.0  # 0.695
    reward, _, _ = world.step(intensity=0.41)  # 0.705
    assert reward == pytest.approx(-2.0 * 0.5 * 199)  # isolated hosts too, compromised ones not
    assert world.lane["false_positives"] == 199
    assert not world.host("detected").any()


@pytest.mark.parametrize(
    ("verdict", "left", "true_positives", "false_positives", "reward"),
    [
        (Verdict.ESCALATE, 1, 1, 0, 0.0),
        (Verdict.SUPPRESS, 1, 0, 0, -1.0),
        (Verdict.CORRELATE, 2, 0, 0, 0.0),
        (Verdict.ENRICH, 2, 0, 0, 0.0),
    ],
)
def test_verdicts_on_a_true_alert(verdict, left, true_positives, false_positives, reward):
    world = World(**QUIET)
    world.queue((0.5, 0, 1), (0.2, 1, 0))
    assert world.step(verdict=verdict)[0] == reward
    assert len(world.alerts()) == left
    assert (world.lane["true_positives"], world.lane["false_positives"]) == (true_positives, false_positives)


@pytest.mark.parametrize("verdict", Verdict)
def test_verdicts_on_an_empty_queue_do_nothing(verdict):
    world = World(**QUIET)
    assert world.step(verdict=verdict)[0] == 0.0
    assert world.lane["false_positives"] == 0


def test_escalating_a_benign_alert_is_a_false_positive():
    world = World(**QUIET)
    world.queue((0.5, 0, 0))
    assert world.step(verdict=Verdict.ESCALATE)[0] == 0.0
    assert world.lane["false_positives"] == 1


def test_correlating_keeps_the_most_severe_alert_of_the_segment_in_its_place():
    world = World(**QUIET)
    world.queue((0.2, 3, 0), (0.9, 1, 0), (0.7, 3, 1), (0.7, 3, 0), (0.1, 1, 0))
    world.step(verdict=Verdict.CORRELATE)
    assert [(a.severity, a.segment, a.is_true) for a in world.alerts()] == [
        (0.9, 1, False),
        (0.7, 3, True),
        (0.1, 1, False),
    ]


def test_correlating_works_across_the_ring_s_end():
    world = World(**QUIET | {"benign_alert_probability": 1.0}, queue_capacity=4)
    for _ in range(6):
        world.step()
    before = world.alerts()
    world.lane["step"] = 100
    for place in range(4):
        world.arrays.queue[0, place]["segment"] = 2
    world.env.scenario.parameters["benign_alert_probability"] = 0.0
    world.step(verdict=Verdict.CORRELATE)
    (kept,) = world.alerts()
    assert kept.severity == max(alert.severity for alert in before)


def test_enriching_adds_confidence_up_to_1():
    world = World(**QUIET)
    world.queue((0.5, 0, 1))
    for expected in (0.5, 0.7, 0.9, 1.0, 1.0):
        world.step(verdict=Verdict.ENRICH)
        assert world.alerts()[0].confidence == pytest.approx(expected)


def test_isolation_needs_detection_and_contains_when_no_free_foothold_is_left():
    world = World(**QUIET)
    world.seize(0, stage=2)
    world.seize(1, stage=2, detected=1)
    world.lane["detection_time"] = 1
    world.lane["step"] = 4
    reward, terminated, _ = world.step(isolate=1.0)
    assert not terminated
    assert world.host("isolated")[:3].tolist() == [0, 1, 0]
    assert reward == pytest.approx(1.5 / 4 - 0.3 * 0.1 * 0.6)
    world.host("detected")[0] = 1
    reward, terminated, _ = world.step(isolate=1.0)
    assert terminated
    assert reward == pytest.approx(1.5 * (1 / 5 + 5) - 0.3 * 0.1 * 0.6)
    assert world.info["episode_metrics"]["mttr"] == 6
    assert world.info["episode_metrics"]["csr"] == 1.0


def test_very_strong_isolation_hits_clean_hosts_again_and_again():
    world = World(**QUIET | {"collateral_probability": 1.0}, hosts_per_segment=10)
    assert world.step(isolate=0.79)[0] == 0.0  # 0.895
    assert world.step(isolate=0.81)[0] == pytest.approx(-0.3 * 0.2 * 10 * (0.6 + 0.8 + 0.7 + 1.0 + 0.9))
    assert world.host("isolated").all()
    assert world.step(isolate=0.81)[0] == pytest.approx(-0.3 * 0.2 * 10 * 4.0)


def test_remediation_clears_isolated_hosts_so_that_nothing_counts_as_contained():
    world = World(**QUIET)
    world.seize(0, stage=3, detected=1)
    world.lane["detection_time"] = 0
    reward, terminated, _ = world.step(isolate=1.0, remediate=1.0)
    assert reward == pytest.approx(1.5 * 1.0 - 0.3 * 0.1 * 0.6)
    assert not terminated
    for name in ("compromised", "stage", "isolated", "detected"):
        assert world.host(name)[0] == 0


def test_a_host_remediated_in_the_step_of_its_detection_earns_no_detection_reward():
    world = World(**QUIET, stealth_penalty=0.0)
    world.seize(0, stage=5)
    reward, _, _ = world.step(intensity=1.0, isolate=1.0, remediate=1.0)
    assert reward == pytest.approx(1.5 * 1.0 - 0.3 * 0.1 * 0.6)


def test_containment_and_exfiltration_can_happen_together_and_both_count():
    world = World(**CERTAIN)
    world.lane["phase"] = 4
    world.seize(120, stage=3, detected=1)
    world.lane["detection_time"] = 0
    reward, terminated, _ = world.step(isolate=1.0)
    assert terminated
    assert reward == pytest.approx(-10 + 1.5 * (1 + 5) - 0.3 * 0.1 * 1.0)
    metrics = world.info["episode_metrics"]
    assert (metrics["csr"], metrics["exfiltrated"]) == (1.0, 1)


def test_an_episode_is_truncated_at_the_horizon_with_worst_times():
    world = World(**QUIET, max_steps=2)
    assert world.step() == (0.0, False, False)
    assert world.step() == (0.0, False, True)
    assert (world.info["episode_metrics"]["mttd"], world.info["episode_metrics"]["mttr"]) == (2, 2)


def test_fpr_is_false_positives_over_scans_less_true_positives():
    world = World(
        **QUIET | {"false_scan_probability": 1.0}, max_steps=1, hosts_per_segment=10, stealth_penalty=0.0
    )
    world.seize(0, stage=5)
    world.step(intensity=1.0)
    metrics = world.info["episode_metrics"]
    assert (metrics["scans"], metrics["true_positives"], metrics["false_positives"]) == (50, 1, 49)
    assert metrics["fpr"] == 1.0


def test_the_last_directive_applies_in_the_step_that_gives_it():
    world = World(**QUIET)
    world.step(directive=1.0)
    np.testing.assert_array_equal(world.lane["directive"], np.ones(8))


def test_actions_outside_their_bounds_are_clipped():
    world = World(**QUIET)
    world.step(directive=37.0, intensity=-5.0)
    np.testing.assert_array_equal(world.lane["directive"], np.ones(8))
    assert world.lane["scans"] == 0


def test_observation_entries_are_where_the_fields_say():
    world = World(**QUIET, hosts_per_segment=10)
    world.seize(12, stage=4, detected=1)
    world.host("isolated")[35] = 1
    world.queue((0.8, 3, 1))
    world.step()

    def entry(agent, name):
        (field,) = [field for field in soc_v0.fields(agent, world.env.scenario.config) if field.name == name]
        return world.observations[agent][field.slice].tolist()

    for agent in (COORDINATOR, HUNTER, RESPONDER):
        for name, expected in {
            "Corporate.compromised": 0.1,
            "Corporate.stage": 0.08,
            "Corporate.detected": 0.1,
            "Corporate.isolated": 0.0,
            "DataCenter.isolated": 0.1,
            "DMZ.compromised": 0.0,
        }.items():
            assert entry(agent, name) == pytest.approx([expected]), (agent, name)
    assert entry(COORDINATOR, "time") == pytest.approx([1 / 200])
    assert entry(COORDINATOR, "queue") == pytest.approx([1 / 50])
    assert entry(COORDINATOR, "compromised") == pytest.approx([1 / 50])
    assert entry(COORDINATOR, "detected") == pytest.approx([1 / 2])
    assert entry(HUNTER, "Corporate.hunt.compromised") == pytest.approx([0.1])
    assert entry(HUNTER, "Cloud.hunt.visibility") == pytest.approx([0.03])
    assert entry(TRIAGE, "alert[0].severity") == pytest.approx([0.8])
    assert entry(TRIAGE, "alert[0].segment") == pytest.approx([0.6])
    assert entry(TRIAGE, "alert[0].truth") == [1.0]
    assert entry(TRIAGE, "alert[1].severity") == [0.0]
    assert entry(RESPONDER, "isolated") == pytest.approx([1 / 50])
    assert entry(RESPONDER, "DataCenter.response.value") == [1.0]
    assert entry(RESPONDER, "unused") == [0.0] * 35


@pytest.mark.parametrize("agent", soc_v0.parallel_env().possible_agents)
def test_fields_cover_every_observation_once(agent):
    entries = np.concatenate(
        [np.arange(field.start, field.start + field.size) for field in soc_v0.fields(agent)]
    )
    np.testing.assert_array_equal(entries, np.arange(len(entries)))
    assert len(entries) == soc_v0.parallel_env().observation_space(agent).shape[0]


ALWAYS_SUCCEEDS = """
import numpy as np
from soc_env import soc_v0
segments = [soc_v0.Segment(s.name, s.value, 1.0, (0, 1, 2, 3, 4)) for s in soc_v0.SEGMENTS]
for phase_steps, hosts in ((1, 1), (4, 6), (4, 40)):
    env = soc_v0.vector_env(
        2, hosts_per_segment=hosts, max_steps=40, segments=segments, min_phase_steps=phase_steps,
        exploit_probability=1.0, lateral_probability=1.0, execution_probability=0.5, vulnerability_low=0.9,
        exfiltration_probability=0.0,
    )
    env.reset(seed=1)
    for _ in range(50):
        env.step(env.action_space.sample())
"""


def test_no_index_leaves_its_array_when_the_attacker_always_succeeds():
    """Slow, since plain Python plays: compiled code would not notice."""
    result = subprocess.run(
        [sys.executable, "-c", ALWAYS_SUCCEEDS],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},  # plain NumPy checks every index
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
