"""What a run of HMARL-SOC depends on besides its seed. The values lie in agent_zoo/configs/*.yaml."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from agent_zoo.learning.config import ConfigError, check, flattened, to_mapping
from agent_zoo.learning.segments import shared_family
from soc_env.contract import TrainingScenario
from soc_env.team import HUNTER, RESPONDER


@dataclass(frozen=True)
class CoordinatorConfig:
    """Tier 1: PPO over decisions that last `interval` steps."""

    learns: bool
    """False: directives are drawn evenly, in training and in play (the ablation without tier 1)."""
    interval: int
    """K: steps for which a directive is held."""
    learning_rate: float
    """Adam's step size."""
    final_scale: float
    """What that is multiplied by at the last episode; the factor falls exponentially."""
    gae_lambda: float
    """Lambda of the advantage estimate, for each decision."""
    rollout_steps: int
    """Environment steps of every lane between two updates."""
    epochs: int
    """Passes over each rollout."""
    minibatch_size: int
    """Decisions in one gradient step."""
    clip: float
    """How far the probability ratio may move from 1 before its gradient is cut off."""
    entropy_coefficient: float
    """Weight of the choice's entropy."""


@dataclass(frozen=True)
class HunterConfig:
    """Tier 2: soft actor-critic."""

    learning_rate: float
    """Adam's step size, of the actor."""
    critic_learning_rate: float
    """And of the critics, of what they say of actions."""
    value_learning_rate: float
    """And of their values of states."""
    target_rate: float
    """Part of the way that the target networks go in each update."""
    largest_slope: float
    """Bound on how steeply the critics say that an action's worth changes, by which the actor learns."""
    huber: float
    """Error of the critics beyond which their loss grows linearly only (in scaled rewards)."""
    smallest_std: float
    """Least standard deviation of the actions before the tanh."""
    largest_std: float
    """And the greatest; it begins between the two, nearer the least."""
    initial_temperature: float
    """Weight of the entropy at the start; it is learned from there."""
    temperature_learning_rate: float
    """Adam's step size for its logarithm."""
    target_entropy: float
    """What the temperature steers the entropy of the 16 actions to, in nats."""
    saturation_penalty: float
    """Weight of the mean square of what the tanh squashes: keeps actions where it has a gradient, and those
    that make no difference near 0."""
    proximity: float
    """Weight of the squared distance from what the target network would do: an action moves at a rate that
    its slope decides, not Adam. Grows as learning rates fall."""


@dataclass(frozen=True)
class TriageConfig:
    """Tier 2: dueling double DQN."""

    learning_rate: float
    """Adam's step size."""
    target_rate: float
    """Part of the way that the target network goes in each update."""
    initial_epsilon: float
    """Probability of a random verdict at the start."""
    final_epsilon: float
    """And from step `epsilon_steps` on; it changes linearly in between."""
    epsilon_steps: int
    """Environment steps, of all lanes together."""
    false_escalation_cost: float
    """Taken from the triage's own reward when it escalates a benign alert: the team's reward does not
    price that, though the false positive rate counts it."""


@dataclass(frozen=True)
class ResponderConfig:
    """Tier 2: MADDPG."""

    learning_rate: float
    """Adam's step size, of the actor."""
    critic_learning_rate: float
    """And of the critic, of what it says of actions."""
    value_learning_rate: float
    """And of its values of states."""
    target_rate: float
    """Part of the way that the target networks go in each update."""
    largest_slope: float
    """As the hunter's."""
    huber: float
    """Error of the critic beyond which its loss grows linearly only (in scaled rewards)."""
    noise_std: float
    """Standard deviation of the Gaussian noise on its actions, in the lane that explores least."""
    largest_noise_std: float
    """And in the lane that explores most; the others lie between, in equal ratios."""
    saturation_penalty: float
    """Weight of the mean square of what the tanh squashes: keeps actions where it has a gradient."""
    proximity: float
    """As the hunter's."""


@dataclass(frozen=True)
class ReplayConfig:
    """Tier 3: the experience of the three learners of tier 2."""

    shared: bool
    """Whether the three learners learn from the same draws, whose priorities are their mean errors. False:
    each draws on its own, evenly, as from a replay of its own, which would hold the same transitions (an
    ablation)."""
    capacity: int
    """Joint transitions kept."""
    batch_size: int
    """Transitions in one update."""
    alpha: float
    """Exponent of the priorities; 0 draws uniformly."""
    beta: float
    """Exponent of the importance weights at the start."""
    final_beta: float
    """And at the last episode; it changes linearly in between."""
    start: int
    """Environment steps, of all lanes together, before anything is kept: tier 1 learns first."""
    lookahead: int
    """Steps of reward in the critics' targets before they bootstrap (n-step returns)."""
    warmup: int
    """Transitions before the first update."""
    value_updates: int
    """Updates of the critics' values of states alone, before what they say of actions begins to learn."""
    critic_updates: int
    """Updates before the actors of hunter and responder begin to learn."""
    steps: int
    """Environment steps of every lane between two rounds of updates."""
    updates: int
    """Updates of every learner in a round."""


@dataclass(frozen=True)
class Config:
    """Everything that a run of HMARL-SOC depends on besides its seed."""

    env_id: str
    """Scenario to train on."""
    env: dict[str, Any]
    """Keyword arguments of the scenario's `vector_env`, for instance {"stealth": 0.5}."""
    num_episodes: int
    """Episodes to train for."""
    num_envs: int
    """Lanes that collect side by side."""
    noise_steps: int
    """Steps for which the exploration noise of hunter and responder is held; 1: drawn anew in every step."""
    random_share: float
    """Probability that a number of hunter's or responder's action is, for as long as noise is held, drawn
    uniformly from [-1, 1]: what lies far from what they do."""
    hidden_sizes: tuple[int, ...]
    """Hidden layers of every network."""
    action_scale: float
    """What the outputs of hunter's and responder's actors are multiplied by before the tanh."""
    action_knots: int
    """Knots by which their critics see each number of an action, see agent_zoo.learning.networks.hats; 0:
    what critics say of actions is linear around what the team does, where its noise measures it."""
    normalization_steps: int
    """Steps of every lane, before training, after which networks see standardised observations without those
    entries that are noise, see agent_zoo.learning.normalizer; 0: observations as they are."""
    discount: float
    """Gamma."""
    reward_scale: float
    """What rewards are multiplied by before learning."""
    final_scale: float
    """What tier 2's learning rates are multiplied by at the last episode; the factor falls exponentially."""
    final_noise: float
    """And what the standard deviations of hunter's and responder's noise are: they near a step of the reward
    only as far as their noise lets them."""
    max_gradient_norm: float
    """Bound on the gradient's norm of each network."""
    coordinator: CoordinatorConfig
    hunter: HunterConfig
    triage: TriageConfig
    responder: ResponderConfig
    replay: ReplayConfig
    device: str
    """Where networks and replay live: cpu, cuda, cuda:1."""
    num_threads: int
    """Torch's threads."""
    checkpoint_seconds: float
    """Least time between two checkpoints."""
    initial_policy: str | None = field(default=None, kw_only=True)
    """A team to go on from instead of random networks: the path of a policy or a run, or packaged weights,
    NAME-SEED of soc_v0 or ENV/NAME-SEED."""

    def __post_init__(self) -> None:
        settings = {key: value for key, value in to_mapping(self).items() if key != "env"}
        for key, value in flattened(settings).items():
            name = key.rpartition(".")[2]
            if name in _COUNTS:
                check(value >= 1, key, value, "an integer of at least 1")
            elif name in _POSITIVE:
                check(0 < value < math.inf, key, value, "a number greater than 0")
            elif name in _SHARES:
                check(0 <= value <= 1, key, value, "a number from 0 to 1")
            elif name in _NOT_NEGATIVE:
                check(0 <= value < math.inf, key, value, "a number of at least 0")
        finite = math.isfinite(self.hunter.target_entropy)
        check(finite, "hunter.target_entropy", self.hunter.target_entropy, "a finite number")
        check(all(size >= 1 for size in self.hidden_sizes), "hidden_sizes", self.hidden_sizes, "positive")
        fits = self.action_knots == 0 or self.action_knots >= 2
        check(fits, "action_knots", self.action_knots, "0 or an integer of at least 2")
        round_size = self.replay.steps * self.num_envs
        expectation = f"at least replay.steps * num_envs = {round_size}"
        check(self.replay.capacity >= round_size, "replay.capacity", self.replay.capacity, expectation)
        expectation = f"at most replay.capacity = {self.replay.capacity}"
        check(self.replay.warmup <= self.replay.capacity, "replay.warmup", self.replay.warmup, expectation)
        rollout = self.coordinator.rollout_steps
        for key, divisor in (("replay.steps", self.replay.steps), ("noise_steps", self.noise_steps)):
            expectation = f"a multiple of {key} = {divisor}"
            check(rollout % divisor == 0, "coordinator.rollout_steps", rollout, expectation)
        expectation = f"at least coordinator.interval = {self.coordinator.interval}"
        check(rollout >= self.coordinator.interval, "coordinator.rollout_steps", rollout, expectation)

    def check_scenario(self, scenario: TrainingScenario) -> None:
        """Check that a scenario has what the team's networks and costs speak of.

        Raises:
            ConfigError: it lacks something; the message says what.
        """
        for agent in (HUNTER, RESPONDER):
            if shared_family(scenario, agent) is None:
                raise ConfigError(
                    f"hmarl-soc needs a scenario in which {agent} sets the same numbers for each member of a "
                    f"family and sees entries of each (action_groups, fields), and {scenario.env_id} has none"
                )
        told = scenario.head_truth in [field.name for field in scenario.state_fields()]
        expectation = f"0 on {scenario.env_id}, whose state does not say whether the alert at hand is true"
        cost = self.triage.false_escalation_cost
        check(told or cost == 0, "triage.false_escalation_cost", cost, expectation)


_COUNTS = {
    *("num_episodes", "num_envs", "num_threads", "interval", "rollout_steps", "epochs", "minibatch_size"),
    *("epsilon_steps", "capacity", "batch_size", "lookahead", "warmup", "steps", "updates", "noise_steps"),
}
_POSITIVE = {
    *("learning_rate", "value_learning_rate", "critic_learning_rate", "temperature_learning_rate"),
    *("clip", "max_gradient_norm", "reward_scale", "action_scale", "huber", "largest_slope"),
    *(
        "final_scale",
        "final_noise",
        "smallest_std",
        "largest_std",
        "initial_temperature",
        "noise_std",
        "largest_noise_std",
    ),
}
_SHARES = {
    *("discount", "gae_lambda", "target_rate", "initial_epsilon", "final_epsilon"),
    *("alpha", "beta", "final_beta", "random_share"),
}
_NOT_NEGATIVE = {
    *("normalization_steps", "start", "value_updates", "critic_updates", "saturation_penalty"),
    *("entropy_coefficient", "false_escalation_cost", "checkpoint_seconds", "proximity"),
}
