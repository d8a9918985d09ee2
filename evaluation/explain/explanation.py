"""One decision and the attention behind it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import torch

from agent_zoo.hmarl_soc.explainer import TeamExplainer
from evaluation.explain.episode import Episode
from evaluation.explain.words import decision_in_words
from soc_env.engine.fields import Field
from soc_env.team import AGENTS, COORDINATOR, OBSERVATION_SLICES

FORMAT_VERSION: Final = 2


@dataclass(frozen=True)
class Input:
    """One entry of what an agent saw.

    Attributes:
        name: of its field, "noise[3]" for the fourth entry of a field of several.
        meaning: the field's description.
        leaks_truth: whether it tells what a real SOC could not know.
        value: what was seen.
        usual: the mean over the observations that the explainer was trained on.
        importance: the mean of the heads' attention; sums to 1 over all inputs.
        heads: each head's attention, which sums to 1 as well.
    """

    name: str
    meaning: str
    leaks_truth: bool
    value: float
    usual: float
    importance: float
    heads: tuple[float, ...]


@dataclass(frozen=True)
class Explanation:
    """Why an agent decided what it decided.

    Attributes:
        team, agent: whose decision.
        environment: which one it played, in words.
        seed, lane, step, length: of which step in which episode, and how many steps that one had.
        decided_at: the step on whose observation it decided: an earlier one where a directive is held.
        situation: the truth then, in a few words, which the agent is not told; may be empty.
        decision: in words, the first line being the shortest.
        constant: whether the agent decides the same whatever it sees; then there are no inputs.
        inputs: all entries of its observation, the most important first.
        num_observations: what the explainer was trained on.
    """

    team: str
    agent: str
    environment: str
    seed: int
    lane: int
    step: int
    length: int
    decided_at: int
    situation: str
    decision: tuple[str, ...]
    constant: bool
    inputs: tuple[Input, ...]
    num_observations: int

    @property
    def when(self) -> str:
        """The step in words."""
        held = "" if self.decided_at == self.step else f", decided at step {self.decided_at} and held"
        return (
            f"{self.environment}, seed {self.seed}, lane {self.lane}, step {self.step} of {self.length}{held}"
        )

    @property
    def says_constant(self) -> str:
        """The sentence about an agent that there is nothing to explain of."""
        return (
            f"{self.agent} decides the same whatever it sees: in all {self.num_observations:,} observations "
            "that the explainer was trained on. No input explains that."
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"format": "soc-env explanation", "format_version": FORMAT_VERSION, **asdict(self)}


def explain(team: str, explainer: TeamExplainer, agent: str, episode: Episode, step: int) -> Explanation:
    """The explanation of one agent's decision at a step of an episode.

    Raises:
        ValueError: no such agent, or no such step.
    """
    if agent not in AGENTS:
        raise ValueError(f"--agent must be one of {', '.join(AGENTS)}; got {agent!r}")
    episode.check_step(step, "--step")
    policy = explainer.policy
    decided_at = step - step % policy.config.coordinator.interval if agent == COORDINATOR else step
    observation = torch.from_numpy(episode.observations[decided_at])
    constant = explainer.is_constant(agent)
    return Explanation(
        team=team,
        agent=agent,
        environment=str(episode.spec),
        seed=episode.seed,
        lane=episode.lane,
        step=step,
        length=episode.length,
        decided_at=decided_at,
        situation=episode.situations[step],
        decision=decision_in_words(
            policy, agent, observation, episode.actions[step][agent], episode.scenario
        ),
        constant=constant,
        inputs=() if constant else _inputs(explainer, agent, observation, episode.scenario.fields(agent)),
        num_observations=explainer.num_observations,
    )


def _inputs(
    explainer: TeamExplainer, agent: str, observation: torch.Tensor, fields: tuple[Field, ...]
) -> tuple[Input, ...]:
    part = OBSERVATION_SLICES[agent]
    heads = explainer.attention(agent, observation[None])[0].T.tolist()
    values, usual = observation[part].tolist(), explainer.usual[part].tolist()
    entries = [(field, number) for field in fields for number in range(field.size)]
    inputs = [
        Input(
            name=field.name if field.size == 1 else f"{field.name}[{number}]",
            meaning=field.description,
            leaks_truth=field.leaks_truth,
            value=values[index],
            usual=usual[index],
            importance=sum(heads[index]) / len(heads[index]),
            heads=tuple(heads[index]),
        )
        for index, (field, number) in enumerate(entries)
    ]
    return tuple(sorted(inputs, key=lambda one: -one.importance))
