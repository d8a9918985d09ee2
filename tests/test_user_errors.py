"""A user's mistake is one line on standard error and status 2; a bug keeps its traceback."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

pytest.importorskip("tyro")
pytest.importorskip("torch")

import agent_zoo
import soc_env
from baselines.scripted import TunedSOAR
from evaluation.commands.evaluate import Evaluate
from evaluation.commands.train import Train
from evaluation.usage import as_one_line
from soc_env.command import main
from tests.refusals import refused

MISTAKES = {
    "a command that there is not": ("evaluat", "rule-soar"),
    "no team": ("evaluate",),
    "a number that is none": ("evaluate", "rule-soar", "--episodes", "few"),
    "a choice that there is not": ("evaluate", "rule-soar", "--protocol", "none"),
    "evaluate: env": ("evaluate", "rule-soar", "--env", "nope"),
    "evaluate: setting": ("evaluate", "rule-soar", "--env-set", "foo=2"),
    "evaluate: value": ("evaluate", "rule-soar", "--env-set", "stealth=2"),
    "evaluate: kind of value": ("evaluate", "rule-soar", "--env-set", "stealth=high"),
    "evaluate: seed": ("evaluate", "rule-soar", "--seed", "5"),
    "evaluate: limit": ("evaluate", "rule-soar", "--act-seconds", "0"),
    "evaluate: file": ("evaluate", "missing.safetensors"),
    "train: learner": ("train", "nope"),
    "train: env": ("train", "hmarl-soc", "--env", "nope"),
    "train: setting": ("train", "qmix", "--set", "env.foo=2"),
    "train: value": ("train", "single-drl", "--set", "env.stealth=2"),
    "train: kind of value": ("train", "mappo", "--set", "env.stealth=high"),
    "train: key": ("train", "iql", "--set", "foo=2"),
    "train: lanes": ("train", "iql", "--num-envs", "0"),
    "train: device": ("train", "hmarl-soc", "--device", "cuda:99"),
    "train: no device": ("train", "hmarl-soc", "--device", "abacus"),
    "train: seed": ("train", "iql", "--seed", "-1"),
    "train: file": ("train", "iql", "--config", "missing.yaml"),
    "train: YAML": ("train", "iql", "--config", "broken.yaml"),
    "train: encoding": ("train", "iql", "--config", "latin.yaml"),
    "train: folder": ("train", "iql", "--config", "."),
    "train: team to begin with": ("train", "hmarl-soc", "--set", "initial_policy=nope"),
    "train: output": ("train", "iql", "--output", "broken.yaml"),
    "sweep: learner": ("sweep", "nope"),
    "sweep: env": ("sweep", "iql", "--env", "nope"),
    "sweep: value": ("sweep", "iql", "--vary", "env.stealth=0.5,2"),
    "sweep: device": ("sweep", "hmarl-soc", "--device", "abacus"),
    "sweep: seed": ("sweep", "iql", "--seeds", "-1"),
    "sweep: output": ("sweep", "iql", "--output", "broken.yaml"),
    "publish: folder": ("publish", "missing", "--about", "broken.yaml", "--output", "out"),
    "publish: file": ("publish", ".", "--about", "missing.md", "--output", "out"),
    "explain: team": ("explain", "nope", "--agent", "alert_triage"),
    "explain: agent": ("explain", "hmarl-soc", "--agent", "nobody"),
    "explain: env": ("explain", "hmarl-soc", "--agent", "alert_triage", "--env", "nope"),
    "explain: step": ("explain", "hmarl-soc", "--agent", "alert_triage", "--step", "5000"),
    "explain: file": ("explain", "broken.safetensors", "--agent", "alert_triage"),
    "export: team": ("export", "nope"),
    "export: file": ("export", "broken.safetensors", "--format", "eager"),
    "export: other team": ("export", "tuned.json", "--format", "eager"),
    "export: format": ("export", "hmarl-soc", "--format", "onnx", "--output", "team.txt"),
    "leaderboard submit: env": ("leaderboard", "submit", "rule-soar", "--env", "nope"),
    "leaderboard submit: seed": ("leaderboard", "submit", "rule-soar", "--seed", "1"),
    "leaderboard verify: none": ("leaderboard", "verify"),
    "leaderboard build: folder": ("leaderboard", "build", "missing"),
    "figures: output": ("figures", "--output", "broken.yaml"),
    "replay: team": ("replay", "nope"),
    "replay: env": ("replay", "rule-soar", "--env", "nope"),
    "replay: value": ("replay", "rule-soar", "--env-set", "stealth=2"),
    "replay: recording": ("replay", "broken.npz"),
    "replay: file": ("replay", "broken.safetensors"),
    "replay: broken team": ("replay", "headless.safetensors"),
    "replay: output": ("replay", "rule-soar", "--output", "."),
    "transfer: simulator": ("transfer", "cage5"),
    "transfer: episodes": ("transfer", "cage4", "--episodes", "0"),
    "bench: earlier run": ("bench", "env", "--beside", "missing.json"),
    "bench: key": ("bench", "training", "--set", "foo=2"),
    "bench: value": ("bench", "training", "--set", "env.stealth=2"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with files that are not what their names say."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.yaml").write_text("a: [1", "utf-8")
    (tmp_path / "latin.yaml").write_bytes("device: \xfc".encode("latin-1"))
    (tmp_path / "broken.npz").write_bytes(b"PK")
    (tmp_path / "broken.safetensors").write_bytes(bytes(8))
    weights = agent_zoo.REGISTRY.weights("hmarl-soc", 42, "soc_v0").read_bytes()
    (tmp_path / "headless.safetensors").write_bytes(weights[: len(weights) // 2])
    TunedSOAR().save(tmp_path / "tuned.json")
    return tmp_path


@pytest.mark.parametrize("args", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_line(args: tuple[str, ...], folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    said = refused(*args)
    assert said.startswith("soc-env")
    assert said.count("\n") == 1
    assert len(said) > len("soc-env evaluate: ") + 10
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["single-drl", "mappo", "iql", "qmix", "hmarl-soc"])
def test_a_training_run_says_of_its_environment_what_is_wrong_with_it(name: str, folder: Path) -> None:
    assert "stealth must be a number from 0 to 1, got 2" in refused("train", name, "--set", "env.stealth=2")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root can read everything")
def test_a_file_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "broken.yaml").chmod(0)
    assert "broken.yaml" in refused("train", "iql", "--config", "broken.yaml")


@pytest.mark.parametrize("bug", [TypeError, ValueError, KeyError, RuntimeError, AssertionError])
def test_a_bug_keeps_its_traceback(bug: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: object, **__: object) -> None:
        raise bug("a bug")

    monkeypatch.setattr("evaluation.commands.evaluate.held_out_row", faulty)
    with pytest.raises(bug, match="a bug"):
        main(["evaluate", "rule-soar"])
    monkeypatch.setattr("baselines.iql.train", faulty)
    with pytest.raises(bug, match="a bug"):
        main(["train", "iql"])


@pytest.mark.parametrize("command", [("evaluate", "rule-soar"), ("train", "iql")])
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "out/table.md"), "out/table.md"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (MemoryError("7 lanes need 9 GiB"), "7 lanes need 9 GiB"),
    ],
)
def test_what_the_machine_cannot_do_is_one_line(
    command: tuple[str, ...], error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(Evaluate, "run", failing)
    monkeypatch.setattr(Train, "run", failing)
    said = refused(*command)
    assert said.startswith(f"soc-env {command[0]}: ")
    assert message in said
    assert said.count("\n") == 1


def test_the_boxes_of_the_parser_become_a_line() -> None:
    box = """\
╭─ Invalid choice ────────╮
│ invalid choice 'foo' of │
│ two.                    │
│ ─────────────────────── │
│ For help, run x --help  │
╰─────────────────────────╯
"""
    assert as_one_line(box) == "invalid choice 'foo' of two; For help, run x --help"
    ascii_box = box.translate(str.maketrans(dict.fromkeys("│╭╮╰╯", " ") | {"─": "-"}))
    assert as_one_line(ascii_box) == as_one_line(box)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    assert capsys.readouterr().out == f"soc-env {soc_env.__version__}\n"
