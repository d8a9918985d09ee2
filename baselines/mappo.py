"""MAPPO (Yu et al. 2022): an actor for each agent, one critic that sees the true state while they train.

Every agent has a probability ratio of its own, clipped on its own, and all learn from the team's advantage.
With `shared_actor` one network plays all four agents, told which one it is: the same PPO for every agent and
no tier above them. The published baseline had no policy loss, so its row is a random policy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from agent_zoo.learning.networks import mlp
from baselines.policy_learning import PolicyConfig, PolicyLearner, PolicyTeam, TeamActor, train_policies
from soc_env.contract import TeamLanes
from soc_env.team import (
    AGENTS,
    CONTROL_SIZES,
    NUM_VERDICTS,
    OBSERVATION_SIZES,
    OBSERVATION_SLICES,
    TRIAGE,
)

OUTPUT_SIZES = {agent: CONTROL_SIZES.get(agent, NUM_VERDICTS) for agent in AGENTS}


@dataclass(frozen=True)
class Config(PolicyConfig):
    """As of every policy learner, and whether agents share an actor."""

    shared_actor: bool
    """One network for all agents; False: one for each."""


class OwnActors(TeamActor):
    """A network for each agent, from its own observation."""

    def __init__(self, config: Config, generator: torch.Generator) -> None:
        super().__init__(config.initial_log_std)
        self.bodies = nn.ModuleDict(
            {
                agent: mlp(
                    OBSERVATION_SIZES[agent],
                    config.hidden_sizes,
                    OUTPUT_SIZES[agent],
                    output_gain=0.01,
                    generator=generator,
                )
                for agent in AGENTS
            }
        )

    def outputs(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        by_agent = {a: self.bodies[a](observation[:, OBSERVATION_SLICES[a]]) for a in AGENTS}
        return torch.cat([by_agent[agent] for agent in CONTROL_SIZES], -1), by_agent[TRIAGE]


class SharedActor(TeamActor):
    """One network for all agents, from an observation padded with zeros and the agent as one of four."""

    def __init__(self, config: Config, generator: torch.Generator) -> None:
        super().__init__(config.initial_log_std)
        self.largest = max(OBSERVATION_SIZES.values())
        inputs, outputs = self.largest + len(AGENTS), max(OUTPUT_SIZES.values())
        self.body = mlp(inputs, config.hidden_sizes, outputs, output_gain=0.01, generator=generator)

    def outputs(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        own = [
            nn.functional.pad(observation[:, OBSERVATION_SLICES[a]], (0, self.largest - OBSERVATION_SIZES[a]))
            for a in AGENTS
        ]
        which = torch.eye(len(AGENTS), dtype=observation.dtype, device=observation.device)
        outputs = self.body(torch.cat([torch.stack(own, 1), which.expand(len(observation), -1, -1)], -1))
        by_agent = {agent: outputs[:, i, : OUTPUT_SIZES[agent]] for i, agent in enumerate(AGENTS)}
        return torch.cat([by_agent[agent] for agent in CONTROL_SIZES], -1), by_agent[TRIAGE]


class Learner(PolicyLearner):
    """The critic sees the state."""

    @staticmethod
    def new_actor(config: Config, generator: torch.Generator) -> TeamActor:
        return (SharedActor if config.shared_actor else OwnActors)(config, generator)

    @staticmethod
    def valued_size(state_size: int) -> int:
        return state_size

    @staticmethod
    def valued(env: TeamLanes, observation: Tensor) -> Tensor:
        return torch.from_numpy(env.state())

    @staticmethod
    def last_valued(last_observations: Tensor, last_states: Tensor) -> Tensor:
        return last_states


class MAPPO(PolicyTeam):
    """The trained team; it acts without the critic."""

    class_name: ClassVar[str] = "baselines.mappo:MAPPO"
    learner_class: ClassVar[type[PolicyLearner]] = Learner
    config_class: ClassVar[type[PolicyConfig]] = Config


def train(config: Config, *, seed: int, run_dir: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train one team and return the path of its policy file; see `agent_zoo.learning.loop.run`."""
    return train_policies(
        MAPPO, "mappo", config, seed=seed, run_dir=run_dir, resume=resume, progress=progress
    )
