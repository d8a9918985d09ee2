"""The threat hunter: soft actor-critic (Haarnoja et al. 2018) with twin critics and learned temperature."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.hmarl_soc.critics import SegmentCritics
from agent_zoo.learning.draws import normal
from agent_zoo.learning.environment import scenario_of
from agent_zoo.learning.networks import descend, huber, track
from agent_zoo.learning.replay import Batch
from agent_zoo.learning.segments import SegmentNetwork, num_groups, own_entries
from agent_zoo.learning.sight import Sight
from soc_env.team import CONTROL_SIZES, CONTROL_SLICES, HUNTER

SIZE = CONTROL_SIZES[HUNTER]
CONTROLS = CONTROL_SLICES[HUNTER]


class HunterActor(nn.Module):
    """What the hunter sees (batch, inputs) to a Gaussian, whose tanh is the action.

    Args:
        config: see `Config`.
        own: see `SegmentNetwork`; groups: numbers of the action that each segment has.
        generator: the only source of randomness.
    """

    def __init__(self, config: Config, own: Tensor, groups: int, generator: torch.Generator) -> None:
        super().__init__()
        self.body = SegmentNetwork(
            own, 0, config.hidden_sizes, 2 * groups, output_gain=0.01, generator=generator
        )
        self.scale = config.action_scale
        self.smallest_std, self.largest_std = config.hunter.smallest_std, config.hunter.largest_std
        self.noise_scale = 1.0

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation, (batch, numbers) each."""
        mean, between = self.body(observation).chunk(2, dim=-1)
        # Scaled, so that one step of the optimiser moves them by a small part of what the critics have seen.
        low, high = math.log(self.smallest_std), math.log(self.largest_std)
        log_std = low + (high - low) * torch.sigmoid(between - 1.0)
        return mean * self.scale, log_std + math.log(self.noise_scale)

    def greedy(self, observation: Tensor) -> Tensor:
        """The action (batch, 16) of the mean."""
        return padded(torch.tanh(self(observation)[0]))

    def draw(self, observation: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (batch, 16) by standard normal `noise`, and their log-probabilities (batch,)."""
        mean, log_std = self(observation)
        return squashed(mean, log_std, noise)


def squashed(mean: Tensor, log_std: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Actions (batch, 16) by standard normal `noise`, log-probabilities (batch,) of their numbers in use."""
    noise = noise[:, : mean.shape[-1]]
    before = mean + log_std.exp() * noise
    gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
    # log(1 - tanh(x)^2), in the form that does not underflow
    squash = 2 * (math.log(2) - before - nn.functional.softplus(-2 * before))
    return padded(torch.tanh(before)), (gaussian - squash).sum(-1)


def padded(numbers: Tensor) -> Tensor:
    """Actions (batch, 16) whose numbers without a use are 0."""
    return nn.functional.pad(numbers, (0, SIZE - numbers.shape[-1]))


class Hunter:
    """The learner: actor, twin critics of its own observation and action, temperature."""

    def __init__(self, config: Config, see: Sight, generator: torch.Generator) -> None:
        """Args: see: what the learners get of joint observations."""
        self.config, self.generator = config.hunter, generator
        self.max_norm = config.max_gradient_norm
        self.proximity = config.hunter.proximity
        self.sees = see.parts[HUNTER]
        inputs, hidden = self.sees.stop - self.sees.start, config.hidden_sizes
        scenario = scenario_of(config)
        groups = num_groups(scenario, HUNTER)
        own = see.places(own_entries(scenario, HUNTER)) - self.sees.start
        self.actor = HunterActor(config, own, groups, generator).to(config.device)
        self.critics = SegmentCritics(inputs, own, groups, hidden, config.action_knots, 2, generator)
        self.critics.to(config.device)
        log_temperature = math.log(config.hunter.initial_temperature)
        self.log_temperature = nn.Parameter(
            torch.tensor(log_temperature, dtype=torch.float32, device=config.device)
        )
        self.target_actor = copy.deepcopy(self.actor)
        self.target_critics = copy.deepcopy(self.critics)
        rate = config.hunter.learning_rate
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), rate, fused=True)
        self.value_optimizer = torch.optim.Adam(
            self.critics.value.parameters(), config.hunter.value_learning_rate, fused=True
        )
        self.critic_optimizer = torch.optim.Adam(
            self.critics.advantage.parameters(), config.hunter.critic_learning_rate, fused=True
        )
        self.temperature_optimizer = torch.optim.Adam(
            [self.log_temperature], config.hunter.temperature_learning_rate
        )

    def noise(self, count: int) -> Tensor:
        """Standard normal noise (count, 16) for the actor."""
        return normal((count, SIZE), self.generator).to(self.log_temperature.device)

    @torch.no_grad()
    def draw(self, observation: Tensor, noise: Tensor) -> Tensor:
        """Exploring actions (n, 16) for the hunter's observations (n, 128), by standard normal noise."""
        return self.actor.draw(observation, noise)[0]

    def critic_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The weighted squared error of both critics, and the absolute error (batch,) of their mean."""
        fields = batch.fields
        observation, following = fields["observation"][:, self.sees], fields["next_observation"][:, self.sees]
        with torch.no_grad():
            mean, log_std = self.actor(following)
            action, log_prob = squashed(mean, log_std, self.noise(len(following)))
            values = self.target_critics(following, action, padded(torch.tanh(mean)))
            soft = values.min(0).values - self.log_temperature.exp() * log_prob
            target = fields["reward"] + fields["discount"] * ~fields["terminated"] * soft
            reference = self.actor.greedy(observation)
        played = fields["controls"][:, CONTROLS]
        errors = self.critics(observation, played, reference) - target
        losses = huber(errors, self.config.huber)
        return (batch.weights * losses).mean(-1).sum(), errors.detach().mean(0).abs()

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The weighted soft policy loss, and the log-probabilities (batch,) of the actions in it."""
        observation = batch.fields["observation"][:, self.sees]
        mean, log_std = self.actor(observation)
        action, log_prob = squashed(mean, log_std, self.noise(len(observation)))
        slopes = self.target_critics.slopes(observation, action, self.config.largest_slope)
        with torch.no_grad():
            before = self.target_actor.greedy(observation)
        penalty = self.config.saturation_penalty * mean.square().mean(-1)
        penalty = penalty + self.proximity * (padded(torch.tanh(mean)) - before).square().sum(-1)
        worth = (slopes * action).sum(-1)
        loss = (batch.weights * (self.log_temperature.detach().exp() * log_prob + penalty - worth)).mean()
        return loss, log_prob.detach()

    def update(
        self, batch: Batch, learn_actions: bool, learn_actor: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One step of critics, actor and temperature.

        Returns:
            Absolute errors (batch,), and losses to be watched.

        Raises:
            FloatingPointError: a loss or gradient is not finite; the parameters still are.
        """
        critic_loss, errors = self.critic_loss(batch)
        optimizers = [self.value_optimizer, self.critic_optimizer][: 1 + learn_actions]
        descend(optimizers, critic_loss, self.max_norm, "critic loss")
        watched = {"critic_loss": critic_loss.detach()}
        if learn_actor:
            watched |= self._learn_actor(batch)
        track(self.target_critics, self.critics, self.config.target_rate)
        track(self.target_actor, self.actor, self.config.target_rate)
        return errors, watched

    def _learn_actor(self, batch: Batch) -> dict[str, Tensor]:
        actor_loss, log_prob = self.actor_loss(batch)
        descend([self.actor_optimizer], actor_loss, self.max_norm, "actor loss")
        surplus = -log_prob - self.config.target_entropy
        temperature_loss = (batch.weights * self.log_temperature.exp() * surplus).mean()
        descend([self.temperature_optimizer], temperature_loss, math.inf, "temperature loss")
        return {
            "actor_loss": actor_loss.detach(),
            "entropy": -log_prob.mean(),
            "temperature": self.log_temperature.detach().exp(),
        }

    def parts(self) -> Mapping[str, nn.Module | nn.Parameter | torch.optim.Optimizer]:
        """What a checkpoint holds."""
        return {
            name: getattr(self, name)
            for name in (
                *("actor", "critics", "target_actor", "target_critics", "log_temperature"),
                *("actor_optimizer", "value_optimizer", "critic_optimizer", "temperature_optimizer"),
            )
        }
