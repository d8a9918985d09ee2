"""The trained team: greedy actors, and a directive that is held for K steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.hmarl_soc.coordinator import CoordinatorActor, directives
from agent_zoo.hmarl_soc.hunter import HunterActor
from agent_zoo.hmarl_soc.learner import TeamLearner
from agent_zoo.hmarl_soc.responder import ResponderActor
from agent_zoo.hmarl_soc.triage import DuelingNetwork
from agent_zoo.learning import checkpoint
from agent_zoo.learning.config import from_mapping, to_mapping
from agent_zoo.learning.normalizer import Normalizer
from agent_zoo.learning.policy_file import load_policy_file, save_policy_file
from soc_env.team import (
    COORDINATOR,
    HUNTER,
    JOINT_OBSERVATION_SIZE,
    OBSERVATION_SLICES,
    RESPONDER,
    TRIAGE,
    Actions,
    join_observations,
)


class TeamActors(nn.Module):
    """The four actors and what they see."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden, generator = config.hidden_sizes, torch.Generator()
        self.normalizer = Normalizer(JOINT_OBSERVATION_SIZE)
        self.coordinator = CoordinatorActor(hidden, generator)
        self.hunter = HunterActor(hidden, config.hunter.largest_std, generator)
        self.triage = DuelingNetwork(hidden, generator)
        self.responder = ResponderActor(hidden, config.responder.noise_std, generator)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Joint observations (n, 352) to the greedy choices of a directive (n,) and a verdict (n,), int64,
        and the actions of hunter (n, 16) and responder (n, 12)."""
        sees = {agent: self.normalizer(observation)[:, part] for agent, part in OBSERVATION_SLICES.items()}
        return (
            self.coordinator.greedy(sees[COORDINATOR]),
            self.triage.greedy(sees[TRIAGE]),
            self.hunter.greedy(sees[HUNTER]),
            self.responder(sees[RESPONDER]),
        )


class HMARLSOC:
    """HMARL-SOC playing greedily; a `soc_env.policy.TeamPolicy`."""

    version: ClassVar[str] = "1"
    class_name: ClassVar[str] = "agent_zoo.hmarl_soc:HMARLSOC"

    def __init__(self, actors: TeamActors, config: Config) -> None:
        self.actors, self.config = actors, config
        self.env_id = config.env_id
        self._directives = directives().numpy()
        self.reset(0)

    @classmethod
    def of(cls, learner: TeamLearner) -> Self:
        """The team that a learner has come to, on the CPU."""
        actors = TeamActors(learner.config)
        for own, learned in (
            (actors.normalizer, learner.normalizer),
            (actors.coordinator, learner.coordinator.actor),
            (actors.hunter, learner.hunter.actor),
            (actors.triage, learner.triage.network),
            (actors.responder, learner.responder.actor),
        ):
            own.load_state_dict(learned.state_dict())
        return cls(actors, learner.config)

    @classmethod
    def untrained(cls, config: Config, seed: int) -> Self:
        """The team as training with that config and seed begins."""
        return cls.of(TeamLearner(config, seed))

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all directives; the team draws nothing."""
        self._directive = np.zeros((num_envs, self._directives.shape[-1]), np.float32)
        self._age = np.full(num_envs, self.config.coordinator.interval)

    @torch.inference_mode()
    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """Actions {agent: float32 (num_envs, dim) in [-1, 1], or int64 (num_envs,)}."""
        if episode_starts is not None:
            self._age[episode_starts] = self.config.coordinator.interval
        choice, verdict, hunting, responding = self.actors(torch.from_numpy(join_observations(observations)))
        due = self._age >= self.config.coordinator.interval
        self._directive[due] = self._directives[choice.numpy()[due]]
        self._age = np.where(due, 0, self._age) + 1
        return {
            COORDINATOR: self._directive.copy(),
            HUNTER: hunting.numpy(),
            TRIAGE: verdict.numpy(),
            RESPONDER: responding.numpy(),
        }

    def save(self, path: str | Path) -> None:
        """Write a safetensors file whose metadata names class, config, env_id and version."""
        tensors = checkpoint.module_tensors(self.actors)
        about = {"class_name": self.class_name, "env_id": self.env_id, "version": self.version}
        save_policy_file(Path(path), tensors, config=to_mapping(self.config), **about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote."""
        tensors, about = load_policy_file(Path(path), cls.class_name)
        config: Config = from_mapping(Config, about["config"])
        actors = TeamActors(config)
        checkpoint.load_module_tensors(actors, _as_float32(tensors))
        return cls(actors, config)


def _as_float32(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """16-bit weights widened."""
    return {
        name: array.astype(np.float32) if array.dtype == np.float16 else array
        for name, array in tensors.items()
    }
