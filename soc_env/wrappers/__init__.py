"""Wrappers for every kind of team environment: parallel, AEC and vector go in, the same kind comes out.

- `continuous_actions`: every agent's action is a Box; for libraries that pad or share spaces.
- `discrete_actions`: every agent's action is MultiDiscrete or Discrete; for value-based learners.
- `leak_free`: observations without the truth that soc_v0 leaks.
"""

from soc_env.wrappers.continuous_actions import continuous_actions
from soc_env.wrappers.discrete_actions import discrete_actions
from soc_env.wrappers.leak_free import leak_free

__all__ = ["continuous_actions", "discrete_actions", "leak_free"]
