"""What IQL and QMIX share: config, collection, the training loop and the trained team.

They differ in their loss alone, see iql.py and qmix.py. Both are double DQN (van Hasselt et al. 2016) on
returns of some steps from a uniform replay, with exploration held for some steps: what a level is worth
shows over an episode, not in one step.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agent_zoo.learning import checkpoint, loop
from agent_zoo.learning.config import check, from_mapping, to_mapping
from agent_zoo.learning.draws import uniform
from agent_zoo.learning.environment import make_env, scenario_of
from agent_zoo.learning.networks import descend, track
from agent_zoo.learning.normalizer import Normalizer
from agent_zoo.learning.policy_file import load_policy_file, save_policy_file
from agent_zoo.learning.replay import PrioritizedReplay, look_ahead
from agent_zoo.learning.segments import own_entries, shared_family
from agent_zoo.learning.sight import Sight, take_sight
from agent_zoo.learning.start import load_start
from baselines.choices import Choices, Utility
from soc_env.contract import TeamLanes
from soc_env.faces.vector import stack_final_observations
from soc_env.policy_inputs import check_reset, read_inputs
from soc_env.seeds import check_training_seed
from soc_env.team import AGENTS, JOINT_OBSERVATION_SIZE, TRIAGE, Actions, join_observations


@dataclass(frozen=True)
class ValueConfig:
    """Everything that a run depends on besides its seed; values lie in configs/*.yaml."""

    env_id: str
    """Scenario to train on."""
    env: dict[str, Any]
    """Keyword arguments of the scenario's `vector_env`, for instance {"stealth": 0.5}."""
    num_episodes: int
    """Episodes to train for."""
    num_envs: int
    """Lanes that collect side by side."""
    levels: int
    """Levels, evenly over [-1, 1], that each number of an action is chosen from."""
    initial_lead: float
    """How much more the middle level is worth at the start, in scaled rewards: the team begins near zero
    actions, as policy learners do. 0: with whatever the initialisation prefers."""
    hidden_sizes: tuple[int, ...]
    """Hidden layers of every network."""
    normalization_steps: int
    """Steps of every lane, before training, after which networks see standardised observations without those
    entries that are noise, see agent_zoo.learning.normalizer; 0: observations as they are."""
    learning_rate: float
    """Adam's step size at the start."""
    final_learning_rate: float
    """And at the last episode; its logarithm changes linearly in between."""
    discount: float
    """Gamma."""
    reward_scale: float
    """What rewards are multiplied by before learning."""
    huber: float
    """Error beyond which the loss grows linearly only, of scaled rewards."""
    target_rate: float
    """Part of the way that the target networks go in each update."""
    max_gradient_norm: float
    """Bound on the gradient's norm."""
    epsilon: float
    """Probability of each choice being drawn evenly from all levels."""
    soft_epsilon: float
    """Probability of it being drawn from softmax(A / temperature) instead: what is known to be far worse is
    not tried again and again, what may be as good is."""
    temperature: float
    """See `soft_epsilon`; of scaled rewards."""
    noise_steps: int
    """Steps for which a lane's random choices are held."""
    capacity: int
    """Transitions in the replay."""
    warmup: int
    """Transitions before the first update."""
    batch_size: int
    """Transitions in one update."""
    updates: int
    """Updates after every step of all lanes."""
    lookahead: int
    """Steps of reward in the targets before they bootstrap (n-step returns)."""
    num_threads: int
    """Torch's threads."""
    checkpoint_seconds: float
    """Least time between two checkpoints."""
    initial_policy: str | None = field(default=None, kw_only=True)
    """A team to go on from instead of random networks: the path of a policy or a run, or packaged weights,
    NAME-SEED of soc_v0 or ENV/NAME-SEED."""

    def __post_init__(self) -> None:
        counts = ("num_episodes", "num_envs", "noise_steps", "capacity", "warmup")
        for key in (*counts, "batch_size", "updates", "lookahead", "num_threads"):
            check(getattr(self, key) >= 1, key, getattr(self, key), "an integer of at least 1")
        check(self.levels >= 2, "levels", self.levels, "an integer of at least 2")
        positive = ("learning_rate", "final_learning_rate", "reward_scale", "huber", "max_gradient_norm")
        for key in (*positive, "temperature"):
            value = getattr(self, key)
            check(0 < value < math.inf, key, value, "a number greater than 0")
        for key in ("discount", "target_rate", "epsilon"):
            check(0 <= getattr(self, key) <= 1, key, getattr(self, key), "a number from 0 to 1")
        limit = 1 - self.epsilon
        expectation = f"a number from 0 to 1 - epsilon = {limit:g}"
        check(0 <= self.soft_epsilon <= limit, "soft_epsilon", self.soft_epsilon, expectation)
        for key in ("initial_lead", "normalization_steps", "checkpoint_seconds"):
            check(getattr(self, key) >= 0, key, getattr(self, key), "a number of at least 0")
        check(all(size >= 1 for size in self.hidden_sizes), "hidden_sizes", self.hidden_sizes, "positive")
        expectation = f"at least num_envs = {self.num_envs}"
        check(self.capacity >= self.num_envs, "capacity", self.capacity, expectation)
        expectation = f"at most capacity = {self.capacity}"
        check(self.warmup <= self.capacity, "warmup", self.warmup, expectation)


class ValueLearner(ABC):
    """Utilities of the four agents, their targets, the replay and the generator of all randomness.

    Subclasses say what the loss is, and may have further networks beside the utilities.

    Args:
        config: see `ValueConfig`.
        seed: of the generator.
        choices: what there is to choose.
        see: what the networks get of joint observations; None: all of them.
        state_size: of the environment's `state()`.
    """

    def __init__(self, config: Any, seed: int, choices: Choices, see: Sight | None, state_size: int) -> None:
        self.config, self.choices = config, choices
        self.generator = torch.Generator().manual_seed(seed)
        self.see = see or Sight(Normalizer(JOINT_OBSERVATION_SIZE))
        self.slices = choices.slices
        self.networks = new_utilities(config, choices, self.see, self.generator)
        self.networks.update(self.further_networks(state_size))
        self.targets = copy.deepcopy(self.networks)
        self.optimizer = torch.optim.Adam(self.networks.parameters(), config.learning_rate, fused=True)
        scalar = ((), torch.float32)
        observed, state = ((self.see.size,), torch.float32), ((state_size,), torch.float32)
        fields: dict[str, tuple[tuple[int, ...], torch.dtype]] = {
            "observation": observed,
            "next_observation": observed,
            "state": state,
            "next_state": state,
            "chosen": ((choices.size,), torch.int64),
            "reward": scalar,
            "terminated": ((), torch.bool),
            "truncated": ((), torch.bool),
        }
        self.replay = PrioritizedReplay(config.capacity, fields, 0.0, self.generator)

    def start_from(self, utilities: nn.ModuleDict) -> None:
        """Begin with the agents' networks of a trained team instead of random ones."""
        for agent in AGENTS:
            for networks in (self.networks, self.targets):
                networks[agent].load_state_dict(utilities[agent].state_dict())

    def further_networks(self, state_size: int) -> dict[str, nn.Module]:
        """What learns beside the utilities."""
        return {}

    @abstractmethod
    def errors(self, batch: Mapping[str, Tensor]) -> Tensor:
        """What the loss is of: differences between values and their targets, (batch, ...).

        Args:
            batch: the replay's fields, `reward` and `discount` of several steps, and `next_observation`,
                `next_state` and `terminated` of the last of them.
        """

    def utilities(self, networks: nn.ModuleDict, observation: Tensor, chosen: Tensor) -> Tensor:
        """Q (batch, agents) of observations as seen and of choices (batch, choices)."""
        return torch.stack(
            [
                networks[agent](observation[:, self.see.parts[agent]], chosen[:, self.slices[agent]])
                for agent in AGENTS
            ],
            -1,
        )

    def utilities_alone(self) -> nn.ModuleDict:
        """Copies of the agents' networks without what training adds."""
        return copy.deepcopy(nn.ModuleDict({agent: self.networks[agent] for agent in AGENTS}))

    @torch.no_grad()
    def greedy(self, observation: Tensor) -> Tensor:
        """The team's best choices, int64 (n, choices)."""
        parts = self.see.parts
        return torch.cat([_utility(self.networks, a).greedy(observation[:, parts[a]]) for a in AGENTS], -1)

    @torch.no_grad()
    def at_random(self, observation: Tensor) -> Tensor:
        """Random choices (n, choices) for observations as seen, -1 where the team is to decide."""
        config, even, soft = self.config, [], []
        for agent in AGENTS:
            branches = _utility(self.networks, agent).branches(observation[:, self.see.parts[agent]])
            # The largest of sums with Gumbel noise is a draw from the softmax.
            chance = uniform(branches.shape, self.generator).clamp_min(1e-30)
            noise = -(-chance.log()).log()
            even.append(noise.argmax(-1))
            soft.append((branches / config.temperature + noise).argmax(-1))
        kind = uniform((len(observation), self.choices.size), self.generator)
        drawn = torch.cat(even, -1).where(kind < config.epsilon, torch.cat(soft, -1))
        return drawn.masked_fill(kind >= config.epsilon + config.soft_epsilon, -1)

    def set_progress(self, progress: float) -> None:
        """Set the learning rate for `progress`, the part of the training's episodes that are done."""
        first, last = self.config.learning_rate, self.config.final_learning_rate
        self.optimizer.param_groups[0]["lr"] = first * (last / first) ** progress

    def update(self) -> Tensor:
        """One step on transitions from the replay; returns the loss.

        Raises:
            FloatingPointError: the loss or its gradient is not finite; the parameters still are.
        """
        config = self.config
        drawn = self.replay.sample(config.batch_size, beta=0.0)
        ahead = look_ahead(
            self.replay,
            drawn.entries,
            num_envs=config.num_envs,
            steps=config.lookahead,
            discount=config.discount,
            rewards=("reward",),
            last=("next_observation", "next_state", "terminated"),
        )
        errors = self.errors(drawn.fields | ahead)
        zeros = torch.zeros_like(errors)
        loss = nn.functional.huber_loss(errors, zeros, delta=config.huber)
        descend([self.optimizer], loss, config.max_gradient_norm, "loss")
        track(self.targets, self.networks, config.target_rate)
        return loss.detach()

    def tensors(self) -> checkpoint.Tensors:
        """Everything that later updates depend on."""
        return {
            **checkpoint.prefixed("networks", checkpoint.module_tensors(self.networks)),
            **checkpoint.prefixed("targets", checkpoint.module_tensors(self.targets)),
            **checkpoint.prefixed("optimizer", checkpoint.optimizer_tensors(self.optimizer)),
            **checkpoint.prefixed("replay", self.replay.tensors()),
            "generator": self.generator.get_state().numpy(),
        }

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `tensors()` of a learner of the same config."""
        checkpoint.load_module_tensors(self.networks, checkpoint.part("networks", tensors))
        checkpoint.load_module_tensors(self.targets, checkpoint.part("targets", tensors))
        checkpoint.load_optimizer_tensors(self.optimizer, checkpoint.part("optimizer", tensors))
        self.replay.load_tensors(checkpoint.part("replay", tensors))
        self.generator.set_state(torch.from_numpy(tensors["generator"].copy()))


def _utility(networks: nn.ModuleDict, agent: str) -> Utility:
    return cast(Utility, networks[agent])


class Collector:
    """Plays the team in all lanes and fills its replay."""

    def __init__(self, env: TeamLanes, learner: ValueLearner) -> None:
        self.env, self.learner = env, learner
        self.observation: Tensor  # of all lanes as seen, from `begin` on
        self._at_random: Tensor

    def begin(self, observations: Mapping[str, NDArray[np.float32]]) -> None:
        """Go on from these observations, at a step at which random choices are drawn anew."""
        self.observation = self.learner.see(torch.from_numpy(join_observations(observations)))

    def step(self, number: int) -> dict[str, Any]:
        """Step `number`, from 0, of every lane; returns the environment's info."""
        learner = self.learner
        if number % learner.config.noise_steps == 0:
            self._at_random = learner.at_random(self.observation)
        chosen = torch.where(self._at_random < 0, learner.greedy(self.observation), self._at_random)
        state = torch.from_numpy(self.env.state())
        following, rewards, terminations, truncations, info = self.env.step(
            learner.choices.actions(chosen.numpy())
        )
        after = learner.see(torch.from_numpy(join_observations(following)))
        next_state = torch.from_numpy(self.env.state())
        # What follows an episode's end is the next episode's beginning; its own last is in the info.
        own_last = after
        ended, last = stack_final_observations(info)
        if len(ended):
            own_last = after.clone()
            own_last[torch.from_numpy(ended)] = learner.see(torch.from_numpy(join_observations(last)))
            next_state[torch.from_numpy(ended)] = torch.from_numpy(info["final_state"])[ended]
        learner.replay.add(
            observation=self.observation,
            next_observation=own_last,
            state=state,
            next_state=next_state,
            chosen=chosen,
            reward=torch.from_numpy(rewards).float() * learner.config.reward_scale,
            terminated=torch.from_numpy(terminations),
            truncated=torch.from_numpy(truncations),
        )
        self.observation = after
        return info


class ValueTeam:
    """The trained team: every agent makes its best choices. A `soc_env.policy.TeamPolicy`.

    Subclasses name the learner, its config and themselves.
    """

    version: ClassVar[str] = "1"
    class_name: ClassVar[str]
    learner_class: ClassVar[type[ValueLearner]]
    config_class: ClassVar[type[ValueConfig]]

    def __init__(self, utilities: nn.ModuleDict, see: Sight, config: ValueConfig) -> None:
        self.utilities, self.see, self.config = utilities, see, config
        self.env_id = config.env_id
        self.choices = Choices.of(scenario_of(config), config.levels)

    @classmethod
    def of(cls, learner: ValueLearner) -> Self:
        """The team that a learner has come to."""
        return cls(learner.utilities_alone(), learner.see, learner.config)

    @classmethod
    def untrained(cls, config: ValueConfig, seed: int) -> Self:
        """The team as training with that config and seed begins."""
        env = make_env(config)
        learner = new_learner(cls.learner_class, config, seed, env)
        env.close()
        return cls.of(learner)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to prepare: the policy has no memory and draws nothing."""
        check_reset(num_envs, seed)

    @torch.inference_mode()
    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """Actions {agent: float32 (num_envs, dim) in [-1, 1], or int64 (num_envs,)}; see `read_inputs`."""
        joint, _ = read_inputs(observations, episode_starts)
        seen, parts = self.see(torch.from_numpy(joint)), self.see.parts
        chosen = torch.cat([_utility(self.utilities, a).greedy(seen[:, parts[a]]) for a in AGENTS], -1)
        return self.choices.actions(chosen.numpy())

    def save(self, path: str | Path) -> None:
        """Write a safetensors file whose metadata names class, config, env_id, env and version."""
        tensors = checkpoint.prefixed("utilities", checkpoint.module_tensors(self.utilities))
        tensors |= checkpoint.prefixed("normalizer", checkpoint.module_tensors(self.see.normalizer))
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
        config: ValueConfig = from_mapping(cls.config_class, about["config"])
        normalizer = Normalizer(JOINT_OBSERVATION_SIZE)
        checkpoint.load_module_tensors(normalizer, checkpoint.part("normalizer", tensors))
        choices = Choices.of(scenario_of(config), config.levels)
        utilities = new_utilities(config, choices, see := Sight(normalizer), torch.Generator())
        checkpoint.load_module_tensors(utilities, checkpoint.part("utilities", tensors))
        return cls(utilities, see, config)


def new_utilities(
    config: ValueConfig, choices: Choices, see: Sight, generator: torch.Generator
) -> nn.ModuleDict:
    """A `Utility` for each agent."""
    return nn.ModuleDict(
        {
            agent: Utility(
                see.parts[agent].stop - see.parts[agent].start,
                choices.counts(agent),
                _own_places(config, see, agent),
                config.hidden_sizes,
                0.0 if agent == TRIAGE else config.initial_lead,
                generator,
            )
            for agent in AGENTS
        }
    )


def _own_places(config: ValueConfig, see: Sight, agent: str) -> Tensor | None:
    """See `Utility`; None: what the agent does is not the same in every segment."""
    scenario = scenario_of(config)
    if shared_family(scenario, agent) is None:
        return None
    return see.places(own_entries(scenario, agent)) - see.parts[agent].start


def new_learner(
    learner_class: type[ValueLearner],
    config: ValueConfig,
    seed: int,
    env: TeamLanes,
    see: Sight | None = None,
) -> ValueLearner:
    """A learner as training with that seed begins; resets `env`, unless told what to `see` of it."""
    see = see or take_sight(env, config.normalization_steps, seed)
    choices = Choices.of(scenario_of(config), config.levels)
    return learner_class(config, seed, choices, see, env.state().shape[-1])


class ValueTraining:
    """A team and the lanes that it plays in; see `agent_zoo.learning.loop`."""

    def __init__(self, team_class: type[ValueTeam], config: ValueConfig, seed: int) -> None:
        self.team_class, self.config = team_class, config
        self.env = make_env(config)
        start = load_start(team_class, config, ("hidden_sizes", "levels"))
        self.learner = new_learner(team_class.learner_class, config, seed, self.env, start and start.see)
        if start is not None:
            self.learner.start_from(start.utilities)
        self.collector = Collector(self.env, self.learner)
        self.collector.begin(self.env.reset(seed=seed)[0])

    def learn_round(self, clock: loop.Clock) -> dict[str, float]:
        """Steps of every lane for as long as random choices are held, and updates after each."""
        self.learner.set_progress(clock.progress)
        watched: dict[str, float] = {}
        for _ in range(self.config.noise_steps):
            clock.tick(self.collector.step(clock.vector_steps))
            if len(self.learner.replay) >= self.config.warmup:
                for _ in range(self.config.updates):
                    loss = self.learner.update()
                watched = {"loss": loss.item()}
        return watched

    def tensors(self) -> checkpoint.Tensors:
        learned = checkpoint.prefixed("learner", self.learner.tensors())
        return learned | checkpoint.prefixed("env", self.env.save_state())

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.learner.load_tensors(checkpoint.part("learner", tensors))
        self.collector.begin(self.env.load_state(checkpoint.part("env", tensors)))

    def save_policy(self, path: Path) -> None:
        self.team_class.of(self.learner).save(path)


def train_values(
    team_class: type[ValueTeam],
    name: str,
    config: ValueConfig,
    *,
    seed: int,
    run_dir: Path,
    resume: bool,
    progress: bool,
) -> Path:
    """Train one team and return the path of its policy file; see `agent_zoo.learning.loop.run`."""
    seed = check_training_seed(seed)
    torch.set_num_threads(config.num_threads)
    training = ValueTraining(team_class, config, seed)
    path = loop.run(name, config, training, seed=seed, run_dir=run_dir, resume=resume, progress=progress)
    training.env.close()
    return path
