"""The response orchestrator: MADDPG (Lowe et al. 2017), a critic of everything, an actor of its own."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.learning.networks import descend, mlp, track
from agent_zoo.learning.replay import Batch
from soc_env.team import (
    CONTROL_SIZE,
    CONTROL_SIZES,
    CONTROL_SLICES,
    JOINT_OBSERVATION_SIZE,
    NUM_VERDICTS,
    OBSERVATION_SIZES,
    OBSERVATION_SLICES,
    RESPONDER,
)

SIZE = CONTROL_SIZES[RESPONDER]
SEES, CONTROLS = OBSERVATION_SLICES[RESPONDER], CONTROL_SLICES[RESPONDER]


class ResponderActor(nn.Module):
    """Observation (batch, 96) to the action (batch, 12) in [-1, 1]."""

    def __init__(self, hidden_sizes: tuple[int, ...], unit: float, generator: torch.Generator) -> None:
        super().__init__()
        self.unit = unit
        inputs = OBSERVATION_SIZES[RESPONDER]
        self.body = mlp(inputs, hidden_sizes, SIZE, output_gain=0.01, generator=generator)

    def forward(self, observation: Tensor) -> Tensor:
        return torch.tanh(self.before_squashing(observation))

    def before_squashing(self, observation: Tensor) -> Tensor:
        """What the action is the tanh of, in units of the exploration noise's effect."""
        return self.unit * self.body(observation)


class CentralCritic(nn.Module):
    """The value of all observations (batch, 352), controls (batch, 36) and verdicts (batch,)."""

    def __init__(self, hidden_sizes: tuple[int, ...], unit: float, generator: torch.Generator) -> None:
        super().__init__()
        self.unit = unit
        others = JOINT_OBSERVATION_SIZE + CONTROL_SIZE - SIZE + NUM_VERDICTS
        self.value = mlp(others, hidden_sizes, 1, output_gain=0.01, generator=generator)
        self.advantage = mlp(others + SIZE, hidden_sizes, 1, output_gain=0.01, generator=generator)

    def forward(self, observation: Tensor, controls: Tensor, verdict: Tensor, reference: Tensor) -> Tensor:
        state, action = self.inputs(observation, controls, verdict)
        pairs = torch.cat([torch.cat([state, action], -1), torch.cat([state, reference / self.unit], -1)])
        played, own = self.advantage(pairs).squeeze(-1).chunk(2)
        return self.value(state).squeeze(-1) + played - own

    def advantages(self, observation: Tensor, controls: Tensor, verdict: Tensor) -> Tensor:
        return self.advantage(torch.cat(self.inputs(observation, controls, verdict), -1)).squeeze(-1)

    def inputs(self, observation: Tensor, controls: Tensor, verdict: Tensor) -> tuple[Tensor, Tensor]:
        chosen = nn.functional.one_hot(verdict, NUM_VERDICTS).to(controls.dtype)
        others = controls[:, : CONTROLS.start]  # the responder's controls are the last
        return torch.cat([observation, others, chosen], -1), controls[:, CONTROLS] / self.unit


class Responder:
    """The learner: actor, centralised critic, and their targets."""

    def __init__(self, config: Config, generator: torch.Generator) -> None:
        self.config, self.generator = config.responder, generator
        self.max_norm = config.max_gradient_norm
        self.actor = ResponderActor(config.hidden_sizes, config.responder.noise_std, generator).to(
            config.device
        )
        self.critic = CentralCritic(config.hidden_sizes, config.responder.noise_std, generator).to(
            config.device
        )
        self.target_actor = copy.deepcopy(self.actor)
        self.target_critic = copy.deepcopy(self.critic)
        self.noise_scale = 1.0
        rate = config.responder.learning_rate
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), rate, fused=True)
        self.value_optimizer = torch.optim.Adam(
            self.critic.value.parameters(), config.responder.value_learning_rate, fused=True
        )
        self.critic_optimizer = torch.optim.Adam(
            self.critic.advantage.parameters(), config.responder.critic_learning_rate, fused=True
        )

    @torch.no_grad()
    def draw(self, observation: Tensor, noise: Tensor) -> Tensor:
        """Exploring actions (n, 12) for the responder's observations (n, 96), by standard normal noise."""
        return (self.actor(observation) + noise).clamp(-1.0, 1.0)

    def noise(self, count: int) -> Tensor:
        """Gaussian noise (count, 12) for `draw`, of `noise_std` in the first lane to `largest_noise_std`."""
        noise = torch.randn(count, SIZE, generator=self.generator)
        first, last = math.log(self.config.noise_std), math.log(self.config.largest_noise_std)
        spread = self.noise_scale * torch.linspace(first, last, count).exp()
        return (spread[:, None] * noise).to(next(self.actor.parameters()).device)

    def critic_loss(self, batch: Batch, next_controls: Tensor, next_verdict: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted squared error, and the absolute errors (batch,).

        Args:
            next_controls, next_verdict: what the team's target networks do next, (batch, 36) and (batch,).
        """
        fields = batch.fields
        with torch.no_grad():
            value = self.target_critic(
                fields["next_observation"], next_controls, next_verdict, next_controls[:, CONTROLS]
            )
            reference = self.actor(fields["observation"][:, SEES])
            target = fields["reward"] + fields["discount"] * ~fields["terminated"] * value
        errors = self.critic(fields["observation"], fields["controls"], fields["verdict"], reference) - target
        return (batch.weights * errors.square()).mean(), errors.detach().abs()

    def actor_loss(self, batch: Batch) -> Tensor:
        """Less the worth of what was played, but for the actor's own action, which is its new one."""
        fields = batch.fields
        before = self.actor.before_squashing(fields["observation"][:, SEES])
        action = torch.tanh(before)
        controls = fields["controls"].clone()
        controls[:, CONTROLS] = action
        values = self.target_critic.advantages(fields["observation"], controls, fields["verdict"])
        penalty = self.config.saturation_penalty * before.square().mean(-1)
        return (batch.weights * (penalty - values)).mean()

    def update(
        self,
        batch: Batch,
        next_controls: Tensor,
        next_verdict: Tensor,
        learn_actions: bool,
        learn_actor: bool,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """One step of critic and actor; as `Hunter.update`, arguments as `critic_loss`."""
        critic_loss, errors = self.critic_loss(batch, next_controls, next_verdict)
        optimizers = [self.value_optimizer, self.critic_optimizer][: 1 + learn_actions]
        descend(optimizers, critic_loss, self.max_norm, "critic loss")
        watched = {"critic_loss": critic_loss.detach()}
        if learn_actor:
            actor_loss = self.actor_loss(batch)
            descend([self.actor_optimizer], actor_loss, self.max_norm, "actor loss")
            watched["actor_loss"] = actor_loss.detach()
        track(self.target_critic, self.critic, self.config.target_rate)
        track(self.target_actor, self.actor, self.config.target_rate)
        return errors, watched

    def parts(self) -> Mapping[str, nn.Module | nn.Parameter | torch.optim.Optimizer]:
        """What a checkpoint holds."""
        return {
            name: getattr(self, name)
            for name in (
                *("actor", "critic", "target_actor", "target_critic"),
                *("actor_optimizer", "value_optimizer", "critic_optimizer"),
            )
        }
