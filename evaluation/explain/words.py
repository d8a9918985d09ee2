"""A decision in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from agent_zoo.hmarl_soc.team import HMARLSOC
from evaluation.tables import number
from soc_env.contract import TrainingScenario
from soc_env.team import COORDINATOR, OBSERVATION_SLICES, TRIAGE, Verdict


@torch.no_grad()
def decision_in_words(
    policy: HMARLSOC, agent: str, observation: Tensor, action: Any, scenario: TrainingScenario
) -> tuple[str, ...]:
    """What an agent decided, in lines.

    Args:
        observation: joint, (352,), on which it decided.
        action: its action, float (size,), or the triage's verdict.
        scenario: says what the numbers of actions mean.
    """
    seen = policy.actors.normalizer(observation[None])[:, OBSERVATION_SLICES[agent]]
    if agent == TRIAGE:
        values = policy.actors.triage(seen)[0]
        relative = zip(Verdict, (values - values.mean()).tolist(), strict=True)
        values_of = ", ".join(f"{verdict.name.lower()} {value:+.3f}" for verdict, value in relative)
        (queue,) = (field.start for field in scenario.fields(TRIAGE) if field.name == "queue")
        waits = observation[OBSERVATION_SLICES[TRIAGE]][queue] > 0
        said = f"{Verdict(int(action)).name.lower()} the oldest alert{'' if waits else ', though none waits'}"
        return (said, f"values less their mean: {values_of}")
    lines = []
    if agent == COORDINATOR:
        probabilities = policy.actors.coordinator(seen).softmax(-1)[0]
        choice = int(probabilities.argmax())
        lines.append(f"directive {choice}, probability {probabilities[choice]:.0%}")
    return (*lines, *settings_in_words(agent, np.asarray(action), scenario))


def settings_in_words(agent: str, action: np.ndarray, scenario: TrainingScenario) -> list[str]:
    """The numbers of an action by their names, -1 being 0 % and +1 being 100 %, as pictures show them."""
    shares = (np.clip(action, -1.0, 1.0) + 1.0) / 2.0
    single, lines = [], []
    for group in scenario.action_groups[agent]:
        values = shares[group.part]
        if group.family is not None:
            named = zip(scenario.families[group.family], values, strict=True)
            said = ", ".join(f"{member.name} {value:.0%}" for member, value in named)
            lines.append(f"{group.label}: {said}")
        else:
            single.append(f"{group.label} {values[0]:.0%}")
    return [*([", ".join(single)] if single else []), *lines]


def as_value(value: float) -> str:
    """An entry of an observation, short; a zero never has a minus."""
    return number(value, 3)
