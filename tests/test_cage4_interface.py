"""CAGE-4's recorded interface: what the adapter knows of it and refuses; and what its tests share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from evaluation.cage4.adapter import Adapter
from evaluation.cage4.flags import PLACES
from evaluation.cage4.interface import (
    ACTION_SLICES,
    BLUE_AGENTS,
    INTERFACE,
    NUM_HOSTS,
    OBSERVATION_SIZE,
    OBSERVATION_SLICES,
    check_interface,
)
from soc_env import soc_v0
from soc_env.team import (
    CONTROL_SIZES,
    COORDINATOR,
    HUNTER,
    RESPONDER,
    TRIAGE,
    Actions,
    Observations,
    Verdict,
)

DATA = Path(__file__).parent / "data" / "cage4"
RECORDED = json.loads((DATA / "interface.json").read_text())
TRACES = np.load(DATA / "traces.npz")
EPISODES = ("random", "reactive")
HOSTS = [(agent, host) for agent in BLUE_AGENTS for host in RECORDED["hosts"][agent]]
ALL = np.ones(1, np.bool_)
NOTHING = np.zeros((1, NUM_HOSTS), np.bool_)


def recorded(episode: str, what: str) -> np.ndarray:
    """An episode's observations or masks side by side, or its actions (steps, agents)."""
    join = np.stack if what == "action" else np.concatenate
    return join([TRACES[f"{episode}/{agent}/{what}"] for agent in BLUE_AGENTS], axis=-1)


def quiet(phase: int = 0) -> np.ndarray:
    """An observation (1, OBSERVATION_SIZE) in which nothing was seen, without blocks and policy."""
    observation = np.zeros((1, OBSERVATION_SIZE), np.int64)
    observation[0, [part.start for part in OBSERVATION_SLICES]] = phase
    subnets = [subnet for agent in BLUE_AGENTS for subnet in INTERFACE.guarded[agent]]
    for places, subnet in zip(PLACES.subnet, subnets, strict=True):
        observation[0, places[RECORDED_SUBNETS.index(subnet)]] = 1
    return observation


RECORDED_SUBNETS = sorted(  # those that traffic is blocked from, and those guarded
    {
        label.rpartition(" ")[2]
        for agent in BLUE_AGENTS
        for label in RECORDED["action_labels"][agent]
        if "<-" in label
    }
)


def flagged(*flags: tuple[str, int], phase: int = 0) -> np.ndarray:
    """`quiet` but for some flags, as ("process" or "connection", number of the host)."""
    observation = quiet(phase)
    for kind, host in flags:
        observation[0, getattr(PLACES, kind)[host]] = 1
    return observation


def every_host() -> np.ndarray:
    """A mask (1, NUM_ACTIONS) of an episode with all hosts."""
    return np.ones((1, ACTION_SLICES[-1].stop), np.bool_)


def begun(observation: np.ndarray | None = None) -> Adapter:
    """An adapter of one lane with all hosts, which has seen an episode's first observation."""
    adapter = Adapter(1)
    adapter.begin(ALL, quiet() if observation is None else observation, every_host())
    return adapter


def wishing(
    intensity: float = 0.0,
    scope: float = 0.0,
    isolate: float = 0.0,
    remediate: float = 0.0,
    verdict: int = Verdict.ENRICH,
    num_envs: int = 1,
) -> Actions:
    """What a team does that wants this in all segments, 0 to 1, and has a low directive."""
    actions: Actions = {
        agent: np.zeros((num_envs, size), np.float32) for agent, size in CONTROL_SIZES.items()
    }
    actions[COORDINATOR] -= 1.0
    for agent, first, wish in (
        (HUNTER, 0, intensity),
        (HUNTER, 5, scope),
        (RESPONDER, 0, isolate),
        (RESPONDER, 5, remediate),
    ):
        actions[agent][:, first : first + 5] = 2.0 * wish - 1.0
    actions[TRIAGE] = np.full(num_envs, verdict, np.int64)
    return actions


def labels(chosen: np.ndarray) -> list[str]:
    """What the blue agents' actions (1, agents) are called in the recorded interface."""
    return [
        RECORDED["action_labels"][agent][index] for agent, index in zip(BLUE_AGENTS, chosen[0], strict=True)
    ]


def field(observations: Observations, agent: str, name: str) -> float:
    """One entry of a team's observations, by the name that soc_v0 gives it."""
    (found,) = (one for one in soc_v0.fields(agent) if one.name == name)
    return float(observations[agent][0, found.start])


def random_actions(generator: np.random.Generator, num_envs: int) -> Actions:
    actions: Actions = {
        agent: generator.uniform(-1, 1, (num_envs, size)).astype(np.float32)
        for agent, size in CONTROL_SIZES.items()
    }
    actions[TRIAGE] = generator.integers(4, size=num_envs)
    return actions


def test_sizes_hosts_and_labels_are_the_recorded_ones():
    assert list(BLUE_AGENTS) == RECORDED["agents"]
    for agent in BLUE_AGENTS:
        assert INTERFACE.labels(agent) == RECORDED["action_labels"][agent]
        assert INTERFACE.hosts(agent) == RECORDED["hosts"][agent]
        assert list(INTERFACE.guarded[agent]) == RECORDED["subnets"][agent]
        assert INTERFACE.observation_size(agent) == RECORDED["observation_sizes"][agent]


def test_the_recorded_interface_is_accepted():
    check_interface(RECORDED["observation_sizes"], RECORDED["action_labels"], "4.0")


def test_another_observation_size_is_refused_with_both_sizes():
    sizes = RECORDED["observation_sizes"] | {"blue_agent_4": 214}
    with pytest.raises(ValueError, match=r"blue_agent_4.* 210 entries .*CybORG 4\.0, got 214 of CybORG 5\.1"):
        check_interface(sizes, RECORDED["action_labels"], "5.1")


def test_another_number_of_actions_is_refused_with_both_numbers():
    shorter = RECORDED["action_labels"] | {"blue_agent_0": RECORDED["action_labels"]["blue_agent_0"][:-1]}
    with pytest.raises(ValueError, match=r"blue_agent_0.* 82 actions .*got 81 of CybORG 5\.1"):
        check_interface(RECORDED["observation_sizes"], shorter, "5.1")


def test_another_label_is_refused_with_both_labels():
    changed = list(RECORDED["action_labels"]["blue_agent_2"])
    changed[16] = "Watch"
    with pytest.raises(
        ValueError, match=r"blue_agent_2: action 16 must be 'Monitor' .*got 'Watch' of CybORG 5\.1"
    ):
        check_interface(
            RECORDED["observation_sizes"], RECORDED["action_labels"] | {"blue_agent_2": changed}, "5.1"
        )


def test_other_agents_are_refused():
    sizes = {agent: RECORDED["observation_sizes"][agent] for agent in BLUE_AGENTS[:-1]}
    with pytest.raises(ValueError, match=r"blue agents must be .*blue_agent_4"):
        check_interface(sizes, RECORDED["action_labels"], "5.1")


@pytest.mark.parametrize("episode", EPISODES)
def test_masks_say_which_hosts_exist(episode):
    masks = recorded(episode, "mask")[None]
    adapter = Adapter(1)
    adapter.begin(ALL, recorded(episode, "observation")[:1], masks)
    for number, (agent, host) in enumerate(HOSTS):
        index = RECORDED["action_labels"][agent].index(f"Restore {host}")
        assert adapter.evidence.exists[0, number] == TRACES[f"{episode}/{agent}/mask"][index]
