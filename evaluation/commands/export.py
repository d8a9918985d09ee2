"""`soc-env export`: a trained team as one fast computation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from agent_zoo.terminal import say, working
from evaluation.outputs import Outputs
from evaluation.seeds import check_training_seed
from evaluation.usage import UsageError, checking
from soc_env.extras import require


@dataclass(frozen=True)
class Export:
    """Write a trained team of HMARL-SOC as one fast computation.

    - A TEAM is the registered hmarl-soc, or the directory of a training run of it or its policy's
      file. What is written is a team again: `soc-env evaluate FILE` plays it,
      `soc_env.policy.load_policy(FILE)` loads it.
    - torch: compiled ahead of time for this machine's processor, with --device cuda its GPU, and version of
      torch, which takes about a minute and a C++ compiler. Elsewhere it plays eagerly, and says so.
    - onnx: an ONNX model FILE.onnx and beside it FILE.json, the team that ONNX Runtime plays.
    - eager: the team as it was trained.

    For example:
      soc-env export runs/soc_v0/hmarl-soc-42 --format onnx --output team.json
    """

    team: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="TEAM")]
    """The team; see above."""

    format: Literal["torch", "onnx", "eager"] = "torch"
    """What to write; see above."""

    device: Literal["cpu", "cuda"] = "cpu"
    """What the format torch is compiled for."""

    seed: int = 42
    """Training seed of a registered team."""

    output: Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")] = None
    """Where it goes; by default the team's name with its format, in this folder."""

    def run(self) -> None:
        """Compile or translate, and write."""
        with checking():
            require("torch", extra="zoo", purpose="an export")
            check_training_seed(self.seed, "--seed")
            if self.device != "cpu" and self.format != "torch":
                raise ValueError(f"--device {self.device} needs the format torch, got {self.format}")
            output = self._output()
            from agent_zoo.inference import CompilationError, CompiledTeam, FusedTeam, OnnxTeam
            from evaluation.zoo_team import find_team

            policy, _ = find_team(self.team, self.seed, None, "export")
            if self.format != "eager":
                FusedTeam(policy)  # refuses a team that has no such form
            if self.format == "onnx":
                for module in ("onnx", "onnxscript", "onnxruntime"):
                    require(module, extra="onnx", purpose="the format onnx")
        try:
            with Outputs(files=[output]), working(f"{self.team} as {self.format}"):
                if self.format == "torch":
                    CompiledTeam.compile(policy, self.device).save(output)
                elif self.format == "onnx":
                    OnnxTeam.of(policy).save(output)
                else:
                    policy.save(output)
        except CompilationError as error:
            raise UsageError(str(error)) from error
        say(f"Written: {output}")

    def _output(self) -> Path:
        suffix = ".json" if self.format == "onnx" else ".safetensors"
        output = self.output or Path(f"{Path(self.team).name}-{self.format}{suffix}")
        if output.suffix != suffix:
            raise ValueError(f"--output must end in {suffix} for the format {self.format}, got {output}")
        return output
