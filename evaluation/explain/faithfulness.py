"""How far explanations can be believed: deletion and insertion areas, with 95 % intervals.

Measured on one observation of every episode's lane, so that the bootstrap draws what is independent, under an
evaluation seed, which explainers never train on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from agent_zoo.hmarl_soc.explainer import TeamExplainer, faithfulness, gather_observations
from agent_zoo.hmarl_soc.explainer.decisions import decisions
from evaluation import statistics
from evaluation.environments import EnvSpec
from evaluation.explain.team import STEPS, training_observations
from evaluation.tables import Table, with_interval
from soc_env.team import OBSERVATION_SLICES

FORMAT_VERSION: Final = 1
DELETION, INSERTION = 0, 1
MEASURES: Final = ("deletion", "insertion")


@dataclass(frozen=True)
class AgentFaithfulness:
    """The curves (2, n, entries + 1) of every ranking for one agent, deletion before insertion."""

    agent: str
    curves: Mapping[str, NDArray[np.float64]]

    def areas(self, ranking: str) -> NDArray[np.float64]:
        """The areas (n, 2) under a ranking's curves."""
        return faithfulness.areas(torch.from_numpy(self.curves[ranking])).numpy().T

    def estimate(self, ranking: str, less: str | None = None) -> statistics.Estimate:
        """Of the areas, or of how much larger they are than another ranking's, observation by observation."""
        values = self.areas(ranking) - (0.0 if less is None else self.areas(less))
        return statistics.estimate(values[None], resample_seeds=False)

    def curve_estimate(self, ranking: str, measure: int) -> statistics.Estimate:
        """Of the mean curve, point by point."""
        return statistics.estimate(self.curves[ranking][measure][None], resample_seeds=False)


@dataclass(frozen=True)
class Faithfulness:
    """All agents' figures.

    Attributes:
        team: whose.
        agents: those whose decision depends on what they see.
        constant: the others.
        seed, lanes, spec: the episodes that observations were taken from, one of each lane.
    """

    team: str
    agents: tuple[AgentFaithfulness, ...]
    constant: tuple[str, ...]
    seed: int
    lanes: int
    spec: EnvSpec

    def table(self) -> Table:
        """A row for every agent and ranking."""
        rows = []
        for one in self.agents:
            for ranking in one.curves:
                own = one.estimate(ranking)
                cells = _with_intervals(own)
                if ranking == faithfulness.RANDOM:
                    cells += ["", ""]
                else:
                    cells += _with_intervals(one.estimate(ranking, faithfulness.RANDOM), sign=True)
                rows.append((one.agent.replace("_", " "), ranking, *cells))
        header = (
            "agent",
            "inputs by",
            "deletion ↑",
            "insertion ↓",
            "deletion\nless random",
            "insertion\nless random",
        )
        notes = (
            "Inputs are removed by giving them the values of another observation. Deletion removes the "
            "highest ranked first, insertion keeps them the longest; the figures are areas under the change "
            "of the decision, 0 being unchanged and 1 as far as with all inputs removed.",
            f"{self.lanes:,} observations, one of every lane under seed {self.seed} of {self.spec}; in "
            "brackets 95 % bootstrap intervals over them, differences taken observation by observation.",
            *(
                f"{agent} decides the same whatever it sees: there is nothing to explain."
                for agent in self.constant
            ),
        )
        return Table(
            f"Faithfulness of the explainer of {self.team}", header, tuple(rows), notes, num_labels=2
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values: areas and differences with intervals, and the mean curves."""
        return {
            "format": "soc-env faithfulness",
            "format_version": FORMAT_VERSION,
            "team": self.team,
            "environment": {"id": self.spec.env_id, "config": dict(self.spec.config)},
            "seed": self.seed,
            "observations": self.lanes,
            "bootstrap": {"confidence": statistics.CONFIDENCE, "resamples": statistics.NUM_RESAMPLES},
            "constant": list(self.constant),
            "agents": {one.agent: _agent_json(one) for one in self.agents},
        }


def measure(
    team: str,
    explainer: TeamExplainer,
    spec: EnvSpec,
    *,
    seed: int,
    lanes: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Faithfulness:
    """Measure an explainer on episodes that it has not seen.

    Args:
        team: its name.
        spec: the environment.
        seed: an evaluation seed.
        lanes: how many observations, each from another lane; at least 2.
        progress: told the part, 0 to 1, that is done.
    """
    policy = explainer.policy
    env = spec.make_vector_env(lanes)
    gathered = torch.from_numpy(gather_observations(policy, env, seed=seed, steps=STEPS))
    env.close()
    generator = torch.Generator().manual_seed(seed)
    observations = faithfulness.one_a_lane(gathered, generator)
    background = training_observations(policy)
    with torch.no_grad():
        seen, known = policy.actors.normalizer(observations), policy.actors.normalizer(background)
    agents, constant = [], []
    found = decisions(policy.actors, policy.env_id)
    for index, (agent, decision) in enumerate(found.items()):
        if explainer.is_constant(agent):
            constant.append(agent)
            continue
        part = OBSERVATION_SLICES[agent]
        importance = explainer.attention(agent, observations).mean(1)
        ranked = faithfulness.rankings(decision.weigh, seen[:, part], known[:, part], importance, generator)
        curves = {}
        for place, (name, one) in enumerate(ranked.items()):
            removals = torch.Generator().manual_seed(seed)  # the same for all rankings
            curves[name] = faithfulness.curves(decision.weigh, seen[:, part], one, removals).double().numpy()
            progress((index + (place + 1) / len(ranked)) / len(found))
        agents.append(AgentFaithfulness(agent, curves))
    return Faithfulness(team, tuple(agents), tuple(constant), seed, lanes, spec)


def _with_intervals(own: statistics.Estimate, *, sign: bool = False) -> list[str]:
    return [
        with_interval(own.mean[index], own.mean_interval[:, index].tolist(), sign=sign)
        for index in (DELETION, INSERTION)
    ]


def _agent_json(one: AgentFaithfulness) -> dict[str, Any]:
    rankings = {}
    for ranking in one.curves:
        rankings[ranking] = {
            "areas": _estimate_json(one.estimate(ranking)),
            "curves": {
                name: one.curves[ranking][index].mean(0).tolist() for index, name in enumerate(MEASURES)
            },
        }
    others = [ranking for ranking in one.curves if ranking != faithfulness.NAMES[0]]
    less = {other: _estimate_json(one.estimate(faithfulness.NAMES[0], other)) for other in others}
    return {"rankings": rankings, "attention_less": less}


def _estimate_json(own: statistics.Estimate) -> dict[str, Any]:
    return {
        name: {"mean": float(own.mean[index]), "interval": own.mean_interval[:, index].tolist()}
        for index, name in enumerate(MEASURES)
    }
