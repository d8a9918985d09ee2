"""`soc-env bench` runs, and its figures are those of what it timed."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

from evaluation.bench import account, environment, regression
from evaluation.bench.timing import Case, machine, take_turns
from evaluation.cli import main
from soc_env.soc_v0.layout import NUM_NORMALS
from tests.refusals import refused


def test_cases_take_turns_and_are_timed() -> None:
    order: list[str] = []
    slow = Case({"name": "slow"}, lambda: (order.append("slow"), time.sleep(0.01)), size=5)
    fast = Case({"name": "fast"}, lambda: order.append("fast"))
    advanced: list[int] = []
    take_turns([slow, fast], rounds=3, seconds=0.005, advance=advanced.append)
    counted = order[6:]  # after three calls each to warm up
    assert [name for name, before in zip(counted, ["", *counted], strict=False) if name != before] == [
        "slow",
        "fast",
    ] * 3
    assert advanced == [1] * 6
    assert 0.01 <= slow.latency(0.5) < 0.1
    assert slow.rate() == pytest.approx(5 / np.median([block.mean() for block in slow.blocks]))
    assert fast.rate() > slow.rate()


def test_a_case_becomes_plain_figures() -> None:
    case = Case({"way": "x"}, lambda: None, size=2, blocks=[np.array([1.0, 3.0]), np.array([4.0])])
    assert case.to_json() == {
        "way": "x",
        "size": 2,
        "p25_us": 2e6,
        "p50_us": 3e6,
        "p75_us": 3.5e6,
        "p99_us": pytest.approx(3.98e6),
        "rate_low": 0.625,
        "rate_median": 0.75,
        "rate_high": 0.875,
    }


def test_the_machine_is_named() -> None:
    about = machine()
    assert about["cores"] >= 1
    assert about["versions"]["soc-env"]
    assert about["versions"]["numpy"]


def test_a_lane_of_more_hosts_takes_more_memory() -> None:
    few, many = (environment.bytes_of_a_lane(hosts) for hosts in (50, 200))
    assert 0 < few < many < 20 * few


def test_bench_env_prints_tables_and_keeps_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "HOSTS", (50, 200))
    monkeypatch.setattr(environment, "LANES", (1, 8))
    monkeypatch.setattr(environment, "QUICK", (2, 0.001))
    monkeypatch.setattr(environment, "POOL", 8)
    monkeypatch.setattr(environment, "first_calls", lambda: {"cached": [0.1, 0.2]})
    main(["bench", "env", "--quick", "--output", str(tmp_path / "env.json")])
    printed = capsys.readouterr().out
    for text in ("Environment steps", "plain simulator", "PettingZoo parallel", "bytes a lane"):
        assert text in printed
    figures = json.loads((tmp_path / "env.json").read_text())
    assert figures["bench"] == "env"
    assert [row["face"] for row in figures["steps"]].count("vector") == 4
    assert all(row["rate_median"] > 0 for row in figures["steps"])


def kept(path: Path, **rates: float) -> Path:
    steps = [
        {"face": face, "lanes": 1, "hosts": hosts, "rate_median": rate * hosts}
        for hosts in (50, 200)
        for face, rate in rates.items()
    ]
    path.write_text(json.dumps({"format": "soc-env bench", "bench": "env", "steps": steps}))
    return path


def test_runs_are_compared_by_what_each_case_is_worth_beside_its_reference(tmp_path: Path) -> None:
    earlier = regression.read_earlier(kept(tmp_path / "a.json", slow=10.0, fast=40.0, gone=1.0), "env")
    now = regression.read_earlier(kept(tmp_path / "b.json", slow=5.0, fast=10.0, new=1.0), "env")
    reference = regression.Reference("steps", {"face": "slow"}, same=("hosts",))
    table = regression.compared(now, earlier, [reference])
    assert table.rows == (
        ("steps", "fast, lanes 1, hosts 50", "4", "2", "0.50"),
        ("steps", "fast, lanes 1, hosts 200", "4", "2", "0.50"),
    )


def test_bench_env_beside_an_earlier_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "HOSTS", (50, 200))
    monkeypatch.setattr(environment, "LANES", (1,))
    monkeypatch.setattr(environment, "QUICK", (1, 0.001))
    monkeypatch.setattr(environment, "POOL", 8)
    monkeypatch.setattr(environment, "first_calls", lambda: {"cached": [0.1, 0.2]})
    file = tmp_path / "env.json"
    main(["bench", "env", "--quick", "--output", str(file)])
    main(["bench", "env", "--quick", "--beside", str(file)])
    assert "now / earlier" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "KeyError"),
        ("no JSON", "JSONDecodeError"),
        ('{"format": "soc-env bench", "bench": "inference"}', "got soc-env bench inference"),
    ],
)
def test_an_earlier_run_of_something_else_is_refused_before_anything_is_measured(
    tmp_path: Path, text: str, message: str
) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    said = refused("bench", "env", "--beside", str(file))
    assert re.match(rf"soc-env bench env: --beside .*other.json.*{message}", said)


def test_bench_training_names_what_it_cannot_take() -> None:
    assert "hunter.speed" in refused("bench", "training", "--set", "hunter.speed=3")
    assert "4000000000" in refused("bench", "training", "--seeds", "4000000000")
    assert "--every" in refused("bench", "training", "--every", "0")
    assert "--longest" in refused("bench", "training", "--longest", "-1")


def test_bench_training_says_where_time_went(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = ("num_envs=64", "num_episodes=100000", "checkpoint_seconds=1000", "coordinator.rollout_steps=16")
    limits = ("--every", "0.5", "--longest", "1", "--reward", "1000")
    path = tmp_path / "training.json"
    main(["bench", "training", "--seeds", "5", *limits, "--output", str(path), "--set", *small])
    assert "> 1" in capsys.readouterr().out
    (run,) = json.loads(path.read_text())["runs"]
    assert run["seconds"] is None
    assert len(run["curve"]) >= 1
    assert 0 < run["shares"]["environment"] < 1
    assert 0 < run["shares"]["evaluation"] < 1


@pytest.mark.compile
def test_bench_updates_prints_every_way(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    main(["bench", "updates", "--quick", "--output", str(tmp_path / "updates.json")])
    assert "torch.compile" in capsys.readouterr().out
    timed = json.loads((tmp_path / "updates.json").read_text())["updates"]
    assert [case["way"] for case in timed] == [
        "one thread",
        "two threads",
        "torch.compile",
        "a step of all lanes",
    ]
    assert all(case["p50_us"] > 0 for case in timed)


def test_what_a_step_draws_is_counted() -> None:
    drawn = account.draws_of_a_step()
    assert NUM_NORMALS <= drawn["normal"] < 1.2 * NUM_NORMALS  # a little more where episodes begin
    assert 10 < drawn["uniform"] < 1_000


def test_the_parts_of_a_step_do_what_they_are_timed_for() -> None:
    steps: list[int] = []
    parts = {case.labels["part"]: case for case in account.cases(lambda: steps.append(1))}
    for case in parts.values():
        case.call()
        case.blocks.append(np.array([1e-3]))
    assert steps == [1]
    figures = account.figures(list(parts.values()), {"normal": 176.0, "uniform": 100.0})
    assert [part["part"] for part in figures["parts"]] == list(parts)
    assert figures["bytes_of_a_step"] == 352 * 4 + 10
    cells = {row[0]: row for row in account.table(list(parts.values()), {"normal": 1.0, "uniform": 2.0}).rows}
    assert cells["the floor: deviates drawn and written, nothing else"][2] == "x 1.00"
