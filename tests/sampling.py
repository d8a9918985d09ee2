"""Samples of episodes from the vector face, for comparison with the reference and the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from soc_env import soc_v0
from soc_env.team import COORDINATOR, join_observations
from tests.reference import METRIC_OF_COLUMN, OBSERVED_STEPS, Policy, Sample

COMPROMISED_SHARE = 22  # entry of the coordinator's observation


def sample_engine(policy: Policy, networks: int, episodes: int, seed: int, **config: Any) -> Sample:
    """Play `episodes` on each of `networks` lanes, exactly the first ones of each lane."""
    env = soc_v0.vector_env(networks, **config)
    rng = np.random.default_rng(seed)
    observations, _ = env.reset(seed=seed)
    finished = np.zeros(networks, np.int64)
    steps = np.zeros(networks, np.int64)
    metrics: dict[str, list[np.ndarray]] = {name: [] for name in METRIC_OF_COLUMN.values()}
    labels, seen, seen_labels = [], {k: [] for k in OBSERVED_STEPS}, {k: [] for k in OBSERVED_STEPS}
    while (finished < episodes).any():
        compromised = observations[COORDINATOR][:, COMPROMISED_SHARE] > 0
        observations, _, _, _, info = env.step(policy(rng, compromised))
        counted = finished < episodes
        steps += 1
        ended = info.get("_final_info", np.zeros(networks, bool))
        for k in OBSERVED_STEPS:
            rows = counted & (steps == k)
            if rows.any():
                after = join_observations(observations)
                for lane in np.flatnonzero(rows & ended):
                    after[lane] = join_observations(info["final_obs"][lane])
                seen[k].append(after[rows])
                seen_labels[k].append(np.flatnonzero(rows))
        rows = counted & ended
        if rows.any():
            for name in metrics:
                metrics[name].append(info["final_info"]["episode_metrics"][name][rows])
            labels.append(np.flatnonzero(rows))
        finished += ended
        steps[ended] = 0
    return Sample(
        {name: np.concatenate(values) for name, values in metrics.items()},
        np.concatenate(labels),
        {k: np.concatenate(values) for k, values in seen.items() if values},
        {k: np.concatenate(values) for k, values in seen_labels.items() if values},
    )
