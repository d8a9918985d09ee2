"""The fused team decides what the four networks decide; compiled code decides the same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import agent_zoo
import baselines
from agent_zoo.hmarl_soc import HMARLSOC
from agent_zoo.inference import CompilationError, CompiledTeam, FusedPolicy, FusedTeam, OnnxTeam, compiled
from agent_zoo.inference.fused import example_inputs
from agent_zoo.inference.policy import BLOCK
from evaluation.cli import main
from soc_env import soc_v0
from soc_env.policy import TeamPolicy, load_policy
from soc_env.team import AGENTS
from tests.refusals import refused


def team(*overrides: str, config: str = "hmarl-soc") -> HMARLSOC:
    """A team whose weights are all large enough to matter."""
    settings = agent_zoo.trainer("hmarl-soc").load_config(config, list(overrides))
    policy = HMARLSOC.untrained(settings, seed=3)
    generator = torch.Generator().manual_seed(4)
    for parameter in policy.actors.parameters():
        parameter.data += 0.2 * torch.randn(parameter.shape, generator=generator)
    return policy


def fused(policy: HMARLSOC) -> FusedPolicy:
    return FusedPolicy(FusedTeam(policy), policy.env_id, policy.config.coordinator.interval)


def assert_same_play(policy: TeamPolicy, other: TeamPolicy, num_envs: int, steps: int) -> None:
    """Both do the same in `steps` steps of lanes of different lengths, the second to 1e-5."""
    env = soc_v0.vector_env(num_envs, num_threads=1, max_steps=7)
    observations, _ = env.reset(seed=8)
    starts = np.ones(num_envs, np.bool_)
    policy.reset(num_envs)
    other.reset(num_envs)
    seen = set()
    for _ in range(steps):
        actions, others = (each.act(observations, starts.copy()) for each in (policy, other))
        for agent in AGENTS:
            assert np.abs(actions[agent] - others[agent]).max() <= 1e-5
            assert actions[agent].dtype == others[agent].dtype
        seen |= set(map(bytes, actions["strategic_coordinator"]))
        observations, _, terminations, truncations, _ = env.step(actions)
        starts = terminations | truncations
    assert len(seen) > 1, "one directive alone cannot show that it is held"


@pytest.mark.parametrize("config", ["hmarl-soc", "hmarl-soc-paper"])
def test_the_fused_team_plays_as_the_four_networks(config: str) -> None:
    policy = team(config=config)
    assert_same_play(policy, fused(policy), num_envs=500, steps=20)


def test_lanes_beyond_a_block_are_decided_alike() -> None:
    policy = team()
    assert_same_play(policy, fused(policy), num_envs=2 * BLOCK + 1, steps=8)


def test_an_interval_of_its_own_is_kept() -> None:
    policy = team("coordinator.interval=3")
    assert_same_play(policy, fused(policy), num_envs=50, steps=10)


def test_what_a_caller_does_to_a_directive_does_not_change_the_one_in_force() -> None:
    policy = fused(team())
    observations, _ = soc_v0.vector_env(4, num_threads=1).reset(seed=1)
    policy.reset(4)
    first = policy.act(observations)["strategic_coordinator"]
    kept = first.copy()
    first += 9.0
    assert np.array_equal(policy.act(observations)["strategic_coordinator"], kept)


def test_a_team_that_draws_its_directives_cannot_be_fused() -> None:
    with pytest.raises(ValueError, match=r"coordinator\.learns: true"):
        FusedTeam(team("coordinator.learns=false"))


def test_code_for_another_machine_is_refused_and_the_team_plays_eagerly(tmp_path: Path) -> None:
    policy, path = team(), tmp_path / "team.safetensors"
    made_for = compiled.target() | {"torch": "1.0"}
    with pytest.warns(UserWarning, match=r"compiled for torch 1\.0 \(here .*plays eagerly"):
        CompiledTeam(policy, {"single": b"no code", "batch": b"none"}, made_for).save(path)
    with pytest.warns(UserWarning, match="plays eagerly"):
        loaded = load_policy(path)
    assert isinstance(loaded, CompiledTeam)
    assert not loaded.is_compiled
    assert_same_play(policy, loaded, num_envs=20, steps=10)


@pytest.mark.parametrize("lanes", [1, 64])
@pytest.mark.parametrize("config", ["hmarl-soc", "hmarl-soc-paper"])
def test_the_whole_computation_moves_to_another_device_and_the_team_stays(config: str, lanes: int) -> None:
    policy = team(config=config)
    fused = FusedTeam(policy).to("meta")  # a device that every machine has, and that mixes with no other
    outputs = fused(*(each.to("meta") for each in example_inputs(lanes)))
    assert [(each.device.type, len(each)) for each in outputs] == [("meta", lanes)] * 3
    assert all(parameter.device.type == "cpu" for parameter in policy.actors.parameters())


def test_code_for_a_gpu_that_is_not_here_is_refused_and_the_team_plays_eagerly(tmp_path: Path) -> None:
    policy, path = team(), tmp_path / "team.safetensors"
    made_for = compiled.target("cuda") | {"GPU": "another, compute capability 1.0"}
    with pytest.warns(
        UserWarning, match=r"compiled for GPU another, compute capability 1\.0 \(here .*plays eagerly"
    ):
        CompiledTeam(policy, {"single": b"no code", "batch": b"none"}, made_for).save(path)
    with pytest.warns(UserWarning, match="plays eagerly"):
        loaded = load_policy(path)
    assert_same_play(policy, loaded, num_envs=20, steps=10)


def test_without_a_gpu_none_is_compiled_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    team().save(tmp_path / "policy.safetensors")
    output = tmp_path / "team.safetensors"
    for form, message in (
        ("torch", "cuda needs a GPU"),
        ("eager", "--device cuda needs the format torch, got eager"),
    ):
        given = ("--format", form, "--device", "cuda", "--output", str(output))
        assert message in refused("export", str(tmp_path), *given)
    assert not output.exists()


def test_without_a_compiler_the_message_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_compiler(*_: object) -> bytes:
        raise FileNotFoundError("g++")

    monkeypatch.setattr(compiled, "_compiled", no_compiler)
    with pytest.raises(CompilationError, match=r"needs a C\+\+ compiler .* FileNotFoundError: g\+\+"):
        CompiledTeam.compile(team())


@pytest.mark.compile
@pytest.mark.parametrize("config", ["hmarl-soc", "hmarl-soc-paper"])
def test_an_onnx_team_plays_as_the_eager_one(config: str, tmp_path: Path) -> None:
    for module in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(module)
    policy, path = team(config=config), tmp_path / "team.json"
    OnnxTeam.of(policy).save(path)
    assert (tmp_path / "team.onnx").is_file()
    loaded = load_policy(path)
    assert isinstance(loaded, OnnxTeam)
    for num_envs, steps in ((1, 30), (1000, 10)):
        assert_same_play(policy, loaded, num_envs, steps)


def test_the_command_writes_a_team_that_can_be_loaded(tmp_path: Path) -> None:
    team().save(tmp_path / "policy.safetensors")
    said = refused("export", str(tmp_path), "--format", "onnx", "--output", str(tmp_path / "team.onnx"))
    assert "--output must end in .json for the format onnx" in said
    main(["export", str(tmp_path), "--format", "eager", "--output", str(tmp_path / "eager.safetensors")])
    assert isinstance(load_policy(tmp_path / "eager.safetensors"), HMARLSOC)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("qmix", "which is another team"),
        ("rule-soar", "which is another team"),
        ("FOLDER/tuned.json", "which is of baselines.scripted:TunedSOAR"),
        ("FOLDER/mappo", "which is of baselines.mappo:MAPPO"),
        (
            "FOLDER/compiled.safetensors",
            r"which is exported already \(agent_zoo.inference.compiled:CompiledTeam\): name the team that",
        ),
        ("FOLDER/nothing", "which is no registered team, training run or file"),
    ],
)
def test_a_team_that_cannot_be_exported_is_told_why_and_what_can(
    name: str, what: str, tmp_path: Path
) -> None:
    baselines.load("tuned-soar").save(tmp_path / "tuned.json")
    (tmp_path / "mappo").mkdir()
    baselines.load("mappo").save(tmp_path / "mappo" / "policy.safetensors")
    with pytest.warns(UserWarning, match="plays eagerly"):
        compiled_elsewhere = CompiledTeam(
            agent_zoo.load("hmarl-soc"), {}, compiled.target() | {"torch": "1.0"}
        )
    compiled_elsewhere.save(tmp_path / "compiled.safetensors")
    name, output = name.replace("FOLDER", str(tmp_path)), tmp_path / "exported.safetensors"
    message = refused("export", name, "--output", str(output))
    assert re.search(
        rf"TEAM must be hmarl-soc, .* \(only its decision can be written as one computation\); "
        rf"got {re.escape(name)}, {what}.*; for instance: soc-env export hmarl-soc\n$",
        message,
    )
    assert message.count("\n") == 1
    assert "explain" not in message
    assert not output.exists()


@pytest.mark.compile
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("config", ["hmarl-soc", "hmarl-soc-paper"])
def test_a_compiled_team_plays_as_the_eager_one(config: str, device: compiled.Device, tmp_path: Path) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    policy, path = team(config=config), tmp_path / "team.safetensors"
    CompiledTeam.compile(policy, device).save(path)
    loaded = load_policy(path)
    assert isinstance(loaded, CompiledTeam)
    assert loaded.is_compiled
    for num_envs, steps in ((1, 30), (2, 10), (1000, 10), (BLOCK + 1, 10)):
        assert_same_play(policy, loaded, num_envs, steps)
