"""A team plays the environment that it was trained in, unless its user says otherwise; tables say which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from evaluation.cli import main
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import EnvSpec
from evaluation.worlds import Asked, by_environment, trained_in
from soc_env.policy import environment_of_file
from tests.trained import run_trained_in

SMALL = {"hosts_per_segment": 4, "max_steps": 10}
SMALL_ENV = ("env.hosts_per_segment=4", "env.max_steps=10")
STEALTHY = {**SMALL, "stealth": 0.8}
FEW = ("--seeds", "42", "--episodes", "4")


def of(settings: dict[str, Any]) -> dict[str, Any]:
    return {"id": "soc_v0", "config": settings}


def evaluated(*args: str | Path, output: Path) -> dict[str, Any]:
    main(["evaluate", *map(str, args), *FEW, "--output", str(output)])
    document: dict[str, Any] = json.loads((output / "results.json").read_text("utf-8"))
    return document


def find(name: str, env_id: str) -> list[Entrant]:
    return find_entrants(name, env_id, (42,), Path("runs"))


@pytest.fixture
def stealthy(tmp_path: Path) -> Path:
    return run_trained_in(tmp_path / "stealthy", *SMALL_ENV, "env.stealth=0.8")


class TestEvaluate:
    def test_a_run_its_untrained_network_and_the_references_play_where_it_was_trained(
        self, stealthy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        document = evaluated(stealthy, output=tmp_path / "out")
        assert document["environment"] == of(STEALTHY)
        asked = ("--env-set", *(f"{key}={value}" for key, value in STEALTHY.items()))
        same = evaluated(stealthy, *asked, output=tmp_path / "same")
        assert [row["metrics"] for row in document["held_out"]] == [
            row["metrics"] for row in same["held_out"]
        ]
        world = "on soc_v0 with hosts_per_segment=4, max_steps=10, stealth=0.8"
        assert f"Held out: mean over seeds, {world}" in capsys.readouterr().out
        assert f"paired differences, {world}" in (tmp_path / "out" / "table.md").read_text("utf-8")

    def test_so_does_the_policy_in_a_file_of_its_own(self, stealthy: Path, tmp_path: Path) -> None:
        moved = (stealthy / "policy.safetensors").rename(tmp_path / "mine.safetensors")
        assert evaluated(moved, output=tmp_path / "out")["environment"] == of(STEALTHY)

    def test_runs_of_two_environments_stand_each_beside_references_in_its_own(
        self, stealthy: Path, tmp_path: Path
    ) -> None:
        other = run_trained_in(tmp_path / "other", *SMALL_ENV)
        document = evaluated(stealthy, other, "random", output=tmp_path / "out")
        assert document["environment"] is None
        rows = [(Path(row["name"]).name, row["kind"], row["environment"]) for row in document["held_out"]]
        beside = ("random", "tuned-soar", "zero-enrich")
        assert sorted(map(str, rows)) == sorted(
            str((name, kind, of(settings)))
            for own, settings in (("stealthy", STEALTHY), ("other", SMALL))
            for name, kind in ((own, "trained"), (own, "untrained"), *((each, "fixed") for each in beside))
        )
        titles = [table["title"] for table in document["tables"]]
        assert len(set(titles)) == len(titles) == 6
        lesser = {(entry["name"], entry["less"]["name"]) for entry in document["differences"]}
        assert (str(stealthy), str(other)) not in lesser

    def test_an_environment_that_is_named_is_what_all_play_whole(
        self, stealthy: Path, tmp_path: Path
    ) -> None:
        other = run_trained_in(tmp_path / "other", *SMALL_ENV)
        document = evaluated(
            stealthy, other, "--env-set", "hosts_per_segment=2", "max_steps=5", output=tmp_path / "out"
        )
        assert document["environment"] == of({"hosts_per_segment": 2, "max_steps": 5})  # and default stealth

    def test_episodes_are_recorded_of_one_environment_at_a_time(
        self, stealthy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = run_trained_in(tmp_path / "other", *SMALL_ENV)
        record = ("--record", tmp_path / "episodes")
        with pytest.raises(SystemExit):
            evaluated(stealthy, other, *record, output=tmp_path / "out")
        assert "--record needs one environment, got soc_v0 with" in capsys.readouterr().err

    def test_the_log_of_a_training_run_is_of_the_environment_that_it_was_trained_in(
        self, stealthy: Path, tmp_path: Path
    ) -> None:
        from tests.soc_v0_metrics import NAMES

        rows = [",".join(NAMES), *[",".join(["1"] * len(NAMES))] * 4]
        (stealthy / "episodes.csv").write_text("\n".join(rows))
        document = evaluated(
            stealthy, "--protocol", "paper", "--env-set", "stealth=0.1", output=tmp_path / "out"
        )
        (row,) = document["paper_protocol"]
        assert row["environment"] == of(STEALTHY)
        assert "its training log is of soc_v0 with hosts_per_segment=4" in row["note"]


class TestOtherCommands:
    def test_an_entry_is_of_the_environment_that_the_team_was_trained_in(
        self, stealthy: Path, tmp_path: Path
    ) -> None:
        main(
            ["leaderboard", "submit", str(stealthy), *FEW, "--name", "Mine", "--output", str(tmp_path / "e")]
        )
        entry = json.loads((tmp_path / "e" / "mine.json").read_text("utf-8"))
        assert entry["environment"]["config"] == STEALTHY

    def test_a_replay_shows_it(
        self, stealthy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(["replay", str(stealthy), "--output", str(tmp_path / "page.html")])
        assert (
            "on soc_v0 with hosts_per_segment=4, max_steps=10, stealth=0.8, seed" in capsys.readouterr().out
        )

    def test_an_explanation_is_of_an_episode_in_it(self, tmp_path: Path) -> None:
        from evaluation.commands.explain import Explain

        run_dir = run_trained_in(tmp_path / "team", *SMALL_ENV, "env.stealth=0.8", learner="hmarl-soc")
        assert Explain(str(run_dir))._team()[2] == EnvSpec("soc_v0", STEALTHY)
        assert Explain(str(run_dir), env_set=("stealth=0.1",))._team()[2] == EnvSpec(
            "soc_v0", {"stealth": 0.1}
        )


class TestWhatATeamWasTrainedIn:
    def test_files_of_every_kind_of_team_say_it(self, tmp_path: Path) -> None:
        for learner in ("single-drl", "hmarl-soc"):
            run_dir = run_trained_in(tmp_path / learner, "env.stealth=0.8", learner=learner)
            assert environment_of_file(run_dir / "policy.safetensors") == ("soc_v0", {"stealth": 0.8})

    def test_files_that_were_written_before_they_said_it_have_it_in_their_config(self) -> None:
        import baselines

        packaged = baselines.REGISTRY.weights("qmix", 42, "soc_v0")
        assert environment_of_file(packaged) == ("soc_v0", {})

    def test_a_rule_was_trained_nowhere(self, tmp_path: Path) -> None:
        import baselines

        baselines.load("tuned-soar").save(tmp_path / "rule.json")
        assert environment_of_file(tmp_path / "rule.json") is None

    @pytest.mark.parametrize("env", ["[1, 2]", '"stealth"', "3"])
    def test_a_file_that_says_nonsense_is_refused_by_name(self, tmp_path: Path, env: str) -> None:
        path = tmp_path / "team.json"
        path.write_text(f'{{"class": "a:B", "env_id": "soc_v0", "env": {env}}}')
        with pytest.raises(ValueError, match=r"team.json does not say which environment"):
            environment_of_file(path)

    def test_settings_that_are_the_default_make_no_other_environment(self, tmp_path: Path) -> None:
        run_dir = run_trained_in(tmp_path / "run", "env.stealth=0.7", "env.max_cycles=200")
        assert trained_in(find(str(run_dir), "soc_v0")[0]) == EnvSpec("soc_v0")

    def test_runs_of_two_environments_make_no_row_unless_one_is_named(self, tmp_path: Path) -> None:
        for seed, stealth in ((42, 0.8), (43, 0.6)):
            run_trained_in(tmp_path / str(seed), f"env.stealth={stealth}", seed=seed)
        with pytest.raises(ValueError, match=r"one environment .*, got .*=0.8 and .*=0.6; --env-set"):
            by_environment([str(tmp_path)], Asked(), find)
        asked = Asked(None, {"stealth": 0.5})
        ((spec, _),) = by_environment([str(tmp_path)], asked, find)
        assert spec == EnvSpec("soc_v0", {"stealth": 0.5})

    def test_a_damaged_config_of_a_run_is_named(self, tmp_path: Path) -> None:
        run_dir = run_trained_in(tmp_path / "run")
        (run_dir / "config.yaml").write_text("env: [")
        with pytest.raises(ValueError, match=r"config.yaml must be the config of a training run"):
            by_environment([str(run_dir)], Asked(), find)
