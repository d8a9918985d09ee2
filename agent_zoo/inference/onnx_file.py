"""The fused team as an ONNX model: for ONNX Runtime here, and for whatever else reads such models."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from agent_zoo.files import write_atomically, write_json_atomically
from agent_zoo.hmarl_soc.team import HMARLSOC
from agent_zoo.inference.fused import FusedTeam, example_inputs
from agent_zoo.inference.policy import FusedPolicy, Run
from soc_env.extras import require

INPUTS = ("observation", "directive", "age")
OUTPUTS = ("controls", "verdict", "next_age")


def to_onnx(policy: HMARLSOC) -> bytes:
    """The team's decision as an ONNX model of inputs and outputs as `FusedTeam.forward`, for any batch.

    Raises:
        ImportError: onnx or onnxscript is missing; the message says how to get them.
        ValueError: see `FusedTeam`.
    """
    for module in ("onnx", "onnxscript"):
        require(module, extra="onnx", purpose="the format onnx")
    batch = torch.export.Dim.DYNAMIC
    with _without_the_exporters_warnings():
        program = torch.onnx.export(
            FusedTeam(policy).eval(),
            example_inputs(2),
            dynamo=True,
            dynamic_shapes=({0: batch},) * len(INPUTS),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            verbose=False,
        )
    assert program is not None
    model: bytes = program.model_proto.SerializeToString()
    return model


@contextmanager
def _without_the_exporters_warnings() -> Iterator[None]:
    """Torch warns of its own internals, and that torchvision, which nothing here needs, is not installed."""
    log = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def load_model(model: bytes) -> Run:
    """What runs the model of `to_onnx`, in as many threads as torch has now.

    Raises:
        ImportError: onnxruntime is missing; the message says how to get it.
    """
    runtime = require("onnxruntime", extra="onnx", purpose="an ONNX team")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(observation: Tensor, directive: Tensor, age: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs = dict(zip(INPUTS, (each.numpy() for each in (observation, directive, age)), strict=True))
        controls, verdict, age = map(torch.from_numpy, session.run(list(OUTPUTS), inputs))
        return controls, verdict, age

    return run


class OnnxTeam(FusedPolicy):
    """HMARL-SOC played by ONNX Runtime; a `soc_env.policy.TeamPolicy`.

    Its file is a small JSON beside the model: team.json and team.onnx.
    """

    class_name: ClassVar[str] = "agent_zoo.inference.onnx_file:OnnxTeam"

    def __init__(
        self, model: bytes, env_id: str, interval: int, env: Mapping[str, Any] | None = None
    ) -> None:
        """Args: model: see `to_onnx`; env_id, interval: see `FusedPolicy`; env: see `save_policy_file`."""
        self.model, self.env = model, dict(env or {})
        super().__init__(load_model(model), env_id, interval)

    @classmethod
    def of(cls, policy: HMARLSOC) -> Self:
        """A trained team as an ONNX model; see `to_onnx`."""
        config = policy.config
        return cls(to_onnx(policy), policy.env_id, config.coordinator.interval, config.env)

    def save(self, path: str | Path) -> None:
        """Write the policy's JSON file and the model, which has the same name but for `.onnx`, beside it."""
        model = Path(path).with_suffix(".onnx")
        write_atomically(model, self.model)
        about: dict[str, Any] = {
            "class": self.class_name,
            "env_id": self.env_id,
            "env": self.env,
            "version": self.version,
            "interval": self.interval,
            "model": model.name,
        }
        write_json_atomically(Path(path), about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read files that `save` wrote.

        Raises:
            FileNotFoundError: the model is not beside its JSON file.
        """
        about = json.loads(Path(path).read_text(encoding="utf-8"))
        model = Path(path).parent / Path(about["model"]).name
        return cls(model.read_bytes(), about["env_id"], int(about["interval"]), about.get("env"))
