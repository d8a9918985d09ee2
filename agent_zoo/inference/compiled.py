"""The fused team compiled ahead of time, by torch.export and AOTInductor, for one kind of processor or GPU.

One safetensors file holds machine code for a batch of 1 and for batches of any size, what it was made for,
and the team itself, which plays eagerly where the code does not fit. Loading such a file runs the code in
it: load only files that you would run.
"""

from __future__ import annotations

import json
import platform
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from agent_zoo.hmarl_soc.config import Config
from agent_zoo.hmarl_soc.team import HMARLSOC, TeamActors
from agent_zoo.inference.fused import FusedTeam, example_inputs
from agent_zoo.inference.policy import FusedPolicy, Run
from agent_zoo.learning import checkpoint
from agent_zoo.learning.config import from_mapping, to_mapping
from agent_zoo.learning.policy_file import load_policy_file, save_policy_file

BATCHES = {"single": 1, "batch": 64}
"""Compiled computations: lanes of the example that each is traced with, "batch" for any number from 2 on."""

LARGEST_BATCH = 2**20


class CompilationError(RuntimeError):
    """This machine cannot compile; the message says what is missing."""


Device = Literal["cpu", "cuda"]


def target(device: Device = "cpu") -> dict[str, str]:
    """What code compiled for a device depends on: it runs where all of this is the same."""
    return {
        "device": device,
        "torch": torch.__version__,
        "system": f"{platform.system()} {platform.machine()}",
        **(
            {"GPU": _gpu()} if device == "cuda" else {"instructions": torch.backends.cpu.get_cpu_capability()}
        ),
    }


def _gpu() -> str:
    if not torch.cuda.is_available():
        return "none"
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()}, compute capability {major}.{minor}"


def compile_team(policy: HMARLSOC, device: Device = "cpu") -> dict[str, bytes]:
    """Machine code {name of BATCHES: package} of the team's decision, for this machine; takes about a minute.

    Raises:
        CompilationError: there is no working C++ compiler, or no such device, or compiling failed.
        ValueError: see `FusedTeam`.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise CompilationError(
            "compiling for the device cuda needs a GPU that torch can use, and it finds none"
        )
    team = FusedTeam(policy).eval().to(device)
    packages = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, lanes in BATCHES.items():
            path = str(Path(folder) / f"{name}.pt2")
            try:
                packages[name] = _compiled(team, lanes, device, path)
            except Exception as error:  # what a compiler can fail with is the compiler's affair
                raise CompilationError(
                    f"compiling needs a C++ compiler that torch can use (g++ or clang++, or the one that the "
                    f"environment variable CXX names); it failed with {type(error).__name__}: {error}"
                ) from error
    return packages


@torch.no_grad()
def _compiled(team: FusedTeam, lanes: int, device: Device, path: str) -> bytes:
    from torch._inductor import aoti_compile_and_package

    example, shapes = tuple(each.to(device) for each in example_inputs(lanes)), None
    if lanes > 1:
        batch = torch.export.Dim("batch", min=2, max=LARGEST_BATCH)
        shapes = ({0: batch},) * len(example)
    exported = torch.export.export(team, example, dynamic_shapes=shapes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of its own internals
        aoti_compile_and_package(exported, package_path=path)
    return Path(path).read_bytes()


def load_code(packages: Mapping[str, bytes], device: str) -> Run:
    """What runs the code of `compile_team`. It reads memory as its inputs should be, and checks nothing."""
    from torch._inductor import aoti_load_package

    run = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, package in packages.items():
            path = Path(folder) / f"{name}.pt2"
            path.write_bytes(package)
            # The loader's own call skips the checks and the tree of arguments of the wrapper around it.
            run[name] = aoti_load_package(str(path)).loader.run

    def decide(observation: Tensor, directive: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        decided = run["single" if len(age) == 1 else "batch"]([observation, directive, age])
        controls, verdict, age = decided
        return controls, verdict, age

    def decide_on_gpu(observation: Tensor, directive: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        controls, verdict, age = decide(observation.cuda(), directive.cuda(), age.cuda())
        return controls.cpu(), verdict.cpu(), age.cpu()

    return decide_on_gpu if device == "cuda" else decide


class CompiledTeam(FusedPolicy):
    """HMARL-SOC as compiled code; a `soc_env.policy.TeamPolicy`.

    Attributes:
        is_compiled: False where the file's code does not fit this machine and the team plays eagerly.
    """

    class_name: ClassVar[str] = "agent_zoo.inference.compiled:CompiledTeam"

    def __init__(self, policy: HMARLSOC, packages: Mapping[str, bytes], made_for: Mapping[str, str]) -> None:
        """Args: packages: see `compile_team`; made_for: the `target` of the machine that compiled them."""
        self.policy, self.packages, self.made_for = policy, dict(packages), dict(made_for)
        here = target("cuda" if made_for.get("device") == "cuda" else "cpu")
        differing = [name for name, value in here.items() if made_for.get(name) != value]
        self.is_compiled = not differing
        if differing:
            listed = ", ".join(f"{name} {made_for.get(name)} (here {here[name]})" for name in differing)
            warnings.warn(f"the team was compiled for {listed}: it plays eagerly, slower", stacklevel=2)
        run: Run = (
            load_code(self.packages, made_for["device"]) if self.is_compiled else FusedTeam(policy).eval()
        )
        super().__init__(run, policy.env_id, policy.config.coordinator.interval)

    @classmethod
    def compile(cls, policy: HMARLSOC, device: Device = "cpu") -> Self:
        """Compile a team for this machine; see `compile_team`."""
        return cls(policy, compile_team(policy, device), target(device))

    def save(self, path: str | Path) -> None:
        """Write one safetensors file with the code, the team and what the code was made for."""
        tensors: dict[str, NDArray[Any]] = {
            f"code.{name}": np.frombuffer(package, np.uint8) for name, package in self.packages.items()
        }
        tensors |= checkpoint.prefixed("team", checkpoint.module_tensors(self.policy.actors))
        save_policy_file(
            Path(path),
            tensors,
            class_name=self.class_name,
            config={"team": to_mapping(self.policy.config), "target": self.made_for},
            env_id=self.env_id,
            env=self.policy.config.env,
            version=self.version,
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote; warns where its code does not fit this machine."""
        tensors, about = load_policy_file(Path(path), cls.class_name)
        config: Config = from_mapping(Config, about["config"]["team"])
        actors = TeamActors(config)
        checkpoint.load_module_tensors(actors, checkpoint.part("team", tensors))
        packages = {name: array.tobytes() for name, array in checkpoint.part("code", tensors).items()}
        return cls(HMARLSOC(actors, config), packages, json.loads(json.dumps(about["config"]["target"])))
