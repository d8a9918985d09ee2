"""`soc-env explain` end to end: what it shows, draws and writes, and what it says when it cannot."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import agent_zoo
from agent_zoo.hmarl_soc import HMARLSOC
from agent_zoo.hmarl_soc.explainer import ExplainerConfig, train_explainer
from baselines.scripted import TunedSOAR
from evaluation.environments import EnvSpec
from evaluation.explain import team as explain_team
from evaluation.explain.episode import play_episode
from evaluation.explain.team import explainer_path
from evaluation.zoo_team import find_team
from soc_env import soc_v0
from soc_env.team import AGENTS, COORDINATOR, HUNTER, OBSERVATION_SIZES, RESPONDER, TRIAGE, join_observations
from tests.explained import DECISIVE, QUICK, entry_names, shaped_team
from tests.test_cli import run

SETTINGS = ("--env-set", "hosts_per_segment=10", "max_steps=40")
SPEC = EnvSpec("soc_v0", {"hosts_per_segment": 10, "max_steps": 40})
SEED = 10**9
STEP = 7


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run's directory with a policy and, from the first use on, its explainer."""
    folder = tmp_path_factory.mktemp("run")
    shaped_team().save(folder / "policy.safetensors")
    return folder


@pytest.fixture(autouse=True)
def _quick_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_team, "LANES", 32)
    monkeypatch.setattr(explain_team, "STEPS", 64)
    monkeypatch.setattr(explain_team, "train_explainer", functools.partial(train_explainer, config=QUICK))


@pytest.fixture
def hardly_any_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it does not matter what the explainer says."""
    hardly = ExplainerConfig(token_size=8, updates=2)
    monkeypatch.setattr(explain_team, "train_explainer", functools.partial(train_explainer, config=hardly))


@pytest.fixture
def no_training(monkeypatch: pytest.MonkeyPatch, run_dir: Path) -> None:
    """The explainer is there already."""
    if not (run_dir / "explainer.safetensors").exists():
        assert run("explain", str(run_dir), "--agent", HUNTER, *SETTINGS) == 0

    def fail(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("an explainer was trained")

    monkeypatch.setattr(explain_team, "train_explainer", fail)


def length() -> int:
    return play_episode(shaped_team(), SPEC, SEED, 0).length


def words(text: str) -> str:
    return " ".join(text.split())


# What it shows


@pytest.mark.usefixtures("hardly_any_training")
def test_an_explainer_is_trained_where_there_is_none_and_kept(tmp_path: Path) -> None:
    shaped_team().save(tmp_path / "policy.safetensors")
    assert run("explain", str(tmp_path), "--agent", HUNTER, *SETTINGS) == 0
    kept = (tmp_path / "explainer.safetensors").read_bytes()
    shaped_team(seed=1).save(tmp_path / "policy.safetensors")  # trained anew: the explainer is out of date
    assert run("explain", str(tmp_path), "--agent", HUNTER, *SETTINGS) == 0
    assert (tmp_path / "explainer.safetensors").read_bytes() != kept


@pytest.mark.usefixtures("hardly_any_training")
def test_a_folder_that_cannot_be_written_to_only_costs_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*args: Any) -> None:
        raise PermissionError("Permission denied")

    shaped_team().save(tmp_path / "policy.safetensors")
    monkeypatch.setattr("agent_zoo.hmarl_soc.explainer.TeamExplainer.save", refuse)
    assert run("explain", str(tmp_path), "--agent", HUNTER, *SETTINGS) == 0
    assert "could not be kept for the next time: Permission denied" in words(capsys.readouterr().err)


@pytest.mark.usefixtures("no_training")
def test_the_terminal_shows_when_what_and_why(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", str(run_dir), "--agent", HUNTER, "--step", str(STEP), "--top", "4", *SETTINGS) == 0
    text = words(capsys.readouterr().out)
    assert f"seed {SEED}, lane 0, step {STEP} of {length()}" in text
    assert "(the agent is not told)" in text
    assert "intensity: DMZ" in text
    for name in DECISIVE[HUNTER]:
        assert name in text
    assert "visibility of the attacker's phase" in text
    assert "h1 h2 h3 h4" in text
    assert "█" in text
    assert "the other 124 inputs" in text


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("agent", sorted(DECISIVE))
def test_the_json_holds_every_input_of_that_very_step(agent: str, run_dir: Path, tmp_path: Path) -> None:
    file = tmp_path / "why.json"
    assert (
        run("explain", str(run_dir), "--agent", agent, "--step", str(STEP), "--json", str(file), *SETTINGS)
        == 0
    )
    found = json.loads(file.read_text())
    assert (found["agent"], found["seed"], found["lane"], found["step"]) == (agent, SEED, 0, STEP)
    assert found["length"] == length()
    inputs = found["inputs"]
    assert sorted(one["name"] for one in inputs) == sorted(entry_names(agent))
    importance = [one["importance"] for one in inputs]
    assert importance == sorted(importance, reverse=True)
    assert sum(importance) == pytest.approx(1.0, abs=1e-4)
    assert [sum(one["heads"][head] for one in inputs) for head in range(4)] == pytest.approx(
        [1.0] * 4, abs=1e-4
    )
    assert {one["name"] for one in inputs[: len(DECISIVE[agent])]} == set(DECISIVE[agent])
    # The directive in force at step 7 was decided on what was seen at step 5.
    assert found["decided_at"] == (5 if agent == COORDINATOR else STEP)
    seen = episode_observations()[found["decided_at"]]
    start = {agent: sum(list(OBSERVATION_SIZES.values())[:index]) for index, agent in enumerate(AGENTS)}[
        agent
    ]
    by_name = {one["name"]: one["value"] for one in inputs}
    np.testing.assert_array_equal(
        [by_name[name] for name in entry_names(agent)], seen[start : start + OBSERVATION_SIZES[agent]]
    )


def episode_observations() -> list[np.ndarray]:
    """What the team meets in the episode, played through another face."""
    env, team = soc_v0.parallel_env(**SPEC.config), shaped_team()
    team.reset(1)
    observations, _ = env.reset(seed=SEED)
    seen = []
    while env.agents:
        seen.append(join_observations(observations))
        batch = team.act({agent: rows[None] for agent, rows in observations.items()})
        observations, *_ = env.step({agent: action[0] for agent, action in batch.items()})
    return seen


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("agent", AGENTS)
def test_a_picture_is_drawn_the_same_every_time(agent: str, run_dir: Path, tmp_path: Path) -> None:
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    for file in files:
        assert run("explain", str(run_dir), "--agent", agent, "--output", str(file), *SETTINGS) == 0
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.usefixtures("no_training")
def test_an_agent_that_decides_the_same_whatever_it_sees_is_said_to(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "why.json"
    assert run("explain", str(run_dir), "--agent", TRIAGE, "--json", str(file), *SETTINGS) == 0
    text = words(capsys.readouterr().out)
    assert "correlate the oldest alert, though none waits" in text  # step 0
    assert "alert_triage decides the same whatever it sees: in all 2,048 observations" in text
    assert json.loads(file.read_text())["constant"] is True
    assert json.loads(file.read_text())["inputs"] == []


@pytest.mark.usefixtures("no_training")
def test_faithfulness_is_measured_drawn_and_written(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "faithful"
    arguments = ("--faithfulness", "--lanes", "128", "--output", str(output), *SETTINGS)
    assert run("explain", str(run_dir), *arguments) == 0
    text = words(capsys.readouterr().out)
    for word in (
        "deletion ↑",
        "insertion ↓",
        "attention",
        "gradient",
        "regression",
        "random",
        "threat hunter",
    ):
        assert word in text
    assert (output / "faithfulness.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((output / "faithfulness.json").read_text())
    assert set(found["agents"]) == set(DECISIVE)
    assert found["constant"] == [TRIAGE]
    for figures in found["agents"].values():
        low, high = figures["attention_less"]["random"]["deletion"]["interval"]
        assert 0 < low < figures["attention_less"]["random"]["deletion"]["mean"] < high
        assert figures["attention_less"]["random"]["insertion"]["interval"][1] < 0


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "--help") == 0
    text = capsys.readouterr().out
    for option in ("--agent", "--seed", "--lane", "--step", "--top", "--faithfulness", "--output", "--json"):
        assert option in text
    assert "{None}" not in text


# Where explainers lie


def test_an_explainer_lies_beside_its_policy() -> None:
    assert explainer_path(Path("run/policy.safetensors")) == Path("run/explainer.safetensors")
    weights = Path("weights/soc_v0/hmarl-soc-42.safetensors")
    assert explainer_path(weights) == Path("weights/soc_v0/hmarl-soc-42-explainer.safetensors")


def test_a_registered_team_and_its_explainer_are_found_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(agent_zoo.REGISTRY), "weights", lambda *_: tmp_path / "hmarl-soc-42.safetensors")
    shaped_team().save(tmp_path / "hmarl-soc-42.safetensors")
    policy, path = find_team("hmarl-soc", 42, None, "explain")
    assert isinstance(policy, HMARLSOC)
    assert explainer_path(path) == tmp_path / "hmarl-soc-42-explainer.safetensors"


# What it says when it cannot


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--agent", "janitor"), f"--agent must be one of {', '.join(AGENTS)}; got 'janitor'"),
        ((), f"--agent must be one of {', '.join(AGENTS)}; got none"),
        (("--agent", HUNTER, "--step", "40"), "--step must be from 0 to LAST: the episode of seed "
         "1000000000, lane 0 was over after LENGTH steps; got 40"),
        (("--agent", HUNTER, "--step", "-1"), "--step must be from 0 to LAST"),
        (("--agent", HUNTER, "--seed", "-1"), "--seed must be at least 0, got -1"),
        (("--agent", HUNTER, "--lane", "-2"), "--lane must be at least 0, got -2"),
        (("--agent", HUNTER, "--top", "0"), "--top must be at least 1, got 0"),
        (("--agent", HUNTER, "--output", "why.bmp"), "--output must end in .png, .svg, .pdf, got why.bmp"),
        (("--agent", HUNTER, "--env", "soc_v9"), "--env must be soc_v0, which RUN plays, got soc_v9"),
        (("--agent", HUNTER, "--env-set", "hosts_per_segment=0"), "hosts_per_segment must be"),
        (("--agent", HUNTER, "--env-set", "stealth"), "--env-set must be KEY=VALUE, got 'stealth'"),
        (("--agent", HUNTER, "--training-seed", "1000000000"), "--training-seed must be"),
        (("--faithfulness", "--seed", "42"), "--seed must be an integer from 1000000000"),
        (("--faithfulness", "--lanes", "1"), "--lanes must be at least 2, got 1"),
        (("--faithfulness", "--json", "x.json"), "--json must be left out with --faithfulness"),
        (("--faithfulness", "--output", "x.png"), "--output must be a folder with --faithfulness, got x.png"),
    ],
)  # fmt: skip
def test_errors_name_the_argument_its_value_and_what_was_expected(
    arguments: tuple[str, ...], message: str, run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = () if "--env-set" in arguments else SETTINGS
    assert run("explain", str(run_dir), *arguments, *settings) == 2
    message = message.replace("RUN", str(run_dir))
    message = message.replace("LAST", str(length() - 1)).replace("LENGTH", str(length()))
    assert message in words(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "rule-soar",
            "TEAM must be hmarl-soc, a training run of it or its policy's file (only its agents have "
            "explainers); got rule-soar, which is another team; for instance: soc-env explain hmarl-soc",
        ),
        ("rule-sour", "got rule-sour, which is no registered team, training run or file; for instance"),
        ("FOLDER", "TEAM must be a training run that has ended, with policy.safetensors; got FOLDER"),
        (
            "FOLDER/tuned.json",
            "got FOLDER/tuned.json, which is of baselines.scripted:TunedSOAR; for instance:",
        ),
    ],
)
def test_a_team_that_cannot_be_explained_is_said_to(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    TunedSOAR().save(tmp_path / "tuned.json")
    name, message = (text.replace("FOLDER", str(tmp_path)) for text in (name, message))
    assert run("explain", name, "--agent", RESPONDER) == 2
    assert message in words(capsys.readouterr().err)


def test_a_registered_team_without_weights_says_how_to_train_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "hmarl-soc", "--agent", HUNTER, "--training-seed", "987654321") == 2
    assert "train it: soc-env train hmarl-soc --seed 987654321" in capsys.readouterr().err
