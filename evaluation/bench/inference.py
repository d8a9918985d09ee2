"""How long one decision of the whole team takes, by every way to compute it, and how many a second.

Teams are HMARL-SOC as it is trained by default and with the paper's networks, untrained: speed does not
depend on weights. Latency: one lane, one thread, observations at hand. Beside it stands the floor: reading
the weights once from the cache that they fit in. Throughput: decisions a second, and the useful
floating-point operations of a decision over what this machine's matrix products reach in the same run. End to
end: a policy plays the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch

import agent_zoo
from agent_zoo.hmarl_soc import HMARLSOC
from agent_zoo.inference import FusedPolicy, FusedTeam
from agent_zoo.inference.compiled import compile_team, load_code
from agent_zoo.inference.fused import example_inputs
from agent_zoo.inference.onnx_file import load_model, to_onnx
from agent_zoo.inference.policy import Run, in_blocks
from evaluation.bench.regression import Reference
from evaluation.bench.timing import Case, Report, take_turns, with_quartiles
from evaluation.tables import Table, number
from soc_env import soc_v0
from soc_env.team import JOINT_OBSERVATION_SIZE

CONFIGS: Final = {"default": "hmarl-soc", "paper": "hmarl-soc-paper"}
LARGE_BATCHES: Final = (1_024, 16_384)
LANES: Final = (1, 64, 1_024, 8_192)
HOSTS: Final = {50: 2.1, 200: 4.2, 500: 8.3}
"""Hosts, and the paper's milliseconds for a decision and a step."""

PRODUCT: Final = 1_024
"""Rows and columns of the matrices whose product is this machine's peak."""

EAGER, FUSED, COMPILED, AHEAD, ONNX = (
    "four networks one by one",
    "fused",
    "torch.compile",
    "AOTInductor",
    "ONNX Runtime",
)
FLOOR: Final = "weights read once"
REFERENCES: Final = (
    Reference("latency", {"way": EAGER}, same=("networks",)),
    Reference("throughput", {"way": EAGER}, same=("networks", "size")),
    Reference("end_to_end", {"way": EAGER}, same=("networks", "size", "hosts")),
)
ROUNDS: Final = 20
SECONDS: Final = 0.05
QUICK: Final = (2, 0.01)


@torch.inference_mode()
def measure(quick: bool, bar: Callable[[str, int], Callable[[int], object]]) -> Report:
    """Compile, which takes minutes, and time; `bar(description, total)` gives what shows progress."""
    torch.set_num_threads(1)
    rounds, seconds = QUICK if quick else (ROUNDS, SECONDS)
    compiling, teams, computed = bar("compiling", len(CONFIGS)), {}, {}
    for name, config in CONFIGS.items():
        teams[name] = HMARLSOC.untrained(agent_zoo.trainer("hmarl-soc").load_config(config, []), seed=0)
        computed[name] = ways(teams[name])
        compiling(1)

    latency = [
        *(_case(name, way, 1, decide(run, 1)) for name in teams for way, run in computed[name].items()),
        *(_case(name, FLOOR, 1, reading_weights(team)) for name, team in teams.items()),
    ]
    take_turns(latency, rounds, seconds, bar("latency", rounds * len(latency)))

    matrix = torch.randn(PRODUCT, PRODUCT)
    product = Case({}, lambda: matrix @ matrix)
    throughput = [
        _case(name, way, batch, decide(run, batch))
        for name in teams
        for batch in LARGE_BATCHES
        for way, run in computed[name].items()
    ]
    cases = [*throughput, product]
    take_turns(cases, rounds, seconds, bar("throughput", rounds * len(cases)))
    peak = 2 * PRODUCT**3 * product.rate()

    playing = []
    for name, team in teams.items():
        players: dict[str, HMARLSOC | FusedPolicy] = {EAGER: team}
        for way in (FUSED, AHEAD):
            players[way] = FusedPolicy(computed[name][way], team.env_id, team.config.coordinator.interval)
        sizes = [(lanes, 200) for lanes in LANES] + [(1, hosts) for hosts in HOSTS if hosts != 200]
        for way, policy in players.items():
            for lanes, hosts in sizes:
                playing.append(_case(name, way, lanes, end_to_end(policy, lanes, hosts)))
                playing[-1].labels["hosts"] = hosts
    advance = bar("end to end", rounds * len(playing))
    for case in playing:  # a policy remembers its lanes, so these do not take turns
        take_turns([case], rounds, seconds, advance)

    operations = {name: useful_operations(team) for name, team in teams.items()}
    tables = [
        _latency_table(latency),
        _throughput_table(throughput, operations, peak),
        _playing_table(playing),
    ]
    figures = {
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "matrix_product_flops": peak,
        "operations_of_a_decision": operations,
        "latency": [case.to_json() for case in latency],
        "throughput": [case.to_json() for case in throughput],
        "end_to_end": [case.to_json() for case in playing],
    }
    return Report("inference", tables, figures, REFERENCES)


def ways(policy: HMARLSOC) -> dict[str, Run]:
    """Every way to compute the team's decision, as `FusedTeam.forward`; compiles for a minute."""
    fused = FusedTeam(policy).eval()
    return {
        EAGER: lambda observation, *_: policy.actors(observation),
        FUSED: in_blocks(fused),
        COMPILED: torch.compile(fused),
        ONNX: in_blocks(load_model(to_onnx(policy))),
        AHEAD: in_blocks(load_code(compile_team(policy), "cpu")),
    }


def decide(run: Run, batch: int) -> Callable[[], object]:
    """Decide for `batch` lanes, always the same."""
    generator = torch.Generator().manual_seed(0)
    _, directive, age = example_inputs(batch)
    observation = torch.randn(batch, JOINT_OBSERVATION_SIZE, generator=generator)
    return lambda: run(observation, directive, age)


def reading_weights(policy: HMARLSOC) -> Callable[[], object]:
    """Summing as many numbers as the fused team has weights: they are read once and little else is done."""
    weights = torch.cat([weight.flatten() for weight in FusedTeam(policy).parameters()])
    return lambda: weights.sum()


def useful_operations(policy: HMARLSOC) -> int:
    """Multiplications and additions of one decision, padding left out."""
    actors, segments = policy.actors, len(policy.actors.hunter.body.own)
    operations = 0
    for name, parameter in actors.named_parameters():
        if parameter.ndim < 2 or name.endswith("which"):
            continue
        in_segments = name.startswith(("hunter", "responder")) and "mean_weight" not in name
        operations += 2 * parameter.numel() * (segments if in_segments else 1)
    return operations


def end_to_end(policy: HMARLSOC | FusedPolicy, lanes: int, hosts: int) -> Callable[[], object]:
    """One decision and one step of all lanes."""
    observations: Any = None
    starts = np.ones(lanes, np.bool_)
    env = soc_v0.vector_env(lanes, hosts_per_segment=hosts // 5)

    def call() -> None:
        nonlocal observations, starts
        if observations is None:  # not before the one case with this policy that ran before has ended
            observations, _ = env.reset(seed=0)
            policy.reset(lanes)
        observations, _, terminations, truncations, _ = env.step(policy.act(observations, starts))
        starts = terminations | truncations

    return call


def _case(team: str, way: str, size: int, call: Callable[[], object]) -> Case:
    return Case({"networks": team, "way": way}, call, size)


def _latency_table(cases: list[Case]) -> Table:
    median = {(case.labels["networks"], case.labels["way"]): case.latency(0.5) for case in cases}
    cells = []
    for case in cases:
        team, microseconds = case.labels["networks"], [1e6 * case.latency(q) for q in (0.25, 0.5, 0.75, 0.99)]
        low, middle, high, late = (number(value, 1) for value in microseconds)
        ratios = (case.latency(0.5) / median[team, way] for way in (EAGER, ONNX))
        cells.append(
            (team, case.labels["way"], f"{middle}\n[{low}, {high}]", late, *(number(r, 2) for r in ratios))
        )
    header = ("networks", "way", "p50 us", "p99 us", "/ one by one", "/ ONNX Runtime")
    notes = ("One decision of the whole team, one lane, one thread; below the median quartiles.",)
    return Table("Latency", header, tuple(cells), notes, num_labels=2)


def _throughput_table(cases: list[Case], operations: dict[str, int], peak: float) -> Table:
    cells = tuple(
        (
            case.labels["networks"],
            case.labels["way"],
            f"{case.size:,}",
            with_quartiles(case),
            number(operations[case.labels["networks"]] * case.rate() / peak, 2),
        )
        for case in cases
    )
    note = f"One thread; its peak, by products of {PRODUCT} x {PRODUCT} matrices: {peak / 1e9:.0f} GFLOP/s."
    return Table(
        "Throughput",
        ("networks", "way", "batch", "decisions/s", "share of peak"),
        cells,
        (note,),
        num_labels=2,
    )


def _playing_table(cases: list[Case]) -> Table:
    cells = []
    for case in cases:
        hosts = case.labels["hosts"]
        published = number(HOSTS[hosts], 1) if case.size == 1 else ""
        labels = (case.labels["networks"], case.labels["way"], f"{case.size:,}", str(hosts))
        cells.append((*labels, with_quartiles(case), number(1e3 * case.latency(0.5), 3), published))
    header = ("networks", "way", "lanes", "hosts", "steps/s", "ms", "paper's ms")
    note = "A decision and a step of all lanes; milliseconds are for both, medians."
    return Table("End to end", header, tuple(cells), (note,), num_labels=2)
