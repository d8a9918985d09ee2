"""A fused team as a policy: whatever runs the computation, directives are remembered here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soc_env.policy_inputs import NOT_RESET, check_reset, read_inputs
from soc_env.team import AGENTS, CONTROL_SIZES, CONTROL_SLICES, COORDINATOR, TRIAGE, Actions

Run = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""As `FusedTeam.forward`."""

BLOCK: Final = 1_024
"""Lanes that are computed at once: what lies between two layers then stays in the cache."""


def in_blocks(run: Run) -> Run:
    """The same, lanes beyond `BLOCK` block by block."""

    def decide(observation: Tensor, directive: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if len(age) <= BLOCK:
            return run(observation, directive, age)
        blocks = zip(*(each.split(BLOCK) for each in (observation, directive, age)), strict=True)
        controls, verdict, age = map(torch.cat, zip(*(run(*block) for block in blocks), strict=True))
        return controls, verdict, age

    return decide


class FusedPolicy:
    """A team that plays by `run`; subclasses say how they are saved and loaded.

    Args:
        run: see `Run`. It gets inputs as `example_inputs` makes them, contiguous, and need not check them;
            nothing in it may need gradients.
        env_id: the scenario that it plays.
        interval: K, steps for which a directive is held.
    """

    version: ClassVar[str] = "1"

    def __init__(self, run: Run, env_id: str, interval: int) -> None:
        self._run, self.env_id, self.interval = in_blocks(run), env_id, interval
        self._num_envs = NOT_RESET

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget all directives; nothing is drawn, so `seed` changes nothing."""
        check_reset(num_envs, seed)
        self._directive = torch.from_numpy(np.zeros((num_envs, CONTROL_SIZES[COORDINATOR]), np.float32))
        self._age = torch.from_numpy(np.full(num_envs, self.interval, np.int64))
        self._num_envs = num_envs

    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """Actions {agent: float32 (num_envs, dim) in [-1, 1], or int64 (num_envs,)}; see `read_inputs`."""
        joint, starts = read_inputs(observations, episode_starts, self._num_envs)
        if starts is not None:
            self._age.numpy()[starts] = self.interval
        controls, verdict, self._age = self._run(torch.from_numpy(joint), self._directive, self._age)
        played, chosen = controls.numpy(), verdict.numpy()
        self._directive.numpy()[:] = played[:, CONTROL_SLICES[COORDINATOR]]  # the caller gets the original
        return {a: chosen if a == TRIAGE else played[:, CONTROL_SLICES[a]] for a in AGENTS}
