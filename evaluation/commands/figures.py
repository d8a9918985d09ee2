"""`soc-env figures`: draw the paper's figures from training runs and results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agent_zoo.terminal import say, working
from evaluation.outputs import Outputs
from evaluation.usage import UsageError, checking
from soc_env.extras import require

Format = Literal["png", "pdf"]


@dataclass(frozen=True)
class Figures:
    """Draw the figures of the paper from training runs and results, with the paper's values in them.

    - learning_curves, radar, box_plots, fpr_csr: the teams, by `make -C results table-2`.
    - k_sensitivity: how long directives hold, by `make -C results interval`.
    - ablation_bars, ablation_curves: HMARL-SOC without its parts, by `make -C results ablations`.
    - All these are measured as the paper did, on the last training episodes; intervals are 95 %
      bootstrap intervals over seeds.
    - performance_profiles, which the paper has not: held-out episodes of the teams that are entered in
      the leaderboard, by `make -C results leaderboard`.

    A figure whose data are not there is left out, and said to be; the exit status is 1 if there is none.

    For example:
      soc-env figures --output figures
      soc-env figures --results results/soc_v0 --runs runs/results --output figures --format pdf
    """

    output: Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
    """Where the figures go, each by its name above."""

    results: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("results/soc_v0")
    """Where the targets of results/Makefile put their results: its OUTPUT."""

    runs: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("runs/results")
    """Where they keep training runs: its RUNS."""

    entries: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = Path("leaderboard/entries")
    """Where entries of the leaderboard are."""

    format: Annotated[tuple[Format, ...], tyro.conf.arg(metavar="{png,pdf} [{png,pdf}]")] = ("png", "pdf")
    """What to write of each."""

    def run(self) -> None:
        """Draw what can be drawn, write it, and say what is missing."""
        with checking():
            require("matplotlib", extra="zoo", purpose="soc-env figures")
            require("torch", extra="zoo", purpose="soc-env figures")
            self._check()
        from evaluation.figures.catalogue import FIGURES
        from evaluation.figures.sources import MissingDataError, SourceError, Sources
        from evaluation.figures.style import save

        with Outputs(folders=[self.output]) as outputs:
            sources = Sources(self.results, self.runs, self.entries)
            drawings = {}
            for name, draw in FIGURES.items():
                try:
                    with working(f"Drawing {name}"):
                        drawings[name] = draw(sources)
                    messages = drawings[name].notes
                except MissingDataError as missing:
                    messages = [f"not drawn: {missing}"]
                except SourceError as error:
                    raise UsageError(str(error)) from error
                for message in messages:
                    say(f"{name}: {message}", stderr=True)
            if not drawings:
                raise SystemExit(1)
            for name, drawing in drawings.items():
                for suffix in self.format:
                    path = self.output / f"{name}.{suffix}"
                    if outputs.write(save, drawing.figure, path):
                        say(f"Written: {path}")

    def _check(self) -> None:
        if not self.format or len(set(self.format)) != len(self.format):
            given = " ".join(self.format) or "none"
            raise ValueError(f"--format must be png, pdf or both, each once; got {given}")
        for name in ("output", "results", "runs", "entries"):
            folder = getattr(self, name)
            if folder.exists() and not folder.is_dir():
                raise ValueError(f"--{name} must be a folder, got the file {folder}")
