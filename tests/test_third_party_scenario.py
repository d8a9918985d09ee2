"""A scenario of another package, unlike soc_v0 on purpose: every command works on it without an edit here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("jsonschema")
pytest.importorskip("torch")

from tests.installed import install, run_python

TEMPLATE = Path(__file__).parent.parent / "examples" / "third_party_scenario"
pytestmark = pytest.mark.install

SHORT = ("num_envs=8", "hidden_sizes=[8]", "env.max_steps=10", "num_episodes=24")
"""Settings of every learner."""

OWN = {
    "single-drl": ("rollout_steps=16", "minibatch_size=64", "noise_steps=1"),
    "mappo": ("rollout_steps=16", "minibatch_size=64", "noise_steps=1"),
    "iql": ("noise_steps=4", "warmup=64", "batch_size=16"),
    "qmix": ("noise_steps=4", "warmup=64", "batch_size=16"),
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = shutil.copytree(TEMPLATE, tmp_path_factory.mktemp("theirs") / "mailroom")
    return install(source, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


def soc_env(*arguments: str, folder: Path, packages: Path, status: int = 0) -> str:
    return run_python("-m", "soc_env.command", *arguments, folder=folder, packages=packages, status=status)


@pytest.fixture(scope="module")
def runs(folder: Path, packages: Path) -> dict[str, Path]:
    """A training run of each learner whose needs the scenario meets."""
    made = {}
    for learner, settings in OWN.items():
        made[learner] = folder / learner
        command = ("train", learner, "--env", "mailroom_v0", "--seed", "1", "--no-progress")
        command += ("--output", str(made[learner]), "--set", *SHORT, *settings)
        soc_env(*command, folder=folder, packages=packages)
    return made


@pytest.mark.parametrize("learner", OWN)
def test_a_runs_log_has_the_scenarios_own_metrics(runs: dict[str, Path], learner: str) -> None:
    header = (runs[learner] / "episodes.csv").read_text("utf-8").splitlines()[0]
    assert header == "episode,step,lane,reward,caught_percent,backlog,wasted,length"
    about = json.loads((runs[learner] / "run.json").read_text("utf-8"))
    assert [metric["name"] for metric in about["metrics"]] == header.split(",")[3:]


def test_a_learner_says_what_it_misses_before_it_writes_anything(folder: Path, packages: Path) -> None:
    command = ("train", "hmarl-soc", "--env", "mailroom_v0", "--output", "nothing")
    said = soc_env(*command, folder=folder, packages=packages, status=2)
    assert "hmarl-soc needs a scenario in which threat_hunter sets the same numbers" in said
    assert "Traceback" not in said
    assert not (folder / "nothing").exists()


def test_teams_are_measured_by_its_metrics_beside_its_references(
    runs: dict[str, Path], folder: Path, packages: Path
) -> None:
    command = ("evaluate", "zero-enrich", str(runs["single-drl"]), "--env", "mailroom_v0", "--episodes", "20")
    said = soc_env(
        *command, "--env-set", "max_steps=10", "--output", "table", folder=folder, packages=packages
    )
    document = json.loads((folder / "table" / "results.json").read_text("utf-8"))
    assert [row["name"] for row in document["held_out"]][-1] == "mailroom-rule"
    assert all(row["error"] is None for row in document["held_out"]), said
    table = (folder / "table" / "table.md").read_text("utf-8")
    assert "| caught % ↑ | backlog ↓ |" in table
    assert "MTTD" not in table


def test_a_replay_and_pictures_need_no_segments(folder: Path, packages: Path) -> None:
    command = ("replay", "mailroom-rule", "--env", "mailroom_v0", "--output", "replay.html")
    soc_env(*command, folder=folder, packages=packages)
    assert "caught" in (folder / "replay.html").read_text("utf-8")
    code = (
        "import mailroom, numpy\n"
        "for mode in ('ansi', 'rgb_array'):\n"
        "    env = mailroom.parallel_env(preset='busy', render_mode=mode); env.reset(seed=1)\n"
        "    env.step({agent: env.action_space(agent).sample() for agent in env.agents})\n"
        "    picture = env.render(); print(picture if mode == 'ansi' else picture.shape)\n"
    )
    shown = run_python("-c", code, folder=folder, packages=packages)
    assert "head.phishing" in shown
    assert "(760, 1200, 3)" in shown


def test_an_entry_is_submitted_verified_and_ranked_by_its_score(folder: Path, packages: Path) -> None:
    teams = ("mailroom-rule", "zero-enrich")
    command = ("leaderboard", "submit", *teams, "--env", "mailroom_v0", "--episodes", "20")
    soc_env(*command, "--output", "entries", folder=folder, packages=packages)
    paths = [f"entries/{team}.json" for team in teams]
    said = soc_env("leaderboard", "verify", *paths, folder=folder, packages=packages)
    assert said.count("replayed exactly") == 2
    soc_env("leaderboard", "build", "entries", "--output", "board", folder=folder, packages=packages)
    (board,) = json.loads((folder / "board" / "leaderboard.json").read_text("utf-8"))["boards"]
    assert (board["score"], board["reference"]) == ("caught_percent", "mailroom-rule")
    ranked = [entry["aggregates"]["caught_percent"]["mean"] for entry in board["entries"]]
    assert ranked == sorted(ranked, reverse=True)
