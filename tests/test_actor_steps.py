"""With `proximity` hunter and responder move at the rate of their critics' slopes, without it at Adam's."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from torch import Tensor

from agent_zoo.hmarl_soc.critics import SegmentCritics
from agent_zoo.hmarl_soc.hunter import Hunter
from agent_zoo.hmarl_soc.responder import Responder
from agent_zoo.learning.networks import descend, track
from soc_env.team import CONTROL_SIZE, HUNTER, RESPONDER
from tests.toy_problems import all_seen, bandit, coins, config, generator

STEPS, RATE = 200, 0.05
FLAT, STEEP = 0.02, 0.04  # slopes of the first and of the second number of each segment


def moved(learner: Hunter | Responder, agent: str) -> Tensor:
    """What the target network does after some steps along constant slopes, (2,): its two kinds of numbers."""
    observation, _ = coins(64, agent, generator())
    batch = bandit(observation, torch.zeros(64, CONTROL_SIZE), torch.zeros(64))
    seen = observation[:, learner.sees]

    def slopes(critics: SegmentCritics, state: Tensor, action: Tensor, bound: float) -> Tensor:
        constant = torch.zeros_like(action)
        constant[:, :5], constant[:, 5:10] = FLAT, STEEP
        return constant

    with mock.patch.object(SegmentCritics, "slopes", slopes):
        for _ in range(STEPS):
            loss = learner.actor_loss(batch)
            loss = loss[0] if isinstance(loss, tuple) else loss
            descend([learner.actor_optimizer], loss, 10.0, "actor loss")
            track(learner.target_actor, learner.actor, RATE)
    target = learner.target_actor
    with torch.no_grad():
        action = target(seen) if isinstance(learner, Responder) else target.greedy(seen)
    return torch.stack([action[:, :5].mean(), action[:, 5:10].mean()])


def learner(agent: str, proximity: float) -> Hunter | Responder:
    settings = config(
        f"hunter.proximity={proximity}",
        f"responder.proximity={proximity}",
        "hunter.learning_rate=1e-3",
        "responder.learning_rate=1e-3",
        "hunter.initial_temperature=1e-9",
        "action_scale=1.0",
        "action_knots=0",
    )
    return (Hunter if agent == HUNTER else Responder)(settings, all_seen(), generator())


@pytest.mark.parametrize("agent", [HUNTER, RESPONDER])
def test_an_action_moves_in_proportion_to_its_slope(agent: str) -> None:
    proximity = 1.0
    flat, steep = moved(learner(agent, proximity), agent)
    # Where the loss is least, the actor is slope / (2 * proximity) ahead of its target, which follows.
    expected = STEPS * RATE * FLAT / (2 * proximity)
    assert flat == pytest.approx(expected, rel=0.25)
    assert steep / flat == pytest.approx(STEEP / FLAT, rel=0.25)


@pytest.mark.parametrize("agent", [HUNTER, RESPONDER])
def test_without_it_all_actions_move_as_fast_as_the_optimiser(agent: str) -> None:
    flat, steep = moved(learner(agent, 0.0), agent)
    assert flat > 0.5
    assert steep / flat < 1.3
