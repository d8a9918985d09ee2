"""From the actions of the SOC's agents to those of CAGE-4's blue agents.

The team says for each zone how hard to hunt and to respond; its blue agent does one thing at a time. The
numbers mean what they mean in soc_v0, directive and thresholds included. `RULES` are tried in their order,
and the first one that applies decides; where none does, or while an action goes on, the agent monitors, which
costs nothing. (CybORG charges for a restoration whenever it is asked for, even where it ignores that.)

What the triage decides is in `Evidence.judge`: an escalated alert makes its host suspected, which comes first
and, where nobody hunts, is responded to unseen; a suppressed one is forgotten; enriching adds confidence and
thus a place nearer the front; correlating keeps the worst alert of a zone.

Nothing is ever blocked against the mission's policy. Beyond evidence the agents act only past the SOC's own
thresholds for false scans and for isolating clean hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.cage4.evidence import NEVER, Evidence
from evaluation.cage4.interface import (
    FIRST_ACTIONS,
    HOST_SLICES,
    KIND_NUMBERS,
    NUM_ZONES,
    SUBNET_SLICES,
)
from evaluation.cage4.meaning import SEGMENT_OF_ZONE, SOC
from soc_env.team import COORDINATOR, HUNTER, RESPONDER

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Wishes(NamedTuple):
    """What the team wants in each zone, 0 to 1, all (lanes, zones)."""

    intensity: Floats
    scope: Floats
    isolate: Floats
    remediate: Floats


def read_wishes(actions: Mapping[str, NDArray[Any]]) -> Wishes:
    """The team's actions {agent: (lanes, size)} as soc_v0 reads them, zones in the blue agents' order."""

    def share(agent: str, first: int, count: int) -> Floats:
        values = np.asarray(actions[agent], np.float64)[:, first : first + count]
        return (np.clip(values, -1.0, 1.0) + 1.0) / 2.0

    def raised(agent: str, first: int, entry: int, weight: float) -> Floats:
        wish = share(agent, first, NUM_ZONES) + weight * share(COORDINATOR, entry, 1)
        return np.minimum(1.0, wish)[:, SEGMENT_OF_ZONE]

    return Wishes(
        intensity=raised(HUNTER, 0, 0, SOC.directive_intensity),
        scope=raised(HUNTER, NUM_ZONES, 1, SOC.directive_scope),
        isolate=raised(RESPONDER, 0, 4, SOC.directive_isolation),
        remediate=raised(RESPONDER, NUM_ZONES, 0, 0.0),
    )


class Choice(NamedTuple):
    """What a rule would have each zone's agent do, all (lanes, zones): whether it applies, and to what.

    `target` counts the action's targets from 0: the zone's hosts, or its subnets' sources of traffic.
    """

    applies: Bools
    target: NDArray[np.int64]


class Rule(NamedTuple):
    """One line of the table: the action, when it is taken, on what, and the function that decides it."""

    action: str
    when: str
    on: str
    choose: Callable[[Evidence, Wishes], Choice]


def _best(candidates: Bools, *keys: NDArray[Any]) -> Choice:
    """Each zone's candidate (lanes, hosts) with the largest first key, then second ..., then the first."""
    applies = np.zeros((len(candidates), NUM_ZONES), np.bool_)
    index = np.zeros((len(candidates), NUM_ZONES), np.int64)
    for zone, hosts in enumerate(HOST_SLICES):
        left = candidates[:, hosts].copy()
        applies[:, zone] = left.any(1)
        for key in keys:
            values = np.where(left, key[:, hosts], -np.inf)
            left &= values == values.max(1, keepdims=True)
        index[:, zone] = left.argmax(1)
    return Choice(applies, index)


def _where(wanted: Bools, choice: Choice) -> Choice:
    return Choice(choice.applies & wanted, choice.target)


def _restore(evidence: Evidence, wishes: Wishes) -> Choice:
    wanted = (wishes.isolate > SOC.response_threshold) | (wishes.remediate > SOC.response_threshold)
    return _where(wanted, _best(evidence.found))


def _examine_suspects(evidence: Evidence, wishes: Wishes) -> Choice:
    return _where(wishes.intensity > SOC.hunt_threshold, _best(evidence.suspected))


def _restore_suspects(evidence: Evidence, wishes: Wishes) -> Choice:
    return _where(wishes.remediate > SOC.response_threshold, _best(evidence.suspected))


def _remove(evidence: Evidence, wishes: Wishes) -> Choice:
    return _where(wishes.isolate > SOC.response_threshold, _best(evidence.suspected))


def _traffic(chosen: Bools) -> Choice:
    """The first of the chosen pairs (lanes, guarded subnets, sources) in each zone."""
    of_zones = [chosen[:, subnets].reshape(len(chosen), -1) for subnets in SUBNET_SLICES]
    return Choice(
        np.stack([pairs.any(1) for pairs in of_zones], 1),
        np.stack([pairs.argmax(1) for pairs in of_zones], 1),
    )


def _allow(evidence: Evidence, _: Wishes) -> Choice:
    return _traffic(evidence.blocked & ~evidence.unwanted)


def _block(evidence: Evidence, wishes: Wishes) -> Choice:
    return _where(wishes.isolate > SOC.response_threshold, _traffic(evidence.unwanted & ~evidence.blocked))


def _examine(evidence: Evidence, wishes: Wishes) -> Choice:
    flagged = _best(evidence.open, evidence.severity, evidence.confidence, -evidence.raised)
    return _where(wishes.intensity > SOC.hunt_threshold, flagged)


def _hunt(evidence: Evidence, wishes: Wishes) -> Choice:
    hunting = (wishes.intensity > SOC.hunt_threshold) & (evidence.effort >= 1.0)
    return _where(hunting, _longest_unexamined(evidence))


def _decoy(evidence: Evidence, wishes: Wishes) -> Choice:
    without = _best(evidence.exists & ~evidence.decoy)
    return _where(wishes.intensity > SOC.false_scan_threshold, without)


def _reimage(evidence: Evidence, wishes: Wishes) -> Choice:
    return _where(wishes.isolate > SOC.collateral_threshold, _longest_unexamined(evidence))


def _longest_unexamined(evidence: Evidence) -> Choice:
    return _best(evidence.exists & ~evidence.found, -evidence.examined)


RULES: Final = (
    Rule("Restore", "isolate or remediate > 0.5", "host with malware found", _restore),
    Rule("Analyse", "intensity > 0.3", "suspected host", _examine_suspects),
    Rule("Restore", "remediate > 0.5", "suspected host", _restore_suspects),
    Rule("Remove", "isolate > 0.5", "suspected host", _remove),
    Rule("AllowTrafficZone", "always", "traffic blocked against the mission's policy", _allow),
    Rule("BlockTrafficZone", "isolate > 0.5", "open traffic that the mission's policy says to block", _block),
    Rule("Analyse", "intensity > 0.3", "flagged host: most severe, surest, oldest alert", _examine),
    Rule(
        "Analyse", "intensity > 0.3, effort >= 1 (see act)", "host that was not examined for longest", _hunt
    ),
    Rule("DeployDecoy", "intensity > 0.7", "host without a decoy", _decoy),
    Rule("Restore", "isolate > 0.9", "host that was not examined for longest", _reimage),
)
"""What a free agent does, in this order of precedence."""

_HUNT: Final = next(number for number, rule in enumerate(RULES) if rule.choose is _hunt)


def act(evidence: Evidence, wishes: Wishes) -> NDArray[np.int64]:
    """The blue agents' actions, indices (lanes, zones), and what follows from them for `evidence`.

    In soc_v0 a host is detected with a chance of intensity x scope. Here a free agent that hunts puts as much
    effort aside in every step, and 1 buys the examination of a host that nothing points to.
    """
    free = evidence.busy == 0
    hunting = free & (wishes.intensity > SOC.hunt_threshold)
    evidence.effort += np.where(hunting, wishes.intensity * wishes.scope, 0.0)
    rule_number = np.full(free.shape, NEVER)
    kinds = np.full(free.shape, KIND_NUMBERS["Monitor"])
    target = np.zeros(free.shape, np.int64)
    for number, rule in enumerate(RULES):
        choice = rule.choose(evidence, wishes)
        decided = free & choice.applies & (rule_number == NEVER)
        rule_number[decided] = number
        kinds[decided] = KIND_NUMBERS[rule.action]
        target[decided] = choice.target[decided]
    evidence.effort[rule_number == _HUNT] -= 1.0
    np.minimum(evidence.effort, 1.0, out=evidence.effort)  # what goes into alerts instead is not saved up
    first_hosts = np.array([hosts.start for hosts in HOST_SLICES])
    evidence.start(kinds, first_hosts + target, free)
    return FIRST_ACTIONS[np.arange(NUM_ZONES), kinds] + target
