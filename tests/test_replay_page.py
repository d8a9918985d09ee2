"""The page of `soc-env replay` tells the truth about that very episode; nothing can be smuggled into it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tyro")
pytest.importorskip("rich")
pytest.importorskip("scipy")

from baselines.scripted import Random, RuleSOAR, TunedSOAR
from evaluation.checks import PolicyError
from evaluation.environments import EnvSpec
from evaluation.replay.episode import Episode, play_again, play_episode
from evaluation.replay.page import page_data, render
from evaluation.trajectories import load, record_held_out
from soc_env import soc_v0
from soc_env.team import COORDINATOR, HUNTER, TRIAGE, Observations, Verdict
from tests.soc_v0_metrics import NAMES
from tests.teams import SEED, SPEC, Recorder, fixed
from tests.test_cli import run

LANE = 3
SMALL = ("--env-set", "hosts_per_segment=8", "max_steps=60")


class WatchesTheClock(TunedSOAR):
    """A team whose actions depend on what it sees, step by step."""

    def act(self, observations: Observations, episode_starts: np.ndarray | None = None) -> Any:
        actions = super().act(observations, episode_starts)
        actions[HUNTER][:, :5] = observations[COORDINATOR][:, 20:21] * 4.0 - 1.0
        actions[TRIAGE][:] = (observations[COORDINATOR][:, 20] * 60).astype(int) % 4
        return actions


@pytest.fixture(scope="module")
def episode() -> Episode:
    return play_episode(WatchesTheClock(), SPEC, SEED, LANE)


@pytest.fixture(scope="module")
def data(episode: Episode) -> dict[str, Any]:
    return page_data(episode, "Mine")


def embedded(page: str) -> dict[str, Any]:
    """What the page's script parses."""
    (text,) = re.findall(r'<script id="episode" type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(text)


# The episode


def test_it_is_the_one_that_the_lane_gives_under_the_seed(episode: Episode) -> None:
    env, team = soc_v0.parallel_env(**SPEC.config), WatchesTheClock()
    team.reset(1)
    observations, _ = env.reset(seed=SEED, options={"lane": LANE})
    for moment in episode.moments[1:]:
        actions = team.act({agent: row[None] for agent, row in observations.items()})
        observations, rewards, _, _, infos = env.step({agent: rows[0] for agent, rows in actions.items()})
        assert moment.reward == rewards[HUNTER]
        np.testing.assert_array_equal(moment.actions[HUNTER], np.clip(actions[HUNTER][0], -1.0, 1.0))
    assert not env.agents
    metrics = infos[HUNTER]["episode_metrics"]
    assert list(episode.figures) == list(NAMES)
    assert episode.figures["fpr_percent"] == 100 * metrics["fpr"]
    assert episode.figures["reward"] == pytest.approx(metrics["episode_return"], rel=1e-12)


def test_other_lanes_and_seeds_are_other_episodes(episode: Episode) -> None:
    returns = {
        play_episode(WatchesTheClock(), SPEC, seed, lane).figures["reward"]
        for seed, lane in ((SEED, LANE), (SEED, LANE + 1), (SEED + 1, LANE))
    }
    assert len(returns) == 3
    assert episode.figures["reward"] in returns


def test_a_recorded_episode_is_the_same_without_its_team(episode: Episode, tmp_path: Path) -> None:
    record_held_out(tmp_path, fixed(WatchesTheClock()), SPEC, [SEED], 5)
    recorded = load(tmp_path / "mine.npz")
    again = play_again(recorded.find(SEED, LANE), recorded.spec)
    assert page_data(again, "Mine") == page_data(episode, "Mine")


def test_a_recorded_episode_needs_the_environment_that_it_was_recorded_in(tmp_path: Path) -> None:
    record_held_out(tmp_path, fixed(Random()), SPEC, [SEED], 1)
    recorded = load(tmp_path / "mine.npz").find(SEED, 0)
    for config in ({"stealth": 0.1}, {"hosts_per_segment": 9}, {"max_steps": 2}):
        with pytest.raises(ValueError, match="it must come from the same environment"):
            play_again(recorded, EnvSpec("soc_v0", {**SPEC.config, **config}))


def test_there_is_no_moment_before_the_first_reset() -> None:
    with pytest.raises(RuntimeError, match=r"snapshot\(\) was called before reset"):
        soc_v0.parallel_env().snapshot()


def test_a_team_is_held_to_the_evaluator_s_rules() -> None:
    with pytest.raises(PolicyError, match=r"alert_triage.*at step 2"):
        play_episode(Recorder(lambda actions: {**actions, TRIAGE: np.array([4])}, from_step=2), SPEC, SEED, 0)


# What the page is told


def test_hosts_are_told_as_the_truth_has_them(episode: Episode, data: dict[str, Any]) -> None:
    for moment, told in zip(episode.moments, data["moments"], strict=True):
        for segment, cells, stages, counts in zip(
            moment.segments, told["cells"], told["stages"], told["counts"], strict=True
        ):
            state = np.array([int(digit) for digit in cells])
            np.testing.assert_array_equal(state >= 2, segment.compromised)
            np.testing.assert_array_equal((state == 1) | (state == 2), segment.isolated)
            np.testing.assert_array_equal([int(digit) for digit in stages], segment.stage)
            assert counts == np.bincount(state, minlength=5).tolist()


@pytest.mark.parametrize(
    "config",
    [{}, {"hunt_threshold": 0.8, "stealth": 0.1}, {"hunt_threshold": 1.0}, {"directive_intensity": 2.0}],
)
def test_scanned_segments_are_those_that_the_simulator_counts(config: dict[str, Any]) -> None:
    spec = EnvSpec("soc_v0", {**SPEC.config, **config})
    for lane in range(10):
        played = play_episode(Random(), spec, SEED, lane)
        scanned = sum(8 * segment.scanned for moment in played.moments for segment in moment.segments)
        assert scanned == played.figures["scans"]


def test_rewards_and_their_terms_add_up(episode: Episode, data: dict[str, Any]) -> None:
    moments = data["moments"]
    for moment in moments:
        assert sum(moment["terms"]) == pytest.approx(moment["reward"])
    assert sum(moment["reward"] for moment in moments) == pytest.approx(moments[-1]["return"])
    assert moments[-1]["return"] == pytest.approx(episode.figures["reward"])
    assert data["terms"] == ["detection", "response", "cost", "false positive"]


def test_actions_are_told_by_the_names_of_their_parts(episode: Episode, data: dict[str, Any]) -> None:
    coordinator, hunter, triage, responder = data["agents"]
    assert coordinator["single"] == ["hunt intensity", "hunt scope", "isolation"]
    assert hunter["by_segment"] == ["intensity", "scope"]
    assert responder["by_segment"] == ["isolate", "remediate"]
    assert triage["verdict"]
    before, *moments = data["moments"]
    assert before["by_segment"] == before["single"] == [[], [], [], []]  # not even a directive
    assert before["verdict"] is None
    for moment, told in zip(episode.moments[1:], moments, strict=True):
        shares = (np.asarray(moment.actions[HUNTER])[:10] + 1) / 2
        np.testing.assert_allclose(np.concatenate(told["by_segment"][1]), shares, atol=1e-4)
        np.testing.assert_allclose(told["single"][0], (moment.directive[[0, 1, 4]] + 1) / 2, atol=1e-4)
        assert told["verdict"] == moment.actions[TRIAGE]
    assert {moment["verdict"] for moment in moments} == set(map(int, Verdict))


def test_events_account_for_every_change(episode: Episode, data: dict[str, Any]) -> None:
    def total(kind: str) -> int:
        texts = [words for moment in data["moments"] for name, words in moment["events"] if name == kind]
        return sum(int(number) for text in texts for number in re.findall(r" (\d+)(?:,|$)", text))

    last = episode.moments[-1].segments
    assert total("compromised") > 0
    assert total("compromised") - total("remediated") == sum(segment.compromised.sum() for segment in last)
    assert total("detected") >= total("isolated") > 0
    phases = [words for moment in data["moments"] for kind, words in moment["events"] if kind == "next phase"]
    assert phases == data["phases"][1 : episode.moments[-1].phase + 1]
    assert data["moments"][-1]["events"][-1] == ["end", episode.moments[-1].outcome]
    assert data["moments"][0]["events"] == []


def test_of_a_long_queue_only_the_oldest_alerts_are_listed() -> None:
    spec = EnvSpec("soc_v0", {**SPEC.config, "benign_alert_probability": 1.0, "stealth": 0.0})
    last = page_data(play_episode(TunedSOAR(), spec, SEED, 0), "Mine")["moments"][-1]
    assert last["waiting"] > len(last["alerts"]) == 5
    steps = [alert[0] for alert in last["alerts"]]
    assert steps == sorted(steps)


def test_many_hosts_share_squares_of_which_the_worst_is_shown() -> None:
    spec = EnvSpec("soc_v0", {"hosts_per_segment": 1000, "max_steps": 30})
    data = page_data(play_episode(RuleSOAR(), spec, SEED, 0), "Mine")
    assert data["hosts_per_cell"] == 17
    assert all(len(cells) == 59 for cells in data["moments"][-1]["cells"])
    assert all(sum(counts) == 1000 for counts in data["moments"][-1]["counts"])


# The page


def test_it_carries_its_data_and_refers_to_nothing(episode: Episode, data: dict[str, Any]) -> None:
    page = render(episode, "Mine")
    assert embedded(page) == data
    assert not re.search(r"https?:|//[a-z]|@import|url\(|src=", page)
    assert "{{" not in page
    assert "<title>Mine on soc_v0</title>" in page


@pytest.mark.parametrize(
    "name", ["</script><script>alert(1)</script>", "<!--<script>", "{{ data }}", "a & b \\1 \u2028 'q' \"q\""]
)
def test_no_name_gets_out_of_its_place(name: str, episode: Episode) -> None:
    page = render(episode, name)
    assert embedded(page)["team"] == name
    plain = render(episode, "Mine")
    for mark in ("<script", "</script", "<!--"):
        assert page.lower().count(mark) == plain.lower().count(mark)


# The command


def test_the_command_writes_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "pages" / "mine.html"
    arguments = ("--seed", str(SEED), "--lane", str(LANE), "--output", str(output), *SMALL)
    assert run("replay", "tuned-soar", *arguments) == 0
    expected = page_data(play_episode(TunedSOAR(), SPEC, SEED, LANE), "Tuned-SOAR")
    assert embedded(output.read_text("utf-8")) == expected
    printed = capsys.readouterr().out
    assert f"Tuned-SOAR on {SPEC}, seed {SEED}, lane {LANE}: {expected['moments'][-1]['outcome']}" in printed
    assert f"Written: {output}" in printed


def test_the_command_takes_recorded_episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    record_held_out(tmp_path, fixed(WatchesTheClock(), "clock"), SPEC, [SEED], 5)
    assert run("replay", "clock.npz", "--lane", str(LANE)) == 0
    expected = page_data(play_episode(WatchesTheClock(), SPEC, SEED, LANE), "clock")
    assert embedded((tmp_path / "replay.html").read_text("utf-8")) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rule-sour",), "a team must be one of"),
        (("rule-soar", "--seed", "-1"), "--seed must be at least 0, got -1"),
        (("rule-soar", "--lane", "-2"), "--lane must be at least 0, got -2"),
        (("rule-soar", "--env", "soc_v9"), "env must be one of soc_v0; got 'soc_v9'"),
        (("rule-soar", "--env-set", "stealth=2.5"), "stealth"),
        (("missing.npz",), "missing.npz"),
        (("mine.npz", "--lane", "9"), "with lanes 0 to 0), got 1000000000 and 9"),
        (("mine.npz", "--env-set", "stealth=0.5"), "--env-set must be left out for recorded episodes"),
    ],
)
def test_errors_name_the_argument_and_its_value(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    record_held_out(tmp_path, fixed(TunedSOAR()), SPEC, [SEED], 1)
    assert run("replay", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "replay.html").exists()


def test_one_of_several_training_runs_is_chosen_by_its_seed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (7, 8):
        run_dir = tmp_path / "runs" / str(seed)
        run_dir.mkdir(parents=True)
        (run_dir / "run.json").write_text(json.dumps({"learner": "single-drl", "seed": seed}))
        TunedSOAR().save(run_dir / "policy.safetensors")  # a JSON file, which is as good here
    output = tmp_path / "page.html"
    arguments = ("replay", str(tmp_path / "runs"), "--output", str(output), *SMALL)
    assert run(*arguments) == 2
    assert "--training-seed must be one of 7, 8" in capsys.readouterr().err
    assert run(*arguments, "--training-seed", "8") == 0
    assert embedded(output.read_text("utf-8"))["team"] == "Single-DRL (runs), training seed 8"
