"""The state of soc_v0's lanes: a few arrays, every field named, the lane always the first axis."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from soc_env.engine.compile import records
from soc_env.engine.options import numbers_of
from soc_env.soc_v0.config import NUM_PHASES, NUM_SEGMENTS, Config

NEVER = -1

LANE = np.dtype(
    [
        ("directive", "f8", 8),  # the coordinator's, clipped; zeros at reset
        ("episode_return", "f8"),
        ("detection_reward", "f8"),  # the last step's reward by its four terms, weights applied
        ("response_reward", "f8"),
        ("cost_reward", "f8"),
        ("false_positive_reward", "f8"),
        ("step", "i4"),  # steps taken
        ("phase", "i4"),  # of the attacker, 0 to 4
        ("phase_steps", "i4"),  # steps spent in it
        ("num_targets", "i4"),  # entries in use of `targets`, `footholds` and `victims`
        ("num_footholds", "i4"),
        ("num_victims", "i4"),
        ("queue_start", "i4"),  # where in the ring the oldest alert is
        ("queue_length", "i4"),
        ("detection_time", "i4"),  # step of the first detection, or NEVER
        ("containment_time", "i4"),  # step of the containment, or NEVER
        ("exfiltrated", "i4"),  # 0 or 1
        ("scans", "i8"),  # hosts scanned
        ("true_positives", "i8"),  # detections and escalated true alerts
        ("false_positives", "i8"),  # false scans and escalated benign alerts
        ("alerts", "i8"),  # raised, benign and dropped ones included
    ],
    align=True,
)

ALERT = np.dtype(
    [
        ("severity", "f8"),
        ("confidence", "f8"),
        ("noise", "f8"),
        ("segment", "i4"),
        ("timestamp", "i4"),  # the step that raised it
        ("is_true", "i4"),  # 0 or 1
    ],
    align=True,
)


class Arrays(NamedTuple):
    """All lanes. Hosts are numbered segment by segment.

    Attributes:
        lanes: LANE (num_envs,).
        vulnerability: float32 (num_envs, hosts), drawn with the seed.
        compromised, detected, isolated: uint8 (num_envs, hosts), 0 or 1.
        stage: uint8 (num_envs, hosts), how far the attacker got on the host, 0 to 4.
        targets: int32 (num_envs, initial targets), the hosts that reconnaissance picked.
        footholds: int32 (num_envs, bound), hosts in the order taken; one may stand there repeatedly.
        victims: int32 (num_envs, bound), each host of `footholds` once: the only ones on which
            compromised, detected or stage can differ from 0, so rules about those visit no others.
        queue: ALERT (num_envs, capacity), a ring.
    """

    lanes: np.ndarray
    vulnerability: np.ndarray
    compromised: np.ndarray
    detected: np.ndarray
    isolated: np.ndarray
    stage: np.ndarray
    targets: np.ndarray
    footholds: np.ndarray
    victims: np.ndarray
    queue: np.ndarray


def most_footholds(config: Config) -> int:
    """The most entries that a foothold list can have.

    Only initial access and lateral movement add to it; a phase can succeed in at most
    `min_phase_steps` of its steps before it ends, and a step adds at most one entry for each target,
    or for each pair of segments of which one reaches the other.
    """
    successes = min(config.min_phase_steps, config.max_steps)
    pairs = sum(len(segment.reaches) for segment in config.segments)
    return successes * (min(config.initial_targets, config.hosts_per_segment) + pairs)


def allocate(config: Config, num_envs: int) -> Arrays:
    """Zeroed arrays for `num_envs` lanes."""
    hosts, entries = config.num_hosts, most_footholds(config)
    return Arrays(
        lanes=records(num_envs, LANE),
        vulnerability=np.zeros((num_envs, hosts), np.float32),
        compromised=np.zeros((num_envs, hosts), np.uint8),
        detected=np.zeros((num_envs, hosts), np.uint8),
        isolated=np.zeros((num_envs, hosts), np.uint8),
        stage=np.zeros((num_envs, hosts), np.uint8),
        targets=np.zeros((num_envs, min(config.initial_targets, config.hosts_per_segment)), np.int32),
        footholds=np.zeros((num_envs, entries), np.int32),
        victims=np.zeros((num_envs, min(entries, hosts)), np.int32),
        queue=records((num_envs, config.queue_capacity), ALERT),
    )


_NUMBERS = numbers_of(Config)
PARAMETERS = np.dtype(
    [
        *_NUMBERS,
        ("value", "f8", NUM_SEGMENTS),
        ("vulnerability_mean", "f8", NUM_SEGMENTS),
        ("reaches", "u1", (NUM_SEGMENTS, NUM_SEGMENTS)),
        ("visibility", "f8", NUM_PHASES),  # after stealth
    ],
    align=True,
)


def parameters(config: Config) -> np.ndarray:
    """The config as one record (1,) of `PARAMETERS`, which kernels read by the same names."""
    array = records(1, PARAMETERS)
    for name, _ in _NUMBERS:
        array[name] = getattr(config, name)
    for index, segment in enumerate(config.segments):
        array["value"][0, index] = segment.value
        array["vulnerability_mean"][0, index] = segment.vulnerability_mean
        array["reaches"][0, index, list(segment.reaches)] = 1
    array["visibility"][0] = [phase.visibility * (1 - config.stealth) for phase in config.phases]
    return array
