"""Entries in PettingZoo's and Gymnasium's registries, made when soc_env is imported."""

from __future__ import annotations

import gymnasium
import pettingzoo

NAMESPACE = "soc_env"


def register(name: str, module: str) -> None:
    """Register a scenario's faces as `soc_env/<name>`.

    `pettingzoo.make("parallel" or "aec", id)`, `gymnasium.make_vec(id, num_envs=n)` and
    `gymnasium.make(id)` (the joint environment) know it from then on. PettingZoo before 1.27 has no registry.
    """
    full_name = f"{NAMESPACE}/{name}"
    if hasattr(pettingzoo, "register"):
        pettingzoo.register("parallel", full_name, f"{module}:parallel_env")
        pettingzoo.register("aec", full_name, f"{module}:env")
    gymnasium.register(full_name, f"{module}:joint_env", vector_entry_point=f"{module}:vector_env")
