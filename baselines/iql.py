"""IQL: independent Q-learners (Tan 1993), one for each agent, that know nothing of each other.

Every agent learns the value of its own choices from its own observation and the shared reward; what the
others do is part of its environment. The published baseline updated a policy gradient from old replay without
correction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from baselines.value_learning import ValueConfig, ValueLearner, ValueTeam, train_values


@dataclass(frozen=True)
class Config(ValueConfig):
    """IQL needs nothing more."""


class Learner(ValueLearner):
    """Each agent's values have a target of their own."""

    def errors(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Differences (batch, agents) between the agents' values and their targets."""
        values = self.utilities(self.networks, batch["observation"], batch["chosen"])
        with torch.no_grad():
            following = batch["next_observation"]
            best = self.utilities(self.targets, following, self.greedy(following))
            rest = (batch["discount"] * ~batch["terminated"])[:, None] * best
        return values - (batch["reward"][:, None] + rest)


class IQL(ValueTeam):
    """The trained team."""

    class_name: ClassVar[str] = "baselines.iql:IQL"
    learner_class: ClassVar[type[ValueLearner]] = Learner
    config_class: ClassVar[type[ValueConfig]] = Config


def train(config: Config, *, seed: int, run_dir: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train one team and return the path of its policy file; see `train_values`."""
    return train_values(IQL, "iql", config, seed=seed, run_dir=run_dir, resume=resume, progress=progress)
