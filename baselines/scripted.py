"""Teams without learning, for soc_v0: random, constant, and the published playbook. No torch.

A scripted team is saved as a small JSON file {class, config}.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from soc_env.policy_inputs import check_reset, read_inputs
from soc_env.team import (
    AGENTS,
    CONTROL_SIZES,
    COORDINATOR,
    HUNTER,
    NUM_VERDICTS,
    OBSERVATION_SLICES,
    RESPONDER,
    TRIAGE,
    Actions,
    Verdict,
)

Observations = Mapping[str, NDArray[np.float32]]


class _Scripted:
    """What the scripted teams share: a config of plain values, and JSON files."""

    env_id = "soc_v0"
    version: ClassVar[str] = "1"

    @property
    def config(self) -> dict[str, Any]:
        """Arguments of the constructor that make an equal team."""
        return {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Prepare for `num_envs` lanes. These teams remember nothing, and only Random draws."""
        check_reset(num_envs, seed)

    def save(self, path: str | Path) -> None:
        """Write {class, config} as JSON."""
        content = {"class": f"{__name__}:{type(self).__name__}", "config": self.config}
        Path(path).write_text(json.dumps(content, indent=2) + "\n", "utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` of this class wrote.

        Raises:
            ValueError: the file is of another class.
        """
        content = json.loads(Path(path).read_text("utf-8"))
        expected = f"{__name__}:{cls.__name__}"
        if content.get("class") != expected:
            raise ValueError(f"path must hold a team of {expected}, got {path} of {content.get('class')}")
        return cls(**content["config"])


class Random(_Scripted):
    """Every control uniform in [-1, 1], every verdict equally likely, drawn anew each step."""

    def __init__(self, env_id: str = "soc_v0") -> None:
        self.env_id = env_id
        self._generator = np.random.default_rng()

    @property
    def config(self) -> dict[str, Any]:
        return {"env_id": self.env_id}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the draws; without a seed from the operating system's entropy."""
        super().reset(num_envs, seed)
        self._generator = np.random.default_rng(seed)

    def act(self, observations: Observations, episode_starts: NDArray[np.bool_] | None = None) -> Actions:
        """Actions {agent: float32 (num_envs, dim), or int64 (num_envs,)}."""
        num_envs = len(read_inputs(observations, episode_starts)[0])
        actions: Actions = {
            agent: self._generator.uniform(-1.0, 1.0, (num_envs, size)).astype(np.float32)
            for agent, size in CONTROL_SIZES.items()
        }
        actions[TRIAGE] = self._generator.integers(NUM_VERDICTS, size=num_envs)
        return {agent: actions[agent] for agent in AGENTS}


class Constant(_Scripted):
    """The same actions at every step, whatever is observed."""

    def __init__(self, controls: Mapping[str, list[float]], verdict: int) -> None:
        """Args: controls: {agent: its continuous action, each entry in [-1, 1]}; verdict: 0 to 3."""
        for agent, size in CONTROL_SIZES.items():
            values = np.asarray(controls.get(agent, []), np.float32)
            if values.shape != (size,) or not (np.abs(values) <= 1.0).all():
                raise ValueError(
                    f"controls[{agent!r}] must be {size} numbers in [-1, 1], got {controls.get(agent)!r}"
                )
        if verdict not in range(NUM_VERDICTS):
            raise ValueError(f"verdict must be an integer from 0 to {NUM_VERDICTS - 1}, got {verdict!r}")
        self._controls = {agent: [float(value) for value in controls[agent]] for agent in CONTROL_SIZES}
        self._verdict = int(verdict)

    @property
    def config(self) -> dict[str, Any]:
        return {"controls": self._controls, "verdict": self._verdict}

    def act(self, observations: Observations, episode_starts: NDArray[np.bool_] | None = None) -> Actions:
        """Actions {agent: float32 (num_envs, dim), or int64 (num_envs,)}."""
        num_envs = len(read_inputs(observations, episode_starts)[0])
        actions: Actions = {
            agent: np.tile(np.array(values, np.float32), (num_envs, 1))
            for agent, values in self._controls.items()
        }
        actions[TRIAGE] = np.full(num_envs, self._verdict, np.int64)
        return {agent: actions[agent] for agent in AGENTS}


class ZeroEnrich(Constant):
    """All controls zero, every alert enriched: the least that a learner must beat."""

    def __init__(self, env_id: str = "soc_v0") -> None:
        super().__init__({agent: [0.0] * size for agent, size in CONTROL_SIZES.items()}, Verdict.ENRICH)
        self.env_id = env_id

    @property
    def config(self) -> dict[str, Any]:
        return {"env_id": self.env_id}


class TunedSOAR(Constant):
    """The best constant found: directive low, hunting just below the false-scan threshold, isolation
    without remediation (compromised hosts that are all isolated are what the rules call contained)."""

    def __init__(self) -> None:
        controls = {
            COORDINATOR: [-1.0] * 8,
            HUNTER: [0.38] * 5 + [1.0] * 5 + [0.0] * 6,
            RESPONDER: [0.78] * 5 + [-1.0] * 5 + [0.0] * 2,
        }
        super().__init__(controls, Verdict.ENRICH)

    @property
    def config(self) -> dict[str, Any]:
        return {}


class RuleSOAR(_Scripted):
    """The published playbook: hunt at medium strength, escalate every alert, respond while needed.

    The directive's hunting entry is 1, the hunter's controls are 0; the responder isolates and
    remediates everywhere at 0.5 while some host is compromised, which the coordinator observes.
    """

    COMPROMISED_RATIO: Final = OBSERVATION_SLICES[COORDINATOR].start + 22  # compromised / hosts

    def act(self, observations: Observations, episode_starts: NDArray[np.bool_] | None = None) -> Actions:
        """Actions {agent: float32 (num_envs, dim), or int64 (num_envs,)}."""
        seen, _ = read_inputs(observations, episode_starts)
        num_envs = len(seen)
        directive = np.zeros((num_envs, CONTROL_SIZES[COORDINATOR]), np.float32)
        directive[:, 0] = 1.0
        response = np.zeros((num_envs, CONTROL_SIZES[RESPONDER]), np.float32)
        response[:, :10] = np.where(seen[:, [self.COMPROMISED_RATIO]] > 0, 0.5, 0.0)
        return {
            COORDINATOR: directive,
            HUNTER: np.zeros((num_envs, CONTROL_SIZES[HUNTER]), np.float32),
            TRIAGE: np.full(num_envs, Verdict.ESCALATE, np.int64),
            RESPONDER: response,
        }
