"""The threat hunter: soft actor-critic (Haarnoja et al. 2018) with twin critics and learned temperature."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.learning.networks import DuelingCritics, descend, mlp, track
from agent_zoo.learning.replay import Batch
from soc_env.team import CONTROL_SIZES, CONTROL_SLICES, HUNTER, OBSERVATION_SIZES, OBSERVATION_SLICES

SIZE = CONTROL_SIZES[HUNTER]
SEES, CONTROLS = OBSERVATION_SLICES[HUNTER], CONTROL_SLICES[HUNTER]


class HunterActor(nn.Module):
    """Observation (batch, 128) to a Gaussian over 16 numbers, whose tanh is the action."""

    def __init__(self, hidden_sizes: tuple[int, ...], largest_std: float, generator: torch.Generator) -> None:
        super().__init__()
        inputs = OBSERVATION_SIZES[HUNTER]
        self.body = mlp(inputs, hidden_sizes, 2 * SIZE, output_gain=0.01, generator=generator)
        self.largest_std = largest_std

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the standard deviation, (batch, 16) each."""
        mean, below = self.body(observation).chunk(2, dim=-1)
        # Means in units of the largest noise, so that one step of the optimiser moves them by a small part of
        # what the critics have seen; deviations below it, by a bound that leaves them a gradient.
        return mean * self.largest_std, math.log(self.largest_std) - nn.functional.softplus(below - 1.0)

    def greedy(self, observation: Tensor) -> Tensor:
        """The action (batch, 16) of the mean."""
        return torch.tanh(self(observation)[0])

    def draw(self, observation: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (batch, 16) by standard normal `noise`, and their log-probabilities (batch,)."""
        mean, log_std = self(observation)
        before = mean + log_std.exp() * noise
        gaussian = -0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh(x)^2), in the form that does not underflow
        squash = 2 * (math.log(2) - before - nn.functional.softplus(-2 * before))
        return torch.tanh(before), (gaussian - squash).sum(-1)


class Hunter:
    """The learner: actor, twin critics of its own observation and action, temperature."""

    def __init__(self, config: Config, generator: torch.Generator) -> None:
        self.config, self.generator = config.hunter, generator
        self.max_norm = config.max_gradient_norm
        hidden, std = config.hidden_sizes, config.hunter.largest_std
        self.actor = HunterActor(hidden, std, generator).to(config.device)
        self.critics = DuelingCritics(OBSERVATION_SIZES[HUNTER], SIZE, hidden, generator).to(config.device)
        log_temperature = torch.tensor(math.log(config.hunter.initial_temperature), device=config.device)
        self.log_temperature = nn.Parameter(log_temperature)
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
        return torch.randn(count, SIZE, generator=self.generator).to(self.log_temperature.device)

    @torch.no_grad()
    def draw(self, observation: Tensor, noise: Tensor) -> Tensor:
        """Exploring actions (n, 16) for the hunter's observations (n, 128), by standard normal noise."""
        return self.actor.draw(observation, noise)[0]

    def critic_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The weighted squared error of both critics, and the absolute error (batch,) of their mean."""
        fields, unit = batch.fields, self.config.largest_std
        observation, following = fields["observation"][:, SEES], fields["next_observation"][:, SEES]
        with torch.no_grad():
            own = self.actor.greedy(following)
            action, log_prob = self.actor.draw(following, self.noise(len(following)))
            values = self.target_critics(following, action / unit, own / unit)
            soft = values.min(0).values - self.log_temperature.exp() * log_prob
            target = fields["reward"] + fields["discount"] * ~fields["terminated"] * soft
            reference = self.actor.greedy(observation)
        played = fields["controls"][:, CONTROLS]
        errors = self.critics(observation, played / unit, reference / unit) - target
        return (batch.weights * errors.square()).mean(-1).sum(), errors.detach().mean(0).abs()

    def actor_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The weighted soft policy loss, and the log-probabilities (batch,) of the actions in it."""
        observation = batch.fields["observation"][:, SEES]
        action, log_prob = self.actor.draw(observation, self.noise(len(observation)))
        values = self.target_critics.advantages(observation, action / self.config.largest_std).mean(0)
        penalty = self.config.saturation_penalty * self.actor(observation)[0].square().mean(-1)
        loss = (batch.weights * (self.log_temperature.detach().exp() * log_prob + penalty - values)).mean()
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
