"""What hunter and responder rest on: one network for all segments, knots, dueling values, slopes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agent_zoo.hmarl_soc.critics import SegmentCritics
from agent_zoo.learning.networks import hats, huber
from agent_zoo.learning.segments import SegmentNetwork


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


OWN = torch.tensor([[0, 3], [1, 4]])
"""Two segments with two entries each, of five."""


def critics(knots: int = 9, copies: int = 2) -> SegmentCritics:
    made = SegmentCritics(5, OWN, 1, [16, 16], knots, copies, generator())
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=generator(1))
    return made


def test_hats_interpolate_between_knots() -> None:
    knots = 5
    actions = torch.linspace(-1, 1, 81)[:, None]
    weights = hats(actions, knots)
    assert weights.shape == (81, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(81))
    assert ((weights > 1e-6).sum(-1) <= 2).all()
    heights = np.array([3.0, -1.0, 0.5, 2.0, 0.0])
    expected = np.interp(actions[:, 0], np.linspace(-1, 1, knots), heights)
    np.testing.assert_allclose(weights.numpy() @ heights, expected, atol=1e-5)


def test_the_numbers_of_an_action_keep_their_own_knots() -> None:
    weights = hats(torch.tensor([[-1.0, 1.0]]), 3)
    assert weights.tolist() == [[1.0, 0.0, 0.0, 0.0, 0.0, 1.0]]


@pytest.mark.parametrize("knots", [0, 9])
def test_the_value_of_the_reference_is_the_states(knots: int) -> None:
    made, state = critics(knots), torch.randn(7, 5, generator=generator(2))
    action = torch.rand(7, 2, generator=generator(3)) * 2 - 1
    torch.testing.assert_close(made(state, action, action), made.values(state))
    other = torch.zeros(7, 2)
    difference = made.advantages(state, action) - made.advantages(state, other)
    torch.testing.assert_close(made(state, action, other) - made.values(state), difference)


@pytest.mark.parametrize("knots", [0, 9])
def test_slopes_are_differences_of_the_mean_of_the_copies_and_bounded(knots: int) -> None:
    made, state = critics(knots), torch.randn(6, 5, generator=generator(2))
    action = torch.rand(6, 2, generator=generator(5)) * 1.6 - 0.8
    slopes = made.slopes(state, action, 1e6)
    step = 1e-3
    for number in range(2):
        up, down = action.clone(), action.clone()
        up[:, number] += step
        down[:, number] -= step
        rise = (made.advantages(state, up) - made.advantages(state, down)).mean(0) / (2 * step)
        torch.testing.assert_close(slopes[:, number], rise.detach(), rtol=0.02, atol=0.02)
    bound = slopes.abs().median().item()
    torch.testing.assert_close(made.slopes(state, action, bound), slopes.clamp(-bound, bound))


def test_linear_critics_find_the_slopes_of_a_noisy_reward_around_the_reference() -> None:
    """A step of the reward that the noise does not reach is nothing to them."""
    made, source = SegmentCritics(5, OWN, 1, [16], 0, 1, generator()), generator(4)
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(500):
        state = torch.randn(256, 5, generator=source)
        action = 0.1 * torch.randn(256, 2, generator=source)
        luck = 0.3 * torch.randn(256, generator=source)
        reward = state[:, 2] + 2.0 * action[:, 0] - 3.0 * action[:, 1] + luck - 100.0 * (action[:, 0] > 0.8)
        loss = (made(state, action, torch.zeros_like(action)) - reward).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = made.slopes(torch.randn(100, 5, generator=source), torch.zeros(100, 2), 1e6).mean(0)
    torch.testing.assert_close(found, torch.tensor([2.0, -3.0]), atol=0.4, rtol=0)


def network(extra: int = 0, outputs: int = 2) -> SegmentNetwork:
    made = SegmentNetwork(OWN, extra, [8, 8], outputs, output_gain=1.0, generator=generator())
    torch.nn.init.normal_(made.mean_weight, generator=generator(4))
    return made


def test_segments_that_look_alike_are_treated_alike_until_they_turn_out_to_differ() -> None:
    made = network()
    seen = torch.tensor([[0.3, 0.3, 0.9, -0.2, -0.2]])
    first = made(seen).unflatten(-1, (2, 2))  # outputs, segments
    torch.testing.assert_close(first[..., 0], first[..., 1])
    made.which.data[1] += 0.5
    then = made(seen).unflatten(-1, (2, 2))
    torch.testing.assert_close(then[..., 0], first[..., 0])
    assert (then[..., 1] - first[..., 1]).abs().max() > 1e-3


def test_a_segment_sees_its_own_entries_where_the_others_see_theirs() -> None:
    made = network()
    seen = torch.tensor([[0.1, 0.7, 0.0, -0.4, 0.5]])
    exchanged = seen[:, [1, 0, 2, 4, 3]]
    one, other = (made(rows).unflatten(-1, (2, 2)) for rows in (seen, exchanged))
    torch.testing.assert_close(one, other.flip(-1))
    assert not torch.allclose(one[..., 0], one[..., 1])


def test_critics_give_each_segment_the_numbers_of_the_action_that_are_its_own() -> None:
    """Two groups of two segments lie in an action as 00 11; its further numbers count for nothing."""
    made = SegmentCritics(5, OWN, 2, [16], 3, 1, generator())
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=generator(1))
    net = made.advantage[0]
    state = torch.randn(4, 5, generator=generator(2))
    action = torch.rand(4, 6, generator=generator(3)) * 2 - 1
    expected = torch.zeros(4)
    for segment in range(2):
        own = torch.cat([hats(action[:, [0 + segment]], 3), hats(action[:, [2 + segment]], 3)], -1)
        means = (state[:, OWN[0]] + state[:, OWN[1]]) / 2
        units = means @ net.mean_weight + state[:, OWN[segment]] @ net.own_weight + net.which[segment]
        expected += net.rest(units + own @ net.extra_weight).squeeze(-1)
    torch.testing.assert_close(made.advantages(state, action)[0], expected)
    action[:, 4:] = 0.0
    torch.testing.assert_close(made.advantages(state, action)[0], expected)


@pytest.mark.parametrize("error", [-3.0, -0.5, 0.0, 0.4, 7.0])
def test_huber_is_twice_torchs(error: float) -> None:
    value = torch.tensor(error)
    expected = 2 * torch.nn.functional.huber_loss(value, torch.zeros(()), delta=0.5)
    torch.testing.assert_close(huber(value, 0.5), expected)
