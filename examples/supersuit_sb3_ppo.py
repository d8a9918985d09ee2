"""Stable-Baselines3's PPO on the whole team, by way of SuperSuit.

SuperSuit turns each agent of each copy of the environment into one environment of a vector, so one
network plays all four agents. For that their spaces must be equal: `continuous_actions` makes every
action a Box, and padding does the rest.

    pip install stable-baselines3 supersuit
    python examples/supersuit_sb3_ppo.py --steps 200000
"""

from __future__ import annotations

import argparse

import numpy as np
import supersuit
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from soc_env import soc_v0
from soc_env.wrappers import continuous_actions


def make_vec_env(num_copies: int, seed: int, max_steps: int) -> VecEnv:
    """`num_copies` teams as a vector of 4 x `num_copies` environments."""
    env = continuous_actions(soc_v0.parallel_env(max_steps=max_steps))
    env = supersuit.pad_observations_v0(env)
    env = supersuit.pad_action_space_v0(env)
    env = supersuit.agent_indicator_v0(env)  # or the shared network could not tell the agents apart
    env = supersuit.frame_stack_v2(env, 4)
    markov = supersuit.pettingzoo_env_to_vec_env_v1(env)
    vec_env = supersuit.concat_vec_envs_v1(markov, num_copies, num_cpus=1, base_class="stable_baselines3")
    # SuperSuit hands no seeds on from SB3. Seeded here, the copies go on to their next episodes.
    vec_env.venv.reset(seed=seed)
    return VecMonitor(vec_env)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--steps", type=int, default=20_000, help="steps of single agents, 4 for each of a team"
    )
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--max-steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()

    torch.set_num_threads(1)  # for networks this small, more threads cost more than they bring
    set_random_seed(arguments.seed)
    vec_env = make_vec_env(arguments.copies, arguments.seed, arguments.max_steps)
    model = PPO("MlpPolicy", vec_env, n_steps=64, batch_size=256, n_epochs=4, device="cpu")
    model.learn(arguments.steps)

    episodes = [episode["r"] for episode in model.ep_info_buffer or ()]
    print(f"{model.num_timesteps} steps; mean return of the last {len(episodes)} {np.mean(episodes):.2f}")
    vec_env.close()


if __name__ == "__main__":
    main()
