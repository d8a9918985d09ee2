"""Single-DRL: one PPO (Schulman et al. 2017) plays the whole team.

One actor sees the joint observation and answers for all four agents at once, so one probability ratio is that
of the joint action. The published baseline compared log-probabilities from before its tanh with ones from
after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from agent_zoo.learning.networks import mlp
from baselines.policy_learning import PolicyConfig, PolicyLearner, PolicyTeam, TeamActor, train_policies
from soc_env.contract import TeamLanes
from soc_env.team import CONTROL_SIZE, JOINT_OBSERVATION_SIZE, NUM_VERDICTS


@dataclass(frozen=True)
class Config(PolicyConfig):
    """Single-DRL needs nothing more."""


class Actor(TeamActor):
    """One network for the whole team."""

    def __init__(
        self, hidden_sizes: tuple[int, ...], initial_log_std: float, generator: torch.Generator
    ) -> None:
        super().__init__(initial_log_std)
        outputs = CONTROL_SIZE + NUM_VERDICTS
        self.body = mlp(JOINT_OBSERVATION_SIZE, hidden_sizes, outputs, output_gain=0.01, generator=generator)

    def outputs(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        mean, logits = self.body(observation).split((CONTROL_SIZE, NUM_VERDICTS), dim=-1)
        return mean, logits

    def grouped(self, log_probs: Tensor) -> Tensor:
        """The joint action's (batch, 1)."""
        return log_probs.sum(-1, keepdim=True)


class Learner(PolicyLearner):
    """The critic sees what the actor sees."""

    @staticmethod
    def new_actor(config: Config, generator: torch.Generator) -> Actor:
        return Actor(config.hidden_sizes, config.initial_log_std, generator)

    @staticmethod
    def valued_size(state_size: int) -> int:
        return JOINT_OBSERVATION_SIZE

    @staticmethod
    def valued(env: TeamLanes, observation: Tensor) -> Tensor:
        return observation

    @staticmethod
    def last_valued(last_observations: Tensor, last_states: Tensor) -> Tensor:
        return last_observations


class SingleDRL(PolicyTeam):
    """The trained team."""

    class_name: ClassVar[str] = "baselines.single_drl:SingleDRL"
    learner_class: ClassVar[type[PolicyLearner]] = Learner
    config_class: ClassVar[type[PolicyConfig]] = Config


def train(config: Config, *, seed: int, run_dir: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train one team and return the path of its policy file; see `agent_zoo.learning.loop.run`."""
    return train_policies(
        SingleDRL, "single-drl", config, seed=seed, run_dir=run_dir, resume=resume, progress=progress
    )
