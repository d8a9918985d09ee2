"""What Single-DRL and MAPPO share: PPO (Schulman et al. 2017) of a whole team, from config to trained team.

They differ in what an actor sees, in what the critic sees and in whose probabilities a ratio compares. The
triage's verdict is drawn from a categorical distribution, the other 36 controls from a Gaussian. It is
not squashed: the environment clips, and log-probabilities are those of exactly the action that was drawn.

Exploration noise is drawn for each lane and held for some steps: what a slightly higher scope is worth
shows over an episode, not in one step, and noise that changes every step averages it out. Each step's
action is still distributed as its log-probability says.

From top to bottom: config, actors, loss, learner, collection, the trained team, and training.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Categorical, Normal

from agent_zoo.learning import checkpoint, loop
from agent_zoo.learning.config import check, from_mapping, to_mapping
from agent_zoo.learning.draws import normal, permutation
from agent_zoo.learning.environment import make_env
from agent_zoo.learning.networks import mlp
from agent_zoo.learning.policy_file import load_policy_file, save_policy_file
from agent_zoo.learning.ppo import clipped_objective, standardized
from agent_zoo.learning.rollout import Rollout, generalized_advantages
from agent_zoo.learning.start import load_start
from soc_env.contract import TeamLanes
from soc_env.faces.vector import stack_final_observations
from soc_env.policy_inputs import check_reset, read_inputs
from soc_env.seeds import check_training_seed
from soc_env.team import (
    AGENTS,
    CONTROL_SIZE,
    CONTROL_SLICES,
    JOINT_OBSERVATION_SIZE,
    TRIAGE,
    Actions,
    join_observations,
)


@dataclass(frozen=True)
class PolicyConfig:
    """Everything that a run depends on besides its seed; values lie in configs/*.yaml."""

    env_id: str
    """Scenario to train on."""
    env: dict[str, Any]
    """Keyword arguments of the scenario's `vector_env`, for instance {"stealth": 0.5}."""
    num_episodes: int
    """Episodes to train for."""
    num_envs: int
    """Lanes that collect side by side."""
    rollout_steps: int
    """Steps of every lane between two updates."""
    hidden_sizes: tuple[int, ...]
    """Hidden layers of every network."""
    initial_log_std: float
    """Logarithm of the controls' standard deviation at the start; it is learned from there."""
    noise_steps: int
    """Steps for which a lane's exploration noise is held; 1 draws it anew in every step."""
    learning_rate: float
    """Adam's step size at the start."""
    final_learning_rate: float
    """And at the last episode; it changes linearly in between."""
    discount: float
    """Gamma."""
    gae_lambda: float
    """Lambda of the advantage estimate."""
    epochs: int
    """Passes over each rollout."""
    minibatch_size: int
    """Transitions in one gradient step; more than a rollout has: all of them."""
    clip: float
    """How far the probability ratio may move from 1 before its gradient is cut off."""
    entropy_coefficient: float
    """Weight of the entropy of controls and verdict."""
    max_gradient_norm: float
    """Bound on the gradient's norm, of the actor and the critic each."""
    reward_scale: float
    """What rewards are multiplied by before learning, so that the critic's targets are of order one."""
    num_threads: int
    """Torch's threads."""
    checkpoint_seconds: float
    """Least time between two checkpoints."""
    initial_policy: str | None = field(default=None, kw_only=True)
    """A team to go on from instead of random networks: the path of a policy or a run, or packaged weights,
    NAME-SEED of soc_v0 or ENV/NAME-SEED."""

    def __post_init__(self) -> None:
        counts = ("num_episodes", "num_envs", "rollout_steps", "noise_steps", "epochs", "minibatch_size")
        for key in (*counts, "num_threads"):
            check(getattr(self, key) >= 1, key, getattr(self, key), "an integer of at least 1")
        for key in ("learning_rate", "clip", "max_gradient_norm", "reward_scale"):
            value = getattr(self, key)
            check(0 < value < math.inf, key, value, "a number greater than 0")
        for key in ("discount", "gae_lambda"):
            check(0 <= getattr(self, key) <= 1, key, getattr(self, key), "a number from 0 to 1")
        for key in ("final_learning_rate", "entropy_coefficient", "checkpoint_seconds"):
            check(getattr(self, key) >= 0, key, getattr(self, key), "a number of at least 0")
        check(math.isfinite(self.initial_log_std), "initial_log_std", self.initial_log_std, "finite")
        check(all(size >= 1 for size in self.hidden_sizes), "hidden_sizes", self.hidden_sizes, "positive")
        transitions = self.num_envs * self.rollout_steps
        expectation = f"a divisor of num_envs * rollout_steps = {transitions}, or more than that"
        fits = self.minibatch_size > transitions or transitions % self.minibatch_size == 0
        check(fits, "minibatch_size", self.minibatch_size, expectation)
        expectation = f"a divisor of rollout_steps = {self.rollout_steps}"
        check(self.rollout_steps % self.noise_steps == 0, "noise_steps", self.noise_steps, expectation)


class TeamActor(nn.Module, ABC):
    """Joint observations to the distribution of the team's actions."""

    def __init__(self, initial_log_std: float) -> None:
        super().__init__()
        self.log_std = nn.Parameter(
            torch.full((CONTROL_SIZE,), initial_log_std, dtype=torch.float32, device="cpu")
        )
        self.initial_std = math.exp(initial_log_std)

    @abstractmethod
    def outputs(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Of joint observations (batch, 352), for the controls (batch, 36) and the verdict (batch, 4)."""

    def grouped(self, log_probs: Tensor) -> Tensor:
        """Log-probabilities (batch, agents) as sums (batch, groups) over whoever shares a ratio."""
        return log_probs

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Means of the controls (batch, 36) and logits of the verdict (batch, 4)."""
        mean, logits = self.outputs(observation)
        # In units of the noise, so that one step of the optimiser moves the mean by a small part of it.
        return mean * self.initial_std, logits

    def distributions(self, observation: Tensor) -> tuple[Normal, Categorical]:
        """Of the controls (independent of each other) and of the verdict."""
        mean, logits = self(observation)
        controls = Normal(mean, self.log_std.exp().expand_as(mean), validate_args=False)
        return controls, Categorical(logits=logits, validate_args=False)

    def log_prob(self, controls: Normal, verdict: Categorical, drawn: Tensor, chosen: Tensor) -> Tensor:
        """Log-probabilities (batch, groups) of controls `drawn` and verdicts `chosen`."""
        of_controls = controls.log_prob(drawn)
        by_agent = [
            verdict.log_prob(chosen) if agent == TRIAGE else of_controls[:, CONTROL_SLICES[agent]].sum(-1)
            for agent in AGENTS
        ]
        return self.grouped(torch.stack(by_agent, -1))


class Losses(NamedTuple):
    """Scalars; the first three are minimised, the last two only watched."""

    policy: Tensor
    value: Tensor
    negative_entropy: Tensor
    kl: Tensor
    clipped_share: Tensor


def ppo_losses(actor: TeamActor, critic: nn.Module, batch: Mapping[str, Tensor], clip: float) -> Losses:
    """PPO's clipped objective and the critic's squared error.

    Args:
        batch: observation, valued (what the critic sees), controls, verdict, log_prob (batch, groups; when
            they were drawn), advantage, target (of the critic).
        clip: epsilon of the clipped objective.
    """
    controls, verdict = actor.distributions(batch["observation"])
    log_prob = actor.log_prob(controls, verdict, batch["controls"], batch["verdict"])
    policy, kl, clipped_share = clipped_objective(
        log_prob, batch["log_prob"], batch["advantage"][:, None], clip
    )
    value = 0.5 * (critic(batch["valued"]).squeeze(-1) - batch["target"]).square().mean()
    negative_entropy = -(controls.entropy().sum(-1) + verdict.entropy()).mean()
    return Losses(policy, value, negative_entropy, kl, clipped_share)


class Drawn(NamedTuple):
    """Joint actions: controls (n, 36), verdict (n,) and log_prob (n, groups)."""

    controls: Tensor
    verdict: Tensor
    log_prob: Tensor


class PolicyLearner(ABC):
    """Actor, critic, optimiser and the generator of all randomness; knows nothing of the environment.

    Subclasses say what the actor is and what the critic sees.

    Args:
        config: see `PolicyConfig`.
        seed: of the generator.
        state_size: of the environment's `state()`.
    """

    def __init__(self, config: Any, seed: int, state_size: int) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(seed)
        self.actor = self.new_actor(config, self.generator)
        self.critic_inputs = self.valued_size(state_size)
        self.critic = mlp(
            self.critic_inputs, config.hidden_sizes, 1, output_gain=1.0, generator=self.generator
        )
        parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, eps=1e-5, fused=True)

    @staticmethod
    @abstractmethod
    def new_actor(config: Any, generator: torch.Generator) -> TeamActor:
        """The actor as training begins."""

    @staticmethod
    @abstractmethod
    def valued_size(state_size: int) -> int:
        """Size of what the critic sees."""

    @staticmethod
    @abstractmethod
    def valued(env: TeamLanes, observation: Tensor) -> Tensor:
        """What the critic sees of the lanes as they are, (n, valued_size); `observation` is theirs."""

    @staticmethod
    @abstractmethod
    def last_valued(last_observations: Tensor, last_states: Tensor) -> Tensor:
        """And of ended episodes, (n, valued_size)."""

    def set_progress(self, progress: float) -> None:
        """Set the learning rate for `progress`, the part of the training's episodes that are done."""
        first, last = self.config.learning_rate, self.config.final_learning_rate
        self.optimizer.param_groups[0]["lr"] = first + (last - first) * progress

    def draw_noise(self, num_envs: int) -> Tensor:
        """Standard normal exploration noise (num_envs, 36) for `draw`."""
        return normal((num_envs, CONTROL_SIZE), self.generator)

    @torch.no_grad()
    def draw(self, observation: Tensor, noise: Tensor) -> Drawn:
        """Draw an action for every lane, its controls by `noise`."""
        controls, verdict = self.actor.distributions(observation)
        drawn = controls.mean + controls.stddev * noise
        chosen = torch.multinomial(verdict.probs, 1, generator=self.generator).squeeze(-1)
        return Drawn(drawn, chosen, self.actor.log_prob(controls, verdict, drawn, chosen))

    @torch.no_grad()
    def value(self, valued: Tensor) -> Tensor:
        """The critic's estimate (n,), of scaled rewards."""
        return self.critic(valued).squeeze(-1)

    def update(self, rollout: Rollout) -> dict[str, float]:
        """Learn from one rollout and return the means of what was minimised or watched.

        Raises:
            FloatingPointError: a loss or gradient is not finite; the parameters still are.
        """
        config = self.config
        advantage = generalized_advantages(
            rollout["reward"],
            rollout["value"],
            rollout["next_value"],
            rollout["terminated"],
            rollout["truncated"],
            config.discount,
            config.gae_lambda,
        )
        batch = rollout.flat()
        batch["target"] = (advantage + rollout["value"]).flatten()
        batch["advantage"] = standardized(advantage.flatten())
        sums, count = batch["target"].new_zeros(len(Losses._fields)), 0
        for _ in range(config.epochs):
            order = permutation(len(batch["target"]), self.generator)
            for chosen in order.split(config.minibatch_size):
                minibatch = {name: tensor[chosen] for name, tensor in batch.items()}
                losses = ppo_losses(self.actor, self.critic, minibatch, config.clip)
                self._descend(losses)
                sums, count = sums + torch.stack(losses).detach(), count + 1
        return dict(zip(Losses._fields, (sums / count).tolist(), strict=True))

    def _descend(self, losses: Losses) -> None:
        # Actor and critic share no parameter, so the value loss needs no coefficient.
        loss = losses.policy + losses.value + self.config.entropy_coefficient * losses.negative_entropy
        self.optimizer.zero_grad()
        loss.backward()
        norms = [
            nn.utils.clip_grad_norm_(network.parameters(), self.config.max_gradient_norm)
            for network in (self.actor, self.critic)
        ]
        if not torch.isfinite(loss + sum(norms)):
            named = ", ".join(f"{name} {value.item():.4g}" for name, value in losses._asdict().items())
            raise FloatingPointError(f"loss or gradient is not finite ({named})")
        self.optimizer.step()

    def tensors(self) -> checkpoint.Tensors:
        """Everything that later updates depend on."""
        return {
            **checkpoint.prefixed("actor", checkpoint.module_tensors(self.actor)),
            **checkpoint.prefixed("critic", checkpoint.module_tensors(self.critic)),
            **checkpoint.prefixed("optimizer", checkpoint.optimizer_tensors(self.optimizer)),
            "generator": self.generator.get_state().numpy(),
        }

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Go on from `tensors()` of a learner of the same config."""
        checkpoint.load_module_tensors(self.actor, checkpoint.part("actor", tensors))
        checkpoint.load_module_tensors(self.critic, checkpoint.part("critic", tensors))
        checkpoint.load_optimizer_tensors(self.optimizer, checkpoint.part("optimizer", tensors))
        self.generator.set_state(torch.from_numpy(tensors["generator"].copy()))


def team_actions(controls: NDArray[np.float32], verdict: NDArray[np.int64]) -> Actions:
    """Each agent's part of controls (n, 36) and verdicts (n,)."""
    return {agent: verdict if agent == TRIAGE else controls[:, CONTROL_SLICES[agent]] for agent in AGENTS}


def new_rollout(learner: PolicyLearner) -> Rollout:
    """Storage for what `collect` gathers."""
    config, scalar = learner.config, ((), torch.float32)
    groups = learner.actor.grouped(learner.actor.log_std.new_zeros(1, len(AGENTS))).shape[-1]
    fields = {
        "observation": ((JOINT_OBSERVATION_SIZE,), torch.float32),
        "valued": ((learner.critic_inputs,), torch.float32),
        "controls": ((CONTROL_SIZE,), torch.float32),
        "verdict": ((), torch.int64),
        "log_prob": ((groups,), torch.float32),
        "terminated": ((), torch.bool),
        "truncated": ((), torch.bool),
        **dict.fromkeys(("value", "next_value", "reward"), scalar),
    }
    return Rollout(config.rollout_steps, config.num_envs, fields)


def collect(
    env: TeamLanes,
    observation: Tensor,
    learner: PolicyLearner,
    rollout: Rollout,
    on_step: Callable[[dict[str, Any]], None],
) -> Tensor:
    """Fill a rollout from `observation` on, calling `on_step` with every step's info; returns the next one.

    In same-step autoreset mode the observation that follows an episode's end is the next episode's first.
    An episode's own last one, which values it if it was truncated, is in the info.
    """
    valued = learner.valued(env, observation)
    value = learner.value(valued)
    for step in range(rollout.num_steps):
        if step % learner.config.noise_steps == 0:
            noise = learner.draw_noise(env.num_envs)
        drawn = learner.draw(observation, noise)
        actions = team_actions(drawn.controls.numpy(), drawn.verdict.numpy())
        following, reward, terminated, truncated, info = env.step(actions)
        rollout.store(step, observation=observation, valued=valued, value=value, **drawn._asdict())
        observation = torch.from_numpy(join_observations(following))
        valued = learner.valued(env, observation)
        value = learner.value(valued)
        next_value = value.clone()
        lanes, last = stack_final_observations(info)
        if len(lanes):
            ended = torch.from_numpy(lanes)
            own_last = learner.last_valued(
                torch.from_numpy(join_observations(last)), torch.from_numpy(info["final_state"])[ended]
            )
            next_value[ended] = learner.value(own_last)
        rollout.store(
            step,
            reward=torch.from_numpy(reward) * learner.config.reward_scale,
            terminated=torch.from_numpy(terminated),
            truncated=torch.from_numpy(truncated),
            next_value=next_value,
        )
        on_step(info)
    return observation


class PolicyTeam:
    """The trained team: greedy, that is the mean of the controls and the likeliest verdict.

    Subclasses name the learner, its config and themselves.
    """

    version: ClassVar[str] = "1"
    class_name: ClassVar[str]
    learner_class: ClassVar[type[PolicyLearner]]
    config_class: ClassVar[type[PolicyConfig]]

    def __init__(self, actor: TeamActor, config: PolicyConfig) -> None:
        self.actor, self.config = actor, config
        self.env_id = config.env_id

    @classmethod
    def untrained(cls, config: PolicyConfig, seed: int) -> Self:
        """The team as training with that config and seed begins."""
        generator = torch.Generator().manual_seed(seed)
        return cls(cls.learner_class.new_actor(config, generator), config)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to prepare: the policy has no memory and draws nothing."""
        check_reset(num_envs, seed)

    @torch.inference_mode()
    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """Actions {agent: float32 (num_envs, dim) in [-1, 1], or int64 (num_envs,)}; see `read_inputs`."""
        joint, _ = read_inputs(observations, episode_starts)
        mean, logits = self.actor(torch.from_numpy(joint))
        return team_actions(mean.clamp(-1.0, 1.0).numpy(), logits.argmax(-1).numpy())

    def save(self, path: str | Path) -> None:
        """Write a safetensors file whose metadata names class, config, env_id, env and version."""
        tensors = checkpoint.module_tensors(self.actor)
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
        config: PolicyConfig = from_mapping(cls.config_class, about["config"])
        actor = cls.learner_class.new_actor(config, torch.Generator())
        checkpoint.load_module_tensors(actor, tensors)
        return cls(actor, config)


class PolicyTraining:
    """A team, the lanes that it plays in, and what it gathers there; see `agent_zoo.learning.loop`."""

    def __init__(self, team_class: type[PolicyTeam], config: PolicyConfig, seed: int) -> None:
        self.team_class, self.config = team_class, config
        self.env = make_env(config)
        observations, _ = self.env.reset(seed=seed)
        self.observation = torch.from_numpy(join_observations(observations))
        self.learner = team_class.learner_class(config, seed, self.env.state().shape[-1])
        start = load_start(team_class, config, ("hidden_sizes", "initial_log_std"))
        if start is not None:
            self.learner.actor.load_state_dict(start.actor.state_dict())
        self.rollout = new_rollout(self.learner)

    def learn_round(self, clock: loop.Clock) -> dict[str, float]:
        """One rollout and the update from it."""
        self.observation = collect(self.env, self.observation, self.learner, self.rollout, clock.tick)
        self.learner.set_progress(clock.progress)
        losses = self.learner.update(self.rollout)
        return {**losses, "std": self.learner.actor.log_std.detach().exp().mean().item()}

    def tensors(self) -> checkpoint.Tensors:
        learned = checkpoint.prefixed("learner", self.learner.tensors())
        return learned | checkpoint.prefixed("env", self.env.save_state())

    def load_tensors(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.learner.load_tensors(checkpoint.part("learner", tensors))
        observations = self.env.load_state(checkpoint.part("env", tensors))
        self.observation = torch.from_numpy(join_observations(observations))

    def save_policy(self, path: Path) -> None:
        self.team_class(self.learner.actor, self.config).save(path)


def train_policies(
    team_class: type[PolicyTeam],
    name: str,
    config: PolicyConfig,
    *,
    seed: int,
    run_dir: Path,
    resume: bool,
    progress: bool,
) -> Path:
    """Train one team and return the path of its policy file; see `agent_zoo.learning.loop.run`."""
    seed = check_training_seed(seed)
    torch.set_num_threads(config.num_threads)
    training = PolicyTraining(team_class, config, seed)
    path = loop.run(name, config, training, seed=seed, run_dir=run_dir, resume=resume, progress=progress)
    training.env.close()
    return path
