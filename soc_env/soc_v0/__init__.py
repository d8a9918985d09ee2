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

from soc_env.contract import faces
from soc_env.engine.fields import Field
from soc_env.soc_v0.config import PHASES, SEGMENTS, AttackPhase, Config, Segment
from soc_env.soc_v0.layout import fields, state_fields
from soc_env.soc_v0.scenario import ACTION_GROUPS, SocV0

__all__ = [
    "ACTION_GROUPS",
    "PHASES",
    "SCENARIO",
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


parallel_env, raw_env, env, joint_env, vector_env = faces(SocV0, __name__)
SCENARIO = SocV0
