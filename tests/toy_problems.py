"""Small problems with known answers for the learners of HMARL-SOC."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

import agent_zoo
from agent_zoo.hmarl_soc.config import Config
from agent_zoo.learning.normalizer import Normalizer
from agent_zoo.learning.replay import Batch
from agent_zoo.learning.sight import Sight
from soc_env.team import CONTROL_SIZE, JOINT_OBSERVATION_SIZE, OBSERVATION_SLICES

TOY = (
    "num_envs=64",
    "replay.warmup=64",
    "hidden_sizes=[32]",
    "action_scale=0.3",
    "action_knots=5",
    "coordinator.learning_rate=0.01",
    "coordinator.minibatch_size=64",
    "hunter.learning_rate=0.003",
    "hunter.value_learning_rate=0.01",
    "hunter.critic_learning_rate=0.003",
    "hunter.smallest_std=0.1",
    "hunter.largest_std=0.4",
    "hunter.huber=100",
    "hunter.largest_slope=100",
    "hunter.saturation_penalty=0",
    "hunter.proximity=0",
    "triage.learning_rate=0.003",
    "triage.target_rate=0.05",
    "responder.learning_rate=0.003",
    "responder.value_learning_rate=0.01",
    "responder.critic_learning_rate=0.003",
    "responder.noise_std=0.3",
    "responder.huber=100",
    "responder.largest_slope=100",
    "responder.largest_noise_std=0.3",
    "responder.saturation_penalty=0",
    "responder.proximity=0",
)


def config(*overrides: str) -> Config:
    return agent_zoo.trainer("hmarl-soc").load_config(None, [*TOY, *overrides])


def all_seen() -> Sight:
    """Observations as they are."""
    return Sight(Normalizer(JOINT_OBSERVATION_SIZE))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bandit(observation: Tensor, controls: Tensor, reward: Tensor, verdict: Tensor | None = None) -> Batch:
    """Transitions of episodes that last one step."""
    count = len(reward)
    fields = {
        "observation": observation,
        "next_observation": torch.zeros_like(observation),
        "controls": controls,
        "verdict": torch.zeros(count, dtype=torch.int64) if verdict is None else verdict,
        "reward": reward,
        "triage_reward": reward,
        "discount": torch.full((count,), 0.99),
        "terminated": torch.ones(count, dtype=torch.bool),
    }
    return Batch(fields, torch.ones(count), np.arange(count))


def coins(count: int, agent: str, source: torch.Generator) -> tuple[Tensor, Tensor]:
    """Joint observations in which the agent's first entry is -1 or 1, and those numbers."""
    coin = torch.randint(2, (count,), generator=source) * 2.0 - 1.0
    observation = torch.zeros(count, JOINT_OBSERVATION_SIZE)
    observation[:, OBSERVATION_SLICES[agent].start] = coin
    return observation, coin


def no_next(count: int) -> tuple[Tensor, Tensor]:
    """Next actions of transitions that have no next step."""
    return torch.zeros(count, CONTROL_SIZE), torch.zeros(count, dtype=torch.int64)
