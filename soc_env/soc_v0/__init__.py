"""soc_v0: the published SOC of the HMARL-SOC paper, rule for rule.

A team of four agents defends an enterprise of five segments against one attacker who walks five
ATT&CK phases. The scenario is kept exactly as published, weaknesses included, so that the paper's
figures can be reproduced; `Config` holds every constant.

Agents and actions (all act in every step):

| agent | action | meaning |
|---|---|---|
| strategic_coordinator | Box(-1, 1, (8,)) | the directive: adds to the hunter's intensity (0) and scope (1) \
and to the responder's isolation (4); the rest is unused |
| threat_hunter | Box(-1, 1, (16,)) | per segment intensity (0-4) and scope (5-9); the rest is unused |
| alert_triage | Discrete(4) | on the oldest alert: 0 escalate, 1 suppress, 2 correlate, 3 enrich |
| response_orchestrator | Box(-1, 1, (12,)) | per segment isolation (0-4), remediation (5-9); rest unused |

Observations are float32 of 64, 128, 64 and 96 entries, which `fields(agent)` names and describes.
The reward, shared by all, is R_det + 1.5 R_resp - 0.3 R_cost - 2 R_fp. An episode terminates when
the attack is contained or data is exfiltrated, and is truncated after `max_steps` (default 200).

Known defects of the published model, kept: observations leak the truth (the network's statistics and
each alert's truth bit); mean stages also count remediated hosts; most other entries are pure noise;
MTTD and MTTR count from step 0; one constant action beats every trained row of the paper's table.

Version history:
    v0: the system as published.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from soc_env.engine import options
from soc_env.engine.fields import Field
from soc_env.faces.aec import TeamAECEnv
from soc_env.faces.joint import TeamJointEnv
from soc_env.faces.parallel import TeamParallelEnv
from soc_env.faces.vector import TeamVectorEnv
from soc_env.soc_v0.config import PHASES, SEGMENTS, AttackPhase, Config, Segment
from soc_env.soc_v0.layout import fields, state_fields
from soc_env.soc_v0.scenario import ACTION_GROUPS, SocV0

__all__ = [
    "ACTION_GROUPS",
    "PHASES",
    "SEGMENTS",
    "AttackPhase",
    "Config",
    "Field",
    "Segment",
    "env",
    "fields",
    "joint_env",
    "parallel_env",
    "raw_env",
    "state_fields",
    "vector_env",
]


def parallel_env(*, render_mode: str | None = None, **config: Any) -> TeamParallelEnv:
    """The PettingZoo parallel environment.

    Args:
        render_mode: None, "human", "rgb_array" or "ansi".
        **config: fields of `Config`, for instance `hosts_per_segment=40, max_steps=200, stealth=0.7`;
            `max_cycles` is another name for `max_steps`.
    """
    return TeamParallelEnv(_scenario(config), render_mode)


def raw_env(*, render_mode: str | None = None, **config: Any) -> TeamAECEnv:
    """The PettingZoo AEC environment; arguments as for `parallel_env`."""
    return TeamAECEnv(_scenario(config), render_mode)


def env(*, render_mode: str | None = None, **config: Any) -> TeamAECEnv:
    """The PettingZoo AEC environment; arguments as for `parallel_env`.

    The same as `raw_env`: order, bounds and ends of episodes are checked by the environment itself.
    """
    return raw_env(render_mode=render_mode, **config)


def joint_env(*, render_mode: str | None = None, **config: Any) -> TeamJointEnv:
    """A Gymnasium environment in which one controller plays the whole team; arguments as above."""
    return TeamJointEnv(_scenario(config), render_mode)


def vector_env(
    num_envs: int,
    *,
    autoreset_mode: str = "SameStep",
    num_threads: int | None = None,
    render_mode: str | None = None,
    **config: Any,
) -> TeamVectorEnv:
    """A Gymnasium vector environment of `num_envs` teams; see `TeamVectorEnv`, config as above."""
    return TeamVectorEnv(
        _scenario(config),
        num_envs,
        autoreset_mode=autoreset_mode,
        num_threads=num_threads,
        render_mode=render_mode,
    )


def _scenario(keywords: dict[str, Any]) -> SocV0:
    keywords = dict(keywords)
    if "max_cycles" in keywords:
        max_cycles = keywords.pop("max_cycles")
        if keywords.setdefault("max_steps", max_cycles) != max_cycles:
            raise ValueError(
                f"max_cycles is another name for max_steps, got {max_cycles} and {keywords['max_steps']}"
            )
    return SocV0(options.from_keywords(Config, "soc_v0", keywords))


def _spell_out_config(function: Callable[..., Any]) -> None:
    """Show the config's fields in the signature, for `help` and completion."""
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    config = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default)
        for field in dataclasses.fields(Config)
    ]
    function.__signature__ = signature.replace(parameters=own + config)  # type: ignore[attr-defined]


for _face in (parallel_env, raw_env, env, joint_env, vector_env):
    _spell_out_config(_face)

# Where `gymnasium.make` looks for the render modes, before it knows the class: from them it makes
# "rgb_array_list" and "ansi_list".
joint_env.metadata = TeamJointEnv.metadata  # type: ignore[attr-defined]
