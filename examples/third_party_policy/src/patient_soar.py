"""A team that waits: nobody hunts in the first steps of an episode, then every step is Tuned-SOAR's.

Why waiting pays in soc_v0: a detection is worth more the further the attacker has got on the host, and an
isolation the sooner it follows the episode's first detection. So let the attacker come a little further, and
then take several hosts at once. What it costs is time to detect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from soc_env.team import CONTROL_SIZES, HUNTER, RESPONDER, TRIAGE, Actions, Verdict

INTENSITY, SCOPE = slice(0, 5), slice(5, 10)  # of the hunter, by segment
ISOLATE = slice(0, 5)  # of the responder, by segment


class PatientSOAR:
    """One constant action, after a wait.

    Args:
        wait: steps at the beginning of an episode in which nobody hunts.

    Raises:
        ValueError: `wait` is negative.
    """

    env_id = "soc_v0"
    version = "1.0"  # shown on the leaderboard; give changed behaviour a new one

    def __init__(self, wait: int = 10) -> None:
        if wait < 0:
            raise ValueError(f"wait must be at least 0, got {wait}")
        self.wait = wait
        self.reset(num_envs=1)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Prepare for `num_envs` lanes. Nothing is drawn, so the seed plays no part."""
        self._step = np.zeros(num_envs, np.int64)  # of each lane's episode

    def act(
        self,
        observations: Mapping[str, NDArray[np.float32]],
        episode_starts: NDArray[np.bool_] | None = None,
    ) -> Actions:
        """All lanes' actions: {agent: float32 (num_envs, size)}, and the verdicts, int64 (num_envs,)."""
        if episode_starts is not None:
            self._step[episode_starts] = 0  # lanes begin anew at different times
        num_envs, waiting = len(self._step), self._step < self.wait
        self._step += 1
        # -1 is the least of everything: no directive, no hunt, no remediation.
        actions: Actions = {
            agent: np.full((num_envs, size), -1.0, np.float32) for agent, size in CONTROL_SIZES.items()
        }
        actions[HUNTER][:, INTENSITY] = np.where(waiting, -1.0, 0.38)[:, None]  # more makes false positives
        actions[HUNTER][:, SCOPE] = 1.0
        actions[RESPONDER][:, ISOLATE] = 0.78  # more isolates clean hosts, too
        actions[TRIAGE] = np.full(num_envs, Verdict.ENRICH)
        return actions

    def save(self, path: str | Path) -> None:
        """Write JSON that names the class, so that commands take the file as a team, too."""
        Path(path).write_text(
            json.dumps({"class": "patient_soar:PatientSOAR", "wait": self.wait}) + "\n", "utf-8"
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote."""
        return cls(json.loads(Path(path).read_text("utf-8"))["wait"])
