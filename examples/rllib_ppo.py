"""RLlib's PPO with a policy of its own for each agent.

RLlib pins its dependencies, so give it an environment of its own:

    python -m venv venv-rllib
    venv-rllib/bin/pip install 'soc-env[rllib]' torch
    venv-rllib/bin/python examples/rllib_ppo.py --iterations 20 --env-runners 2

RLlib orders agents by their hashes: for the same numbers again set PYTHONHASHSEED=0, too.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
from ray.tune.registry import register_env

from soc_env import soc_v0


def make_env(options: dict[str, Any]) -> ParallelPettingZooEnv:
    """The environment as RLlib wants it; `options` are fields of `soc_v0.Config`."""
    return ParallelPettingZooEnv(soc_v0.parallel_env(**options))


def build(max_steps: int, batch_size: int, env_runners: int, seed: int) -> PPO:
    """PPO on the team; `batch_size` counts steps of the team. With 0 env runners all is in this process."""
    register_env("soc_v0", make_env)
    agents = soc_v0.parallel_env().possible_agents
    config = (
        PPOConfig()
        .environment("soc_v0", env_config={"max_steps": max_steps})
        .env_runners(num_env_runners=env_runners)
        .multi_agent(policies=agents, policy_mapping_fn=lambda agent, *_, **__: agent)
        .training(train_batch_size_per_learner=batch_size, minibatch_size=128, num_epochs=4, lr=3e-4)
        .debugging(seed=seed)
    )
    return config.build_algo()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--iterations", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--env-runners", type=int, default=0, help="processes that collect; 0: this one does")
    parser.add_argument("--max-steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()

    torch.set_num_threads(1)  # for networks this small, more threads cost more than they bring
    algorithm = build(arguments.max_steps, arguments.batch_size, arguments.env_runners, arguments.seed)
    for iteration in range(1, arguments.iterations + 1):
        result = algorithm.train()["env_runners"]
        # The return that RLlib reports is summed over agents, who all get the team's reward.
        team_return = result["episode_return_mean"] / len(result["agent_episode_returns_mean"])
        length = result["episode_len_mean"]
        print(f"iteration {iteration}: mean team return {team_return:.2f}, length {length:.0f} steps")
    algorithm.stop()


if __name__ == "__main__":
    main()
