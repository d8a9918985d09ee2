"""The strategic coordinator: PPO over directives that are held for K steps, a semi-Markov process."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributions import Categorical

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.learning.draws import permutation, uniform
from agent_zoo.learning.networks import descend, mlp
from agent_zoo.learning.ppo import clipped_objective, standardized
from agent_zoo.learning.rollout import Rollout, generalized_advantages
from soc_env.team import CONTROL_SIZES, COORDINATOR, OBSERVATION_SIZES

NUM_DIRECTIVES = 8
OBSERVATION_SIZE = OBSERVATION_SIZES[COORDINATOR]


def directives() -> Tensor:
    """The paper's eight directives (8, 8): four priorities p, each with the flag f off and on."""
    rows = []
    for choice in range(NUM_DIRECTIVES):
        p, f = -1 + 2 * (choice % 4) / 3, choice // 4
        rows.append([p, 0.8 * p, p, f, p, 0.6 * p, 0.5 * p, 0.5 * f])
    table = torch.tensor(rows, dtype=torch.float32, device="cpu")
    return table.reshape(NUM_DIRECTIVES, CONTROL_SIZES[COORDINATOR])


class CoordinatorActor(nn.Module):
    """Observation (batch, inputs) to logits (batch, 8) of the directives."""

    def __init__(
        self, hidden_sizes: tuple[int, ...], generator: torch.Generator, inputs: int = OBSERVATION_SIZE
    ) -> None:
        super().__init__()
        self.body = mlp(inputs, hidden_sizes, NUM_DIRECTIVES, output_gain=0.01, generator=generator)

    def forward(self, observation: Tensor) -> Tensor:
        return self.body(observation)

    def greedy(self, observation: Tensor) -> Tensor:
        """The likeliest directives' numbers, int64 (batch,)."""
        return self(observation).argmax(-1)


class Decisions:
    """Records the decisions of every lane, each at the step that completed it.

    A decision lasts `interval` steps, or until its episode ends. Its reward is the discounted sum over those
    steps, its discount gamma ** (number of steps). A decision that is open when a rollout ends is completed
    in the next one.
    """

    def __init__(
        self,
        num_steps: int,
        num_envs: int,
        interval: int,
        discount: float,
        device: str,
        inputs: int = OBSERVATION_SIZE,
    ) -> None:
        self.interval, self.discount = interval, discount
        scalar, observed = ((), torch.float32), ((inputs,), torch.float32)
        fields = {
            "observation": observed,
            "next_observation": observed,
            "choice": ((), torch.int64),
            **dict.fromkeys(("log_prob", "reward", "discount"), scalar),
            **dict.fromkeys(("terminated", "truncated", "complete"), ((), torch.bool)),
        }
        self.completed = Rollout(num_steps, num_envs, fields, device)
        of_lanes = torch.zeros(num_envs, dtype=torch.float32, device=device)
        self.open: dict[str, Tensor] = {
            "observation": of_lanes.new_zeros(num_envs, inputs),
            "choice": torch.zeros_like(of_lanes, dtype=torch.int64),
            "log_prob": of_lanes.clone(),
            "reward": of_lanes.clone(),
            "discount": torch.ones_like(of_lanes),
            "age": torch.full_like(of_lanes, interval, dtype=torch.int64),
        }
        self._step = 0

    @property
    def due(self) -> Tensor:
        """Lanes that need a new decision, bool (num_envs,)."""
        return self.open["age"] >= self.interval

    def begin(self, observation: Tensor, choice: Tensor, log_prob: Tensor) -> None:
        """Open the decisions of the lanes that are `due`; rows of other lanes are ignored."""
        due = self.due
        for name, value in (("choice", choice), ("log_prob", log_prob)):
            self.open[name] = torch.where(due, value, self.open[name])
        self.open["observation"] = torch.where(due[:, None], observation, self.open["observation"])
        self.open["reward"] = self.open["reward"] * ~due
        self.open["discount"] = torch.where(due, 1.0, self.open["discount"])
        self.open["age"] = self.open["age"] * ~due

    def step(self, reward: Tensor, next_observation: Tensor, terminated: Tensor, truncated: Tensor) -> Tensor:
        """Account for one environment step of every lane.

        Args:
            next_observation: (num_envs, inputs), an ended episode's own last one.

        Returns:
            bool (num_envs,): lanes whose decision is now complete.
        """
        now = self.open
        now["reward"] = now["reward"] + now["discount"] * reward
        now["discount"] = now["discount"] * self.discount
        now["age"] = torch.where(terminated | truncated, self.interval, now["age"] + 1)
        self.completed.store(
            self._step,
            next_observation=next_observation,
            terminated=terminated,
            truncated=truncated,
            complete=self.due,
            **{name: now[name] for name in ("observation", "choice", "log_prob", "reward", "discount")},
        )
        self._step = (self._step + 1) % self.completed.num_steps
        return self.due


class Coordinator:
    """The learner: actor, critic and what it needs of its decisions."""

    def __init__(self, config: Config, generator: torch.Generator, inputs: int = OBSERVATION_SIZE) -> None:
        self.config, self.generator = config.coordinator, generator
        self.max_norm = config.max_gradient_norm
        self.actor = CoordinatorActor(config.hidden_sizes, generator, inputs).to(config.device)
        self.critic = mlp(inputs, config.hidden_sizes, 1, output_gain=1.0, generator=generator).to(
            config.device
        )
        rate = config.coordinator.learning_rate
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), rate, fused=True)
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), rate, fused=True)

    @torch.no_grad()
    def draw(self, observation: Tensor) -> tuple[Tensor, Tensor]:
        """Choices, int64 (n,), and their log-probabilities (n,) for observations (n, inputs)."""
        logits = self.actor(observation)
        log_probs = (logits if self.config.learns else torch.zeros_like(logits)).log_softmax(-1)
        # Gumbel's trick rather than torch.multinomial: its draws come from our generator on any device.
        chance = uniform(log_probs.shape, self.generator).to(log_probs.device)
        choice = (log_probs - (-chance.clamp_min(1e-12).log()).log()).argmax(-1)
        return choice, log_probs.gather(-1, choice[:, None]).squeeze(-1)

    def choices(self, observation: Tensor) -> Tensor:
        """What it is expected to choose, int64 (n,): the likeliest, or any where it does not learn."""
        return self.actor.greedy(observation) if self.config.learns else self.draw(observation)[0]

    def update(self, completed: Rollout) -> dict[str, Tensor]:
        """Learn from the decisions that a rollout has completed; returns what is to be watched.

        Raises:
            FloatingPointError: a loss or gradient is not finite; the parameters still are.
        """
        if not self.config.learns:
            return {}
        with torch.no_grad():
            values = self.critic(completed["observation"]).squeeze(-1)
            next_values = self.critic(completed["next_observation"]).squeeze(-1)
        complete = completed["complete"]
        advantage = generalized_advantages(
            completed["reward"],
            values,
            next_values,
            completed["terminated"],
            completed["truncated"],
            completed["discount"],
            self.config.gae_lambda,
            complete,
        )
        batch = {name: completed[name][complete] for name in ("observation", "choice", "log_prob")}
        batch["target"] = (advantage + values)[complete]
        batch["advantage"] = standardized(advantage[complete])
        sums: dict[str, Tensor] = {}
        count = 0
        for _ in range(self.config.epochs):
            order = permutation(len(batch["target"]), self.generator)
            for chosen in order.split(self.config.minibatch_size):
                watched = self._learn({name: tensor[chosen] for name, tensor in batch.items()})
                sums = {name: value + sums.get(name, 0.0) for name, value in watched.items()}
                count += 1
        return {name: value / count for name, value in sums.items()}

    def _learn(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        policy = Categorical(logits=self.actor(batch["observation"]), validate_args=False)
        objective = clipped_objective(
            policy.log_prob(batch["choice"]), batch["log_prob"], batch["advantage"], self.config.clip
        )
        entropy = policy.entropy().mean()
        actor_loss = objective.loss - self.config.entropy_coefficient * entropy
        critic_loss = 0.5 * (self.critic(batch["observation"]).squeeze(-1) - batch["target"]).square().mean()
        descend([self.actor_optimizer], actor_loss, self.max_norm, "actor loss")
        descend([self.critic_optimizer], critic_loss, self.max_norm, "critic loss")
        return {
            "actor_loss": objective.loss.detach(),
            "critic_loss": critic_loss.detach(),
            "entropy": entropy.detach(),
            "kl": objective.kl,
        }

    def parts(self) -> Mapping[str, nn.Module | nn.Parameter | torch.optim.Optimizer]:
        """What a checkpoint holds."""
        names = ("actor", "critic", "actor_optimizer", "critic_optimizer")
        return {name: getattr(self, name) for name in names}
