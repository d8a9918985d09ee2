"""Tier 3: attention that explains what the agents of a trained team decide.

| file | what it holds |
|---|---|
| config.py | sizes, and how it is trained |
| decisions.py | what an agent decides, as numbers with a gradient |
| attention.py | multi-head attention over the entries of an observation |
| training.py | the objective: to be faithful to the trained agent |
| team.py | one attention an agent, and their file |
| faithfulness.py | deletion and insertion curves, and simple rankings to compare with |

The attention takes no part in playing. It is trained after the team, on the team's own observations, to
rank the entries by what they do to the decision.
"""

from agent_zoo.hmarl_soc.explainer.attention import AttentionExplainer
from agent_zoo.hmarl_soc.explainer.config import ExplainerConfig
from agent_zoo.hmarl_soc.explainer.team import StaleExplainerError, TeamExplainer, gather_observations
from agent_zoo.hmarl_soc.explainer.training import train_explainer

__all__ = [
    "AttentionExplainer",
    "ExplainerConfig",
    "StaleExplainerError",
    "TeamExplainer",
    "gather_observations",
    "train_explainer",
]
