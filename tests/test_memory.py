"""More memory than there is, is refused with the figure before any of it is taken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from soc_env import memory, soc_v0
from soc_env.engine import engine

GIB = 2**30


def test_a_machine_says_how_much_it_has() -> None:
    there = memory.available()
    assert there is None or 2**24 < there < 2**60


def test_the_refusal_has_both_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 3 * GIB)
    memory.check_memory(3 * GIB, "seven lanes")
    with pytest.raises(MemoryError, match=r"seven lanes need 4\.0 GiB of memory, there are 3\.0 GiB"):
        memory.check_memory(4 * GIB, "seven lanes")


def test_a_system_that_does_not_say_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_limits", lambda: iter(()))
    memory.check_memory(2**80, "anything")


def test_a_container_s_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1234567\n", "utf-8")
    (tmp_path / "unlimited").write_text("max\n", "utf-8")
    paths = ("memory.max", "unlimited", "missing")
    monkeypatch.setattr(memory, "_CGROUPS", tuple(str(tmp_path / path) for path in paths))
    assert memory.available() == 1234567


@pytest.mark.parametrize("num_envs", [10**6, 10**10, 10**15])
def test_lanes_are_counted_before_they_are_made(num_envs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: GIB)
    with pytest.raises(MemoryError, match=rf"{num_envs:,} lanes of soc_v0 need [\d,]+\.\d GiB"):
        soc_v0.vector_env(num_envs)


def test_the_estimate_is_what_a_played_step_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(engine, "check_memory", lambda needed, _: asked.append(needed))
    env = soc_v0.vector_env(64, hosts_per_segment=2000)
    arrays = sum(array.nbytes for array in env._engine.arrays)
    assert arrays < asked[0] < 1.2 * arrays
    env.close()


def test_a_replay_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from agent_zoo.learning.replay import PrioritizedReplay

    monkeypatch.setattr(memory, "available", lambda: GIB)
    fields = {"observation": ((352,), torch.float32)}
    with pytest.raises(MemoryError, match=re.escape("a replay's 1,000,000,000 transitions need 1,311.3 GiB")):
        PrioritizedReplay(10**9, fields, 0.0, torch.Generator())
    assert len(PrioritizedReplay(10, fields, 0.0, torch.Generator())) == 0


def test_a_command_refuses_with_the_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tyro")
    from tests.refusals import refused

    monkeypatch.setattr(memory, "available", lambda: GIB)
    said = refused("evaluate", "rule-soar", "--env-set", "hosts_per_segment=100000")
    assert re.fullmatch(r"soc-env evaluate: 2,000 lanes of soc_v0 need \d\.\d GiB .*1\.0 GiB\n", said)
