"""What only CybORG itself can show; skipped where it is not installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

pytest.importorskip("scipy")

from baselines.scripted import TunedSOAR
from evaluation.cage4.cyborg import CybORGLane
from evaluation.cage4.interface import BLUE_AGENTS, FIRST_ACTIONS, INTERFACE, KIND_NUMBERS, existing_hosts
from evaluation.cage4.lanes import Frame
from evaluation.cage4.players import RandomValid, SOCPlayer
from evaluation.cage4.processes import CybORGLanes
from evaluation.cage4.vector import Cage4
from tests.test_cage4_interface import random_actions

pytestmark = [
    pytest.mark.cyborg,
    pytest.mark.skipif(
        importlib.util.find_spec("CybORG") is None,
        reason="CybORG is not installed; `soc-env transfer cage4` says how to get it",
    ),
]

ALL = np.ones(2, np.bool_)


def played(processes: int, steps: int) -> list:
    lanes = CybORGLanes(2, processes)
    try:
        frame = lanes.reset(ALL, [3, 4])
        player = SOCPlayer(TunedSOAR())
        player.begin(frame, 0)
        frames = [frame]
        for _ in range(steps):
            frames.append(frame := lanes.step(player.act(frame)))
        return frames
    finally:
        lanes.close()


def test_lanes_play_the_same_in_one_process_and_in_two():
    for one, two in zip(played(1, 60), played(2, 60), strict=True):
        for ours, theirs in zip(one, two, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_what_rewards_do_not_read_can_be_left_out():
    """CybORG as it is, and as lanes play it: twice as fast, and the same in every number."""

    def frames(spare_states: bool) -> list[Frame]:
        lane = CybORGLane(spare_states)
        player = RandomValid()
        played = [lane.reset(9)]
        player.begin(played[0], 0)
        for _ in range(150):
            played.append(lane.step(player.act(played[-1])[0]))
        return played

    as_it_is, spared = frames(False), frames(True)
    assert sum(frame.rewards[0] for frame in as_it_is) < 0
    for one, two in zip(as_it_is, spared, strict=True):
        for ours, theirs in zip(one, two, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_examinations_find_malware_and_restorations_take_the_attacker_off():
    """An `Analyse` takes 2 steps, a `Restore` 5: the adapter counts on it."""
    lanes = CybORGLanes(1, 1)
    try:
        frame = lanes.reset(ALL[:1], [5])
        monitor = FIRST_ACTIONS[:, KIND_NUMBERS["Monitor"]][None]
        found = 0
        for _ in range(120):
            held = np.flatnonzero(frame.sessions[0, :16] == 2)  # of the first agent's hosts
            if not held.size:
                frame = lanes.step(monitor)
                continue
            act = monitor.copy()
            act[0, 0] = FIRST_ACTIONS[0, KIND_NUMBERS["Analyse"]] + held[0]
            assert not lanes.step(act).malware[0, held[0]]
            frame = lanes.step(monitor)
            assert frame.malware[0, held[0]] == (frame.sessions[0, held[0]] > 0)
            act[0, 0] = FIRST_ACTIONS[0, KIND_NUMBERS["Restore"]] + held[0]
            for step in range(INTERFACE.actions[KIND_NUMBERS["Restore"]].steps):
                assert frame.sessions[0, held[0]] == 2
                frame = lanes.step(monitor if step else act)
            assert frame.sessions[0, held[0]] < 2
            found += 1
        assert found
    finally:
        lanes.close()


def test_hosts_that_do_not_exist_have_no_sessions():
    frame = played(1, 30)[-1]
    assert frame.observations.shape[0] == 2
    assert not (frame.sessions[~existing_hosts(frame.masks)]).any()


def test_an_episode_is_one_step_shorter_than_the_challenge_says():
    env = Cage4.configured(num_processes=1).vector_env(1)
    try:
        env.reset(seed=1)
        generator, ended = np.random.default_rng(0), []
        while not ended or not ended[-1]:
            *_, truncated, info = env.step(random_actions(generator, 1))
            ended.append(bool(truncated[0]))
        assert len(ended) == INTERFACE.episode_steps - 1
        assert info["final_info"]["episode_metrics"]["length"].tolist() == [499]
        saved = env.save_state()
        env.load_state(saved)
    finally:
        env.close()
    assert len(BLUE_AGENTS) == 5
