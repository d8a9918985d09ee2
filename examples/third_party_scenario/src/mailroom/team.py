"""The team that every other one is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from soc_env.team import CONTROL_SIZES, TRIAGE, Actions, Verdict


class MailroomRule:
    """Looks twice, then goes by the evidence; sweeps with half the effort. A `soc_env.policy.TeamPolicy`."""

    env_id = "mailroom_v0"
    version = "1"

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to forget."""

    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """Actions {agent: float32 (num_envs, size)}, the triage's int64 (num_envs,)."""
        evidence, looks = observations[TRIAGE][:, 2], observations[TRIAGE][:, 3]
        verdict = np.where(evidence > 0.0, int(Verdict.ESCALATE), int(Verdict.SUPPRESS))
        actions: Actions = {a: np.zeros((len(looks), size), np.float32) for a, size in CONTROL_SIZES.items()}
        actions[TRIAGE] = np.where(looks < 0.6, int(Verdict.ENRICH), verdict).astype(np.int64)
        return actions

    def save(self, path: str | Path) -> None:
        """Write a JSON file that names the class."""
        Path(path).write_text(json.dumps({"class": "mailroom.team:MailroomRule"}), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote."""
        return cls()
