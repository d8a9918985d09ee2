"""Each learner of HMARL-SOC solves small problems whose answers are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from agent_zoo.hmarl_soc.coordinator import OBSERVATION_SIZE, Coordinator, Decisions
from agent_zoo.hmarl_soc.hunter import Hunter
from agent_zoo.hmarl_soc.learner import TeamLearner
from agent_zoo.hmarl_soc.responder import Responder, everything
from agent_zoo.hmarl_soc.triage import Triage
from agent_zoo.learning.replay import Batch
from agent_zoo.learning.rollout import generalized_advantages
from soc_env.team import (
    CONTROL_SIZE,
    CONTROL_SLICES,
    HUNTER,
    JOINT_OBSERVATION_SIZE,
    OBSERVATION_SLICES,
    RESPONDER,
    TRIAGE,
)
from tests.toy_problems import all_seen, bandit, coins, config, generator, no_next

USED = 10
"""Numbers of hunter's and of responder's action that have an effect: two for each of five segments."""
FAST_RESPONDER = (
    *("responder.learning_rate=0.01", "responder.value_learning_rate=0.03"),
    "responder.critic_learning_rate=0.01",
)


# The coordinator


class KStepProblem:
    """State 0: directive 5 pays nothing and leads to state 1, the others pay 0.2 a step and stay.

    State 1: directive 3 pays 1 a step, the others nothing; all lead back. A state lasts as long as the
    directive, 3 steps. Episodes are cut off after 9. With discount 0.9 a step, the best is 5, 3, 5, 3, ...:
    V(1) = 1 + 0.9 + 0.81 + 0.729 V(0) and V(0) = 0.729 V(1).
    """

    INTERVAL, DISCOUNT = 3, 0.9
    V1 = 2.71 / (1 - 0.729**2)
    VALUES = (0.729 * V1, V1)

    def __init__(self, learner: Coordinator, num_envs: int, rollout_steps: int) -> None:
        self.learner = learner
        self.decisions = Decisions(rollout_steps, num_envs, self.INTERVAL, self.DISCOUNT, "cpu")
        self.state = torch.zeros(num_envs, dtype=torch.int64)
        self.time = torch.arange(num_envs) % 3 * 3  # episodes end at different times

    def observe(self, state: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(state, OBSERVATION_SIZE).float()

    def step(self) -> None:
        observation = self.observe(self.state)
        self.decisions.begin(observation, *self.learner.draw(observation))
        choice = self.decisions.open["choice"]
        reward = torch.where(self.state == 0, 0.2 * (choice != 5), 1.0 * (choice == 3))
        self.time += 1
        over = self.decisions.open["age"] + 1 == self.INTERVAL
        moved = torch.where(self.state == 0, (choice == 5).long(), 0)
        following = torch.where(over, moved, self.state)
        truncated = self.time >= 9
        self.decisions.step(reward, self.observe(following), torch.zeros_like(truncated), truncated)
        self.state, self.time = following * ~truncated, self.time * ~truncated


def test_the_coordinator_gives_up_a_small_reward_for_a_later_one_and_discounts_by_steps() -> None:
    learner = Coordinator(config("coordinator.interval=3"), generator())
    problem = KStepProblem(learner, num_envs=64, rollout_steps=12)
    for _ in range(40):
        for _ in range(12):
            problem.step()
        learner.update(problem.decisions.completed)
    states = problem.observe(torch.tensor([0, 1]))
    assert learner.actor.greedy(states).tolist() == [5, 3]
    # Were the cut-off taken for an end, or the discount one a decision, they would lie far off.
    values = learner.critic(states).squeeze(-1).detach().numpy()
    np.testing.assert_allclose(values, KStepProblem.VALUES, atol=0.25)


def slow_advantages(decisions: list[dict[str, float]], trace: float) -> list[float]:
    """The definition, for the decisions of one lane in order."""
    advantages = []
    for first in range(len(decisions)):
        total, weight = 0.0, 1.0
        for decision in decisions[first:]:
            follows = 0.0 if decision["terminated"] else decision["next_value"]
            total += weight * (decision["reward"] + decision["discount"] * follows - decision["value"])
            weight *= decision["discount"] * trace
            if decision["terminated"] or decision["truncated"]:
                break
        advantages.append(total)
    return advantages


@pytest.mark.parametrize("seed", range(5))
def test_advantages_over_decisions_are_those_of_the_definition(seed: int) -> None:
    steps, lanes = 40, 3
    random = np.random.default_rng(seed)
    complete = random.random((steps, lanes)) < 0.4
    ends = complete & (random.random((steps, lanes)) < 0.3)
    terminated = ends & (random.random((steps, lanes)) < 0.5)
    columns = {name: random.normal(size=(steps, lanes)) for name in ("reward", "value", "next_value")}
    columns |= {"terminated": terminated, "truncated": ends & ~terminated}
    columns["discount"] = 0.9 ** random.integers(1, 6, (steps, lanes))
    tensors = {name: torch.from_numpy(column) for name, column in columns.items()}
    advantages = generalized_advantages(
        tensors["reward"],
        tensors["value"],
        tensors["next_value"],
        tensors["terminated"],
        tensors["truncated"],
        tensors["discount"],
        0.8,
        torch.from_numpy(complete),
    ).numpy()
    for lane in range(lanes):
        done = np.flatnonzero(complete[:, lane])
        decisions = [{name: column[step, lane] for name, column in columns.items()} for step in done]
        np.testing.assert_allclose(advantages[done, lane], slow_advantages(decisions, 0.8), rtol=1e-9)
        assert (advantages[~complete[:, lane], lane] == 0).all()


def test_a_decision_sums_its_rewards_discounted_and_ends_with_its_episode() -> None:
    decisions = Decisions(num_steps=7, num_envs=2, interval=3, discount=0.5, device="cpu")
    ends_at = 4  # of lane 1
    chosen = 0
    for step in range(7):
        if decisions.due.any():
            chosen += 1
        observation = torch.full((2, OBSERVATION_SIZE), float(step))
        decisions.begin(observation, torch.full((2,), chosen), torch.full((2,), -float(chosen)))
        ended = torch.tensor([False, step == ends_at])
        decisions.step(torch.tensor([1.0, 10.0]), observation + 1, ended, torch.zeros(2, dtype=torch.bool))
    done = decisions.completed
    assert done["complete"][:, 0].tolist() == [False, False, True, False, False, True, False]
    assert done["complete"][:, 1].tolist() == [False, False, True, False, True, False, False]
    assert done["reward"][2].tolist() == [1.75, 17.5]
    assert done["discount"][2].tolist() == [0.125, 0.125]
    assert (done["reward"][4, 1], done["discount"][4, 1], done["terminated"][4, 1]) == (15.0, 0.25, True)
    assert done["observation"][4, 1, 0] == 3, "the observation on which it was decided"
    assert done["next_observation"][4, 1, 0] == 5
    assert done["choice"][5, 0] == done["choice"][4, 1] == 2
    assert decisions.open["choice"].tolist() == [4, 3]


def test_log_probabilities_are_those_of_the_directives_that_are_played() -> None:
    learner = Coordinator(config(), generator())
    torch.nn.init.normal_(learner.actor.body[-1].bias, generator=generator(1))
    choice, log_prob = learner.draw(torch.zeros(20_000, OBSERVATION_SIZE))
    frequencies = np.bincount(choice.numpy(), minlength=8) / 20_000
    probabilities = learner.actor(torch.zeros(1, OBSERVATION_SIZE)).softmax(-1)[0].detach().numpy()
    np.testing.assert_allclose(frequencies, probabilities, atol=0.015)
    np.testing.assert_allclose(log_prob.exp().numpy(), probabilities[choice.numpy()], rtol=1e-4)


# The hunter


def hunt(
    learner: Hunter,
    reward: Callable[[Tensor, Tensor], Tensor],
    updates: int,
    actor_from: int,
    kept: int = 10_000,
) -> None:
    """Let it play and learn from what it has played, the last `kept` times."""
    source, played = generator(7), []
    for update in range(updates):
        observation, coin = coins(128, HUNTER, source)
        action = learner.draw(observation[:, OBSERVATION_SLICES[HUNTER]], learner.noise(128))
        controls = torch.zeros(128, CONTROL_SIZE)
        controls[:, CONTROL_SLICES[HUNTER]] = action
        played.append(bandit(observation, controls, reward(coin, action)))
        learner.update(anywhere(played[-kept:], source), True, update >= actor_from)


def anywhere(played: list[Batch], source: torch.Generator) -> Batch:
    """128 transitions from 8 of these batches."""
    some = [played[index] for index in torch.randint(len(played), (8,), generator=source)]
    fields = {name: torch.cat([batch.fields[name][:16] for batch in some]) for name in some[0].fields}
    return Batch(fields, torch.ones(128), np.arange(128))


@pytest.mark.parametrize(
    ("kept", "updates", "settings"),
    [
        (10_000, 600, ()),
        # Linear critics know nothing of actions far from its own. They learn from recent ones, with enough
        # noise to tell, and faster than the actor, which would else be far away when they turn round.
        (
            8,
            1500,
            (
                *("action_knots=0", "hunter.smallest_std=0.2", "hunter.learning_rate=0.001"),
                *("hunter.critic_learning_rate=0.01", "hunter.target_rate=0.1"),
            ),
        ),
    ],
)
def test_the_hunter_finds_a_target_that_depends_on_what_it_sees(
    kept: int, updates: int, settings: tuple[str, ...]
) -> None:
    always = ("hunter.target_entropy=-16", "hidden_sizes=[64, 64]")
    learner = Hunter(config(*always, *settings), all_seen(), generator())

    def reward(coin: Tensor, action: Tensor) -> Tensor:
        return -(action[:, :USED] - 0.5 * coin[:, None]).square().sum(-1)

    hunt(learner, reward, updates, actor_from=100, kept=kept)
    observation, coin = coins(64, HUNTER, generator(9))
    greedy = learner.actor.greedy(observation[:, OBSERVATION_SLICES[HUNTER]])
    errors = (greedy.detach()[:, :USED] - 0.5 * coin[:, None]).abs()
    assert errors.mean() < 0.2  # of 10 targets at once, each 0.5 from where it began
    assert errors.max() < 0.45


def test_log_probabilities_of_squashed_actions_are_those_of_the_change_of_variables() -> None:
    actor = Hunter(config(), all_seen(), generator()).actor
    observation = torch.randn(5, 128, generator=generator(3))
    action, log_prob = actor.draw(observation, torch.randn(5, 16, generator=generator(4)))
    mean, log_std = actor(observation)
    before = torch.atanh(action.double()[:, :USED])
    gaussian = torch.distributions.Normal(mean.double(), log_std.double().exp())
    expected = (gaussian.log_prob(before) - torch.log1p(-torch.tanh(before).square())).sum(-1)
    np.testing.assert_allclose(log_prob.detach(), expected.detach(), rtol=1e-4)


def test_the_temperature_steers_entropy_to_its_target() -> None:
    """Slow: the spread follows the temperature, which goes down step by step, and needs wide networks."""
    settings = (
        *("hunter.initial_temperature=1.0", "hunter.temperature_learning_rate=0.01"),
        "hidden_sizes=[128, 128]",
    )
    learner = Hunter(config(*settings, "hunter.target_entropy=-8"), all_seen(), generator())
    hunt(learner, lambda coin, action: -action.square().sum(-1), 1200, actor_from=0)
    observation, _ = coins(256, HUNTER, generator(9))
    _, log_prob = learner.actor.draw(observation[:, OBSERVATION_SLICES[HUNTER]], learner.noise(256))
    assert -log_prob.mean().item() == pytest.approx(-8, abs=2.5)
    # Where the reward is less the squares, deviations of sqrt(temperature / 2) are best; those with an
    # entropy of -8 / 16 each are 0.147.
    assert learner.log_temperature.exp().item() == pytest.approx(2 * 0.147**2, rel=0.6)


# The triage


def test_the_triage_learns_the_values_of_a_two_state_process() -> None:
    """State 0: verdict 3 pays nothing and leads to state 1, others 0.1 and stay. State 1: verdict 0 pays 1.

    All of state 1 lead back. With discount 0.9: V(1) = 1 + 0.9 V(0) and V(0) = 0.9 V(1).
    """
    learner = Triage(
        config("discount=0.9", "triage.learning_rate=0.01", "triage.target_rate=0.1"), generator()
    )
    source = generator(5)
    for _ in range(450):
        state = torch.randint(2, (128,), generator=source)
        verdict = torch.randint(4, (128,), generator=source)
        following = torch.where(state == 0, (verdict == 3).long(), 0)
        reward = torch.where(state == 0, 0.1 * (verdict != 3), 1.0 * (verdict == 0))
        batch = bandit(
            torch.zeros(128, JOINT_OBSERVATION_SIZE), torch.zeros(128, CONTROL_SIZE), reward, verdict
        )
        first = OBSERVATION_SLICES[TRIAGE].start
        batch.fields["observation"][:, first] = state.float()
        batch.fields["next_observation"][:, first] = following.float()
        batch.fields["terminated"][:] = False
        batch.fields["discount"][:] = 0.9
        learner.update(batch)
    seen = torch.zeros(2, 64)
    seen[1, 0] = 1.0
    values = learner.network(seen).detach().numpy()
    v1 = 1 / (1 - 0.81)
    v0 = 0.9 * v1
    expected = [[0.1 + 0.9 * v0] * 3 + [v0], [v1, 0.9 * v0, 0.9 * v0, 0.9 * v0]]
    np.testing.assert_allclose(values, expected, atol=0.15)
    assert learner.network.greedy(seen).tolist() == [3, 0]


def test_double_q_takes_the_online_networks_choice_and_the_targets_value() -> None:
    learner = Triage(config(), generator())
    torch.nn.init.normal_(learner.network.body[-1].bias, generator=generator(1))
    torch.nn.init.normal_(learner.target.body[-1].bias, generator=generator(2))
    batch = bandit(torch.zeros(1, JOINT_OBSERVATION_SIZE), torch.zeros(1, CONTROL_SIZE), torch.zeros(1))
    batch.fields["terminated"][:] = False
    seen = torch.zeros(1, 64)
    online, target = learner.network(seen)[0], learner.target(seen)[0]
    assert online.argmax() != target.argmax(), "the test needs networks that disagree"
    _, error = learner.loss(batch)
    assert error.item() == pytest.approx(abs(online[0] - 0.99 * target[online.argmax()]).item(), rel=1e-4)


def test_random_verdicts_become_rare() -> None:
    learner = Triage(config("triage.epsilon_steps=1000"), generator())
    assert [learner.epsilon(step) for step in (0, 500, 1000, 5000)] == pytest.approx([1, 0.525, 0.05, 0.05])
    torch.nn.init.constant_(learner.network.body[-1].bias[3], 100.0)
    early, late = (learner.draw(torch.zeros(4000, 64), step) for step in (0, 1000))
    assert (early != 2).double().mean().item() == pytest.approx(0.75, abs=0.03)
    assert (late != 2).double().mean().item() == pytest.approx(0.0375, abs=0.012)


# The responder


def respond(
    learner: Responder, reward: Callable[[Tensor, Tensor, Tensor], Tensor], updates: int, actor_from: int
) -> None:
    """As `hunt`; the others play at random."""
    source, played = generator(11), []
    for update in range(updates):
        observation, coin = coins(128, RESPONDER, source)
        controls = torch.rand(128, CONTROL_SIZE, generator=source) * 2 - 1
        noise = 0.3 * torch.randn(128, 12, generator=source)
        action = learner.draw(observation[:, OBSERVATION_SLICES[RESPONDER]], noise)
        controls[:, CONTROL_SLICES[RESPONDER]] = action
        others = controls[:, : CONTROL_SLICES[RESPONDER].start]
        played.append(bandit(observation, controls, reward(coin, action, others)))
        learner.update(anywhere(played, source), *no_next(128), True, update >= actor_from)


def test_the_responder_finds_its_target_though_others_make_the_reward_noisy() -> None:
    learner = Responder(config(*FAST_RESPONDER), all_seen(), generator())

    def reward(coin: Tensor, action: Tensor, others: Tensor) -> Tensor:
        return -(action[:, :USED] - 0.5 * coin[:, None]).square().sum(-1) + 3.0 * others[:, 0]

    respond(learner, reward, 400, actor_from=100)
    observation, coin = coins(64, RESPONDER, generator(9))
    greedy = learner.actor(observation[:, OBSERVATION_SLICES[RESPONDER]])
    np.testing.assert_allclose(greedy.detach()[:, :USED], (0.5 * coin[:, None]).expand(-1, USED), atol=0.25)
    # The critic is centralised: it knows what the others' part of the reward was.
    controls = torch.zeros(2, CONTROL_SIZE)
    controls[:, 0] = torch.tensor([-0.8, 0.8])
    own = learner.actor(observation[:1, OBSERVATION_SLICES[RESPONDER]]).expand(2, -1)
    controls[:, CONTROL_SLICES[RESPONDER]] = own
    verdict = torch.zeros(2, dtype=torch.int64)
    state = everything(observation[:1].expand(2, -1), controls, verdict)
    low, high = learner.critic(state, own, own)[0].tolist()
    assert high - low == pytest.approx(4.8, abs=0.8)


# Gradients of the actors


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_hunters_actor_moves_where_its_critics_say(sign: float) -> None:
    learner = Hunter(config("hunter.target_rate=1.0"), all_seen(), generator())
    hunt(learner, lambda coin, action: sign * action[:, :5].sum(-1), 300, actor_from=10_000)
    observation, _ = coins(256, HUNTER, generator(9))
    batch = bandit(observation, torch.zeros(256, CONTROL_SIZE), torch.zeros(256))
    gradient = torch.autograd.grad(learner.actor_loss(batch)[0], list(learner.actor.parameters()))
    assert all(part.abs().max() > 0 for part in gradient[2:]), "a layer gets no gradient"
    bias = gradient[-1]
    assert sign * bias[0] < 0, "descending the loss must raise what is rewarded"
    assert bias[0].abs() > 3 * bias[1].abs(), "the second number of each segment is worth nothing"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_responders_actor_moves_where_its_critic_says(sign: float) -> None:
    learner = Responder(config("responder.target_rate=1.0"), all_seen(), generator())
    respond(learner, lambda coin, action, others: sign * action[:, 5:10].sum(-1), 300, actor_from=10_000)
    observation, _ = coins(256, RESPONDER, generator(9))
    batch = bandit(observation, torch.zeros(256, CONTROL_SIZE), torch.zeros(256))
    gradient = torch.autograd.grad(learner.actor_loss(batch), list(learner.actor.parameters()))
    bias = gradient[-1]
    assert sign * bias[1] < 0
    assert bias[1].abs() > 3 * bias[0].abs()


@pytest.mark.parametrize("better", [2, 6])
def test_the_coordinators_actor_makes_good_directives_likelier(better: int) -> None:
    learner = Coordinator(config(), generator())
    decisions = Decisions(16, 64, 1, 0.99, "cpu")
    seen = torch.ones(64, OBSERVATION_SIZE)
    for _ in range(16):
        decisions.begin(seen, *learner.draw(seen))
        reward = (decisions.open["choice"] == better).float()
        decisions.step(reward, seen, torch.ones(64, dtype=torch.bool), torch.zeros(64, dtype=torch.bool))
    before = learner.actor(seen[:1]).softmax(-1)[0, better].item()
    learner.update(decisions.completed)
    assert learner.actor(seen[:1]).softmax(-1)[0, better].item() > before + 0.01


@pytest.mark.parametrize("better", [1, 2])
def test_the_triage_values_what_is_rewarded_higher(better: int) -> None:
    learner = Triage(config(), generator())
    verdict = torch.arange(128) % 4
    seen = torch.zeros(128, JOINT_OBSERVATION_SIZE)
    before = learner.network(torch.zeros(1, 64))[0].detach()
    for _ in range(5):
        learner.update(bandit(seen, torch.zeros(128, CONTROL_SIZE), (verdict == better).float(), verdict))
    rise = learner.network(torch.zeros(1, 64))[0].detach() - before
    assert rise.argmax() == better


# Together


def test_tier_2_finds_the_best_cell_of_a_cooperative_game() -> None:
    """The triage picks a verdict, the responder the sign of its first action; the hunter adds noise.

    Verdict 2 with a positive action pays 1, verdict 1 with a negative one 0.6 (an equilibrium too), all
    else nothing. Each learner sees the shared reward alone.
    """
    learner = TeamLearner(
        config(
            "replay.capacity=4096",
            "replay.batch_size=128",
            "replay.value_updates=0",
            "replay.critic_updates=0",
            *FAST_RESPONDER,
        ),
        seed=3,
    )
    source = generator(1)
    seen = torch.zeros(64, JOINT_OBSERVATION_SIZE)
    for step in range(250):
        controls = torch.zeros(64, CONTROL_SIZE)
        controls[:, CONTROL_SLICES[HUNTER]] = torch.rand(64, 16, generator=source) * 2 - 1
        noise = 0.5 * torch.randn(64, 12, generator=source)
        controls[:, CONTROL_SLICES[RESPONDER]] = learner.responder.draw(
            seen[:, OBSERVATION_SLICES[RESPONDER]], noise
        )
        verdict = learner.triage.draw(seen[:, OBSERVATION_SLICES[TRIAGE]], step * 64)
        positive = controls[:, CONTROL_SLICES[RESPONDER].start] > 0
        reward = 1.0 * ((verdict == 2) & positive) + 0.6 * ((verdict == 1) & ~positive)
        ended = torch.ones(64, dtype=torch.bool)
        learner.replay.add(
            observation=seen,
            controls=controls,
            verdict=verdict,
            reward=reward,
            triage_reward=reward,
            next_observation=seen,
            terminated=ended,
            truncated=~ended,
            decision_over=ended,
        )
        learner.update_tier_2(progress=0.0)
    assert learner.triage.network.greedy(torch.zeros(1, 64)).item() == 2
    assert learner.responder.actor(torch.zeros(1, 96))[0, 0].item() > 0.2


def test_looking_ahead_sums_rewards_as_the_definition_says() -> None:
    lanes, capacity, lookahead, discount = 3, 21, 4, 0.9
    learner = TeamLearner(
        config(
            *(f"num_envs={lanes}", f"replay.capacity={capacity}", f"replay.lookahead={lookahead}"),
            *(f"discount={discount}", "replay.warmup=3", "replay.steps=1"),
        ),
        seed=0,
    )
    random = np.random.default_rng(0)
    steps: list[dict[str, np.ndarray]] = []
    for step in range(11):  # so that the ring has gone round
        ends = random.random(lanes) < 0.25
        terminated = ends & (random.random(lanes) < 0.5)
        now = {
            "reward": random.normal(size=lanes).astype(np.float32),
            "triage_reward": random.normal(size=lanes).astype(np.float32),
            "terminated": terminated,
            "truncated": ends & ~terminated,
            "decision_over": random.random(lanes) < 0.5,
        }
        steps.append(now)
        marks = torch.arange(lanes) + 10.0 * step
        learner.replay.add(
            observation=marks[:, None].expand(-1, JOINT_OBSERVATION_SIZE),
            next_observation=marks[:, None].expand(-1, JOINT_OBSERVATION_SIZE),
            controls=marks[:, None].expand(-1, CONTROL_SIZE),
            verdict=torch.zeros(lanes, dtype=torch.int64),
            **{name: torch.from_numpy(column) for name, column in now.items()},
        )
    kept = range(11 - capacity // lanes, 11)
    entries = np.array([(step * lanes + lane) % capacity for step in kept for lane in range(lanes)])
    found = learner.look_ahead(entries)
    for row, (step, lane) in enumerate((step, lane) for step in kept for lane in range(lanes)):
        total, weight, last = {"reward": 0.0, "triage_reward": 0.0}, 1.0, step
        for ahead in range(step, min(step + lookahead, 11)):
            last = ahead
            for name in total:
                total[name] += weight * steps[ahead][name][lane]
            weight *= discount
            if steps[ahead]["terminated"][lane] or steps[ahead]["truncated"][lane]:
                break
        for name, value in total.items():
            assert found[name][row].item() == pytest.approx(value, abs=1e-5)
        assert found["discount"][row].item() == pytest.approx(weight)
        assert found["next_observation"][row, 0].item() == 10 * last + lane
        assert found["last_controls"][row, 0].item() == 10 * last + lane
        for name in ("terminated", "decision_over"):
            assert found[name][row].item() == steps[last][name][lane]
