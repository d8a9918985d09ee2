"""Recorded episodes are the evaluated ones, whole, and their files need nothing but NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rich")
pytest.importorskip("scipy")

from baselines.scripted import Random, TunedSOAR
from evaluation.comparison import held_out_row
from evaluation.entrants import Entrant
from evaluation.trajectories import Trajectories, Trajectory, file_path, load, record_held_out
from soc_env import soc_v0
from soc_env.team import AGENTS, CONTROL_SIZES, HUNTER, OBSERVATION_SIZES, TRIAGE
from tests.soc_v0_metrics import NAMES
from tests.teams import SEED, SPEC, Recorder, fixed
from tests.test_cli import run

SEEDS = (SEED, SEED + 1)
FIELDS = {field.name: field.start for field in soc_v0.state_fields(soc_v0.Config(**SPEC.config))}
SMALL = ("--episodes", "4", "--seeds", "1", "--hosts-per-segment", "8", "--env-set", "max_steps=40")


def record(folder: Path, entrant: Entrant, episodes: int = 6, recorded: int = 7) -> Trajectories:
    row = record_held_out(folder, entrant, SPEC, SEEDS, episodes, recorded)
    assert row.error is None
    return load(file_path(folder, entrant))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Trajectories:
    """Random plays episodes of very different lengths, contained, exfiltrated and truncated ones."""
    return record(tmp_path_factory.mktemp("recorded"), fixed(Random(), "random"), episodes=30, recorded=50)


def play_again(episode: Trajectory) -> Trajectory:
    """What the recorded actions lead to in the PettingZoo environment."""
    env = soc_v0.parallel_env(**SPEC.config)
    observations, infos = env.reset(seed=episode.seed, options={"lane": episode.lane})
    seen, states, ends = [observations], [env.state()], []
    rewards = []
    for step in range(len(episode.rewards)):
        actions = {agent: rows[step] for agent, rows in episode.actions.items()}
        observations, reward, terminated, truncated, infos = env.step(actions)
        seen.append(observations)
        states.append(env.state())
        rewards.append(reward[HUNTER])
        ends.append((terminated[HUNTER], truncated[HUNTER]))
    assert not env.agents
    return Trajectory(
        {agent: np.stack([each[agent] for each in seen]) for agent in AGENTS},
        episode.actions,
        np.array(rewards),
        *np.array(ends).T,
        np.stack(states),
        infos[HUNTER]["episode_metrics"],
        episode.seed,
        episode.lane,
        None,
    )


# What a file holds


def test_actions_played_again_give_every_recorded_number(recorded: Trajectories) -> None:
    for episode in recorded.episodes:
        again = play_again(episode)
        for agent in AGENTS:
            np.testing.assert_array_equal(again.observations[agent], episode.observations[agent])
        for name in ("rewards", "terminated", "truncated", "states"):
            np.testing.assert_array_equal(getattr(again, name), getattr(episode, name), err_msg=name)
        assert again.metrics["episode_return"] == pytest.approx(episode.metrics["reward"], rel=1e-12)
        assert again.metrics["scans"] == episode.metrics["scans"]


def test_an_episode_has_one_moment_more_than_steps(recorded: Trajectories) -> None:
    lengths = set()
    for episode in recorded.episodes:
        length = len(episode.rewards)
        lengths.add(length)
        assert {agent: seen.shape for agent, seen in episode.observations.items()} == {
            agent: (length + 1, size) for agent, size in OBSERVATION_SIZES.items()
        }
        assert {agent: episode.actions[agent].shape for agent in CONTROL_SIZES} == {
            agent: (length, size) for agent, size in CONTROL_SIZES.items()
        }
        assert episode.actions[TRIAGE].shape == (length,)
        assert episode.actions[TRIAGE].dtype == np.int64
        ends = episode.terminated | episode.truncated
        assert ends[-1]
        assert not ends[:-1].any()
        assert episode.states.shape == (length + 1, 67)
    assert len(lengths) > 5  # lanes end at different times, which is what could go wrong


def test_the_truth_at_the_end_agrees_with_the_figures(recorded: Trajectories) -> None:
    for episode in recorded.episodes:
        last, figures = episode.states[-1], episode.metrics
        assert episode.rewards.sum() == pytest.approx(figures["reward"], rel=1e-12)
        assert len(episode.rewards) == figures["length"]
        assert last[FIELDS["time"]] * 60 == pytest.approx(figures["length"], rel=1e-5)
        assert last[FIELDS["exfiltrated"]] == figures["exfiltrated"]
        phases = [start for name, start in FIELDS.items() if name.startswith("phase.")]
        assert last[phases].argmax() == figures["final_attack_phase"]
        shares = [last[FIELDS[f"{segment.name}.compromised"]] for segment in soc_v0.SEGMENTS]
        assert 8 * sum(shares) == pytest.approx(figures["compromised"], abs=1e-4)
        active = sum(last[FIELDS[f"{segment.name}.active"]] for segment in soc_v0.SEGMENTS)
        assert bool(figures["csr_percent"]) == (figures["compromised"] > 0 and active == 0)


def test_recording_changes_no_figure_and_keeps_those_of_its_episodes(tmp_path: Path) -> None:
    plain = held_out_row(fixed(Random()), SPEC, SEEDS, 6)
    row = record_held_out(tmp_path, fixed(Random()), SPEC, SEEDS, 6, 7)
    assert plain.values is not None
    assert row.values is not None
    np.testing.assert_array_equal(plain.values, row.values)
    for episode in load(tmp_path / "mine.npz").episodes:
        values = row.values[SEEDS.index(episode.seed), episode.lane]
        np.testing.assert_array_equal([episode.metrics[name] for name in NAMES], values)


def test_the_file_opens_without_pickles(tmp_path: Path) -> None:
    record(tmp_path, fixed(TunedSOAR()))
    with np.load(tmp_path / "mine.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert not any(array.dtype.hasobject for array in arrays.values())
    steps, episodes = len(arrays["rewards"]), len(arrays["lanes"])
    assert (arrays["episode_starts"][0], arrays["episode_starts"][-1]) == (0, steps)
    assert len(arrays["states"]) == len(arrays[f"observations/{HUNTER}"]) == steps + episodes
    assert [path.name for path in tmp_path.iterdir()] == ["mine.npz"]


def test_the_metadata_says_who_played_where(recorded: Trajectories) -> None:
    assert recorded.metadata["team"] == {"name": "random", "label": "Random", "kind": "fixed"}
    assert recorded.spec == SPEC
    assert recorded.metadata["metrics"] == list(NAMES)


@pytest.mark.parametrize(
    ("episodes", "recorded", "lanes"),
    [(6, 7, [[0, 1, 2, 3], [0, 1, 2]]), (2, 100, [[0, 1], [0, 1]]), (6, 1, [[0], []])],
)
def test_every_evaluation_seed_has_its_share(
    episodes: int, recorded: int, lanes: list[list[int]], tmp_path: Path
) -> None:
    found = record(tmp_path, fixed(TunedSOAR()), episodes, recorded).episodes
    assert [[each.lane for each in found if each.seed == seed] for seed in SEEDS] == lanes
    assert {each.training_seed for each in found} == {None}


def test_trained_teams_say_which_policy_played(tmp_path: Path) -> None:
    for kind in ("trained", "untrained"):
        entrant = Entrant("learner", kind, lambda _: TunedSOAR(), (42, 123))  # type: ignore[arg-type]
        found = record(tmp_path, entrant).episodes
        assert {(each.seed, each.training_seed) for each in found} == {(SEED, 42), (SEED + 1, 123)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learner-untrained.npz", "learner.npz"]


def test_actions_a_rounding_error_out_of_bounds_are_kept_within(tmp_path: Path) -> None:
    def stretch(actions: dict[str, Any]) -> dict[str, Any]:
        return actions | {HUNTER: np.full_like(actions[HUNTER], 1.0 + 1e-7, np.float64)}

    (episode, *_) = record(tmp_path, fixed(Recorder(stretch))).episodes
    assert episode.actions[HUNTER].dtype == np.float32
    assert episode.actions[HUNTER].max() == 1.0
    np.testing.assert_array_equal(play_again(episode).rewards, episode.rewards)


def test_of_a_team_that_fails_nothing_is_written(tmp_path: Path) -> None:
    row = record_held_out(tmp_path, fixed(Recorder(lambda _: None, from_step=3)), SPEC, SEEDS, 4, 4)
    assert row.error is not None
    assert not list(tmp_path.iterdir())


# What is refused


def test_other_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "others.npz", rewards=np.zeros(3))
    np.savez(tmp_path / "objects.npz", metadata=np.array({"format": 1}, dtype=object))
    np.savez(
        tmp_path / "newer.npz", metadata=np.array('{"format": "soc-env trajectories", "format_version": 9}')
    )
    (tmp_path / "text.npz").write_text("rewards")
    (tmp_path / "empty.npz").touch()
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(ValueError, match=rf"must be a file of soc-env trajectories.*{path.name}"):
            load(path)
    with pytest.raises(FileNotFoundError, match="missing"):
        load(tmp_path / "missing.npz")


def test_an_episode_that_was_not_recorded_is_said_to_be_missing(recorded: Trajectories) -> None:
    assert recorded.find(SEED + 1, 24).lane == 24
    message = rf"\({SEED} with lanes 0 to 24; {SEED + 1} with lanes 0 to 24\), got {SEED} and 25"
    with pytest.raises(ValueError, match=message):
        recorded.find(SEED, 25)


# soc-env evaluate --record


def test_evaluate_records_every_team_of_its_held_out_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("evaluate", "rule-soar", *SMALL, "--record", str(tmp_path), "--record-episodes", "3") == 0
    assert "Recorded episodes:" in capsys.readouterr().out
    names = ["rule-soar.npz", "tuned-soar.npz", "zero-enrich.npz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert [episode.lane for episode in load(tmp_path / "rule-soar.npz").episodes] == [0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("rule-soar", "--record-episodes", "0"), "--record-episodes must be at least 1, got 0"),
        (("rule-soar", "--protocol", "paper"), "--record must be left out with --protocol paper"),
        (("a/saved.json", "b/saved.json"), "teams must have different last names to be recorded"),
    ],
)
def test_evaluate_says_what_it_cannot_record(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in "ab":
        (tmp_path / folder).mkdir()
        TunedSOAR().save(tmp_path / folder / "saved.json")
    assert run("evaluate", *arguments, *SMALL, "--record", "out") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
