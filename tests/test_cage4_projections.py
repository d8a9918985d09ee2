"""The published random projections, which the adapter is compared with."""

from __future__ import annotations

import numpy as np

from evaluation.cage4.interface import OBSERVATION_SIZE
from evaluation.cage4.projections import NUM_ACTIONS, RandomProjections
from soc_env.team import action_spaces, join_observations
from tests.test_cage4_interface import EPISODES, NOTHING, recorded, wishing


def projected(seed: int) -> tuple[np.ndarray, np.ndarray]:
    observations = recorded(EPISODES[0], "observation")[:20]
    masks = np.tile(recorded(EPISODES[0], "mask"), (20, 1))
    projections = RandomProjections(20, seed)
    seen = projections.begin(np.ones(20, np.bool_), observations, masks)
    again = projections.observe(observations, np.zeros((20, 0), np.bool_))
    np.testing.assert_array_equal(join_observations(seen), join_observations(again))
    spaces = action_spaces()
    for number, space in enumerate(spaces.values()):
        space.seed(number)
    actions = {agent: np.stack([space.sample() for _ in range(20)]) for agent, space in spaces.items()}
    return join_observations(seen), projections.act(actions)


def test_observations_are_projected_linearly_and_the_same_for_a_seed():
    seen, _ = projected(1)
    np.testing.assert_array_equal(seen, projected(1)[0])
    assert not np.allclose(seen, projected(2)[0])
    projections = RandomProjections(1, 1)
    one, other = np.random.default_rng(0).integers(0, 2, (2, 1, OBSERVATION_SIZE))
    parts = [join_observations(projections.observe(x, NOTHING)) for x in (one, other, one + other)]
    np.testing.assert_allclose(parts[0] + parts[1], parts[2], atol=1e-5)


def test_actions_are_any_of_82():
    _, acted = projected(3)
    assert acted.shape == (20, 5)
    assert acted.min() >= 0
    assert acted.max() < NUM_ACTIONS == 82
    assert len(np.unique(acted)) > 20


def test_equal_actions_of_a_team_are_equal_actions_of_the_agents():
    actions = {agent: np.repeat(action, 2, 0) for agent, action in wishing().items()}
    first, second = RandomProjections(2, 0).act(actions)
    np.testing.assert_array_equal(first, second)
