"""What the team does, and that soc-env finds it and takes its actions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from patient_soar import INTENSITY, PatientSOAR

from soc_env import soc_v0
from soc_env.policy import load_policy
from soc_env.team import HUNTER


def test_each_lane_waits_at_the_beginning_of_its_own_episodes() -> None:
    team = PatientSOAR(wait=2)
    team.reset(num_envs=2)
    starts = [[True, True], [False, False], [False, True], [False, False], [False, False]]
    hunts = [(team.act({}, np.array(lanes))[HUNTER][:, INTENSITY] > 0).all(axis=1) for lanes in starts]
    assert np.array_equal(hunts, [[False, False], [False, False], [True, False], [True, False], [True, True]])


def test_it_plays() -> None:
    envs, team = soc_v0.vector_env(4), load_policy("patient-soar")
    team.reset(num_envs=4)
    observations, _ = envs.reset(seed=1)
    starts = np.ones(4, bool)
    for _ in range(30):
        actions = team.act(observations, starts)
        assert envs.action_space.contains(actions)
        observations, _, terminated, truncated, _ = envs.step(actions)
        starts = terminated | truncated


def test_a_saved_team_is_the_same_team(tmp_path: Path) -> None:
    PatientSOAR(wait=7).save(tmp_path / "team.json")
    team = load_policy(tmp_path / "team.json")
    assert isinstance(team, PatientSOAR)
    assert team.wait == 7


def test_it_cannot_wait_a_negative_time() -> None:
    with pytest.raises(ValueError, match="wait must be at least 0, got -1"):
        PatientSOAR(wait=-1)
