"""Every action that counted, stored so that the environment plays the same episodes again, bit for bit.

The file is NumPy's compressed `.npz` with three arrays for each evaluation seed S:

    S.lengths    int32 (episodes,): steps of each lane's episode
    S.controls   float32 (36, steps): the continuous actions in the team's joint layout (`soc_env.team`), as
                 the engine got them; lane after lane, one row a control, which compresses best
    S.verdicts   uint8 (steps,): the triage's verdicts, 0 to 3

What a lane that is done plays while others are not does not count, and is not stored.
"""

from __future__ import annotations

import copy
import io
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.leaderboard.entry import EntryError
from soc_env.engine.actions import read_batch
from soc_env.policy import TeamPolicy
from soc_env.team import CONTROL_SIZE, CONTROL_SLICES, TRIAGE, Actions


@dataclass(frozen=True)
class PlayedActions:
    """What a team did in the episodes of one evaluation seed; arrays as in the file.

    Raises:
        ValueError: an episode without steps, or arrays whose shapes or dtypes do not go together.
    """

    lengths: NDArray[np.int32]
    controls: NDArray[np.float32]
    verdicts: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if self.lengths.min(initial=1) < 1:
            raise ValueError(f"lengths must be at least 1, got {self.lengths.min()}")
        steps = int(self.lengths.sum())
        expected = {
            "lengths": ((len(self.lengths),), np.int32),
            "controls": ((CONTROL_SIZE, steps), np.float32),
            "verdicts": ((steps,), np.uint8),
        }
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{name} must be {np.dtype(dtype)} {shape}, got {array.dtype} {array.shape}")

    def at(self, step: int) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.int64]]:
        """Which lanes' episodes go on at `step` (0 the first), and all lanes' actions, zero in the others.

        Returns:
            bool (num_envs,), float32 (num_envs, 36) and int64 (num_envs,).
        """
        live = step < self.lengths
        controls = np.zeros((len(live), CONTROL_SIZE), np.float32)
        verdicts = np.zeros(len(live), np.int64)
        first = np.cumsum(self.lengths, dtype=np.int64) - self.lengths
        places = first[live] + step
        controls[live] = self.controls[:, places].T
        verdicts[live] = self.verdicts[places]
        return live, controls, verdicts


def pack(played: Mapping[int, PlayedActions]) -> bytes:
    """The content of an actions file, by evaluation seed; equal actions give equal bytes."""
    arrays = {
        f"{seed}.{name}": array for seed, block in played.items() for name, array in vars(block).items()
    }
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def unpack(content: bytes, seed: int) -> PlayedActions:
    """What an actions file has for one evaluation seed.

    Raises:
        EntryError: it is no such file, or lacks that seed.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return PlayedActions(*(arrays[f"{seed}.{name}"] for name in ("lengths", "controls", "verdicts")))
    except (ValueError, TypeError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise EntryError(f"actions of evaluation seed {seed} cannot be read: {error}") from error


def as_played(actions: Actions) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Valid actions of all lanes as the engine gets them, float32 (num_envs, 36) and int64 (num_envs,)."""
    num_envs = len(actions[TRIAGE])
    controls, verdicts = np.empty((num_envs, CONTROL_SIZE), np.float32), np.empty(num_envs, np.int64)
    read_batch(actions, controls, verdicts)
    return controls, verdicts


def by_agent(controls: NDArray[np.float32], verdicts: NDArray[np.int64]) -> Actions:
    """The inverse of `as_played`."""
    return {**{agent: controls[:, part] for agent, part in CONTROL_SLICES.items()}, TRIAGE: verdicts}


def version_of(policy: TeamPolicy) -> str | None:
    """A policy's own `version` as text; None if it has none."""
    version = getattr(policy, "version", None)
    return None if version is None else str(version)


class Recording:
    """A policy as the evaluator calls it, whose actions and time are noted.

    Attributes:
        seconds: that the policy has taken.
        version: the policy's own, see `version_of`.
    """

    def __init__(self, policy: TeamPolicy) -> None:
        self.env_id = policy.env_id
        self.version = version_of(policy)
        self.seconds = 0.0
        self._policy: TeamPolicy | None = policy
        self._actions: list[Any] = []

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """As for a `TeamPolicy`."""
        assert self._policy is not None
        self._actions.clear()
        began = time.perf_counter()
        self._policy.reset(num_envs, seed=seed)
        self.seconds += time.perf_counter() - began

    def act(
        self, observations: Mapping[str, NDArray[np.float32]], episode_starts: NDArray[np.bool_] | None = None
    ) -> Actions:
        """As for a `TeamPolicy`."""
        assert self._policy is not None
        began = time.perf_counter()
        actions = self._policy.act(observations, episode_starts)
        self.seconds += time.perf_counter() - began
        self._actions.append(copy.deepcopy(actions))  # not yet checked, so whatever it is
        return actions

    def release(self) -> None:
        """Let the policy go, which may hold a process of its own."""
        self._policy = None

    def played(self, lengths: NDArray[np.int64]) -> PlayedActions:
        """What was played, all of it valid, in episodes of these lengths, (num_envs,)."""
        steps = [as_played(actions) for actions in self._actions]
        live = np.arange(len(steps)) < lengths[:, None]
        controls = np.stack([controls for controls, _ in steps], axis=1)[live]
        verdicts = np.stack([verdicts for _, verdicts in steps], axis=1)[live]
        columns = np.ascontiguousarray(controls.T)
        return PlayedActions(lengths.astype(np.int32), columns, verdicts.astype(np.uint8))
