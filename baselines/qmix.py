"""QMIX (Rashid et al. 2018): the agents' values, mixed monotonically into the team's.

Q_tot = mix(Q_1, ..., Q_4; state) grows with each of them, so each agent's own best choice is best for the
team; how much each counts, the true state decides, which only training sees. The published baseline moved one
segment at a time and kept the rest at intensity 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from agent_zoo.learning.config import check
from agent_zoo.learning.networks import mlp
from baselines.value_learning import ValueConfig, ValueLearner, ValueTeam, train_values
from soc_env.team import AGENTS


@dataclass(frozen=True)
class Config(ValueConfig):
    """As of every value learner, and the mixer."""

    mixing_size: int
    """Hidden units of the mixing network."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.mixing_size >= 1, "mixing_size", self.mixing_size, "an integer of at least 1")


class Mixer(nn.Module):
    """Values of the agents (batch, agents) and states (batch, state) to the team's value (batch,).

    The state makes the weights of a network of one hidden layer; none is negative, so it is monotonic.
    """

    def __init__(
        self, state_size: int, mixing_size: int, hidden_sizes: tuple[int, ...], generator: torch.Generator
    ) -> None:
        super().__init__()
        self.mixing_size = mixing_size
        agents = len(AGENTS)

        def from_state(outputs: int, gain: float) -> nn.Sequential:
            return mlp(state_size, hidden_sizes[:1], outputs, output_gain=gain, generator=generator)

        self.first_weights = from_state(agents * mixing_size, 1.0)
        self.first_biases = from_state(mixing_size, 0.01)
        self.last_weights = from_state(mixing_size, 1.0)
        self.value = from_state(1, 0.01)

    def forward(self, utilities: Tensor, state: Tensor) -> Tensor:
        weights = self.first_weights(state).abs().unflatten(-1, (len(AGENTS), self.mixing_size))
        hidden = (utilities[:, None] @ weights).squeeze(1) + self.first_biases(state)
        mixed = (nn.functional.elu(hidden) * self.last_weights(state).abs()).sum(-1)
        return mixed + self.value(state).squeeze(-1)


class Learner(ValueLearner):
    """One target for the whole team."""

    config: Config

    def further_networks(self, state_size: int) -> dict[str, nn.Module]:
        config = self.config
        return {"mixer": Mixer(state_size, config.mixing_size, config.hidden_sizes, self.generator)}

    def errors(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Differences (batch,) between the team's values and their targets."""
        values = self.utilities(self.networks, batch["observation"], batch["chosen"])
        team = self.networks["mixer"](values, batch["state"])
        with torch.no_grad():
            following = batch["next_observation"]
            best = self.utilities(self.targets, following, self.greedy(following))
            value = self.targets["mixer"](best, batch["next_state"])
            target = batch["reward"] + batch["discount"] * ~batch["terminated"] * value
        return team - target


class QMIX(ValueTeam):
    """The trained team; it acts without the mixer."""

    class_name: ClassVar[str] = "baselines.qmix:QMIX"
    learner_class: ClassVar[type[ValueLearner]] = Learner
    config_class: ClassVar[type[ValueConfig]] = Config


def train(config: Config, *, seed: int, run_dir: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train one team and return the path of its policy file; see `train_values`."""
    return train_values(QMIX, "qmix", config, seed=seed, run_dir=run_dir, resume=resume, progress=progress)
