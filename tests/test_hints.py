"""Every command that soc-env prints for its user to type is one that it understands, as printed."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import agent_zoo
import evaluation
from evaluation import cli, publishing
from evaluation.commands import train
from evaluation.entrants import find_entrants, find_trainer
from evaluation.environments import EnvSpec
from evaluation.sweep.plan import plan
from evaluation.zoo_team import find_team
from soc_env.command_line import soc_env_command
from tests.soc_v0_metrics import HEADLINES
from tests.sweeps import SHORT
from tests.trained import run_trained_in


def all_commands() -> Iterator[tuple[str, type]]:
    """Every command with its words, "leaderboard submit"."""
    for name in cli.COMMANDS:
        command = cli._load(name)
        steps = getattr(command, "STEPS", None)
        yield from ((f"{name} {step}", own) for step, own in steps.items()) if steps else [(name, command)]


ALL_COMMANDS = list(all_commands())


def parse(line: str) -> Any:
    """Read a command line as `soc-env` does, and give the command back instead of carrying it out."""
    read: list[Any] = []
    program, *words = shlex.split(line)
    assert program == "soc-env"
    with pytest.MonkeyPatch.context() as monkeypatch:
        for _, command in ALL_COMMANDS:
            monkeypatch.setattr(command, "run", lambda self: read.append(self))
        cli.main(words)
    return read.pop()


def commands_in(text: str) -> list[str]:
    """Those in backticks, or from a colon to the end of a line."""
    found = re.findall(r"`(soc-env [^`]+)`|: (soc-env [^`\n]+)$", text, re.MULTILINE)
    return [first or second for first, second in found]


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises((ValueError, FileNotFoundError)) as raised:
        action()
    return str(raised.value)


class TestQuoting:
    @pytest.mark.parametrize("name", ["my runs", "it's", "a&b;c", "$HOME", "x[1]", "-x", "single-drl", "a:b"])
    def test_a_path_comes_back_as_that_path_and_is_no_registered_team(self, name: str) -> None:
        *_, word = shlex.split(soc_env_command("evaluate", Path(name)))
        assert Path(word) == Path(name)
        assert word.startswith("./")

    def test_paths_that_cannot_be_taken_for_something_else_stay_as_they_are(self) -> None:
        command = soc_env_command("evaluate", Path("runs/soc_v0/single-drl-42"), Path("/data/x"))
        assert command == "soc-env evaluate runs/soc_v0/single-drl-42 /data/x"


class TestTrain:
    @pytest.mark.parametrize("output", ["my runs/it's 42", "single-drl", "[b]x[/b]"])
    def test_says_how_to_measure_the_run(
        self, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        learner = find_trainer("single-drl")
        quick = dataclasses.replace(learner, train=lambda config, **_: Path())
        monkeypatch.setattr(train, "find_trainer", lambda name: quick)
        cli.main(["train", "single-drl", "--output", output])
        (hint,) = commands_in(capsys.readouterr().out)
        assert [Path(team) for team in parse(hint).teams] == [Path(output)]


class TestSweep:
    def done(self, output: Path, *args: str, **axes: list[str]) -> None:
        """Leave runs that are all done."""
        for job in plan(["single-drl"], [42, 43], overrides=[*SHORT, *args], output=output, **axes):
            run_trained_in(job.run_dir, *SHORT, seed=job.seed)
            figures = {"seconds": 1.0, "last_2000_episodes": dict.fromkeys(HEADLINES, 1.0)}
            (job.run_dir / "metrics.json").write_text(json.dumps(figures))
            (job.run_dir / "run.json").unlink()  # whose config is another where an environment is varied

    def swept(self, capsys: pytest.CaptureFixture[str], *args: str) -> list[str]:
        cli.main(["sweep", "single-drl", "--seeds", "42", "43", "--set", *SHORT, *args])
        return commands_in(capsys.readouterr().out)

    @pytest.mark.parametrize("output", [".", "my sweeps/it's"])
    def test_says_how_to_measure_the_variants(
        self,
        output: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.chdir(tmp_path)
        self.done(Path(output))
        (hint,) = self.swept(capsys, "--output", output)
        (team,) = parse(hint).teams
        for run_dir in (Path(output) / "single-drl").iterdir():  # which the sweep has left as it was
            (run_dir / "run.json").write_text(
                json.dumps({"learner": "single-drl", "seed": int(run_dir.name)})
            )
        entrant, _ = find_entrants(team, "soc_v0", (1,), Path("runs"))
        assert entrant.training_seeds == (42, 43)
        assert entrant.run_dirs[42].resolve() == (tmp_path / output / "single-drl" / "42").resolve()

    def test_variants_of_different_environments_have_the_commands_that_measure_them(
        self,
        tmp_path: Path,
    ) -> None:
        from evaluation.sweep import report
        from evaluation.sweep.schedule import Run

        self.done(tmp_path, vary=["env.stealth=0.5,0.8"])
        jobs = plan(["single-drl"], [42], overrides=SHORT, vary=["env.stealth=0.5,0.8"], output=tmp_path)
        elsewhere = dataclasses.replace(
            jobs[0], config={**jobs[0].config, "env_id": "cage4"}, run_dir=tmp_path / "elsewhere" / "42"
        )
        elsewhere.run_dir.mkdir(parents=True)
        (elsewhere.run_dir / "metrics.json").write_text("{}")
        first, second = report.hints([Run(job) for job in (*jobs, elsewhere)], tmp_path)
        assert len(parse(first).teams) == 2
        assert (parse(second).simulator, parse(second).teams) == ("cage4", (str(tmp_path / "elsewhere"),))


class TestRefusals:
    @pytest.mark.parametrize("env_id", ["soc_v0", "cage4"])
    def test_missing_weights_say_how_to_train_them(self, env_id: str) -> None:
        (hint,) = commands_in(refusal(lambda: agent_zoo.load("hmarl-soc", seed=5, env_id=env_id)))
        command = parse(hint)
        assert (command.learner, command.seed, command.env) == ("hmarl-soc", 5, env_id)

    def test_a_seed_that_cannot_be_trained_on_has_no_such_hint(self) -> None:
        message = refusal(lambda: agent_zoo.load("hmarl-soc", seed=2_000_000_000))
        assert "training seeds" in message
        assert not commands_in(message)

    def test_a_team_that_cannot_be_explained_or_exported_names_one_that_can(self) -> None:
        (hint,) = commands_in(refusal(lambda: find_team("tuned-soar", 42, None, "explain")))
        parse(hint)._check()  # which refuses a command that is to explain nothing
        (hint,) = commands_in(refusal(lambda: find_team("tuned-soar", 42, None, "export")))
        assert parse(hint).team == "hmarl-soc"

    def test_an_environment_that_is_measured_elsewhere_says_where(self) -> None:
        (hint,) = commands_in(refusal(lambda: EnvSpec("cage4")))
        assert parse(hint).simulator == "cage4"

    @pytest.mark.parametrize("args", [("evaluate",), ("leaderboard", "submit"), ("sweep",)])
    def test_commands_that_are_given_nothing_name_the_help_text(
        self, args: tuple[str, ...], capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            cli.main(args)
        (hint,) = commands_in(capsys.readouterr().err)
        with pytest.raises(SystemExit) as left:
            cli.main(shlex.split(hint)[1:])
        assert not left.value.code


class TestTexts:
    @pytest.mark.parametrize(("words", "command"), ALL_COMMANDS, ids=[words for words, _ in ALL_COMMANDS])
    def test_the_examples_of_a_help_text_are_understood(self, words: str, command: type) -> None:
        examples = re.findall(r"^ +(soc-env .+)$", inspect.getdoc(command) or "", re.MULTILINE)
        assert examples
        for example in examples:
            assert example.startswith(f"soc-env {words} ")
            assert isinstance(parse(example), command)

    def test_a_model_card_says_how_to_train_and_measure_the_team(self, tmp_path: Path) -> None:
        path = tmp_path / "qmix-42.safetensors"
        path.write_bytes(b"")
        weights = publishing.Weights(42, path, 16)
        run = {"episodes": 1, "steps": 1, "seconds": 1.0}
        card = publishing.card("QMIX", "", [weights], [run], [], "qmix")
        (to_train,) = re.findall(r"^soc-env .+$", card, re.MULTILINE)
        assert (parse(to_train).learner, parse(to_train).config) == ("qmix", "qmix.yaml")
        (to_measure,) = commands_in(card)
        assert parse(to_measure).teams == ("qmix",)

    def test_the_leaderboard_s_page_says_how_to_check_an_entry(self) -> None:
        page = (Path(evaluation.__file__).parent / "leaderboard" / "page.html").read_text("utf-8")
        (start,) = re.findall(r"`(soc-env leaderboard verify )\$\{file\}", page)
        assert parse(f"{start}ENTRY.json --policy TEAM").policy == "TEAM"
