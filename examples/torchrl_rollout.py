"""A rollout through TorchRL's PettingZoo wrapper.

TorchRL groups agents whose names end in a number. Ours do not, as no two agents are alike, so each
is a group of its own: keys are ("threat_hunter", "observation") and so on, with 1 as the agent axis.

    pip install torchrl
    python examples/torchrl_rollout.py --steps 50
"""

from __future__ import annotations

import argparse

import torch
from tensordict import TensorDictBase
from torchrl.envs.libs.pettingzoo import PettingZooWrapper
from torchrl.envs.utils import MarlGroupMapType

from soc_env import soc_v0


def rollout(steps: int, seed: int, max_steps: int) -> TensorDictBase:
    """`steps` steps of random actions; episodes that end are followed by new ones."""
    torch.manual_seed(seed)  # for the random actions
    env = PettingZooWrapper(
        soc_v0.parallel_env(max_steps=max_steps),
        group_map=MarlGroupMapType.ONE_GROUP_PER_AGENT,
        return_state=True,  # the truth, for centralised critics
        seed=seed,
    )
    data = env.rollout(steps, break_when_any_done=False)
    env.close()
    return data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--max-steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()

    data = rollout(arguments.steps, arguments.seed, arguments.max_steps)
    for agent in soc_v0.parallel_env().possible_agents:
        observation, action = data[agent, "observation"], data[agent, "action"]
        print(f"{agent}: observations {tuple(observation.shape)}, actions {tuple(action.shape)}")
    reward = data["next", "threat_hunter", "reward"]
    print(f"state {tuple(data['state'].shape)}; {int(data['next', 'done'].sum())} episodes ended")
    print(f"mean reward {reward.mean():.3f} a step")


if __name__ == "__main__":
    main()
