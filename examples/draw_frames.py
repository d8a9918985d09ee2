"""Play one episode and keep its pictures as PNG files, without a display.

pip install 'soc-env[render]'
python examples/draw_frames.py --team rule-soar --output frames
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pygame

from soc_env import soc_v0
from soc_env.policy import TeamPolicy, load_policy
from soc_env.team import Observations


def act(policy: TeamPolicy, observations: Observations) -> dict:
    """One lane's actions: policies play batches, so the lane becomes a batch of one."""
    batch = policy.act({agent: one[None] for agent, one in observations.items()})
    return {agent: actions[0] for agent, actions in batch.items()}


def save(frame: np.ndarray, path: Path) -> None:
    pygame.image.save(pygame.surfarray.make_surface(frame.swapaxes(0, 1)), str(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--team", default="random", help="a registered name, a class or a saved policy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-steps", type=int, default=200)
    parser.add_argument("--output", type=Path, default=Path("frames"))
    arguments = parser.parse_args()

    policy = load_policy(arguments.team)
    policy.reset(1, seed=arguments.seed)
    env = soc_v0.parallel_env(render_mode="rgb_array", max_steps=arguments.max_steps)
    observations, _ = env.reset(seed=arguments.seed)
    arguments.output.mkdir(parents=True, exist_ok=True)
    step = 0
    save(env.render(), arguments.output / f"{step:04}.png")
    while env.agents:
        observations, _, _, _, _ = env.step(act(policy, observations))
        step += 1
        save(env.render(), arguments.output / f"{step:04}.png")
    env.close()
    print(f"{step + 1} pictures in {arguments.output}")


if __name__ == "__main__":
    main()
