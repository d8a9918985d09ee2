"""The mailroom as soc-env sees it: settings, state, what is seen, set and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mailroom.rules import KERNELS
from soc_env.contract import Scenario
from soc_env.engine import options
from soc_env.engine.compile import records
from soc_env.engine.fields import ActionGroup, Field, Layout
from soc_env.engine.options import probability, real, whole
from soc_env.metrics import LENGTH, REWARD, Metric, Metrics
from soc_env.team import COORDINATOR, HUNTER, OBSERVATION_SIZES, RESPONDER, TRIAGE


@dataclass(frozen=True)
class Config:
    """Everything that the mailroom can be told."""

    max_steps: int = whole(60, 1, 100_000, "steps of every episode")
    arrival: float = probability(0.5, "of a report, a step")
    phishing_share: float = probability(0.3, "of reports that are phishing")
    signal: float = real(0.5, 0.0, 10.0, "what a look adds to the evidence, beside chance in [-1, 1]")
    waste_cost: float = real(0.5, 0.0, 1e3, "of escalating a harmless report")
    loose_cost: float = real(0.05, 0.0, 1e3, "of phishing that was let through, a step")
    effort_cost: float = real(0.05, 0.0, 1e3, "of sweeping with full effort, a step")

    def __post_init__(self) -> None:
        options.check(self, "mailroom_v0")


LANE = np.dtype(
    [
        ("step", "i8"),
        ("waiting", "i8"),  # reports behind the head
        ("backlog", "i8"),  # sum of those over the steps
        ("at_head", "i8"),  # 1 if a report is being judged
        ("is_phishing", "i8"),  # whether it is
        ("looks", "i8"),  # at it
        ("evidence", "f8"),  # sum of what they said
        ("loose", "i8"),  # phishing that was let through
        ("caught", "i8"),
        ("wasted", "i8"),  # harmless reports escalated
        ("phishing", "i8"),  # judged, right or wrong
        ("episode_return", "f8"),
    ],
    align=True,
)


class Arrays(NamedTuple):
    """All lanes: records LANE (num_envs,)."""

    lanes: np.ndarray


class Mailroom(Scenario):
    """Reports of suspicious mail, with one config."""

    env_id = "mailroom_v0"
    version = "0"
    config_class = Config
    kernels = KERNELS
    metrics = Metrics(
        (
            REWARD,
            Metric(
                "caught_percent",
                "of the phishing that was judged",
                label="caught",
                unit="%",
                source="caught",
                factor=100.0,
                better="higher",
                headline=True,
            ),
            Metric("backlog", "reports waiting, mean over steps", better="lower", headline=True),
            Metric("wasted", "harmless reports escalated", better="lower"),
            LENGTH,
        )
    )
    score = "caught_percent"
    references = ("mailroom-rule",)
    presets = {"busy": {"arrival": 0.9}, "quiet": {"arrival": 0.2}}
    head_truth = "head.phishing"
    action_groups = {
        COORDINATOR: (),
        HUNTER: (ActionGroup("effort", slice(0, 1)),),
        TRIAGE: (),
        RESPONDER: (),
    }

    def fields(self, agent: str) -> tuple[Field, ...]:
        """What the entries of an agent's observation mean, in order."""
        layout = Layout()
        if agent in (HUNTER, TRIAGE):
            layout.add("waiting", "reports waiting / 10, at most 1")
        if agent == HUNTER:
            layout.add("caught", "phishing caught / 20, at most 1")
        if agent == TRIAGE:
            layout.add("head", "1 if a report is at the head")
            layout.add("head.evidence", "sum of the looks at it / 5, for phishing if positive", low=-1.0)
            layout.add("head.looks", "looks at it / 5, at most 1")
        return layout.padded(OBSERVATION_SIZES[agent])

    def state_fields(self) -> tuple[Field, ...]:
        """What the entries of the state mean, in order."""
        layout = Layout()
        layout.add("time", "step / max_steps")
        layout.add("waiting", "reports waiting / 10, at most 1")
        layout.add("head.phishing", "1 if the report at the head is phishing")
        layout.add("loose", "phishing that was let through / 10, at most 1")
        return tuple(layout.fields)

    def allocate(self, num_envs: int) -> Arrays:
        """Zeroed state."""
        return Arrays(records(num_envs, LANE))

    def episode_metrics(self, arrays: Arrays, lanes: np.ndarray) -> dict[str, np.ndarray]:
        """What the metrics are made of, by source."""
        lane = arrays.lanes[lanes]
        return {
            "episode_return": lane["episode_return"].copy(),
            "caught": lane["caught"] / np.maximum(1, lane["phishing"]),
            "backlog": lane["backlog"] / np.maximum(1, lane["step"]),
            "wasted": lane["wasted"].copy(),
            "length": lane["step"].copy(),
        }
