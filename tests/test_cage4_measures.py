"""What is counted of an episode of CAGE-4, on frames made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evaluation.cage4.interface import FIRST_ACTIONS, HOST_SLICES, KIND_NUMBERS, NUM_ZONES, STEPS
from evaluation.cage4.lanes import Frame
from evaluation.cage4.measures import MEASURES, Measures
from tests.test_cage4_interface import recorded

MONITOR = FIRST_ACTIONS[:, KIND_NUMBERS["Monitor"]]


def frame(sessions: dict[int, int] | None = None, reward: float = 0.0, over: bool = False) -> Frame:
    made = Frame.empty(1)
    made.masks[0] = recorded("reactive", "mask")
    for host, session in (sessions or {}).items():
        made.sessions[0, host] = session
    made.rewards[0], made.over[0] = reward, over
    return made


def ordered(zone: int, kind: str, host: int = 0) -> np.ndarray:
    actions = MONITOR.copy()
    actions[zone] = FIRST_ACTIONS[zone, KIND_NUMBERS[kind]] + host
    return actions[None]


def counted(measures: Measures) -> dict[str, float]:
    return dict(zip([measure.name for measure in MEASURES], measures.result()[0].tolist(), strict=True))


@pytest.mark.parametrize("zone", range(NUM_ZONES))
@pytest.mark.parametrize("kind", ["Remove", "Restore"])
def test_a_recovery_is_right_where_the_attacker_is(zone, kind):
    host = HOST_SLICES[zone].start + 3
    measures = Measures(frame())
    measures.see(frame({host: 1}), ordered(zone, kind, 3), frame())
    assert (counted(measures)["right"], counted(measures)["wrong"]) == (1, 0)
    measures = Measures(frame())
    measures.see(frame({host - 1: 2}), ordered(zone, kind, 3), frame())
    assert (counted(measures)["right"], counted(measures)["wrong"]) == (0, 1)


def test_what_an_agent_is_told_while_it_is_busy_does_not_count():
    measures, held = Measures(frame()), frame({2: 2})
    steps = STEPS[KIND_NUMBERS["Restore"]]
    for _ in range(steps):
        measures.see(held, ordered(0, "Restore", 2), held)
    assert counted(measures)["right"] == 1
    measures.see(held, ordered(0, "Restore", 2), held)
    assert counted(measures)["right"] == 2


@pytest.mark.parametrize("kind", ["Analyse", "Sleep", "BlockTrafficZone", "DeployDecoy"])
def test_nothing_else_is_a_recovery(kind):
    measures = Measures(frame())
    measures.see(frame({2: 2}), ordered(0, kind), frame())
    assert (counted(measures)["right"], counted(measures)["wrong"]) == (0, 0)


def test_shares_are_of_hosts_that_exist_and_means_over_steps_but_the_last():
    start = frame()
    hosts = np.flatnonzero(start.masks[0, :16])  # of the first agent
    measures = Measures(start)
    measures.see(start, MONITOR[None], frame({hosts[0]: 1, hosts[1]: 2}, reward=-3.0))
    measures.see(start, MONITOR[None], frame(reward=-4.0))
    measures.see(start, MONITOR[None], frame({hosts[0]: 2}, reward=-100.0, over=True))
    count = sum(
        int(start.masks[0, one : one + 16 * subnets].sum())
        for one, subnets in zip((0, 82, 164, 246, 328), (1, 1, 1, 1, 3), strict=True)
    )
    found = counted(measures)
    assert found["score"] == -7.0
    assert found["clean"] == pytest.approx(100 * (1 - 2 / count / 2))
    assert found["held"] == pytest.approx(100 * (1 / count / 2))
