"""How long one update of HMARL-SOC's tier 2 takes: on one thread, on two, and with torch.compile.

On soc_v0 with the default config, from a replay that its untrained team has filled. torch.compile stands for
the losses of hunter and responder, which are nearly all of it; optimisers and target networks stay as they
are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch

import agent_zoo
from agent_zoo.hmarl_soc.training import TeamTraining
from evaluation.bench.regression import Reference
from evaluation.bench.timing import Case, Report, take_turns
from evaluation.tables import Table, number

SETTINGS: Final = ("replay.start=0", "replay.value_updates=0", "replay.critic_updates=0")
"""It learns everything from the first update on, as later in a training."""

ALONE, TWO, COMPILED, PLAYING = "one thread", "two threads", "torch.compile", "a step of all lanes"
REFERENCES: Final = (Reference("updates", {"way": ALONE}, same=()),)
ROUNDS: Final = 20
SECONDS: Final = 0.5
QUICK: Final = (2, 0.01)


def measure(quick: bool, bar: Callable[[str, int], Callable[[int], object]]) -> Report:
    """Compile, which takes a minute, and time; `bar(description, total)` gives what shows progress."""
    torch.set_num_threads(1)
    rounds, seconds = QUICK if quick else (ROUNDS, SECONDS)
    filling, trainings = bar("filling replays", 2), {}
    for name in (ALONE, COMPILED):
        trainings[name] = filled()
        filling(1)
    compiled = trainings[COMPILED].learner
    for agent in (compiled.hunter, compiled.responder):
        for loss in ("critic_loss", "actor_loss"):
            setattr(agent, loss, torch.compile(getattr(agent, loss)))
    alone = trainings[ALONE]

    def on_two_threads() -> None:
        torch.set_num_threads(2)
        alone.learner.update_tier_2(0.0)
        torch.set_num_threads(1)

    cases = [
        Case({"way": ALONE}, lambda: alone.learner.update_tier_2(0.0)),
        Case({"way": TWO}, on_two_threads),
        Case({"way": COMPILED}, lambda: compiled.update_tier_2(0.0)),
        Case({"way": PLAYING}, lambda: alone.collector.step(alone.config.num_envs)),
    ]
    take_turns(cases, rounds, seconds, bar("updates", rounds * len(cases)))
    for training in trainings.values():
        training.env.close()

    first = cases[0].latency(0.5)
    cells = tuple(
        (
            str(case.labels["way"]),
            "{1}\n[{0}, {2}]".format(*(number(1e3 * case.latency(q), 1) for q in (0.25, 0.5, 0.75))),
            number(case.latency(0.5) / first, 2),
        )
        for case in cases
    )
    note = "Medians, below them quartiles; beside the updates, what is played between two of them."
    table = Table("One update of hunter, triage and responder", ("", "ms", "x one thread"), cells, (note,))
    return Report("updates", [table], {"updates": [case.to_json() for case in cases]}, REFERENCES)


def filled() -> TeamTraining:
    """The default training, as the first update finds it."""
    config = agent_zoo.trainer("hmarl-soc").load_config(None, SETTINGS)
    training = TeamTraining(config, seed=0)
    step = 0
    while len(training.learner.replay) < config.replay.warmup:
        training.collector.step(step)
        step += config.num_envs
    return training
