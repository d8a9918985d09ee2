"""Prioritised replay draws what its priorities say, and its weights undo that."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_zoo.learning.replay import PrioritizedReplay
from agent_zoo.learning.sum_tree import SumTree


def replay(capacity: int = 8, alpha: float = 0.6, seed: int = 0) -> PrioritizedReplay:
    fields = {"value": ((), torch.float32), "row": ((3,), torch.float32)}
    return PrioritizedReplay(capacity, fields, alpha, torch.Generator().manual_seed(seed))


def add(into: PrioritizedReplay, *values: float) -> None:
    value = torch.tensor(values)
    into.add(value=value, row=value[:, None].expand(-1, 3))


# The tree


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.data())
def test_the_tree_finds_what_a_running_sum_finds(priorities: list[float], data: st.DataObject) -> None:
    values = np.array(priorities)
    if values.sum() < 1e-6:
        return
    tree = SumTree(len(values))
    tree.set(np.arange(len(values)), values)
    assert tree.total == pytest.approx(values.sum())
    fractions = data.draw(st.lists(st.floats(0, 0.999), min_size=1, max_size=20))
    sums = np.array(fractions) * tree.total
    found = tree.find(sums)
    ends = np.cumsum(values)
    assert (values[found] > 0).all(), "an entry without priority was drawn"
    assert (ends[found] - values[found] <= sums + 1e-9).all()
    assert (sums <= ends[found] + 1e-9).all()


def test_the_tree_takes_the_last_priority_of_an_entry_named_twice() -> None:
    tree = SumTree(4)
    tree.set(np.array([2, 0, 2]), np.array([5.0, 1.0, 3.0]))
    np.testing.assert_array_equal(tree.priorities(np.arange(4)), [1, 0, 3, 0])
    assert tree.total == 4


# The replay


def test_transitions_are_drawn_in_proportion_to_their_priorities() -> None:
    some = replay()
    add(some, 0.0, 1.0, 2.0, 3.0)
    errors = torch.tensor([0.1, 1.0, 2.0, 10.0])
    some.update_priorities(np.arange(4), errors)
    drawn = np.concatenate([some.sample(64, beta=0.4).entries for _ in range(500)])
    priorities = (errors.numpy() + PrioritizedReplay.EPSILON) ** 0.6
    expected = priorities / priorities.sum()
    # Stratified draws spread less than independent ones, whose deviation this is.
    deviation = np.sqrt(expected * (1 - expected) / len(drawn))
    assert (np.abs(np.bincount(drawn, minlength=4) / len(drawn) - expected) < 4 * deviation).all()


def test_weights_are_those_of_the_definition() -> None:
    some = replay()
    add(some, *range(8))
    errors = torch.linspace(0.1, 5.0, 8)
    some.update_priorities(np.arange(8), errors)
    batch = some.sample(256, beta=0.7)
    priorities = (errors.double().numpy() + PrioritizedReplay.EPSILON) ** 0.6
    probability = priorities / priorities.sum()
    weights = (8 * probability[batch.entries]) ** -0.7
    np.testing.assert_allclose(batch.weights.numpy(), weights / weights.max(), rtol=1e-5)


def test_with_beta_one_weighted_means_are_those_of_uniform_draws() -> None:
    some = replay(capacity=64)
    values = torch.linspace(-1.0, 3.0, 64)
    some.add(value=values, row=values[:, None].expand(-1, 3))
    some.update_priorities(np.arange(64), values.abs())
    sums, weights = 0.0, 0.0
    for _ in range(400):
        batch = some.sample(64, beta=1.0)
        # The largest weight of the batch scales them all: undo it by the smallest priority there.
        scale = 1 / some.tree.priorities(batch.entries).min()
        sums += float((batch.weights * batch.fields["value"]).sum() * scale)
        weights += float(batch.weights.sum() * scale)
    assert sums / weights == pytest.approx(float(values.mean()), abs=0.03)


def test_alpha_zero_is_the_uniform_replay() -> None:
    some = replay(alpha=0.0)
    add(some, *range(8))
    some.update_priorities(np.arange(8), torch.linspace(0, 100, 8))
    batch = some.sample(8, beta=0.4)
    np.testing.assert_array_equal(np.sort(batch.entries), np.arange(8))  # one of each stretch
    np.testing.assert_array_equal(batch.weights, np.ones(8))


def test_new_transitions_have_the_largest_priority_seen() -> None:
    some = replay()
    add(some, 0.0, 1.0)
    some.update_priorities(np.arange(2), torch.tensor([0.5, 7.0]))
    add(some, 2.0)
    priorities = some.tree.priorities(np.arange(3))
    assert priorities[2] == priorities[1] > priorities[0]


def test_the_oldest_transitions_are_overwritten() -> None:
    some = replay(capacity=5)
    add(some, 0.0, 1.0, 2.0)
    add(some, 3.0, 4.0, 5.0, 6.0)
    assert len(some) == 5
    assert sorted(some.fields["value"].tolist()) == [2, 3, 4, 5, 6]
    batch = some.sample(100, beta=1.0)
    np.testing.assert_array_equal(batch.fields["row"][:, 1], batch.fields["value"])


def test_a_restored_replay_draws_the_same() -> None:
    one, other = replay(capacity=6), replay(capacity=6, seed=99)
    add(one, *range(4))
    add(one, *range(10, 14))
    one.update_priorities(np.arange(6), torch.linspace(0.1, 3, 6))
    other.load_tensors(one.tensors())
    other.generator.set_state(one.generator.get_state())
    for _ in range(3):
        a, b = one.sample(16, 0.5), other.sample(16, 0.5)
        np.testing.assert_array_equal(a.entries, b.entries)
        assert torch.equal(a.weights, b.weights)
        assert torch.equal(a.fields["row"], b.fields["row"])
        add(one, 20.0)
        add(other, 20.0)
