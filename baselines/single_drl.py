"""Single-DRL: one PPO (Schulman et al. 2017) plays the whole team.

The actor sees the joint observation (352 numbers) and answers with a Gaussian over the 36 controls of
the coordinator, hunter and responder and a choice among the triage's 4 verdicts. The Gaussian is not
squashed: the environment clips, and log-probabilities are those of exactly the action that was drawn.
The published baseline compared log-probabilities from before its tanh with ones from after it.

Exploration noise is drawn for each lane and held for some steps: what a slightly higher scope is worth
shows over an episode, not in one step, and noise that changes every step averages it out. Each step's
action is still distributed as its log-probability says.

From top to bottom: config, networks, loss, learner, collection, training, and the trained policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import Categorical, Normal

from agent_zoo.learning import checkpoint
from agent_zoo.learning.config import check, from_mapping, to_mapping
from agent_zoo.learning.environment import make_env
from agent_zoo.learning.networks import mlp
from agent_zoo.learning.policy_file import load_policy_file, save_policy_file
from agent_zoo.learning.ppo import clipped_objective, standardized
from agent_zoo.learning.progress import EpisodeProgress
from agent_zoo.learning.rollout import Rollout, generalized_advantages
from agent_zoo.learning.run_directory import RunDirectory
from soc_env.faces.vector import TeamVectorEnv, stack_final_observations
from soc_env.seeds import check_training_seed
from soc_env.team import (
    AGENTS,
    CONTROL_SIZE,
    CONTROL_SLICES,
    JOINT_OBSERVATION_SIZE,
    NUM_VERDICTS,
    TRIAGE,
    Actions,
    join_observations,
)


@dataclass(frozen=True)
class Config:
    """Everything that a run of Single-DRL depends on besides its seed; values lie in configs/*.yaml."""

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
    """Hidden layers of the actor and of the critic."""
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
    """Transitions in one gradient step."""
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
        expectation = f"a divisor of num_envs * rollout_steps = {transitions}"
        check(transitions % self.minibatch_size == 0, "minibatch_size", self.minibatch_size, expectation)
        expectation = f"a divisor of rollout_steps = {self.rollout_steps}"
        check(self.rollout_steps % self.noise_steps == 0, "noise_steps", self.noise_steps, expectation)


class Actor(nn.Module):
    """Joint observation (batch, 352) to means of the controls (batch, 36) and verdict logits (batch, 4)."""

    def __init__(
        self, hidden_sizes: tuple[int, ...], initial_log_std: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        outputs = CONTROL_SIZE + NUM_VERDICTS
        self.body = mlp(JOINT_OBSERVATION_SIZE, hidden_sizes, outputs, output_gain=0.01, generator=generator)
        self.log_std = nn.Parameter(torch.full((CONTROL_SIZE,), initial_log_std))
        self.initial_std = math.exp(initial_log_std)

    def forward(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        mean, logits = self.body(observation).split((CONTROL_SIZE, NUM_VERDICTS), dim=-1)
        # In units of the noise, so that one step of the optimiser moves the mean by a small part of it.
        return mean * self.initial_std, logits

    def distributions(self, observation: Tensor) -> tuple[Normal, Categorical]:
        """Of the controls (independent of each other) and of the verdict."""
        mean, logits = self(observation)
        controls = Normal(mean, self.log_std.exp().expand_as(mean), validate_args=False)
        return controls, Categorical(logits=logits, validate_args=False)


def joint_log_prob(controls: Normal, verdict: Categorical, drawn: Tensor, chosen: Tensor) -> Tensor:
    """Log-probability (batch,) of the joint action: controls `drawn` and verdict `chosen`."""
    return controls.log_prob(drawn).sum(-1) + verdict.log_prob(chosen)


class Losses(NamedTuple):
    """Scalars; the first three are minimised, the last two only watched."""

    policy: Tensor
    value: Tensor
    negative_entropy: Tensor
    kl: Tensor
    clipped_share: Tensor


def ppo_losses(actor: Actor, critic: nn.Module, batch: Mapping[str, Tensor], clip: float) -> Losses:
    """PPO's clipped objective and the critic's squared error.

    Args:
        batch: observation, controls, verdict, log_prob (of that joint action when it was drawn),
            advantage, target (of the critic).
        clip: epsilon of the clipped objective.
    """
    controls, verdict = actor.distributions(batch["observation"])
    log_prob = joint_log_prob(controls, verdict, batch["controls"], batch["verdict"])
    policy, kl, clipped_share = clipped_objective(log_prob, batch["log_prob"], batch["advantage"], clip)
    value = 0.5 * (critic(batch["observation"]).squeeze(-1) - batch["target"]).square().mean()
    negative_entropy = -(controls.entropy().sum(-1) + verdict.entropy()).mean()
    return Losses(policy, value, negative_entropy, kl, clipped_share)


class Drawn(NamedTuple):
    """Joint actions: controls (n, 36), verdict and log_prob (n,)."""

    controls: Tensor
    verdict: Tensor
    log_prob: Tensor


class Learner:
    """Actor, critic, optimiser and the generator of all randomness; knows nothing of the environment."""

    def __init__(self, config: Config, seed: int) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(seed)
        self.actor = Actor(config.hidden_sizes, config.initial_log_std, self.generator)
        self.critic = mlp(
            JOINT_OBSERVATION_SIZE, config.hidden_sizes, 1, output_gain=1.0, generator=self.generator
        )
        parameters = [*self.actor.parameters(), *self.critic.parameters()]
        self.optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, eps=1e-5, fused=True)

    def set_progress(self, progress: float) -> None:
        """Set the learning rate for `progress`, the part of the training's episodes that are done."""
        first, last = self.config.learning_rate, self.config.final_learning_rate
        self.optimizer.param_groups[0]["lr"] = first + (last - first) * progress

    def draw_noise(self, num_envs: int) -> Tensor:
        """Standard normal exploration noise (num_envs, 36) for `draw`."""
        return torch.randn(num_envs, CONTROL_SIZE, generator=self.generator)

    @torch.no_grad()
    def draw(self, observation: Tensor, noise: Tensor) -> Drawn:
        """Draw an action for every lane, its controls by `noise`."""
        controls, verdict = self.actor.distributions(observation)
        drawn = controls.mean + controls.stddev * noise
        chosen = torch.multinomial(verdict.probs, 1, generator=self.generator).squeeze(-1)
        return Drawn(drawn, chosen, joint_log_prob(controls, verdict, drawn, chosen))

    @torch.no_grad()
    def value(self, observation: Tensor) -> Tensor:
        """The critic's estimate (n,), of scaled rewards."""
        return self.critic(observation).squeeze(-1)

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
        sums, count = torch.zeros(len(Losses._fields)), 0
        for _ in range(config.epochs):
            order = torch.randperm(len(batch["target"]), generator=self.generator)
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


def new_rollout(config: Config) -> Rollout:
    """Storage for what `collect` gathers."""
    scalar = ((), torch.float32)
    fields = {
        "observation": ((JOINT_OBSERVATION_SIZE,), torch.float32),
        "controls": ((CONTROL_SIZE,), torch.float32),
        "verdict": ((), torch.int64),
        "terminated": ((), torch.bool),
        "truncated": ((), torch.bool),
        **dict.fromkeys(("log_prob", "value", "next_value", "reward"), scalar),
    }
    return Rollout(config.rollout_steps, config.num_envs, fields)


def collect(
    env: TeamVectorEnv,
    observation: Tensor,
    learner: Learner,
    rollout: Rollout,
    on_step: Callable[[dict[str, Any]], None],
) -> Tensor:
    """Fill a rollout from `observation` on, calling `on_step` with every step's info; returns the next one.

    In same-step autoreset mode the observation that follows an episode's end is the next episode's first.
    An episode's own last one, which values it if it was truncated, is in the info.
    """
    value = learner.value(observation)
    for step in range(rollout.num_steps):
        if step % learner.config.noise_steps == 0:
            noise = learner.draw_noise(env.num_envs)
        drawn = learner.draw(observation, noise)
        actions = team_actions(drawn.controls.numpy(), drawn.verdict.numpy())
        following, reward, terminated, truncated, info = env.step(actions)
        rollout.store(step, observation=observation, value=value, **drawn._asdict())
        observation = torch.from_numpy(join_observations(following))
        value = learner.value(observation)
        next_value = value.clone()
        lanes, last = stack_final_observations(info)
        if len(lanes):
            next_value[torch.from_numpy(lanes)] = learner.value(torch.from_numpy(join_observations(last)))
        rollout.store(
            step,
            reward=torch.from_numpy(reward) * learner.config.reward_scale,
            terminated=torch.from_numpy(terminated),
            truncated=torch.from_numpy(truncated),
            next_value=next_value,
        )
        on_step(info)
    return observation


def train(config: Config, *, seed: int, run_dir: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train one team and return the path of its policy file.

    Args:
        config: see `Config`.
        seed: a training seed (soc_env.seeds); it fixes the result.
        run_dir: where the run's files go, see agent_zoo.learning.run_directory.
        resume: go on from the latest checkpoint there, with the same result as if never interrupted.
        progress: show a progress bar.

    Raises:
        FloatingPointError: training diverged; the message names the step and the last good checkpoint.
    """
    seed = check_training_seed(seed)
    torch.set_num_threads(config.num_threads)
    learner = Learner(config, seed)
    rollout = new_rollout(config)
    env = make_env(config)
    first, _ = env.reset(seed=seed)
    run = RunDirectory(
        run_dir,
        config,
        learner="single-drl",
        seed=seed,
        num_episodes=config.num_episodes,
        checkpoint_seconds=config.checkpoint_seconds,
        resume=resume,
    )
    step, episodes = run.step, run.episodes
    if run.restored:
        learner.load_tensors(checkpoint.part("learner", run.restored))
        first = env.load_state(checkpoint.part("env", run.restored))
    observation = torch.from_numpy(join_observations(first))

    def record(info: dict[str, Any]) -> None:
        nonlocal step
        step += config.num_envs
        episodes.record(info, step)

    def save() -> None:
        learned = checkpoint.prefixed("learner", learner.tensors())
        run.save_checkpoint(step, learned | checkpoint.prefixed("env", env.save_state()))

    with run, EpisodeProgress(f"single-drl {seed}", config.num_episodes, episodes.count, progress) as bar:
        while not episodes.full:
            observation = collect(env, observation, learner, rollout, record)
            learner.set_progress(episodes.count / config.num_episodes)
            try:
                losses = learner.update(rollout)
            except FloatingPointError as error:
                last_good = run.last_checkpoint or "none was written yet"
                raise FloatingPointError(f"step {step}: {error}; last good checkpoint: {last_good}") from None
            spread = learner.actor.log_std.detach().exp().mean().item()
            run.log(step, {**losses, "std": spread, "recent_return": episodes.recent_return})
            bar.update(episodes.count, episodes.recent_return)
            if run.checkpoint_due():
                save()
        save()
        policy_path = run.path / "policy.safetensors"
        SingleDRL(learner.actor, config).save(policy_path)
        run.finish(step)
    env.close()
    return policy_path


class SingleDRL:
    """The trained team: greedy, that is the mean of the controls and the likeliest verdict."""

    version: ClassVar[str] = "1"
    class_name: ClassVar[str] = "baselines.single_drl:SingleDRL"

    def __init__(self, actor: Actor, config: Config) -> None:
        self.actor, self.config = actor, config
        self.env_id = config.env_id

    @classmethod
    def untrained(cls, config: Config, seed: int) -> Self:
        """The team as training with that config and seed begins."""
        return cls(Learner(config, seed).actor, config)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to prepare: the policy has no memory and draws nothing."""

    @torch.inference_mode()
    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """Actions {agent: float32 (num_envs, dim) in [-1, 1], or int64 (num_envs,)}."""
        mean, logits = self.actor(torch.from_numpy(join_observations(observations)))
        return team_actions(mean.clamp(-1.0, 1.0).numpy(), logits.argmax(-1).numpy())

    def save(self, path: str | Path) -> None:
        """Write a safetensors file whose metadata names class, config, env_id and version."""
        tensors = checkpoint.module_tensors(self.actor)
        about = {"class_name": self.class_name, "env_id": self.env_id, "version": self.version}
        save_policy_file(Path(path), tensors, config=to_mapping(self.config), **about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote."""
        tensors, about = load_policy_file(Path(path), cls.class_name)
        config = from_mapping(Config, about["config"])
        actor = Actor(config.hidden_sizes, config.initial_log_std, torch.Generator())
        checkpoint.load_module_tensors(actor, tensors)
        return cls(actor, config)
