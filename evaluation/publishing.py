"""From training runs to weights that a package ships, with a model card beside them.

NAME-SEED.safetensors   one a training seed; 16-bit where that changes no held-out figure measurably
NAME.md                 the card: what it is, how it was trained, how good it is, what it is not for
NAME.yaml               the config of the runs
NAME.png                their training curves
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent_zoo.files import write_atomically
from agent_zoo.learning.episode_log import read_episodes
from agent_zoo.learning.policy_file import halve_policy_file
from evaluation import statistics
from evaluation.comparison import Row
from evaluation.environments import EnvSpec
from evaluation.explain.picture import BLUE, GREY, new_figure
from evaluation.protocol import play_held_out
from evaluation.tables import Table, number
from soc_env.command_line import soc_env_command
from soc_env.metrics import Metrics
from soc_env.policy import load_policy

SMOOTHED: Final = 100
"""Points of a training curve, each the mean over an equal part of the episodes."""


@dataclass(frozen=True)
class Weights:
    """One published file.

    Attributes:
        seed: the training seed.
        path: where it lies.
        bits: 16 or 32, of its matrices.
    """

    seed: int
    path: Path
    bits: int


def publish_weights(
    policy: Path, path: Path, seed: int, spec: EnvSpec, evaluation_seed: int, num_episodes: int
) -> Weights:
    """Write the policy to `path`, with 16-bit matrices if it then plays the same held-out figures.

    The same: the paired 95 % interval of every headline metric's difference holds 0.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    halve_policy_file(policy, path)
    whole, halved = (
        play_held_out(load_policy(file), spec, evaluation_seed, num_episodes=num_episodes)
        for file in (policy, path)
    )
    if _agree(spec.scenario.metrics, whole, halved):
        return Weights(seed, path, 16)
    write_atomically(path, policy.read_bytes())
    return Weights(seed, path, 32)


def _agree(metrics: Metrics, one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    difference = statistics.estimate((other - one)[None], resample_seeds=False)
    low, high = difference.mean_interval
    places = [metrics.column(metric.name) for metric in metrics.headlines]
    return bool(((low <= 0) & (high >= 0))[places].all())


def training_rewards(run_dir: Path) -> NDArray[np.float64]:
    """The reward of every training episode of a run, in order."""
    return np.array([row["reward"] for row in read_episodes(run_dir / "episodes.csv")])


def seeds_table(row: Row) -> Table:
    """The held-out means of every training seed, worst reward first."""
    means = row.estimate.seed_means
    order = np.argsort(means[:, row.metrics.column(row.metrics.reward.name)])
    cells = tuple(
        (
            f"seed {row.entrant.training_seeds[index]}",
            *(number(means[index, row.metrics.column(metric.name)], 3) for metric in row.metrics.headlines),
        )
        for index in order
    )
    return Table(
        "Held out: every training seed, the worst first",
        ("", *(metric.heading for metric in row.metrics.headlines)),
        cells,
    )


def training_curves(rewards: Sequence[NDArray[np.float64]], references: dict[str, float]) -> Any:
    """A figure: training reward over episodes, a line a seed, and held-out rewards of other teams.

    Args:
        rewards: of each run's episodes, in order.
        references: {team: reward}.
    """
    figure = new_figure(7.0, 4.0)
    axes = figure.subplots()
    for reward in rewards:
        parts = np.array_split(reward, min(SMOOTHED, len(reward)))
        ends = np.cumsum([len(part) for part in parts])
        axes.plot(ends, [part.mean() for part in parts], color=BLUE, linewidth=1, alpha=0.7)
    best = max([*references.values(), *(reward[-len(reward) // 10 :].mean() for reward in rewards)])
    for name, value in references.items():
        axes.axhline(value, color=GREY, linewidth=1, linestyle="--")
        axes.annotate(
            name,
            (1, value),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=8,
            color="#555555",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )
    axes.set_ylim(best - 12, best + 1.5)
    axes.set_xlabel("training episodes")
    axes.set_ylabel("reward of training episodes, exploring")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def card(
    label: str,
    about: str,
    weights: Sequence[Weights],
    runs: Sequence[dict[str, Any]],
    tables: Sequence[str],
    name: str,
) -> str:
    """The model card, Markdown.

    Args:
        label: how tables name the team.
        about: what it is and what it is not for, written by people.
        weights: of all seeds.
        runs: `metrics.json` of each run, in the same order.
        tables: held-out tables, Markdown.
        name: of the learner.
    """
    seeds = ", ".join(str(each.seed) for each in weights)
    seconds = [run["seconds"] for run in runs]
    bits = {each.bits for each in weights}
    precision = f"{' or '.join(str(count) for count in sorted(bits))}-bit matrices"
    sizes = sum(each.path.stat().st_size for each in weights)
    train = soc_env_command("train", name, "--config", f"{name}.yaml", "--seed", str(weights[0].seed))
    parts = [
        f"# {label}",
        about.strip(),
        "## Weights",
        f"Training seeds {seeds}; {precision} (16 where that changes no held-out figure measurably), "
        f"{sizes / 1e6:.2f} MB together.",
        "## Training",
        f"{runs[0]['episodes']:,} episodes and {min(run['steps'] for run in runs):,} to "
        f"{max(run['steps'] for run in runs):,} environment steps a seed, in {min(seconds):,.0f} to "
        f"{max(seconds):,.0f} seconds. Again, with the same result on the same machine:",
        f"```bash\n{train}\n```",
        f"(The config is [{name}.yaml]({name}.yaml), beside this card.)",
        f"![Training curves]({name}.png)",
        "## Held out",
        *(table.replace("\n## ", "\n### ").replace("## ", "### ", 1) for table in tables),
        f"The same again: `{soc_env_command('evaluate', name)}`.",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"
