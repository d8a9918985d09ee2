"""3. The directive: what the coordinator asks of the hunter and the responder."""

from __future__ import annotations

import numpy as np

from soc_env.engine.compile import rule


@rule
def clip(action):
    """An action's number within the bounds of its Box."""
    return min(max(np.float64(action), -1.0), 1.0)


@rule
def share(x):
    """b(x): from [-1, 1] to [0, 1]."""
    return 0.5 * (x + 1.0)


@rule
def give_directive(s, i, action):
    """The coordinator's action replaces the directive."""
    for k in range(action.shape[0]):
        s.lanes[i].directive[k] = clip(action[k])
