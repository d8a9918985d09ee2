"""One episode of a random team through PettingZoo's parallel interface.

python examples/quickstart_parallel.py --seed 7 --render
"""

from __future__ import annotations

import argparse

from soc_env import soc_v0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--max-steps", type=int, default=200)
    parser.add_argument("--render", action="store_true", help="open a window (needs the extra 'render')")
    arguments = parser.parse_args()

    env = soc_v0.parallel_env(
        max_steps=arguments.max_steps, render_mode="human" if arguments.render else None
    )
    observations, infos = env.reset(seed=arguments.seed)
    for number, agent in enumerate(env.agents):
        env.action_space(agent).seed(arguments.seed + number)
        print(f"{agent}: sees {observations[agent].shape[0]} numbers, acts in {env.action_space(agent)}")

    team_return = 0.0
    while env.agents:  # empty once the episode is over
        actions = {agent: env.action_space(agent).sample() for agent in env.agents}
        observations, rewards, _terminated, _truncated, infos = env.step(actions)
        team_return += rewards["threat_hunter"]  # the team shares one reward
    env.close()

    print(f"\nreturn {team_return:.2f}")
    for name, value in infos["threat_hunter"]["episode_metrics"].items():
        print(f"{name:>16} {value:g}")


if __name__ == "__main__":
    main()
