"""HMARL-SOC: a hierarchical team in three tiers.

| tier | agent | learner | file |
|---|---|---|---|
| 1 | strategic_coordinator | PPO over directives held for K steps | coordinator.py |
| 2 | threat_hunter | SAC | hunter.py |
| 2 | alert_triage | dueling double DQN | triage.py |
| 2 | response_orchestrator | MADDPG | responder.py |
| 3 | shared | prioritised replay for tier 2 | agent_zoo/learning/replay.py |
| 3 | shared | attention that explains decisions | explainer/ |

`learner.py` puts them together, `training.py` trains them, `team.py` is the trained team.
"""

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.hmarl_soc.team import HMARLSOC
from agent_zoo.hmarl_soc.training import train

__all__ = ["HMARLSOC", "Config", "train"]
