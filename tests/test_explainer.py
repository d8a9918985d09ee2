"""Attention that explains: it finds what decisions rest on, and it can be measured whether it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from agent_zoo.hmarl_soc.explainer import (
    AttentionExplainer,
    ExplainerConfig,
    StaleExplainerError,
    TeamExplainer,
    faithfulness,
    gather_observations,
    train_explainer,
)
from agent_zoo.hmarl_soc.explainer.decisions import decisions, effective_numbers
from agent_zoo.hmarl_soc.explainer.training import relaxed_top_k, train_attention
from agent_zoo.learning.config import ConfigError
from evaluation.environments import EnvSpec
from evaluation.explain.faithfulness import measure
from evaluation.seeds import EVALUATION_SEEDS
from soc_env.team import AGENTS, COORDINATOR, HUNTER, OBSERVATION_SIZES, RESPONDER, TRIAGE
from tests.explained import DECISIVE, QUICK, entry_names, shaped_team

ENTRIES = 12


@pytest.fixture(scope="module")
def observations() -> Tensor:
    """Joint observations (n, 352) that the shaped team met."""
    team = shaped_team()
    env = EnvSpec("soc_v0", team.config.env).make_vector_env(32)
    return torch.from_numpy(gather_observations(team, env, seed=0, steps=64)).flatten(0, 1)


@pytest.fixture(scope="module")
def explainer(observations: Tensor) -> TeamExplainer:
    return train_explainer(shaped_team(), observations, seed=0, config=QUICK)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Attention


@pytest.mark.parametrize("seed", range(3))
def test_exactly_the_inputs_that_a_decision_rests_on_come_first(seed: int) -> None:
    decisive = torch.randperm(ENTRIES, generator=generator(seed))[:3]
    weights = torch.randn(3, 5, generator=generator(seed + 1))

    def weigh(seen: Tensor) -> Tensor:
        return torch.tanh(seen[:, decisive] @ weights)

    seen = torch.randn(1000, ENTRIES, generator=generator(seed + 2))
    attention = train_attention(weigh, seen[:800], QUICK, generator(seed))
    with torch.no_grad():
        first = attention.importance(seen[800:]).topk(3, -1).indices.sort(-1).values
    right = (first == decisive.sort().values).all(-1).float().mean()
    assert right > 0.98


def test_what_comes_first_depends_on_the_observation() -> None:
    def weigh(seen: Tensor) -> Tensor:  # entry 0 says whether entry 1 or entry 2 counts
        switch = torch.sigmoid(4 * seen[:, :1])
        return switch * seen[:, 1:2] + (1 - switch) * seen[:, 2:3]

    seen = torch.randn(1000, ENTRIES, generator=generator())
    config = ExplainerConfig(token_size=16, updates=400, learning_rate=1e-2)
    attention = train_attention(weigh, seen[:800], config, generator())
    with torch.no_grad():
        importance = attention.importance(seen[800:])
    right = (seen[800:, 0] > 0) == (importance[:, 1] > importance[:, 2])
    assert right.float().mean() > 0.9


def test_each_head_s_attention_and_their_mean_sum_to_one() -> None:
    attention = AttentionExplainer(ENTRIES, ExplainerConfig(heads=3), generator())
    seen = 5 * torch.randn(20, ENTRIES, generator=generator(1))
    with torch.no_grad():
        heads, importance = attention(seen), attention.importance(seen)
        logarithms = attention.log_importance(seen)
    assert heads.shape == (20, 3, ENTRIES)
    assert (heads >= 0).all()
    torch.testing.assert_close(heads.sum(-1), torch.ones(20, 3))
    torch.testing.assert_close(importance.sum(-1), torch.ones(20))
    torch.testing.assert_close(logarithms.exp(), importance)


def test_heads_and_key_size_are_the_papers() -> None:
    attention = AttentionExplainer(ENTRIES, ExplainerConfig(), generator())
    assert attention.query.shape == (4, 64)


@pytest.mark.parametrize(("key", "value"), [("heads", 0), ("updates", -1), ("temperature", 0.0)])
def test_a_config_that_cannot_be_is_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"{key} must be .*, got {value}"):
        ExplainerConfig(**{key: value})


def test_a_random_number_of_the_first_places_is_kept() -> None:
    places = torch.linspace(0, -100, ENTRIES).expand(2000, -1)  # so far apart that chance changes no place
    kept = relaxed_top_k(places, 0.01, generator())
    torch.testing.assert_close(kept, kept.round(), atol=1e-3, rtol=0)
    counts = kept.sum(-1).round().long()
    assert set(counts.tolist()) == set(range(1, ENTRIES)), "between one and all but one"
    assert (kept[:, :-1] >= kept[:, 1:]).all(), "the first, not any"


# Decisions


def test_only_what_makes_a_difference_counts_as_a_decision() -> None:
    used = effective_numbers("soc_v0")
    assert used == {COORDINATOR: [0, 1, 4], HUNTER: list(range(10)), RESPONDER: list(range(10))}
    found = decisions(shaped_team().actors, "soc_v0")
    seen = {agent: torch.randn(7, size, generator=generator()) for agent, size in OBSERVATION_SIZES.items()}
    shapes = {agent: tuple(found[agent].weigh(seen[agent]).shape) for agent in AGENTS}
    # of the eight directives two each differ only in numbers without an effect
    assert shapes == {COORDINATOR: (7, 4), HUNTER: (7, 10), TRIAGE: (7, 4), RESPONDER: (7, 10)}
    torch.testing.assert_close(found[COORDINATOR].weigh(seen[COORDINATOR]).sum(-1), torch.ones(7))
    torch.testing.assert_close(found[TRIAGE].weigh(seen[TRIAGE]).sum(-1), torch.zeros(7), atol=1e-4, rtol=0)


# A team


def test_an_agent_that_always_decides_the_same_is_not_explained(
    explainer: TeamExplainer, observations: Tensor
) -> None:
    assert [agent for agent in AGENTS if explainer.is_constant(agent)] == [TRIAGE]
    with pytest.raises(ValueError, match="alert_triage decides the same whatever it sees"):
        explainer.attention(TRIAGE, observations[:1])
    with pytest.raises(ValueError, match=r"agent must be one of .*, got 'janitor'"):
        explainer.attention("janitor", observations[:1])


@pytest.mark.parametrize("agent", sorted(DECISIVE))
def test_a_team_s_decisive_inputs_come_first(
    agent: str, explainer: TeamExplainer, observations: Tensor
) -> None:
    importance = explainer.attention(agent, observations).mean(1).mean(0)
    count = len(DECISIVE[agent])
    names = entry_names(agent)
    assert {names[index] for index in importance.topk(count).indices} == set(DECISIVE[agent])


def test_training_leaves_the_policy_as_it_was(observations: Tensor) -> None:
    team, before = shaped_team(), shaped_team()
    quick = ExplainerConfig(updates=2, token_size=8)
    train_explainer(team, observations[:200], seed=0, config=quick)
    for (name, now), then in zip(
        team.actors.state_dict().items(), before.actors.state_dict().values(), strict=True
    ):
        assert torch.equal(now, then), name
    assert all(p.grad is None and p.requires_grad for p in team.actors.parameters())


def test_equal_arguments_give_equal_explainers_and_another_seed_another(observations: Tensor) -> None:
    quick = ExplainerConfig(updates=3, token_size=8)
    first, again, other = (
        train_explainer(shaped_team(), observations[:200], seed=seed, config=quick) for seed in (1, 1, 2)
    )
    seen = observations[:10]
    assert torch.equal(first.attention(HUNTER, seen), again.attention(HUNTER, seen))
    assert not torch.equal(first.attention(HUNTER, seen), other.attention(HUNTER, seen))


def test_progress_reaches_the_end_and_never_goes_back(observations: Tensor) -> None:
    told: list[float] = []
    quick = ExplainerConfig(updates=2, token_size=8)
    train_explainer(shaped_team(), observations[:200], seed=0, config=quick, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_too_few_observations_are_refused(observations: Tensor) -> None:
    with pytest.raises(ValueError, match="observations must be at least 2, got 1"):
        train_explainer(shaped_team(), observations[:1], seed=0, config=QUICK)


def test_what_is_loaded_explains_as_what_was_saved(
    tmp_path: Path, explainer: TeamExplainer, observations: Tensor
) -> None:
    path = tmp_path / "explainer.safetensors"
    explainer.save(path)
    loaded = TeamExplainer.load(path, shaped_team())
    for agent in DECISIVE:
        now, then = (one.attention(agent, observations[:50]) for one in (loaded, explainer))
        assert torch.equal(now, then)
    assert loaded.is_constant(TRIAGE)
    assert loaded.config == QUICK
    assert loaded.num_observations == len(observations)
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_whole_team_s_file_is_small(tmp_path: Path) -> None:
    attentions = {
        agent: AttentionExplainer(size, ExplainerConfig(), generator())
        for agent, size in OBSERVATION_SIZES.items()
    }
    team = TeamExplainer(shaped_team(), attentions, torch.zeros(352), ExplainerConfig(), 2)
    team.save(tmp_path / "explainer.safetensors")
    assert (tmp_path / "explainer.safetensors").stat().st_size < 300_000


def test_an_explainer_of_another_policy_is_refused(tmp_path: Path, explainer: TeamExplainer) -> None:
    explainer.save(tmp_path / "explainer.safetensors")
    with pytest.raises(StaleExplainerError, match="must hold the explainer of this policy"):
        TeamExplainer.load(tmp_path / "explainer.safetensors", shaped_team(seed=1))


# Faithfulness


def first_entry(seen: Tensor) -> Tensor:
    return 3.0 * seen[:, :1]


def test_the_areas_of_a_known_ranking_are_known() -> None:
    seen = torch.randn(50, 4, generator=generator())
    right, wrong = torch.tensor([4.0, 3.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 3.0, 4.0])
    # The one entry that counts goes first: from then on the decision is changed as far as it can be.
    for importance, deletion, insertion in ((right, 3.5 / 4, 0.5 / 4), (wrong, 0.5 / 4, 3.5 / 4)):
        found = faithfulness.curves(first_entry, seen, importance.expand(50, -1), generator())
        assert found.shape == (2, 50, 5)
        torch.testing.assert_close(
            faithfulness.areas(found).mean(1), torch.tensor([deletion, insertion]), atol=1e-5, rtol=0
        )


def test_curves_begin_unchanged_and_end_as_far_as_it_gets() -> None:
    seen = torch.randn(60, 4, generator=generator())
    deletion, insertion = faithfulness.curves(first_entry, seen, torch.rand(60, 4), generator()).mean(1)
    assert deletion[0] == 0
    assert insertion[-1] == 0
    torch.testing.assert_close(torch.stack([deletion[-1], insertion[0]]), torch.ones(2))


def test_no_observation_gives_values_to_itself() -> None:
    seen = torch.arange(1.0, 6.0)[:, None].expand(5, 3)
    found = faithfulness.curves(first_entry, seen, torch.ones(5, 3), generator())
    assert (found[0, :, -1] > 0).all()


def test_gradient_and_regression_rank_a_linear_decision_alike() -> None:
    weights = torch.tensor([[1.0, -4.0], [0.0, 0.0], [3.0, 0.5]])

    def weigh(seen: Tensor) -> Tensor:
        return seen @ weights

    background = torch.randn(500, 3, generator=generator())
    seen, mean = background[:20], background.mean(0)
    expected = weights.norm(dim=-1) * (seen - mean).abs()
    torch.testing.assert_close(faithfulness.by_gradient(weigh, seen, mean), expected)
    torch.testing.assert_close(
        faithfulness.by_regression(weigh, seen, background), expected, atol=0.02, rtol=0.01
    )


def test_one_observation_is_taken_of_every_lane() -> None:
    gathered = torch.arange(6.0)[None, :, None].expand(9, 6, 352)
    assert faithfulness.one_a_lane(gathered, generator())[:, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_trained_explainer_is_more_faithful_than_chance(explainer: TeamExplainer) -> None:
    spec = EnvSpec("soc_v0", explainer.policy.config.env)
    measured = measure("shaped", explainer, spec, seed=EVALUATION_SEEDS.start, lanes=600)
    assert [one.agent for one in measured.agents] == [agent for agent in AGENTS if agent in DECISIVE]
    assert measured.constant == (TRIAGE,)
    for one in measured.agents:
        deletion, insertion = one.estimate("attention", "random").mean_interval.T
        assert deletion[0] > 0.1, f"{one.agent}: deletion {deletion}"
        assert insertion[1] < -0.1, f"{one.agent}: insertion {insertion}"
    again = measure("shaped", explainer, spec, seed=EVALUATION_SEEDS.start, lanes=600)
    for one, same in zip(measured.agents, again.agents, strict=True):
        np.testing.assert_array_equal(one.curves["attention"], same.curves["attention"])
    assert "alert_triage decides the same whatever it sees" in measured.table().to_markdown()
