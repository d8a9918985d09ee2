"""CAGE-4's blue agents as the adapter knows them: sizes, names and order of all that they see and do.

The facts are in `interface.json`. Everything that depends on them is computed here, so that another
version of CybORG is noticed where it is first met and not by nonsense later.

Lanes are rows. The observations of the five agents lie side by side in one row of
`OBSERVATION_SIZE` integers, their action masks in one row of `NUM_ACTIONS`; hosts are numbered subnet by
subnet in the agents' order, servers first (`NUM_HOSTS`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ActionKind:
    """One kind of action.

    Attributes:
        target: what it is done to: "host", "traffic" (from one subnet into another) or "nothing".
        steps: how long it takes, 1 or more; what its agent is told to do meanwhile is ignored.
    """

    name: str
    target: str
    steps: int


@dataclass(frozen=True)
class Interface:
    """`interface.json`, see there; `guarded` are each agent's subnets, both in the order of all rows."""

    source: str
    cyborg_version: str
    episode_steps: int
    mission_phases: tuple[str, ...]
    subnets: tuple[str, ...]
    guarded: Mapping[str, tuple[str, ...]]
    servers_per_subnet: int
    users_per_subnet: int
    messages: int
    message_bits: int
    actions: tuple[ActionKind, ...]

    @classmethod
    def read(cls) -> Interface:
        """The description that comes with this package."""
        content: dict[str, Any] = json.loads(
            resources.files(__package__).joinpath("interface.json").read_text("utf-8")
        )
        content["actions"] = tuple(ActionKind(**action) for action in content["actions"])
        content["guarded"] = {agent: tuple(subnets) for agent, subnets in content["guarded"].items()}
        for name in ("mission_phases", "subnets"):
            content[name] = tuple(content[name])
        return cls(**content)

    @property
    def hosts_per_subnet(self) -> int:
        """Places for hosts; an episode fills some of them."""
        return self.servers_per_subnet + self.users_per_subnet

    def hosts(self, agent: str) -> list[str]:
        """Names of all hosts that an agent may have to guard, in order."""
        kinds = (("server", self.servers_per_subnet), ("user", self.users_per_subnet))
        return [
            f"{subnet}_{kind}_host_{number}"
            for subnet in self.guarded[agent]
            for kind, count in kinds
            for number in range(count)
        ]

    def targets(self, agent: str, kind: ActionKind) -> list[str]:
        """What a kind of action can be done to, as CybORG's labels say it: "" for nothing."""
        if kind.target == "host":
            return self.hosts(agent)
        if kind.target == "traffic":
            return [
                f"{into} <- {source}"
                for into in self.guarded[agent]
                for source in self.subnets
                if source != into
            ]
        return [""]

    def labels(self, agent: str) -> list[str]:
        """What each of an agent's actions is, in the order of their indices."""
        return [
            f"{kind.name} {target}".rstrip() for kind in self.actions for target in self.targets(agent, kind)
        ]

    def observation_size(self, agent: str) -> int:
        """Mission phase; for each subnet which it is, blocks, policy, two flags a host; messages."""
        of_subnet = 3 * len(self.subnets) + 2 * self.hosts_per_subnet
        return 1 + of_subnet * len(self.guarded[agent]) + self.messages * self.message_bits


INTERFACE: Final = Interface.read()
BLUE_AGENTS: Final = tuple(INTERFACE.guarded)
NUM_ZONES: Final = len(BLUE_AGENTS)
HOSTS_PER_SUBNET: Final = INTERFACE.hosts_per_subnet
SUBNETS_OF_ZONE: Final = tuple(len(subnets) for subnets in INTERFACE.guarded.values())
NUM_GUARDED: Final = sum(SUBNETS_OF_ZONE)
NUM_HOSTS: Final = NUM_GUARDED * HOSTS_PER_SUBNET
NUM_SOURCES: Final = len(INTERFACE.subnets) - 1  # subnets whose traffic into a given one can be blocked


def _slices(sizes: Sequence[int]) -> tuple[slice, ...]:
    ends = np.cumsum([0, *sizes]).tolist()
    return tuple(slice(start, end) for start, end in itertools.pairwise(ends))


# Where each agent's part lies: in rows of guarded subnets, of hosts, of observations and of masks.
SUBNET_SLICES: Final = _slices(SUBNETS_OF_ZONE)
HOST_SLICES: Final = _slices([count * HOSTS_PER_SUBNET for count in SUBNETS_OF_ZONE])
OBSERVATION_SLICES: Final = _slices([INTERFACE.observation_size(agent) for agent in BLUE_AGENTS])
ACTION_SLICES: Final = _slices([len(INTERFACE.labels(agent)) for agent in BLUE_AGENTS])
OBSERVATION_SIZE: Final = OBSERVATION_SLICES[-1].stop
NUM_ACTIONS: Final = ACTION_SLICES[-1].stop

KIND_NUMBERS: Final = {kind.name: number for number, kind in enumerate(INTERFACE.actions)}
STEPS: Final = np.array([kind.steps for kind in INTERFACE.actions])


def _first_actions() -> NDArray[np.int64]:
    """The index of each kind's first action, (agents, kinds)."""
    return np.array(
        [
            np.cumsum([0, *(len(INTERFACE.targets(agent, kind)) for kind in INTERFACE.actions[:-1])])
            for agent in BLUE_AGENTS
        ]
    )


FIRST_ACTIONS: Final = _first_actions()


def existing_hosts(masks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which hosts exist, (lanes, NUM_HOSTS), from action masks (lanes, NUM_ACTIONS)."""
    exists = np.empty((len(masks), NUM_HOSTS), np.bool_)
    for zone, (hosts, actions) in enumerate(zip(HOST_SLICES, ACTION_SLICES, strict=True)):
        first = actions.start + FIRST_ACTIONS[zone, KIND_NUMBERS["Analyse"]]
        exists[:, hosts] = masks[:, first : first + hosts.stop - hosts.start]
    return exists


def check_interface(
    observation_sizes: Mapping[str, int], labels: Mapping[str, Sequence[str]], version: str
) -> None:
    """Refuse a CybORG whose blue agents differ from those of `interface.json`.

    Args:
        observation_sizes: {agent: entries of its observation}.
        labels: {agent: what each of its actions is}, without marks for hosts that do not exist and
            without addresses.
        version: of that CybORG, for the messages.

    Raises:
        ValueError: agents, a size or a label differ; the message names what is known and what was met.
    """
    ours = f"the adapter's CybORG {INTERFACE.cyborg_version}"
    theirs = f"CybORG {version}"
    for given in (observation_sizes, labels):
        if tuple(given) != BLUE_AGENTS:
            raise ValueError(
                f"blue agents must be {list(BLUE_AGENTS)} as in {ours}, got {list(given)} of {theirs}"
            )
    for agent in BLUE_AGENTS:
        size, met = INTERFACE.observation_size(agent), observation_sizes[agent]
        if met != size:
            raise ValueError(
                f"{agent}: the observation must have {size} entries as in {ours}, got {met} of {theirs}"
            )
        known, found = INTERFACE.labels(agent), list(labels[agent])
        if len(found) != len(known):
            raise ValueError(
                f"{agent}: there must be {len(known)} actions as in {ours}, got {len(found)} of {theirs}"
            )
        for index, (one, other) in enumerate(zip(known, found, strict=True)):
            if one != other:
                raise ValueError(
                    f"{agent}: action {index} must be {one!r} as in {ours}, got {other!r} of {theirs}"
                )
