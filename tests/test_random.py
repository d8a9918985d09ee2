"""The counter-based generator: statistics of its draws, and the same bits without compilation."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from soc_env.engine.compile import entry_point
from soc_env.engine.random import fill_normals, fold, uniform


@entry_point
def uniforms(key, out):
    for j in range(out.shape[0]):
        out[j] = uniform(key, j)


@entry_point
def normals(key, out):
    fill_normals(key, out)


@entry_point
def keys(parts, out):
    for j in range(parts.shape[0]):
        out[j] = fold(fold(np.uint64(0), parts[j, 0]), parts[j, 1])


def draw_uniforms(key: int, count: int) -> np.ndarray:
    out = np.empty(count)
    uniforms(np.uint64(key), out)
    return out


def draw_normals(key: int, count: int) -> np.ndarray:
    out = np.empty(count, np.float32)
    normals(np.uint64(key), out)
    return out


def test_uniform_draws_are_uniform():
    assert stats.kstest(draw_uniforms(1, 200_000), "uniform").pvalue > 1e-3


def test_uniform_draws_stay_below_one():
    draws = draw_uniforms(2, 1_000_000)
    assert draws.min() >= 0.0
    assert draws.max() < 1.0


def test_normal_draws_are_normal_in_the_middle_and_in_the_tails():
    draws = draw_normals(3, 4_000_000).astype(float)
    assert stats.kstest(draws[:500_000], "norm").pvalue > 1e-3
    for bound in (3.0, 4.0):
        expected = 2 * stats.norm.sf(bound) * len(draws)
        assert abs((abs(draws) > bound).sum() - expected) < 4 * np.sqrt(expected)
    assert draws.var() == pytest.approx(1, abs=5 * np.sqrt(2 / len(draws)))


def test_the_two_halves_of_a_box_muller_draw_are_independent():
    draws = draw_normals(4, 1_000_000).astype(float)
    first, second = draws[:500_000], draws[500_000:]
    for f in (np.asarray, np.square, np.abs):
        assert abs(np.corrcoef(f(first), f(second))[0, 1]) < 5 / np.sqrt(500_000)


def test_neighbouring_keys_share_nothing():
    first, second = draw_normals(5, 100_000), draw_normals(6, 100_000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(100_000)
    assert np.intersect1d(draw_uniforms(5, 100_000), draw_uniforms(6, 100_000)).size == 0


def test_addresses_give_different_keys():
    grid = np.stack(np.meshgrid(np.arange(1000), np.arange(1000)), axis=-1).reshape(-1, 2)
    out = np.empty(len(grid), np.uint64)
    keys(grid, out)
    assert len(np.unique(out)) == len(grid)


PLAY = """
import hashlib, numpy as np
from soc_env import soc_v0
env = soc_v0.vector_env(3, hosts_per_segment=12, max_steps=25)
rng = np.random.default_rng(0)
digest = hashlib.sha256()
observations, _ = env.reset(seed=5)
for _ in range(60):
    for agent in observations:
        digest.update(np.ascontiguousarray(observations[agent]).tobytes())
    actions = {
        "strategic_coordinator": rng.uniform(-1, 1, (3, 8)), "threat_hunter": rng.uniform(-1, 1, (3, 16)),
        "alert_triage": rng.integers(0, 4, 3), "response_orchestrator": rng.uniform(-1, 1, (3, 12)),
    }
    observations, reward, terminated, truncated, info = env.step(actions)
    digest.update(reward.tobytes() + terminated.tobytes() + truncated.tobytes() + env.state().tobytes())
print(digest.hexdigest())
"""


def test_compilation_changes_no_bit_of_an_episode():
    def play(**environment: str) -> str:
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", PLAY],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    assert play() == play(NUMBA_DISABLE_JIT="1")
