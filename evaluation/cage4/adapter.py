"""The adapter: lanes of CAGE-4 as lanes of the SOC, without any of CybORG's code."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4 import acting, observing
from evaluation.cage4.evidence import Evidence
from evaluation.cage4.flags import read_flags
from evaluation.cage4.interface import NUM_ACTIONS, NUM_HOSTS
from soc_env.team import TRIAGE, Actions, Observations

Bools = NDArray[np.bool_]


class Adapter:
    """Translates between `num_envs` lanes of CAGE-4's blue agents and of a SOC team, and remembers for both.

    Call `begin` for lanes whose episode begins, then in turn `act` and, with what CAGE-4 answers, `observe`.

    Two of its parts can be taken away, to see what they are worth.

    Args:
        findings: whether what examinations find is told to it, which `BlueFlatWrapper` leaves out. Without
            it an examined host is taken to have malware where a process and a connection were seen.
        memory: whether it remembers alerts, suspicions and findings from one step to the next.

    Attributes:
        evidence: what it remembers.
    """

    def __init__(self, num_envs: int, *, findings: bool = True, memory: bool = True) -> None:
        self.num_envs = num_envs
        self.evidence = Evidence(num_envs)
        self._findings, self._memory = findings, memory

    def begin(self, lanes: Bools, observations: NDArray[np.integer], masks: Bools) -> Observations:
        """Begin episodes in some lanes.

        Args:
            lanes: bool (num_envs,), which ones.
            observations: the blue agents' observations side by side, integers (num_envs, OBSERVATION_SIZE);
                rows of other lanes are not looked at.
            masks: their action masks side by side, bool (num_envs, NUM_ACTIONS).

        Returns:
            The team's observations {agent: float32 (num_envs, size)}; those of other lanes are as they were.

        Raises:
            ValueError: a shape or a value that CAGE-4's interface does not have.
        """
        self._check("masks", masks, NUM_ACTIONS)
        flags = read_flags(observations[lanes])
        self.evidence.begin(lanes, masks)
        self.evidence.see(lanes, flags, np.zeros((len(flags.phase), NUM_HOSTS), np.bool_))
        return observing.observe(self.evidence)

    def act(self, actions: Actions) -> NDArray[np.int64]:
        """The blue agents' actions, indices (num_envs, 5), for the team's {agent: (num_envs, ...)}."""
        self.evidence.judge(np.asarray(actions[TRIAGE]))
        return acting.act(self.evidence, acting.read_wishes(actions))

    def observe(self, observations: NDArray[np.integer], malware: Bools) -> Observations:
        """The team's observations after a step of all lanes.

        Args:
            observations: as for `begin`.
            malware: bool (num_envs, NUM_HOSTS), where an examination that ended in this step found malware.

        Raises:
            ValueError: as for `begin`.
        """
        self._check("malware", malware, NUM_HOSTS)
        flags = read_flags(observations)
        if not self._findings:
            malware = self.evidence.examined_next & self.evidence.certain
        self.evidence.advance()
        if not self._memory:
            self.evidence.forget()
        self.evidence.see(np.ones(self.num_envs, np.bool_), flags, malware)
        return observing.observe(self.evidence)

    def _check(self, name: str, array: NDArray[Any], size: int) -> None:
        if array.shape != (self.num_envs, size) or array.dtype != np.bool_:
            raise ValueError(
                f"{name} must be bool of shape {(self.num_envs, size)}, got {array.dtype} {array.shape}"
            )
