"""What commands write, to whatever reads it: text as it is, any encoding, progress without a terminal."""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("rich")
pytest.importorskip("tyro")
pytest.importorskip("scipy")

from rich.progress import BarColumn

from agent_zoo import terminal
from evaluation import protocol
from evaluation.environments import EnvSpec
from evaluation.progress import episode_progress
from soc_env.command import main

FEW = ("--episodes", "4", "--hosts-per-segment", "8", "--env-set", "max_steps=10")
ODD = "[x] [/b] [red]a[/red] :smile: ä"


def piped(monkeypatch: pytest.MonkeyPatch, encoding: str) -> io.BytesIO:
    """Standard output as a pipe of that encoding."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding, write_through=True))
    return written


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "cp437"])
def test_a_table_and_an_odd_path_survive_any_encoding(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = piped(monkeypatch, encoding)
    main(["evaluate", "rule-soar", *FEW, "--output", ODD])
    printed = written.getvalue().decode(encoding)
    path = (str(Path(ODD) / "table.md")).encode(encoding, "backslashreplace").decode(encoding)
    assert f"Written: {path}" in printed
    assert "Rule-SOAR" in printed
    assert "Rule-SOAR" in (tmp_path / ODD / "table.md").read_text("utf-8")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_help_survives_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = piped(monkeypatch, encoding)
    with pytest.raises(SystemExit) as ending:
        main(["evaluate", "--help"])
    assert ending.value.code == 0
    assert "--episodes" in written.getvalue().decode(encoding)


def test_text_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.say(ODD, ODD * 20)
    terminal.show(ODD)
    assert capsys.readouterr().out == f"{ODD}\n{ODD * 20}\n{ODD}\n"


def test_long_work_tells_how_far_it_is_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = threading.Event()
    say = terminal.say

    def saying(*lines: str, stderr: bool = False) -> None:
        say(*lines, stderr=stderr)
        said.set()

    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.01)
    monkeypatch.setattr(terminal, "say", saying)
    with episode_progress() as progress:
        progress.bar(ODD, 2_000)(1_200)
        assert said.wait(10)
    assert capsys.readouterr().err.startswith(f"{ODD}: 1,200 of 2,000, 0:00:0")
    said.clear()
    with terminal.progress(BarColumn()) as shown:
        shown.advance(shown.add_task("Learning", total=1.0), 0.25)
        assert said.wait(10)
    assert "Learning: 25 %, 0:00:0" in capsys.readouterr().err
    said.clear()
    with terminal.working("Compiling"):
        assert said.wait(10)
    assert "Compiling: 0:00:0" in capsys.readouterr().err


def test_short_work_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with episode_progress() as progress:
        progress.bar("Rule-SOAR", 10)(10)
    assert capsys.readouterr() == ("", "")


def test_playing_is_heard_of_before_its_first_episode_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from baselines.scripted import RuleSOAR

    monkeypatch.setattr(terminal, "LINE_SECONDS", 0.01)
    with episode_progress() as progress:
        bar = progress.bar("Rule-SOAR", 300)
        spec = EnvSpec("soc_v0", {"hosts_per_segment": 500, "max_steps": 40})
        protocol.play_held_out(RuleSOAR(), spec, 10**9, num_episodes=300, progress=bar)
    assert "Rule-SOAR: 0 of 300, 0:00:0" in capsys.readouterr().err
