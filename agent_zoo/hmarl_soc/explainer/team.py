"""The attention of a whole team, and its file."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent_zoo.hmarl_soc.explainer.attention import AttentionExplainer
from agent_zoo.hmarl_soc.explainer.config import ExplainerConfig
from agent_zoo.hmarl_soc.team import HMARLSOC
from agent_zoo.learning import checkpoint
from agent_zoo.learning.config import from_mapping
from agent_zoo.learning.policy_file import load_policy_file, save_policy_file
from soc_env.contract import TeamLanes
from soc_env.policy import TeamPolicy
from soc_env.team import AGENTS, OBSERVATION_SIZES, OBSERVATION_SLICES, join_observations


class StaleExplainerError(ValueError):
    """An explainer's file is of another policy than the one to explain."""


class TeamExplainer:
    """Explains the decisions of one team policy.

    Attributes:
        policy: the team.
        attentions: by agent; one that decides the same whatever it sees has none.
        usual: (352,), the mean of the observations that it was trained on.
        config: see `ExplainerConfig`.
        num_observations: how many those were.
    """

    version: ClassVar[str] = "1"
    class_name: ClassVar[str] = "agent_zoo.hmarl_soc.explainer:TeamExplainer"

    def __init__(
        self,
        policy: HMARLSOC,
        attentions: Mapping[str, AttentionExplainer],
        usual: Tensor,
        config: ExplainerConfig,
        num_observations: int,
    ) -> None:
        self.policy, self.config, self.num_observations = policy, config, num_observations
        # As the file holds them, so that what was saved explains as what is loaded does.
        self.attentions = {agent: attention.half().float() for agent, attention in attentions.items()}
        self.usual = usual.half().float()

    def is_constant(self, agent: str) -> bool:
        """Whether the agent decides the same whatever it sees, so that there is nothing to explain."""
        return agent not in self.attentions

    @torch.no_grad()
    def attention(self, agent: str, observations: Tensor) -> Tensor:
        """The attention (n, heads, entries) of joint observations (n, 352); each head's sums to 1.

        Raises:
            ValueError: no such agent, or one that decides the same whatever it sees.
        """
        if agent not in AGENTS:
            raise ValueError(f"agent must be one of {', '.join(AGENTS)}, got {agent!r}")
        if self.is_constant(agent):
            raise ValueError(f"{agent} decides the same whatever it sees: there is nothing to explain")
        seen = self.policy.actors.normalizer(observations)[:, OBSERVATION_SLICES[agent]]
        return self.attentions[agent](seen)

    def save(self, path: str | Path) -> None:
        """Write a safetensors file of 16-bit numbers that names the policy by its fingerprint."""
        tensors = {"usual": self.usual.numpy()}
        for agent, attention in self.attentions.items():
            tensors |= checkpoint.prefixed(agent, checkpoint.module_tensors(attention))
        about = {
            "policy": fingerprint(self.policy),
            "observations": self.num_observations,
            "explainer": dataclasses.asdict(self.config),
        }
        save_policy_file(
            Path(path),
            {name: array.astype(np.float16) for name, array in tensors.items()},
            class_name=self.class_name,
            config=about,
            env_id=self.policy.env_id,
            env=self.policy.config.env,
            version=self.version,
        )

    @classmethod
    def load(cls, path: str | Path, policy: HMARLSOC) -> Self:
        """Read a file that `save` wrote.

        Raises:
            ValueError: the file holds something else.
            StaleExplainerError: it explains another policy.
        """
        tensors, about = load_policy_file(Path(path), cls.class_name)
        if about["config"]["policy"] != fingerprint(policy):
            raise StaleExplainerError(f"path must hold the explainer of this policy, got {path} of another")
        config: ExplainerConfig = from_mapping(ExplainerConfig, about["config"]["explainer"])
        attentions = {}
        for agent, size in OBSERVATION_SIZES.items():
            own = checkpoint.part(agent, tensors)
            if own:
                attentions[agent] = AttentionExplainer(size, config, torch.Generator())
                checkpoint.load_module_tensors(attentions[agent], own)
        usual = torch.from_numpy(tensors["usual"].copy())
        return cls(policy, attentions, usual, config, int(about["config"]["observations"]))


def fingerprint(policy: HMARLSOC) -> str:
    """A hash of everything that the team's decisions depend on."""
    digest = hashlib.sha256()
    for name, array in sorted(checkpoint.module_tensors(policy.actors).items()):
        digest.update(name.encode() + array.tobytes())
    return digest.hexdigest()


def gather_observations(policy: TeamPolicy, env: TeamLanes, *, seed: int, steps: int) -> NDArray[np.float32]:
    """What a team meets when it plays all lanes of `env`, in same-step autoreset mode.

    Returns:
        Joint observations (steps, lanes, 352), float32.
    """
    observations, _ = env.reset(seed=seed)
    policy.reset(env.num_envs, seed=0)
    starts = np.ones(env.num_envs, np.bool_)
    gathered = []
    for _ in range(steps):
        gathered.append(join_observations(observations))
        observations, _, terminated, truncated, _ = env.step(policy.act(observations, starts))
        starts = terminated | truncated
    return np.stack(gathered)
