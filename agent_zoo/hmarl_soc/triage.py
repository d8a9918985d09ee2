"""The alert triage: dueling double DQN (Wang et al. 2016, van Hasselt et al. 2016)."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.learning.draws import integers, uniform
from agent_zoo.learning.networks import descend, mlp, track
from agent_zoo.learning.replay import Batch
from soc_env.team import NUM_VERDICTS, OBSERVATION_SIZES, OBSERVATION_SLICES, TRIAGE


class DuelingNetwork(nn.Module):
    """Observation (batch, inputs) to the values (batch, 4) of the verdicts.

    Value and advantages share the body; advantages count from their mean.
    """

    def __init__(
        self,
        hidden_sizes: tuple[int, ...],
        generator: torch.Generator,
        inputs: int = OBSERVATION_SIZES[TRIAGE],
    ) -> None:
        super().__init__()
        outputs = 1 + NUM_VERDICTS
        self.body = mlp(inputs, hidden_sizes, outputs, output_gain=0.01, generator=generator)

    def forward(self, observation: Tensor) -> Tensor:
        value, advantages = self.body(observation).split([1, NUM_VERDICTS], -1)
        return value + advantages - advantages.mean(-1, keepdim=True)

    def greedy(self, observation: Tensor) -> Tensor:
        """The best verdicts, int64 (batch,)."""
        return self(observation).argmax(-1)


class Triage:
    """The learner: the network, its target, and a falling rate of random verdicts."""

    def __init__(
        self, config: Config, generator: torch.Generator, sees: slice = OBSERVATION_SLICES[TRIAGE]
    ) -> None:
        """Args: sees: where its own observation lies in the joint ones that it learns from."""
        self.sees = sees
        self.config, self.generator, self.device = config.triage, generator, config.device
        self.max_norm = config.max_gradient_norm
        self.network = DuelingNetwork(config.hidden_sizes, generator, sees.stop - sees.start).to(
            config.device
        )
        self.target = copy.deepcopy(self.network)
        rate = config.triage.learning_rate
        self.optimizer = torch.optim.Adam(self.network.parameters(), rate, fused=True)

    def epsilon(self, step: int) -> float:
        """Probability of a random verdict after `step` environment steps."""
        first, last = self.config.initial_epsilon, self.config.final_epsilon
        return first + (last - first) * min(1.0, step / self.config.epsilon_steps)

    @torch.no_grad()
    def draw(self, observation: Tensor, step: int) -> Tensor:
        """Exploring verdicts, int64 (n,), for the triage's observations (n, 64)."""
        count = len(observation)
        anyone = integers(NUM_VERDICTS, count, self.generator)
        explores = uniform((count,), self.generator) < self.epsilon(step)
        greedy = self.network.greedy(observation)
        return torch.where(explores.to(self.device), anyone.to(self.device), greedy)

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The weighted Huber loss, and the absolute errors (batch,)."""
        fields = batch.fields
        following = fields["next_observation"][:, self.sees]
        with torch.no_grad():
            best = self.network.greedy(following)
            value = self.target(following).gather(-1, best[:, None]).squeeze(-1)
            target = fields["triage_reward"] + fields["discount"] * ~fields["terminated"] * value
        values = self.network(fields["observation"][:, self.sees])
        played = values.gather(-1, fields["verdict"][:, None]).squeeze(-1)
        losses = nn.functional.smooth_l1_loss(played, target, reduction="none")
        return (batch.weights * losses).mean(), (played.detach() - target).abs()

    def update(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """One step; as `Hunter.update`."""
        loss, errors = self.loss(batch)
        descend([self.optimizer], loss, self.max_norm, "loss")
        track(self.target, self.network, self.config.target_rate)
        return errors, {"loss": loss.detach()}

    def parts(self) -> Mapping[str, nn.Module | nn.Parameter | torch.optim.Optimizer]:
        """What a checkpoint holds."""
        return {name: getattr(self, name) for name in ("network", "target", "optimizer")}
