"""A model for the machine that serves it: one node for what one kernel computes; proved and described."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from kcompile_runtime import Executor

from .. import __version__, onnx_io
from ..ir import OperatorError
from ..onnx_io.comparing import compare, rounding_difference
from ..onnx_io.reading import read_graph
from .errors import OptimizeError
from .fusion import TARGETS, Target, rewritten
from .sources import onnx_model
from .steps import add_step

_ROUNDING_INSIDE = 32
"""A model rounds at every operator, its inputs are rounded once."""


@dataclass
class Fused:
    """A model with fused operators.

    Attributes:
        model: the ONNX model.
        target: what it is for.
        fused: how many operators of each kind stand for several nodes each, and how many nodes are computed
            for fewer steps.
        nodes_before, nodes_after: how many nodes there are.
        difference: the largest of an output from the plain model's, relative to its largest value; None where
            nothing was compared.
        unproved: why nothing was compared; empty where it was.
    """

    model: onnx.ModelProto
    target: Target
    fused: dict[str, int]
    nodes_before: int
    nodes_after: int
    difference: float | None = None
    unproved: str = ""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model; a crash leaves an older file whole."""
        onnx_io.save(self.model, path)

    def as_dict(self) -> dict[str, Any]:
        """All but the model, as plain data for JSON."""
        return {name: value for name, value in vars(self).items() if name != "model"}


def fuse(model: Any, target: Target = "cpu", *, tolerance: float = 1e-3) -> Fused:
    """Writes what several nodes of a model compute as one operator, where onnxruntime has a kernel for it.

    The weights keep their names, shapes and numbers: a file of a Keras model becomes that model again.

    Args:
        model: an ``onnx.ModelProto``, the path of a .onnx, .keras or .h5 file, or a Keras model.
        target: where it will run: ``"cpu"``, ``"cuda"``, or ``"web"`` for onnxruntime-web.
        tolerance: the largest difference of an output on random inputs, relative to its largest value.

    Raises:
        OptimizeError: the target is unknown, or the outputs differ by more; then nothing is made of it.
        kcompile.ir.OperatorError: for operators that neither ONNX nor onnxruntime has.
        OSError, ValueError: the file cannot be read, or is no model.
    """
    if target not in TARGETS:
        raise OptimizeError(f"target: expected {', '.join(TARGETS)}; found {target!r}.")
    source = onnx_model(model)
    made, fused = rewritten(source, target)
    add_step(made, {"step": "fuse", "for": target, "fused": fused, "kcompile": __version__})
    result = Fused(made, target, fused, len(source.graph.node), len(made.graph.node))
    result.difference, result.unproved = _proved(source, made, tolerance)
    return result


def _proved(source: onnx.ModelProto, made: onnx.ModelProto, tolerance: float) -> tuple[float | None, str]:
    """The largest difference of outputs on random inputs; why it is not known."""
    try:
        graph = read_graph(source)
        first, second = (_runs(model) for model in (source, made))
    except (OperatorError, onnx_io.FormatError) as error:
        return None, str(error)
    result = compare([graph], first, second)
    if result.failed is not None:
        raise OptimizeError(f"The fused model does not run where its source does: {result.failed}")
    if result.reason:
        return None, result.reason
    for output, worst, inputs in zip(source.graph.output, result.worst, result.inputs, strict=True):
        place = [value.name for value in source.graph.output].index(output.name)
        if worst is not None and not worst <= tolerance:
            explained = _ROUNDING_INSIDE * rounding_difference(first, inputs)[place]
            if not worst <= explained:
                raise OptimizeError(
                    f"The fused model differs from its source: output {output.name!r} by {worst:.2g} "
                    f"relative to its largest value (allowed {tolerance:.2g}). Nothing is made of it."
                )
    return max((worst for worst in result.worst if worst is not None), default=None), ""


def _runs(model: onnx.ModelProto) -> Callable[[list[np.ndarray]], Sequence[np.ndarray]]:
    executor = Executor(model.SerializeToString(), ["CPUExecutionProvider"])

    def run(arrays: list[np.ndarray]) -> Sequence[np.ndarray]:
        executor.reset_states()
        return executor.run(arrays)

    return run


__all__ = ["Fused", "fuse"]
