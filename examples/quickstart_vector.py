"""Many teams at once through Gymnasium's vector interface, and how fast that is.

The team is Tuned-SOAR, the best constant action found for soc_v0.

    python examples/quickstart_vector.py --num-envs 1024 --steps 1000
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import baselines
from soc_env import soc_v0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--num-envs", type=int, default=256)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args()

    env = soc_v0.vector_env(arguments.num_envs)
    policy = baselines.load("tuned-soar")
    policy.reset(arguments.num_envs, seed=arguments.seed)

    observations, _ = env.reset(seed=arguments.seed)
    episode_starts = np.ones(arguments.num_envs, bool)
    returns: list[float] = []
    contained: list[float] = []
    started = time.perf_counter()
    for _ in range(arguments.steps):
        actions = policy.act(observations, episode_starts)
        observations, _rewards, terminated, truncated, info = env.step(actions)
        episode_starts = terminated | truncated  # these lanes have begun anew: same-step autoreset
        if episode_starts.any():
            metrics = info["final_info"]["episode_metrics"]
            returns.extend(metrics["episode_return"][episode_starts])
            contained.extend(metrics["csr"][episode_starts])
    seconds = time.perf_counter() - started
    env.close()

    print(f"{arguments.num_envs * arguments.steps / seconds:,.0f} steps per second")
    print(f"{len(returns)} episodes: mean return {np.mean(returns):.2f}, contained {np.mean(contained):.1%}")


if __name__ == "__main__":
    main()
