"""`soc-env bench`: how fast soc-env is on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tyro
from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn

from agent_zoo.files import write_json_atomically
from agent_zoo.terminal import progress, say, show, text
from evaluation import paper
from evaluation.bench.regression import compared, read_earlier
from evaluation.bench.timing import Report
from evaluation.commands import arg
from evaluation.outputs import Outputs
from evaluation.usage import checking
from soc_env.extras import require
from soc_env.seeds import check_training_seed

Bar = Callable[[str, int], Callable[[int], object]]


@dataclass(frozen=True, kw_only=True)
class _Bench:
    output: Annotated[Path | None, arg("FILE")] = None
    """A JSON file for the figures, with the machine and the versions."""

    def _keep(self, measure: Callable[[Bar], Report], earlier: dict[str, Any] | None = None) -> None:
        """Measure, print, write and compare."""
        with Outputs(files=[self.output]) as outputs:
            with _progress() as bar:
                report = measure(bar)
            for table in report.tables:
                show(table.to_rich(), "")
            if self.output is not None and outputs.write(
                write_json_atomically, self.output, report.to_json()
            ):
                say(f"Written: {self.output}")
            if earlier is not None:
                show(compared(report.figures, earlier, report.references).to_rich())


@dataclass(frozen=True, kw_only=True)
class _InTurns(_Bench):
    """What is compared takes turns."""

    NAME: ClassVar[str]
    MODULE: ClassVar[str]
    NEEDS: ClassVar[dict[str, str]] = {}
    """Packages, and the extra that brings them."""

    quick: bool = False
    """Few short blocks, to see that it runs; compiling takes as long as ever."""

    beside: Annotated[Path | None, arg("FILE")] = None
    """What --output kept of an earlier run. Ratios within each run are compared, so machines may differ."""

    def run(self) -> None:
        """Measure, print and keep."""
        with checking():
            for package, extra in self.NEEDS.items():
                require(package, extra=extra, purpose=f"soc-env bench {self.NAME}")
            earlier = None if self.beside is None else read_earlier(self.beside, self.NAME)
        bench = import_module(f"evaluation.bench.{self.MODULE}")
        self._keep(partial(bench.measure, self.quick), earlier)


@dataclass(frozen=True)
class BenchEnv(_InTurns):
    """Time environment steps, beside a straightforward simulator of the same rules.

    For example:
      soc-env bench env --quick
    """

    NAME: ClassVar[str] = "env"
    MODULE: ClassVar[str] = "environment"


@dataclass(frozen=True)
class BenchInference(_InTurns):
    """Time decisions of HMARL-SOC: its networks one by one, fused, compiled, and by ONNX Runtime.

    For example:
      soc-env bench inference --output inference.json
    """

    NAME: ClassVar[str] = "inference"
    MODULE: ClassVar[str] = "inference"
    NEEDS: ClassVar[dict[str, str]] = {"torch": "zoo", "onnxruntime": "onnx"}


@dataclass(frozen=True)
class BenchUpdates(_InTurns):
    """Time one update of HMARL-SOC's tier 2: on one thread, on two, and with torch.compile.

    For example:
      soc-env bench updates --output updates.json
    """

    NAME: ClassVar[str] = "updates"
    MODULE: ClassVar[str] = "updates"
    NEEDS: ClassVar[dict[str, str]] = {"torch": "zoo"}


@dataclass(frozen=True)
class BenchTraining(_Bench):
    """Time trainings of HMARL-SOC from the beginning until a held-out reward is reached.

    For example:
      soc-env bench training --seeds 42 --set num_threads=2
    """

    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT [INT ...]")] = paper.SEEDS
    """Training seeds."""

    reward: Annotated[float, arg("NUMBER")] = 11.0
    """To be reached by two evaluations in a row."""

    every: Annotated[float, arg("SECONDS")] = 10.0
    """Between two evaluations."""

    longest: Annotated[float, arg("SECONDS")] = 600.0
    """After which a training is given up."""

    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="KEY=VALUE [KEY=VALUE ...]")] = ()
    """Keys of the config to change."""

    def run(self) -> None:
        """Train, measure and print."""
        with checking():
            require("torch", extra="zoo", purpose="soc-env bench training")
            for seed in self.seeds:
                check_training_seed(seed)
            import agent_zoo

            for option in ("every", "longest"):
                if not getattr(self, option) > 0:
                    raise ValueError(f"--{option} must be greater than 0, got {getattr(self, option):g}")
            trainer = agent_zoo.trainer("hmarl-soc")
            trainer.check(trainer.load_config(None, self.set))
        from evaluation.bench import training

        self._keep(partial(training.measure, self.seeds, self.reward, self.every, self.longest, self.set))


@dataclass(frozen=True)
class Bench:
    """Measure how fast soc-env is on this machine."""

    STEPS: ClassVar[dict[str, type]] = {
        "env": BenchEnv,
        "inference": BenchInference,
        "updates": BenchUpdates,
        "training": BenchTraining,
    }


@contextmanager
def _progress() -> Iterator[Bar]:
    """Bars while the block runs."""
    columns = (
        text("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with progress(*columns) as shown:

        def bar(description: str, total: int) -> Callable[[int], object]:
            task = shown.add_task(description, total=total)
            return lambda amount: shown.advance(task, amount)

        yield bar
