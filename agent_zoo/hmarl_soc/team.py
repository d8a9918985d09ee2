"""The trained team: greedy actors, and a directive that is held for K steps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

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
from agent_zoo.learning.environment import make_env, scenario_of
from agent_zoo.learning.normalizer import Normalizer
from agent_zoo.learning.policy_file import load_policy_file, save_policy_file
from agent_zoo.learning.segments import num_groups, own_entries
from agent_zoo.learning.sight import take_sight
from soc_env.policy_inputs import NOT_RESET, check_reset, read_inputs
from soc_env.team import (
    COORDINATOR,
    HUNTER,
    JOINT_OBSERVATION_SIZE,
    OBSERVATION_SIZES,
    OBSERVATION_SLICES,
    RESPONDER,
    TRIAGE,
    Actions,
)


class TeamActors(nn.Module):
    """The four actors and what they see."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        hidden, generator = config.hidden_sizes, torch.Generator()
        self.normalizer = Normalizer(JOINT_OBSERVATION_SIZE)
        self.coordinator = CoordinatorActor(hidden, generator)
        self.triage = DuelingNetwork(hidden, generator)
        self.hunter = HunterActor(config, *_of_segments(config, HUNTER), generator)
        self.responder = ResponderActor(config, *_of_segments(config, RESPONDER), generator)

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


def _of_segments(config: Config, agent: str) -> tuple[Tensor, int]:
    """What an actor that sees all of its agent's entries is made of: see `HunterActor`."""
    scenario = scenario_of(config)
    groups = num_groups(scenario, agent)
    own = own_entries(scenario, agent) - OBSERVATION_SLICES[agent].start
    return own, groups


class HMARLSOC:
    """HMARL-SOC playing greedily; a `soc_env.policy.TeamPolicy`."""

    version: ClassVar[str] = "1"
    class_name: ClassVar[str] = "agent_zoo.hmarl_soc:HMARLSOC"

    def __init__(self, actors: TeamActors, config: Config) -> None:
        self.actors, self.config = actors, config
        self.env_id = config.env_id
        self._directives = directives().numpy()
        self._num_envs = NOT_RESET

    @classmethod
    def of(cls, learner: TeamLearner) -> Self:
        """The team that a learner has come to, on the CPU."""
        actors = TeamActors(learner.config)
        actors.normalizer.load_state_dict(learner.see.normalizer.state_dict())
        for agent, own, learned in (
            (COORDINATOR, actors.coordinator, learner.coordinator.actor),
            (HUNTER, actors.hunter, learner.hunter.actor),
            (TRIAGE, actors.triage, learner.triage.network),
            (RESPONDER, actors.responder, learner.responder.actor),
        ):
            own.load_state_dict(_widened(learner, agent, learned))
        return cls(actors, learner.config)

    def teach(self, learner: TeamLearner) -> None:
        """Give a learner that sees with this team's normalizer this team's actors: the reverse of `of`."""
        for agent, own, learned in (
            (COORDINATOR, self.actors.coordinator, [learner.coordinator.actor]),
            (HUNTER, self.actors.hunter, [learner.hunter.actor, learner.hunter.target_actor]),
            (TRIAGE, self.actors.triage, [learner.triage.network, learner.triage.target]),
            (RESPONDER, self.actors.responder, [learner.responder.actor, learner.responder.target_actor]),
        ):
            for network in learned:
                network.load_state_dict(_narrowed(learner, agent, own))

    @classmethod
    def untrained(cls, config: Config, seed: int) -> Self:
        """The team as training with that config and seed begins."""
        env = make_env(config)
        learner = TeamLearner(config, seed, take_sight(env, config.normalization_steps, seed))
        env.close()
        return cls.of(learner)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all directives; `seed` is that of the directives where tier 1 does not learn."""
        check_reset(num_envs, seed)
        self._directive = np.zeros((num_envs, self._directives.shape[-1]), np.float32)
        self._age = np.full(num_envs, self.config.coordinator.interval)
        self._generator = np.random.default_rng(seed)
        self._num_envs = num_envs

    @torch.inference_mode()
    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """Actions {agent: float32 (num_envs, dim) in [-1, 1], or int64 (num_envs,)}; see `read_inputs`."""
        joint, starts = read_inputs(observations, episode_starts, self._num_envs)
        if starts is not None:
            self._age[starts] = self.config.coordinator.interval
        choice, verdict, hunting, responding = self.actors(torch.from_numpy(joint))
        due = self._age >= self.config.coordinator.interval
        chosen = choice.numpy() if self.config.coordinator.learns else self._drawn()
        self._directive[due] = self._directives[chosen[due]]
        self._age = np.where(due, 0, self._age) + 1
        return {
            COORDINATOR: self._directive.copy(),
            HUNTER: hunting.numpy(),
            TRIAGE: verdict.numpy(),
            RESPONDER: responding.numpy(),
        }

    def _drawn(self) -> NDArray[np.int64]:
        return self._generator.integers(len(self._directives), size=len(self._age))

    def save(self, path: str | Path) -> None:
        """Write a safetensors file whose metadata names class, config, env_id, env and version."""
        tensors = checkpoint.module_tensors(self.actors)
        save_policy_file(
            Path(path),
            tensors,
            class_name=self.class_name,
            config=to_mapping(self.config),
            env_id=self.env_id,
            env=self.config.env,
            version=self.version,
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote."""
        tensors, about = load_policy_file(Path(path), cls.class_name)
        config: Config = from_mapping(Config, about["config"])
        actors = TeamActors(config)
        checkpoint.load_module_tensors(actors, tensors)
        return cls(actors, config)


def _widened(learner: TeamLearner, agent: str, actor: nn.Module) -> dict[str, Tensor]:
    """The parameters of an agent's actor with weights of 0 for the entries that the learner does not see."""
    parameters = {name: tensor.cpu() for name, tensor in actor.state_dict().items()}
    if "body.own_weight" in parameters:
        seen = learner.see.seen_whole(own_entries(scenario_of(learner.config), agent))
        for name in ("body.own_weight", "body.mean_weight"):
            narrow = parameters[name]
            parameters[name] = narrow.new_zeros(len(seen), narrow.shape[-1])
            parameters[name][seen] = narrow
    else:
        narrow = parameters["body.0.weight"]
        parameters["body.0.weight"] = narrow.new_zeros(len(narrow), OBSERVATION_SIZES[agent])
        parameters["body.0.weight"][:, learner.see.own(agent)] = narrow
    return parameters


def _narrowed(learner: TeamLearner, agent: str, actor: nn.Module) -> dict[str, Tensor]:
    """The reverse of `_widened`: an agent's parameters without weights for entries that are not seen."""
    parameters = dict(actor.state_dict())
    if "body.own_weight" in parameters:
        seen = learner.see.seen_whole(own_entries(scenario_of(learner.config), agent))
        for name in ("body.own_weight", "body.mean_weight"):
            parameters[name] = parameters[name][seen]
    else:
        parameters["body.0.weight"] = parameters["body.0.weight"][:, learner.see.own(agent)]
    return parameters
