"""RLlib trains on the parallel environment, in an environment of its own (see examples/rllib_ppo.py)."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soc_env import soc_v0
from soc_env.team import AGENTS, OBSERVATION_SIZES
from soc_env.wrappers import continuous_actions, discrete_actions, leak_free
from tests.faces import CONFIG

pytestmark = pytest.mark.rllib
ray: Any = pytest.importorskip("ray", reason="RLlib is not installed: pip install 'soc-env[rllib]'")
EXAMPLE = Path(__file__).parent.parent / "examples" / "rllib_ppo.py"


@pytest.fixture(scope="module", autouse=True)
def local_ray() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.parametrize("wrapper", [lambda env: env, continuous_actions, discrete_actions, leak_free])
def test_rllibs_pettingzoo_env_plays_an_episode(wrapper: Any) -> None:
    from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

    env = ParallelPettingZooEnv(wrapper(soc_v0.parallel_env(**CONFIG)))
    assert set(env.possible_agents) == set(AGENTS)
    env.reset(seed=3)
    observations, steps, over = {}, 0, False
    infos: dict[str, Any] = {}
    while not over:
        observations, _, terminated, truncated, infos = env.step(env.action_space.sample())
        steps, over = steps + 1, terminated["__all__"] or truncated["__all__"]
    assert {agent: one.shape for agent, one in observations.items()} == {
        agent: (size,) for agent, size in OBSERVATION_SIZES.items()
    }
    assert infos[AGENTS[0]]["episode_metrics"]["length"] == steps


def test_ppo_trains_a_policy_for_each_agent() -> None:
    example = runpy.run_path(str(EXAMPLE))
    algorithm = example["build"](max_steps=12, batch_size=128, env_runners=0, seed=1)
    try:
        before = {agent: algorithm.get_module(agent).get_state() for agent in AGENTS}
        result = algorithm.train()
        returns = result["env_runners"]["agent_episode_returns_mean"]
        assert set(returns) == set(AGENTS)
        assert len(set(returns.values())) == 1  # the team's reward
        assert np.isfinite(result["env_runners"]["episode_return_mean"])
        for agent in AGENTS:
            assert np.isfinite(result["learners"][agent]["policy_loss"])
            after = algorithm.get_module(agent).get_state()
            assert any(not np.array_equal(before[agent][name], after[name]) for name in after), agent
    finally:
        algorithm.stop()


def test_the_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "--batch-size", "128", "--max-steps", "12"])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert "iteration 1: mean team return" in capsys.readouterr().out
