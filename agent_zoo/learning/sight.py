"""What the team's learners see of joint observations: standardised entries, without those that are noise."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from agent_zoo.learning.draws import integers, normal
from agent_zoo.learning.normalizer import Normalizer
from soc_env.contract import TeamLanes
from soc_env.team import (
    AGENTS,
    CONTROL_SIZE,
    CONTROL_SLICES,
    JOINT_OBSERVATION_SIZE,
    NUM_VERDICTS,
    OBSERVATION_SLICES,
    TRIAGE,
    join_observations,
)


class Sight(nn.Module):
    """Joint observations (n, 352) to the entries (n, size) that the learners compute with.

    Attributes:
        used: numbers of those entries, int64 (size,).
        parts: where each agent's lie in what is seen.
        size: how many there are.
    """

    used: Tensor

    def __init__(self, normalizer: Normalizer) -> None:
        super().__init__()
        self.normalizer = normalizer
        self.register_buffer("used", normalizer.used(), persistent=False)
        counts = [int(((self.used >= p.start) & (self.used < p.stop)).sum()) for p in _PARTS]
        ends = [0, *itertools.accumulate(counts)]
        self.parts = dict(zip(AGENTS, map(slice, ends[:-1], ends[1:]), strict=True))
        self.size = ends[-1]

    @torch.no_grad()
    def forward(self, observation: Tensor) -> Tensor:
        return self.normalizer(observation).index_select(-1, self.used)

    def seen_whole(self, entries: Tensor) -> Tensor:
        """Which columns of entries (rows, columns) of the joint observation are seen in all rows, bool."""
        return torch.isin(entries, self.used.cpu()).all(0)

    def places(self, entries: Tensor) -> Tensor:
        """Where the columns of such entries that are seen whole lie in what is seen, int64."""
        chosen = entries[:, self.seen_whole(entries)].contiguous()
        return torch.searchsorted(self.used.cpu(), chosen)

    def own(self, agent: str) -> Tensor:
        """Which of the agent's entries are seen, int64."""
        return (self.used[self.parts[agent]] - OBSERVATION_SLICES[agent].start).cpu()


_PARTS = [OBSERVATION_SLICES[agent] for agent in AGENTS]


def take_sight(env: TeamLanes, steps: int, seed: int) -> Sight:
    """What `steps` steps of every lane tell of the observations; the team plays at random, near 0.

    Args:
        env: is reset with `seed`.
        steps: of every lane. If fewer than two of all lanes together go on, observations stay as they are:
            that an entry lasts, or changes at all, cannot be told from one.
        seed: a training seed.
    """
    normalizer = Normalizer(JOINT_OBSERVATION_SIZE)
    generator = torch.Generator().manual_seed(seed)
    observations, _ = env.reset(seed=seed)
    before = torch.from_numpy(join_observations(observations))
    for _ in range(steps):
        observations, _, terminations, truncations, _ = env.step(_random_actions(len(before), generator))
        after = torch.from_numpy(join_observations(observations))
        goes_on = ~torch.from_numpy(terminations | truncations)
        normalizer.observe(before[goes_on], after[goes_on])
        before = after
    return Sight(normalizer if normalizer.count >= 2 else Normalizer(JOINT_OBSERVATION_SIZE))


def _random_actions(num_envs: int, generator: torch.Generator) -> dict[str, Any]:
    controls = (0.1 * normal((num_envs, CONTROL_SIZE), generator)).clamp(-1.0, 1.0).numpy()
    verdicts = integers(NUM_VERDICTS, num_envs, generator).numpy()
    return {a: verdicts if a == TRIAGE else controls[:, CONTROL_SLICES[a]] for a in AGENTS}
