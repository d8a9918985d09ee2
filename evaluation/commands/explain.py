"""`soc-env explain`: why an agent decided what it decided, and how far that can be believed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.progress import BarColumn, TaskProgressColumn, TimeElapsedColumn

from agent_zoo.files import write_json_atomically
from agent_zoo.terminal import progress, say, show, text
from evaluation.commands import arg
from evaluation.environments import EnvSpec, read_settings
from evaluation.outputs import Outputs
from evaluation.seeds import FINAL_SEEDS, check_evaluation_seed, check_training_seed
from evaluation.usage import checking
from evaluation.worlds import Asked
from soc_env.extras import require
from soc_env.team import AGENTS

if TYPE_CHECKING:
    from agent_zoo.hmarl_soc.explainer import TeamExplainer
    from agent_zoo.hmarl_soc.team import HMARLSOC
    from evaluation.explain.episode import Episode


@dataclass(frozen=True)
class Explain:
    """Show which inputs an agent's decision rests on, or how faithful such explanations are.

    - A TEAM is one of HMARL-SOC: the registered hmarl-soc, a training run's directory or a
      policy's file. Its explainer lies beside the policy; where there is none it is trained
      first, which takes about a minute, and kept there.
    - The episode of --seed and --lane is played again; step 0 is its first. What agents decide
      is explained by attention that was trained to be faithful: removing the inputs that it
      ranks highest changes the decision most.
    - --faithfulness measures that, on episodes that neither team nor explainer has trained on:
      beside the attention, rankings by gradient, by a linear regression and at random.

    For example:
      soc-env explain hmarl-soc --agent threat_hunter --step 12 --output why.png
      soc-env explain runs/soc_v0/hmarl-soc-42 --faithfulness --output results/explainer
    """

    team: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TEAM")]
    """The team; see above."""

    agent: Annotated[str | None, arg("AGENT")] = None
    """Whose decision: strategic_coordinator, threat_hunter, alert_triage or response_orchestrator."""

    seed: int = FINAL_SEEDS.start
    """The episode's seed; with --faithfulness an evaluation seed."""

    lane: int = 0
    """The episode's lane under that seed."""

    step: int = 0
    """The step whose decision is explained."""

    top: int = 10
    """How many inputs to show."""

    faithfulness: bool = False
    """Measure explanations instead of showing one."""

    lanes: int = 512
    """With --faithfulness: how many observations, each from a lane of its own."""

    training_seed: int = 42
    """Training seed of a registered team."""

    env: Annotated[str | None, arg("ENV")] = None
    """The environment; by default the one that the policy is for."""

    env_set: Annotated[tuple[str, ...], arg("KEY=VALUE [KEY=VALUE ...]")] = ()
    """Settings of the environment, for instance stealth=0.9; the others then have their defaults. Without
    --env and --env-set the team plays the one that it was trained in."""

    output: Annotated[Path | None, arg("FILE or FOLDER")] = None
    """Where to draw: a .png, .svg or .pdf; with --faithfulness a folder, for faithfulness.json too."""

    json: Annotated[Path | None, arg("FILE")] = None
    """Where to write the explanation of all inputs as JSON."""

    def run(self) -> None:
        """Explain or measure; print, draw and write."""
        with checking():
            torch = require("torch", extra="zoo", purpose="an explanation")
            torch.set_num_threads(1)  # such small networks only lose by more
            self._check()
            policy, path, spec = self._team()
        episode = None if self.faithfulness else self._episode(policy, spec)
        folders, files = ([self.output], []) if self.faithfulness else ([], [self.output, self.json])
        with Outputs(folders=folders, files=files) as outputs:
            try:
                explainer = self._explainer(policy, path)
            except FloatingPointError as error:
                raise SystemExit(f"soc-env explain: {error}") from None
            if episode is None:
                self._measure(explainer, spec, outputs)
            else:
                self._explain(explainer, episode, outputs)

    def _check(self) -> None:
        """What can be said to be wrong before anything is loaded."""
        check_training_seed(self.training_seed, "--training-seed")
        if self.output is not None:
            require("matplotlib", extra="zoo", purpose="--output")
        from evaluation.explain.picture import FORMATS, check_format

        if self.faithfulness:
            check_evaluation_seed(self.seed, "--seed")
            if self.lanes < 2:
                raise ValueError(f"--lanes must be at least 2, got {self.lanes}")
            if self.json is not None:
                raise ValueError(
                    f"--json must be left out with --faithfulness, which has --output; got {self.json}"
                )
            if self.output is not None and self.output.suffix.removeprefix(".").lower() in (*FORMATS, "json"):
                raise ValueError(f"--output must be a folder with --faithfulness, got {self.output}")
            return
        if self.agent not in AGENTS:
            given = "none" if self.agent is None else repr(self.agent)
            raise ValueError(f"--agent must be one of {', '.join(AGENTS)}; got {given}")
        for argument, value, least in (("seed", self.seed, 0), ("lane", self.lane, 0), ("top", self.top, 1)):
            if value < least:
                raise ValueError(f"--{argument} must be at least {least}, got {value}")
        if self.output is not None:
            check_format(self.output, "--output")

    def _team(self) -> tuple[HMARLSOC, Path, EnvSpec]:
        from evaluation.zoo_team import find_team

        policy, path = find_team(self.team, self.training_seed, self.env, "explain")
        asked = Asked(self.env, read_settings(self.env_set))
        spec = EnvSpec(policy.env_id, asked.config if asked else policy.config.env)
        return policy, path, spec.normalized()

    def _episode(self, policy: HMARLSOC, spec: EnvSpec) -> Episode:
        from evaluation.explain.episode import play_episode

        episode = play_episode(policy, spec, self.seed, self.lane)
        with checking():
            episode.check_step(self.step, "--step")
        return episode

    def _explain(self, explainer: TeamExplainer, episode: Episode, outputs: Outputs) -> None:
        from evaluation.explain import picture, terminal
        from evaluation.explain.explanation import explain

        assert self.agent is not None
        explanation = explain(self.team, explainer, self.agent, episode, self.step)
        if self.output is not None:  # before printing, which fails where the reader of a pipe has gone
            outputs.write(picture.save_figure, picture.draw(explanation, self.top), self.output)
        if self.json is not None:
            outputs.write(write_json_atomically, self.json, explanation.to_json())
        for part in terminal.render(explanation, self.top):
            show(part)
        if not outputs.failure:
            self._say_written(self.output, self.json)

    def _measure(self, explainer: TeamExplainer, spec: EnvSpec, outputs: Outputs) -> None:
        from evaluation.explain import curves, picture
        from evaluation.explain.faithfulness import measure

        with _progress("Measuring the explainer") as progress:
            measured = measure(
                self.team, explainer, spec, seed=self.seed, lanes=self.lanes, progress=progress
            )
        written = []
        if self.output is not None:
            written = [self.output / "faithfulness.png", self.output / "faithfulness.json"]
            outputs.write(picture.save_figure, curves.draw(measured), written[0])
            outputs.write(write_json_atomically, written[1], measured.to_json())
        show(measured.table().to_rich())
        if not outputs.failure:
            self._say_written(*written)

    def _explainer(self, policy: HMARLSOC, path: Path) -> TeamExplainer:
        from evaluation.explain.team import explainer_path, load_explainer, make_explainer

        file = explainer_path(path)
        with checking():
            explainer = load_explainer(policy, file)
        if explainer is None:
            with _progress("Training the explainer") as progress:
                explainer = make_explainer(policy, progress)
            try:
                explainer.save(file)
            except OSError as error:
                message = f"The explainer could not be kept for the next time: {error}"
                say(message, stderr=True)
        return explainer

    @staticmethod
    def _say_written(*files: Path | None) -> None:
        there = [str(file) for file in files if file is not None]
        if there:
            say(f"Written: {', '.join(there)}")


@contextmanager
def _progress(description: str) -> Iterator[Callable[[float], None]]:
    """A bar on standard error while the block runs; it calls what it gets with the part, 0 to 1, done."""
    columns = (text("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with progress(*columns) as bar:
        task = bar.add_task(description, total=1.0)
        yield lambda share: bar.update(task, completed=share)
        bar.update(task, completed=1.0)
