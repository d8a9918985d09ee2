"""Trained teams as fast computations: fused, and compiled ahead of time for one kind of machine."""

from __future__ import annotations

from agent_zoo.inference.compiled import CompilationError, CompiledTeam, target
from agent_zoo.inference.fused import FusedTeam
from agent_zoo.inference.onnx_file import OnnxTeam
from agent_zoo.inference.policy import FusedPolicy

__all__ = ["CompilationError", "CompiledTeam", "FusedPolicy", "FusedTeam", "OnnxTeam", "target"]
