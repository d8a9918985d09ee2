"""The held-out protocol and the paper's: who plays what, and what counts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from baselines import scripted
from evaluation import paper
from evaluation.comparison import held_out_row, paper_row
from evaluation.entrants import Entrant
from evaluation.environments import EnvSpec, known_environments
from evaluation.protocol import play, play_held_out, play_paper_protocol
from evaluation.seeds import (
    EVALUATION_SEEDS,
    TRAINING_SEEDS,
    check_evaluation_seed,
    check_training_seed,
    evaluation_seeds,
)
from evaluation.training_log import read_training_log
from soc_env import soc_v0
from soc_env.team import AGENTS, HUNTER, Observations
from tests.soc_v0_metrics import METRICS, NAMES, column
from tests.teams import SEED, SPEC, Recorder, fixed, load_nothing

NUM_LANES = 24


def episode_alone(env: Any, policy: Any, **reset: Any) -> dict[str, float]:
    """One episode of a PettingZoo environment, without any vector face: metrics by the names of METRICS."""
    observations, _ = env.reset(**reset)
    policy.reset(1)
    total, info = 0.0, {}
    while env.agents:
        batch = {agent: observations[agent][None] for agent in AGENTS}
        actions = {agent: action[0] for agent, action in policy.act(batch).items()}
        observations, rewards, _, _, info = env.step(actions)
        total += rewards[HUNTER]
    measured = info[HUNTER]["episode_metrics"] | {None: total}
    return {metric.name: float(measured[metric.source]) * metric.factor for metric in METRICS}


def by_name(figures: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, figures.tolist(), strict=True))


class TestHeldOut:
    def test_every_lane_counts_exactly_its_first_episode_as_it_is_without_the_others(self) -> None:
        figures = play_held_out(scripted.TunedSOAR(), SPEC, SEED, num_episodes=NUM_LANES)
        assert figures.shape == (NUM_LANES, len(NAMES))
        env = soc_v0.parallel_env(**SPEC.config)
        for lane in range(NUM_LANES):
            alone = episode_alone(env, scripted.TunedSOAR(), seed=SEED, options={"lane": lane})
            assert by_name(figures[lane]) == pytest.approx(alone, abs=1e-9)

    def test_short_episodes_are_not_favoured(self) -> None:
        policy, length = scripted.RuleSOAR(), column("length")
        figures = play_held_out(policy, SPEC, SEED, num_episodes=200)

        # What a careless evaluator would count: the first 200 episodes to end, in whichever lane.
        env = SPEC.make_vector_env(200)
        observations, _ = env.reset(seed=SEED)
        ended: list[float] = []
        while len(ended) < 200:
            observations, _, _, _, info = env.step(policy.act(observations))
            if info:
                ended += info["final_info"]["episode_metrics"]["length"][info["_final_info"]].tolist()
        careless = float(np.mean(ended[:200]))

        alone = soc_v0.parallel_env(**SPEC.config)
        lanes = range(0, 200, 5)
        truth = [episode_alone(alone, policy, seed=SEED, options={"lane": i})["length"] for i in lanes]
        assert figures[::5, length].tolist() == truth
        assert careless < 0.8 * figures[:, length].mean()

    def test_a_lane_does_not_depend_on_how_many_there_are(self) -> None:
        few = play_held_out(scripted.TunedSOAR(), SPEC, SEED, num_episodes=6)
        many = play_held_out(scripted.TunedSOAR(), SPEC, SEED, num_episodes=NUM_LANES)
        assert np.array_equal(few, many[:6])

    def test_other_evaluation_seeds_are_other_episodes(self) -> None:
        first = play_held_out(scripted.TunedSOAR(), SPEC, SEED, num_episodes=6)
        second = play_held_out(scripted.TunedSOAR(), SPEC, SEED + 1, num_episodes=6)
        assert not np.array_equal(first, second)

    def test_the_evaluator_adds_the_rewards_up_itself(self) -> None:
        class Doubled(gymnasium.vector.VectorWrapper):
            def step(self, actions: Any) -> Any:
                observations, rewards, *rest = self.env.step(actions)
                return observations, 2 * rewards, *rest

        plain, doubled = (
            play(scripted.RuleSOAR(), env, "soc_v0", metrics=METRICS, seed=SEED, episodes_per_lane=2)
            for env in (SPEC.make_vector_env(8), Doubled(SPEC.make_vector_env(8)))
        )
        reward = column("reward")
        assert doubled[:, :, reward] == pytest.approx(2 * plain[:, :, reward])
        assert np.array_equal(np.delete(doubled, reward, axis=2), np.delete(plain, reward, axis=2))

    def test_rates_are_in_percent(self) -> None:
        figures = play_held_out(scripted.TunedSOAR(), EnvSpec(), SEED, num_episodes=NUM_LANES)
        assert set(figures[:, column("csr_percent")]) <= {0.0, 100.0}
        assert figures[:, column("csr_percent")].mean() > 50.0
        assert 0.0 <= figures[:, column("fpr_percent")].max() <= 100.0

    def test_the_policy_is_told_when_lanes_begin_anew(self) -> None:
        policy = Recorder()
        figures = play_held_out(policy, SPEC, SEED, num_episodes=NUM_LANES, policy_seed=3)
        assert policy.resets == [(NUM_LANES, 3)]
        assert policy.starts[0].all()
        first_anew = [
            next((t for t, s in enumerate(policy.starts) if t and s[i]), None) for i in range(NUM_LANES)
        ]
        lengths = figures[:, column("length")].astype(int).tolist()
        for begun_anew, length in zip(first_anew, lengths, strict=True):
            assert begun_anew == (length if length < len(policy.starts) else None)

    def test_what_a_policy_does_to_its_observations_changes_nothing(self) -> None:
        class Scribbler(Recorder):
            def act(self, observations: Observations, episode_starts: np.ndarray | None = None) -> Any:
                assert all(observation.base is None for observation in observations.values())
                actions = super().act(observations, episode_starts)
                for observation in observations.values():
                    observation[:] = np.nan
                return actions

        clean = play_held_out(Recorder(), SPEC, SEED, num_episodes=6)
        assert np.array_equal(play_held_out(Scribbler(), SPEC, SEED, num_episodes=6), clean)

    def test_progress_hears_of_every_counted_episode_and_of_no_other(self) -> None:
        heard: list[int] = []
        play_held_out(scripted.TunedSOAR(), SPEC, SEED, num_episodes=NUM_LANES, progress=heard.append)
        assert sum(heard) == NUM_LANES
        assert min(heard) > 0

    def test_refuses_no_episodes(self) -> None:
        with pytest.raises(ValueError, match="num_episodes must be an integer >= 1, got 0"):
            play_held_out(scripted.TunedSOAR(), SPEC, SEED, num_episodes=0)


class TestPaperProtocol:
    def test_a_seed_is_one_network_in_which_episodes_follow_each_other(self) -> None:
        figures = play_paper_protocol(scripted.TunedSOAR(), SPEC, (42, 123), num_episodes=5)
        assert figures.shape == (2, 5, len(NAMES))
        for index, seed in enumerate((42, 123)):
            env = soc_v0.parallel_env(**SPEC.config)
            alone = [episode_alone(env, scripted.TunedSOAR(), seed=seed)]
            alone += [episode_alone(env, scripted.TunedSOAR()) for _ in range(4)]
            for number in range(5):
                assert by_name(figures[index, number]) == pytest.approx(alone[number], abs=1e-9)

    def test_the_paper_s_seeds_are_the_default(self) -> None:
        assert paper.SEEDS == (42, 123, 456, 789, 1024)
        assert play_paper_protocol(scripted.TunedSOAR(), SPEC, num_episodes=1).shape[0] == 5

    def test_a_learner_s_figures_are_the_end_of_its_training_log(self, tmp_path: Path) -> None:
        for seed in (42, 123):
            write_log(tmp_path / str(seed), [seed + episode for episode in range(10)])
        runs = {seed: tmp_path / str(seed) for seed in (42, 123)}
        row = paper_row(Entrant("iql", "trained", load_nothing, (42, 123), runs), SPEC, (1, 2, 3), 4)
        assert row.values is not None
        assert row.values[:, :, column("reward")].tolist() == [[48, 49, 50, 51], [129, 130, 131, 132]]
        assert row.seeds == (42, 123)
        assert row.note == "trained for 10, 10 episodes, the paper's for 10,000"

    def test_a_learner_without_a_log_has_no_figures_and_the_row_says_why(self, tmp_path: Path) -> None:
        row = paper_row(Entrant("iql", "trained", load_nothing, (42,), {42: tmp_path}), SPEC, (42,), 4)
        assert row.values is None
        assert "episodes.csv does not exist" in str(row.error)


class TestSeeds:
    def test_ranges_share_nothing(self) -> None:
        assert TRAINING_SEEDS.stop <= EVALUATION_SEEDS.start
        assert set(paper.SEEDS) <= set(range(2000))
        assert all(seed in TRAINING_SEEDS for seed in paper.SEEDS)

    @pytest.mark.parametrize("seed", [42, 10**9 - 1, -1, 2**31])
    def test_evaluation_refuses_other_seeds(self, seed: int) -> None:
        with pytest.raises(ValueError, match=f"evaluation_seed.*{seed}"):
            play_held_out(scripted.TunedSOAR(), SPEC, seed, num_episodes=1)
        with pytest.raises(ValueError, match=f"mine.*{seed}"):
            check_evaluation_seed(seed, "mine")

    @pytest.mark.parametrize("seed", [10**9, 2**31, -1])
    def test_training_refuses_other_seeds(self, seed: int) -> None:
        with pytest.raises(ValueError, match=f"seeds.*{seed}"):
            play_paper_protocol(scripted.TunedSOAR(), SPEC, (42, seed), num_episodes=1)
        with pytest.raises(ValueError, match=f"mine.*{seed}"):
            check_training_seed(seed, "mine")

    def test_the_kth_training_seed_plays_the_kth_evaluation_seed(self) -> None:
        loaded: list[int | None] = []
        policies: list[Recorder] = []

        def load(seed: int | None) -> Any:
            loaded.append(seed)
            policies.append(Recorder())
            return policies[-1]

        row = held_out_row(Entrant("mine", "trained", load, (123, 42)), SPEC, evaluation_seeds(5), 3)
        assert loaded == [123, 42]
        assert row.seeds == (10**9, 10**9 + 1)
        assert row.values is not None
        assert np.array_equal(row.values[1], play_held_out(Recorder(), SPEC, 10**9 + 1, num_episodes=3))
        # Nothing of the environment's seed reaches a policy.
        assert [policy.resets for policy in policies] == [[(3, 0)], [(3, 1)]]

    def test_a_fixed_team_plays_all_blocks(self) -> None:
        row = held_out_row(fixed(scripted.TunedSOAR()), SPEC, evaluation_seeds(5), 2)
        assert row.seeds == tuple(10**9 + k for k in range(5))
        assert row.values is not None
        assert row.values.shape == (5, 2, len(NAMES))

    def test_no_training_seed_is_left_out_for_want_of_evaluation_seeds(self) -> None:
        entrant = Entrant("mine", "trained", load_nothing, (42, 123))
        with pytest.raises(ValueError, match="one for each of 2 training seeds, got 1"):
            held_out_row(entrant, SPEC, evaluation_seeds(1), 2)

    def test_the_last_evaluation_seed_is_the_end(self) -> None:
        with pytest.raises(ValueError, match=str(2**31)):
            evaluation_seeds(2, EVALUATION_SEEDS[-1])


class TestTrainingLog:
    def test_reads_the_last_episodes_whatever_the_order_of_the_columns(self, tmp_path: Path) -> None:
        write_log(tmp_path, list(range(7)))
        log = read_training_log(tmp_path, NAMES, 3)
        assert log.num_episodes == 7
        assert log.tail[:, column("reward")].tolist() == [4.0, 5.0, 6.0]
        assert (log.tail[:, column("length")] == 1.0).all()

    @pytest.mark.parametrize(
        ("rewards", "columns", "message"),
        [
            ([1, 2], NAMES, "at least 3 episodes, it has 2"),
            ([1, 2, 3], NAMES[1:], r"lacks \['reward'\]"),
            ([1, 2, "x"], NAMES, "must be a number.*'x'"),
        ],
    )
    def test_refuses_a_log_that_is_not_whole(
        self, tmp_path: Path, rewards: list[Any], columns: tuple[str, ...], message: str
    ) -> None:
        write_log(tmp_path, rewards, columns)
        with pytest.raises(ValueError, match=message):
            read_training_log(tmp_path, NAMES, 3)


class TestEnvironments:
    def test_known_ones_are_found_and_others_refused(self) -> None:
        assert "soc_v0" in known_environments()
        with pytest.raises(ValueError, match=r"env must be one of soc_v0.*'soc_v9'"):
            EnvSpec("soc_v9")


def write_log(run_dir: Path, rewards: list[Any], columns: tuple[str, ...] = NAMES) -> None:
    """An episodes.csv whose columns stand the other way round, all 1 but the rewards."""
    run_dir.mkdir(exist_ok=True)
    with (run_dir / "episodes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["episode", *reversed(columns)])
        for episode, reward in enumerate(rewards, 1):
            row: dict[str, Any] = dict.fromkeys(columns, 1) | (
                {"reward": reward} if "reward" in columns else {}
            )
            writer.writerow([episode, *(row[name] for name in reversed(columns))])
