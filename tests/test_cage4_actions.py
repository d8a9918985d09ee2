"""From the SOC's actions to CAGE-4's, on a recorded interface and recorded episodes; no CybORG."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")

from evaluation.cage4 import acting
from evaluation.cage4.adapter import Adapter
from evaluation.cage4.flags import PLACES
from evaluation.cage4.interface import ACTION_SLICES, BLUE_AGENTS, NUM_HOSTS, NUM_ZONES
from evaluation.cage4.lanes import Frame
from evaluation.cage4.meaning import SEGMENT_NAMES, SEGMENT_OF_AGENT
from evaluation.cage4.players import RandomValid, Reactive
from soc_env.team import AGENTS, COORDINATOR, HUNTER, TRIAGE, Verdict
from tests.test_cage4_interface import (
    ALL,
    EPISODES,
    HOSTS,
    NOTHING,
    RECORDED,
    RECORDED_SUBNETS,
    begun,
    every_host,
    field,
    flagged,
    labels,
    quiet,
    random_actions,
    recorded,
    wishing,
)


@pytest.mark.parametrize("episode", EPISODES)
def test_every_action_is_valid_under_the_recorded_masks(episode):
    """Whatever a team does, and whatever is seen and found."""
    lanes, generator = 16, np.random.default_rng(0)
    mask = recorded(episode, "mask")
    masks, observations = np.tile(mask, (lanes, 1)), recorded(episode, "observation")
    adapter = Adapter(lanes)
    adapter.begin(np.ones(lanes, np.bool_), np.tile(observations[0], (lanes, 1)), masks)
    kinds = set()
    for observation in observations[1:]:
        shaken = np.tile(observation, (lanes, 1))
        for part in (PLACES.process, PLACES.connection, PLACES.blocked, PLACES.unwanted):
            shaken[:, part] ^= generator.random((lanes, *part.shape)) < 0.02
        chosen = adapter.act(random_actions(generator, lanes))
        for agent, actions, indices in zip(BLUE_AGENTS, ACTION_SLICES, chosen.T, strict=True):
            assert mask[actions][indices].all()
            kinds |= {RECORDED["action_labels"][agent][index].partition(" ")[0] for index in indices}
        malware = (generator.random((lanes, NUM_HOSTS)) < 0.01) & adapter.evidence.exists
        adapter.observe(shaken, malware)
    assert kinds == {rule.action for rule in acting.RULES} | {"Monitor"}


def test_a_team_that_wants_nothing_only_monitors():
    adapter = begun(flagged(("process", 5), ("connection", 70)))
    for _ in range(5):
        assert labels(adapter.act(wishing(verdict=Verdict.ESCALATE))) == ["Monitor"] * NUM_ZONES
        adapter.observe(quiet(), NOTHING)


def test_hunting_examines_the_worst_flagged_host_of_each_zone_first():
    flags = (("connection", 2), ("process", 9), ("process", 64), ("connection", 64), ("process", 70))
    chosen = labels(begun(flagged(*flags)).act(wishing(intensity=0.31)))
    assert chosen[0] == f"Analyse {HOSTS[9][1]}"
    assert chosen[4] == f"Analyse {HOSTS[64][1]}"
    assert chosen[1:4] == ["Monitor"] * 3


def test_hosts_that_nothing_points_to_are_examined_as_often_as_intensity_times_scope_says():
    adapter, examined = begun(), []
    for _ in range(300):
        chosen = adapter.act(wishing(intensity=0.5, scope=0.5))
        examined += [label for label in labels(chosen)[:1] if label.startswith("Analyse")]
        adapter.observe(quiet(), NOTHING)
    # 4 free steps for an effort of 1, and one more until the examination, begun in the fourth, is over.
    assert len(examined) == 60
    assert len(set(examined[:16])) == 16  # the longest unexamined host is next


def test_found_malware_is_restored_from_when_the_team_isolates_or_remediates():
    found = NOTHING.copy()
    found[0, 40] = True
    for wish in ({"isolate": 0.51}, {"remediate": 0.51}):
        adapter = begun()
        adapter.observe(quiet(), found)
        assert labels(adapter.act(wishing(**wish)))[2] == f"Restore {HOSTS[40][1]}"


def test_an_action_takes_its_steps_and_the_agent_monitors_meanwhile():
    found = NOTHING.copy()
    found[0, 40] = True
    adapter = begun()
    adapter.observe(quiet(), found)
    seen = []
    for _ in range(6):
        seen.append(labels(adapter.act(wishing(isolate=0.6)))[2])
        adapter.observe(quiet(), NOTHING)
    assert seen == [f"Restore {HOSTS[40][1]}", *["Monitor"] * 5]
    assert not adapter.evidence.found.any()


def test_escalated_alerts_make_suspects_that_are_examined_first_or_responded_to_unseen():
    for wish, action in (
        ({"isolate": 0.6}, "Remove"),
        ({"isolate": 0.6, "remediate": 0.6}, "Restore"),
        ({"isolate": 0.6, "remediate": 0.6, "intensity": 0.5}, "Analyse"),
    ):
        adapter = begun(flagged(("process", 50)))
        chosen = labels(adapter.act(wishing(verdict=Verdict.ESCALATE, **wish)))
        assert chosen[3] == f"{action} {HOSTS[50][1]}"


def test_suppressed_alerts_are_forgotten():
    adapter = begun(flagged(("process", 50)))
    assert labels(adapter.act(wishing(intensity=0.5, verdict=Verdict.SUPPRESS))) == ["Monitor"] * NUM_ZONES
    assert field(adapter.observe(quiet(), NOTHING), TRIAGE, "queue") == 0.0


def test_correlating_keeps_the_worst_alert_of_the_oldest_ones_zone():
    adapter = begun(flagged(("connection", 1)))
    adapter.act(wishing())
    adapter.observe(flagged(("process", 2), ("connection", 3), ("connection", 20)), NOTHING)
    adapter.act(wishing(verdict=Verdict.CORRELATE))
    assert np.flatnonzero(adapter.evidence.open[0]).tolist() == [2, 20]


def test_enriched_alerts_are_examined_before_others_like_them():
    adapter = begun(flagged(("process", 5)))
    adapter.observe(flagged(("process", 2)), NOTHING)
    confidence = adapter.evidence.confidence[0, 5]
    chosen = labels(adapter.act(wishing(intensity=0.5)))
    assert adapter.evidence.confidence[0, 5] == pytest.approx(confidence + 0.2)
    assert chosen[0] == f"Analyse {HOSTS[5][1]}"


@pytest.mark.parametrize("isolate", [0.4, 0.6])
def test_traffic_follows_the_missions_policy_and_nothing_else_is_ever_blocked(isolate):
    observation = quiet()
    observation[0, PLACES.unwanted[1, 3]] = 1  # to be blocked
    observation[0, PLACES.blocked[2, 5]] = 1  # to be allowed
    chosen = labels(begun(observation).act(wishing(isolate=isolate)))
    others = [name for name in RECORDED_SUBNETS if name != "operational_zone_a_subnet"]
    block = f"BlockTrafficZone operational_zone_a_subnet <- {others[3]}"
    assert chosen[1] == (block if isolate > 0.5 else "Monitor")
    others = [name for name in RECORDED_SUBNETS if name != "restricted_zone_b_subnet"]
    assert chosen[2] == f"AllowTrafficZone restricted_zone_b_subnet <- {others[5]}"
    assert all(label == "Monitor" for label in (chosen[0], chosen[3], chosen[4]))


def test_past_the_socs_thresholds_agents_act_without_evidence():
    assert all(label.startswith("DeployDecoy") for label in labels(begun().act(wishing(intensity=0.75))))
    assert all(label.startswith("Restore") for label in labels(begun().act(wishing(isolate=0.95))))
    below = begun().act(wishing(intensity=0.69, scope=0.1, isolate=0.89))
    assert labels(below) == ["Monitor"] * NUM_ZONES


def test_each_segments_wishes_go_to_its_own_blue_agent():
    for number, segment in enumerate(SEGMENT_NAMES):
        actions = wishing()
        actions[HUNTER][0, number] = 1.0
        chosen = dict(zip(BLUE_AGENTS, labels(begun().act(actions)), strict=True))
        hunting = [agent for agent, label in chosen.items() if label != "Monitor"]
        assert [SEGMENT_OF_AGENT[agent] for agent in hunting] == [segment]


def test_the_directive_adds_what_it_adds_in_soc_v0():
    actions = wishing(intensity=0.1, scope=0.1, isolate=0.1, remediate=0.1)
    actions[COORDINATOR][:] = 1.0
    wishes = acting.read_wishes(actions)
    for wish, expected in zip(wishes, (0.4, 0.3, 0.3, 0.1), strict=True):
        np.testing.assert_allclose(wish, expected, atol=1e-6)


# Lanes


def test_lanes_do_not_depend_on_each_other():
    episodes = [(recorded(episode, "observation"), recorded(episode, "mask")) for episode in EPISODES]
    together = Adapter(2)
    alone = [Adapter(1), Adapter(1)]
    seen = together.begin(
        np.ones(2, np.bool_),
        np.stack([one[0] for one, _ in episodes]),
        np.stack([mask for _, mask in episodes]),
    )
    for adapter, (observations, mask) in zip(alone, episodes, strict=True):
        adapter.begin(ALL, observations[:1], mask[None])
    generator = np.random.default_rng(1)
    for step in range(1, 120):
        actions = random_actions(generator, 2)
        chosen = together.act(actions)
        malware = generator.random((2, NUM_HOSTS)) < 0.01
        seen = together.observe(np.stack([observations[step] for observations, _ in episodes]), malware)
        for lane, adapter in enumerate(alone):
            own = adapter.act({agent: action[lane : lane + 1] for agent, action in actions.items()})
            np.testing.assert_array_equal(own[0], chosen[lane])
            single = adapter.observe(episodes[lane][0][step : step + 1], malware[lane : lane + 1])
            for agent in AGENTS:
                np.testing.assert_array_equal(single[agent][0], seen[agent][lane])


def test_lanes_that_begin_anew_forget_and_others_do_not():
    adapter = Adapter(2)
    both = np.repeat(flagged(("process", 5)), 2, axis=0)
    masks = np.repeat(every_host(), 2, axis=0)
    before = adapter.begin(np.ones(2, np.bool_), both, masks)
    adapter.act(wishing(intensity=0.5, num_envs=2))
    adapter.begin(np.array([True, False]), np.repeat(quiet(), 2, axis=0), masks)
    assert adapter.evidence.open.sum(1).tolist() == [0, 1]
    assert (adapter.evidence.busy[0] == 0).all()
    assert (adapter.evidence.busy[1] > 0).any()
    assert before[TRIAGE].shape == (2, 64)


# Teams of the challenge's own kind


def test_the_reactive_rule_does_what_was_recorded():
    observations = recorded("reactive", "observation")
    frame = Frame.empty(len(observations))._replace(observations=observations.astype(np.int8))
    np.testing.assert_array_equal(Reactive().act(frame), recorded("reactive", "action"))


def test_random_actions_are_valid_and_all_of_them_occur():
    mask = recorded("random", "mask")
    frame = Frame.empty(2000)._replace(masks=np.tile(mask, (2000, 1)))
    player = RandomValid()
    player.begin(frame, 0)
    chosen = player.act(frame)
    for actions, indices in zip(ACTION_SLICES, chosen.T, strict=True):
        assert set(indices.tolist()) == set(np.flatnonzero(mask[actions]).tolist())
