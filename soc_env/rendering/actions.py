"""The last step's actions sorted for drawing: what is set for each segment, and what is set once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soc_env.rendering.snapshot import Snapshot
from soc_env.team import COORDINATOR, TRIAGE, Verdict


@dataclass(frozen=True)
class ActionBars:
    """One agent's action as lengths of bars, -1 in the action being 0 and +1 being 1.

    Attributes:
        by_segment: label and float (segments,) of what is set for each segment.
        single: label and float of what is set once.
    """

    by_segment: tuple[tuple[str, NDArray[np.floating]], ...]
    single: tuple[tuple[str, float], ...]


def action_bars(snapshot: Snapshot, agent: str) -> ActionBars:
    """The bars of `agent`: of the directive in force for the coordinator; none before the team has acted.

    Raises:
        ValueError: a group has neither one number nor one for each segment.
    """
    values = snapshot.directive if agent == COORDINATOR else snapshot.actions.get(agent)
    if values is None or not snapshot.actions:  # a directive of zeros, as after a reset, nobody has given
        return ActionBars((), ())
    lengths = (np.clip(np.asarray(values, np.float64), -1.0, 1.0) + 1.0) / 2.0
    by_segment, single = [], []
    for action_group in snapshot.action_groups.get(agent, ()):
        label, group = action_group.label, lengths[action_group.part]
        if len(group) == len(snapshot.segments):
            by_segment.append((label, group))
        elif len(group) == 1:
            single.append((label, float(group[0])))
        else:
            raise ValueError(
                f"action_groups[{agent!r}]: {label!r} holds {len(group)} numbers; "
                f"expected 1, or {len(snapshot.segments)} (one for each segment)"
            )
    return ActionBars(tuple(by_segment), tuple(single))


def without_bars(snapshot: Snapshot, agent: str) -> str:
    """What is said of an agent that has no bars."""
    return "no action yet" if snapshot.action_groups.get(agent) else "nothing to set"


def last_verdict(snapshot: Snapshot) -> Verdict | None:
    """The triage's verdict of the last step, None after a reset."""
    verdict = snapshot.actions.get(TRIAGE)
    return None if verdict is None else Verdict(int(np.asarray(verdict)))
