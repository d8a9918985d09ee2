"""The response orchestrator: MADDPG (Lowe et al. 2017), a critic of everything, an actor of its own."""

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
from soc_env.team import (
    CONTROL_SIZES,
    CONTROL_SLICES,
    NUM_VERDICTS,
    RESPONDER,
)

SIZE = CONTROL_SIZES[RESPONDER]
CONTROLS = CONTROL_SLICES[RESPONDER]


class ResponderActor(nn.Module):
    """What the responder sees (batch, inputs) to the action (batch, 12); arguments as `HunterActor`."""

    def __init__(self, config: Config, own: Tensor, groups: int, generator: torch.Generator) -> None:
        super().__init__()
        self.scale = config.action_scale
        self.body = SegmentNetwork(own, 0, config.hidden_sizes, groups, output_gain=0.01, generator=generator)

    def forward(self, observation: Tensor) -> Tensor:
        return torch.tanh(self.before_squashing(observation))

    def before_squashing(self, observation: Tensor) -> Tensor:
        """What the action is the tanh of, in units of the output's scale."""
        numbers = self.scale * self.body(observation)
        return nn.functional.pad(numbers, (0, SIZE - numbers.shape[-1]))


def everything(observation: Tensor, controls: Tensor, verdict: Tensor) -> Tensor:
    """What the centralised critic sees beside the responder's own action: (batch, size) of all observations,
    the other agents' controls and the verdict."""
    chosen = nn.functional.one_hot(verdict, NUM_VERDICTS).to(controls.dtype)
    others = controls[:, : CONTROLS.start]  # the responder's controls are the last
    return torch.cat([observation, others, chosen], -1)


class Responder:
    """The learner: actor, centralised critic, and their targets."""

    def __init__(self, config: Config, see: Sight, generator: torch.Generator) -> None:
        """Args: see: what the learners get of joint observations."""
        self.config, self.generator = config.responder, generator
        self.max_norm = config.max_gradient_norm
        self.proximity = config.responder.proximity
        self.sees = see.parts[RESPONDER]
        scenario = scenario_of(config)
        groups = num_groups(scenario, RESPONDER)
        own = see.places(own_entries(scenario, RESPONDER))
        self.actor = ResponderActor(config, own - self.sees.start, groups, generator)
        state_size = see.size + CONTROLS.start + NUM_VERDICTS
        hidden = config.hidden_sizes
        self.critic = SegmentCritics(state_size, own, groups, hidden, config.action_knots, 1, generator)
        self.actor.to(config.device)
        self.critic.to(config.device)
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
        noise = normal((count, SIZE), self.generator)
        first, last = math.log(self.config.noise_std), math.log(self.config.largest_noise_std)
        steps = torch.linspace(first, last, count, dtype=noise.dtype, device=noise.device)
        spread = self.noise_scale * steps.exp()
        return (spread[:, None] * noise).to(next(self.actor.parameters()).device)

    def critic_loss(self, batch: Batch, next_controls: Tensor, next_verdict: Tensor) -> tuple[Tensor, Tensor]:
        """The weighted squared error, and the absolute errors (batch,).

        Args:
            next_controls, next_verdict: what the team's target networks do next, (batch, 36) and (batch,).
        """
        fields = batch.fields
        with torch.no_grad():
            # Of the policy's own action, the reference, the value of the state is all that is left.
            following = everything(fields["next_observation"], next_controls, next_verdict)
            value = self.target_critic.values(following)
            reference = self.actor(fields["observation"][:, self.sees])
            target = fields["reward"] + fields["discount"] * ~fields["terminated"] * value
        state = everything(fields["observation"], fields["controls"], fields["verdict"])
        errors = (self.critic(state, fields["controls"][:, CONTROLS], reference) - target).squeeze(0)
        return (batch.weights * huber(errors, self.config.huber)).mean(), errors.detach().abs()

    def actor_loss(self, batch: Batch) -> Tensor:
        """Less the worth of what was played, but for the actor's own action, which is its new one."""
        fields = batch.fields
        seen = fields["observation"][:, self.sees]
        with torch.no_grad():
            earlier = self.target_actor(seen)
        before = self.actor.before_squashing(seen)
        state = everything(fields["observation"], fields["controls"], fields["verdict"])
        action = torch.tanh(before)
        slopes = self.target_critic.slopes(state, action, self.config.largest_slope)
        penalty = self.config.saturation_penalty * before.square().mean(-1)
        penalty = penalty + self.proximity * (action - earlier).square().sum(-1)
        return (batch.weights * (penalty - (slopes * action).sum(-1))).mean()

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
