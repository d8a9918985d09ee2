"""`soc-env publish`: turn training runs into weights with a model card."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import tyro

from agent_zoo.files import write_atomically
from agent_zoo.terminal import say
from evaluation.commands import arg
from evaluation.comparison import Row, differences, held_out_row
from evaluation.entrants import Entrant, find_entrants
from evaluation.environments import EnvSpec
from evaluation.outputs import Outputs
from evaluation.progress import episode_progress
from evaluation.protocol import NUM_EPISODES
from evaluation.report import difference_table, held_out_table
from evaluation.seeds import FINAL_SEEDS, evaluation_seeds
from evaluation.usage import checking
from evaluation.worlds import trained_in
from soc_env.policy import TeamPolicy, load_policy


@dataclass(frozen=True)
class Publish:
    """Turn a folder of training runs, one a seed, into weights with a model card.

    - Writes NAME-SEED.safetensors for every run, with 16-bit matrices where that changes no held-out
      figure measurably, the card NAME.md, the runs' config NAME.yaml and training curves NAME.png.
    - ABOUT is a Markdown file that says what the team is and what it is not for; the card begins with it.

    For example:
      soc-env publish sweeps/hmarl-soc --about about.md --output weights
    """

    runs: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """The folder of one variant that `soc-env sweep` made, or a single run."""

    about: Annotated[Path, tyro.conf.arg(metavar="ABOUT")]
    """See above."""

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """Where the files go; a package's weights lie in PACKAGE/weights/ENV."""

    episodes: Annotated[int, arg("INT")] = NUM_EPISODES
    """Held-out episodes for each seed."""

    seed: Annotated[int, arg("INT")] = FINAL_SEEDS.start
    """The first evaluation seed."""

    def run(self) -> None:
        """Play, write, and say where the card is."""
        with checking():
            about = self.about.read_text(encoding="utf-8")
            trained, untrained = find_entrants(str(self.runs), "", (), self.runs)
            spec = trained_in(trained) or EnvSpec()
            seeds = evaluation_seeds(len(trained.training_seeds), self.seed)
            for run_dir in trained.run_dirs.values():
                if not (run_dir / "metrics.json").is_file():
                    raise ValueError(f"FOLDER must hold complete runs, {run_dir} is not complete")
        from evaluation import publishing
        from evaluation.explain.picture import save_figure

        name = trained.method or trained.name
        with Outputs(folders=[self.output]) as outputs:
            weights = []
            for training_seed, evaluation_seed in zip(trained.training_seeds, seeds, strict=True):
                say(f"{name}-{training_seed}: comparing 16-bit with 32-bit matrices", stderr=True)
                policy = trained.run_dirs[training_seed] / "policy.safetensors"
                path = self.output / f"{name}-{training_seed}.safetensors"
                weights.append(
                    publishing.publish_weights(
                        policy, path, training_seed, spec, evaluation_seed, self.episodes
                    )
                )
            paths = {each.seed: each.path for each in weights}

            def published(training_seed: int | None) -> TeamPolicy:
                assert training_seed is not None
                return load_policy(paths[training_seed])

            team = replace(trained, name=name, method=None, load=published)
            entrants = [team, replace(untrained, name=name, method=None)]
            entrants += [
                entrant
                for reference in spec.scenario.references
                for entrant in find_entrants(reference, spec.env_id, (), self.runs)
            ]
            rows = self._play(entrants, spec, seeds)
            metrics = spec.scenario.metrics
            reward = metrics.column(metrics.reward.name)
            references = {
                row.entrant.label: float(row.estimate.mean[reward])
                for row in rows
                if row.entrant.kind == "fixed"
            }
            run_dirs = [trained.run_dirs[seed] for seed in trained.training_seeds]
            figure = publishing.training_curves(
                [publishing.training_rewards(run_dir) for run_dir in run_dirs], references
            )
            outputs.write(save_figure, figure, self.output / f"{name}.png")
            card = publishing.card(
                team.label,
                about,
                weights,
                [json.loads((run_dir / "metrics.json").read_text(encoding="utf-8")) for run_dir in run_dirs],
                [
                    held_out_table(rows, self.episodes, "mean").to_markdown(),
                    publishing.seeds_table(rows[0]).to_markdown(),
                    difference_table(differences(rows)).to_markdown(),
                ],
                name,
            )
            config = (run_dirs[0] / "config.yaml").read_bytes()
            outputs.write(write_atomically, self.output / f"{name}.yaml", config)
            outputs.write(write_atomically, self.output / f"{name}.md", card.encode())
            say(card if outputs.failure else f"Published: {self.output / name}.md and the weights beside it")

    def _play(self, entrants: list[Entrant], spec: EnvSpec, seeds: tuple[int, ...]) -> list[Row]:
        rows = []
        with episode_progress() as progress:
            for entrant in entrants:
                label = f"{entrant.label}{' (untrained)' if entrant.kind == 'untrained' else ''}"
                bar = progress.bar(label, self.episodes * len(seeds))
                rows.append(held_out_row(entrant, spec, seeds, self.episodes, bar))
        for row in rows:
            if row.error:
                raise SystemExit(f"soc-env publish: {row.entrant.label}: {row.error}")
        return rows
