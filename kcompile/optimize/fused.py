"""A model for the machine that serves it: one node for what one kernel computes; measured and proved."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import onnx

from kcompile_runtime import Executor

from .. import __version__, onnx_io
from ..ir import Graph, OperatorError
from ..onnx_io.comparing import compare, rounding_difference
from ..onnx_io.reading import read_graph
from .choosing import Chosen, fastest_form
from .errors import OptimizeError
from .fusion import TARGETS, Target
from .outputs import only_outputs
from .report import Column, Fact, Facts, Notes, Part, Report, Table
from .sources import onnx_model
from .steps import add_step
from .timing import Step, about_load
from .tuning_report import steps_table

_ROUNDING_INSIDE = 32
"""A model rounds at every operator, its inputs are rounded once."""
_SECONDS = 0.3


@dataclass
class Fused:
    """A model with fused operators.

    Attributes:
        model: the ONNX model.
        target: what it is for.
        fused: how many operators of each kind stand for several nodes each; what else was done how often.
        nodes_before, nodes_after: how many nodes there are.
        forms: how what has several forms is written, see `fusion.Forms`; empty where the model is as it was.
        tried: the forms that were measured, each next to the best until then.
        before, after: seconds of a run of the plain model and of this one, measured in turns; None where
            nothing was.
        samples: of these runs.
        unmeasured: why nothing was measured; empty where it was.
        difference: the largest of an output from the plain model's, relative to its largest value; None where
            nothing was compared.
        unproved: why nothing was compared; empty where it was.
    """

    model: onnx.ModelProto
    target: Target
    fused: dict[str, int]
    nodes_before: int
    nodes_after: int
    forms: dict[str, str] = field(default_factory=dict)
    tried: list[Step] = field(default_factory=list)
    before: float | None = None
    after: float | None = None
    samples: int = 0
    unmeasured: str = ""
    difference: float | None = None
    unproved: str = ""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model; a crash leaves an older file whole."""
        onnx_io.save(self.model, path)

    def as_dict(self) -> dict[str, Any]:
        """All but the model, as plain data for JSON."""
        fields = {name: value for name, value in vars(self).items() if name != "model"}
        return fields | {"tried": [asdict(step) for step in self.tried]}

    def report(self, title: str = "A model with fused operators") -> Report:
        """All of it as tables."""
        done = [Fact(name, count) for name, count in self.fused.items()]
        nodes = [Fact("nodes before", self.nodes_before), Fact("nodes after", self.nodes_after)]
        parts: list[Part] = [Facts(f"For {self.target}", [*nodes, *done])]
        if self.before is not None and self.after is not None:
            columns = [Column("samples"), Column("plain", "s"), Column("fused", "s"), Column("as fast", "x")]
            row = (self.samples, self.before, self.after, self.before / self.after)
            parts.append(Table("Time of one run, measured in turns", columns, [row]))
            parts.append(steps_table("Forms", self.tried))
        notes = [f"Forms were not measured: {self.unmeasured}."] if self.unmeasured else [about_load()]
        if self.unproved:
            notes.append(f"Outputs were not compared: {self.unproved}")
        else:
            parts.append(Facts("Outputs", [Fact("largest difference", self.difference or 0.0, "%")]))
        notes = [note for note in notes if note]
        return Report(title, [*parts, Notes("Notes", notes)] if notes else parts)


def fuse(
    model: Any,
    target: Target = "cpu",
    *,
    outputs: Sequence[str] | None = None,
    tolerance: float = 1e-3,
    seconds: float = _SECONDS,
) -> Fused:
    """Writes what several nodes of a model compute as one operator, where onnxruntime has a kernel for it.

    What can be written in several ways (attention, sums before normalization, biases before activations,
    transposes, constants) is measured on this machine if it is the target, and the fastest is taken. The
    weights keep their names, shapes and numbers: a file of a Keras model becomes that model again.

    Args:
        model: an ``onnx.ModelProto``, the path of a .onnx, .keras or .h5 file, or a Keras model.
        target: where it will run: ``"cpu"``, ``"cuda"``, or ``"web"`` for onnxruntime-web.
        outputs: names of those that are wanted; what they do not need goes. By default all.
        tolerance: the largest difference of an output on random inputs, relative to its largest value.
        seconds: for each measurement of each model, about; 0 takes the usual forms without measuring.

    Raises:
        OptimizeError: the target or an output is unknown, or the outputs differ by more; then nothing is made
            of it.
        kcompile.ir.OperatorError: for operators that neither ONNX nor onnxruntime has.
        OSError, ValueError: the file cannot be read, or is no model.
    """
    if target not in TARGETS:
        raise OptimizeError(f"target: expected {', '.join(TARGETS)}; found {target!r}.")
    given = onnx_model(model)
    source = given if outputs is None else only_outputs(given, outputs)
    try:
        graph, unreadable = read_graph(source), ""
    except (OperatorError, onnx_io.FormatError) as error:
        graph, unreadable = None, str(error)
    chosen = fastest_form(source, graph, target, seconds, tolerance)
    result = _described(source, target, chosen)
    result.nodes_before = len(given.graph.node)
    step = _step(result)
    if outputs is not None:
        step["outputs"] = [output.name for output in source.graph.output]
    add_step(result.model, step)
    if graph is None:
        result.unproved = unreadable
    else:
        result.difference, result.unproved = _proved(source, graph, result.model, tolerance)
    return result


def _described(source: onnx.ModelProto, target: Target, chosen: Chosen) -> Fused:
    found = chosen.rewritten
    if found is None:
        made = onnx.ModelProto()
        made.CopyFrom(source)
        counts, forms = {}, {}
    else:
        made, counts, forms = found.model, found.counts, dict(vars(found.forms))
    return Fused(
        made,
        target,
        counts,
        len(source.graph.node),
        len(made.graph.node),
        forms,
        chosen.steps,
        chosen.before,
        chosen.after,
        chosen.samples,
        chosen.unmeasured,
    )


def _step(result: Fused) -> dict[str, Any]:
    """What the file's metadata says of it."""
    step: dict[str, Any] = {"step": "fuse", "for": result.target, "fused": result.fused}
    if result.forms:
        step["forms"] = result.forms
    if result.before is not None and result.after is not None:
        step["faster"] = round(result.before / result.after, 3)
    return step | {"kcompile": __version__}


def _proved(
    source: onnx.ModelProto, graph: Graph, made: onnx.ModelProto, tolerance: float
) -> tuple[float | None, str]:
    """The largest difference of outputs on random inputs; why it is not known."""
    try:
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
    with onnx_io.readable(model) as readable:
        executor = Executor(readable, ["CPUExecutionProvider"])

    def run(arrays: list[np.ndarray]) -> Sequence[np.ndarray]:
        executor.reset_states()
        return executor.run(arrays)

    return run


__all__ = ["Fused", "fuse"]
