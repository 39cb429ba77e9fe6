"""What single operators of a model would take in other element types on this machine: each runs alone."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from .machine import saturates
from .precision import float16
from .profiling import Operator, profile_together
from .quantizing import dynamic, static, weighted_nodes
from .ranges import Ranges
from .samples import Samples

TRIED = ("Conv", "Gemm", "MatMul", "LSTM")
"""Operators that onnxruntime has in eight bits."""
_CONVERTING = frozenset(("QuantizeLinear", "DequantizeLinear", "ReorderInput", "ReorderOutput", "Cast"))
_TYPES = {
    "float": TensorProto.FLOAT,
    "double": TensorProto.DOUBLE,
    "float16": TensorProto.FLOAT16,
    "int64": TensorProto.INT64,
    "int32": TensorProto.INT32,
}
_SECONDS = 0.3


@dataclass(frozen=True)
class Trial:
    """An operator alone, in several types.

    Attributes:
        layer: that it belongs to.
        title: ``Conv 7x7``.
        float32: seconds of a run, without conversions of layout.
        int8: the same in eight bits, without the conversions to and from them; None where it cannot be run.
        int8_alone: with these.
        float16: with the conversions to and from it; None where it cannot be run.
    """

    layer: str
    title: str
    float32: float
    int8: float | None
    int8_alone: float | None
    float16: float | None


def try_types(
    model: onnx.ModelProto, plain: Sequence[Operator], layers: Sequence[str], threads: int | None = None
) -> Iterator[Trial]:
    """Runs the heaviest operator with weights of each layer in float32, int8 and float16.

    Args:
        model: with its weights.
        plain: its nodes with the shapes of a run, see `profiling.profile_nodes`.
        layers: which are tried, by their paths; those without such operators are passed over.
        threads: of one operator.
    """
    shapes = {operator.name: operator for operator in plain if not operator.within}
    weights = {initializer.name: initializer for initializer in model.graph.initializer}
    by_layer = weighted_nodes(model)
    for layer in layers:
        nodes = [n for n in by_layer.get(layer, ()) if n.name in shapes and n.op_type in TRIED]
        if not nodes:
            continue
        heaviest = max(nodes, key=lambda node: shapes[node.name].flops)
        ran = shapes[heaviest.name]
        alone = _alone(model, heaviest, ran, weights)
        if alone is not None:
            yield _tried(layer, ran, *alone, threads)


def title_of(operator: Operator) -> str:
    """``Conv 7x7``, ``MatMul 512x1000``, ``LSTM 64`` by its units."""
    weights = operator.inputs[1].shape if len(operator.inputs) > 1 else ()
    sizes = weights[2:] if "Conv" in operator.op_type else weights[-2:]
    if operator.op_type == "LSTM":
        sizes = operator.outputs[0].shape[-1:]
    return f"{operator.op_type} {'x'.join(map(str, sizes))}" if sizes else operator.op_type


def _alone(
    model: onnx.ModelProto,
    node: onnx.NodeProto,
    ran: Operator,
    weights: Mapping[str, onnx.TensorProto],
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]] | None:
    """A model of one node with the shapes of a run, and inputs for it."""
    read = [name for name in node.input if name]
    if len(read) != len(ran.inputs) or any(tensor.dtype not in _TYPES for tensor in ran.inputs):
        return None
    random = np.random.default_rng(0)
    inputs, stored, arrays = [], [], {}
    for name, tensor in zip(read, ran.inputs, strict=True):
        if name in weights:
            stored.append(weights[name])
        elif tensor.dtype == "float":
            inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, tensor.shape))
            arrays[name] = random.standard_normal(tensor.shape, np.float32)
        else:
            return None
    outputs = [
        helper.make_tensor_value_info(name, _TYPES[tensor.dtype], tensor.shape)
        for name, tensor in zip([name for name in node.output if name], ran.outputs, strict=False)
    ]
    graph = helper.make_graph([node], "alone", inputs, outputs, stored)
    opsets = [helper.make_opsetid(entry.domain, entry.version) for entry in model.opset_import]
    return helper.make_model(graph, opset_imports=opsets, ir_version=model.ir_version), arrays


def _tried(
    layer: str, ran: Operator, model: onnx.ModelProto, inputs: dict[str, np.ndarray], threads: int | None
) -> Trial:
    """Runs the three forms in turns."""
    made: dict[str, onnx.ModelProto] = {"float32": model}
    for name, make in (("int8", lambda: _int8(model, inputs)), ("float16", lambda: float16(model))):
        with contextlib.suppress(RuntimeError, ValueError):  # what the tools do not take
            made[name] = make()
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder) / f"{name}.onnx" for name in made}
        for name, form in made.items():
            onnx.save(form, paths[name])
        runs = profile_together(list(paths.values()), inputs, threads, _SECONDS)
    found = dict(zip(paths, runs, strict=True))
    int8, half = found.get("int8"), found.get("float16")
    return Trial(
        layer,
        title_of(ran),
        _computing(found["float32"]),
        None if int8 is None else _computing(int8),
        None if int8 is None else _all(int8),
        None if half is None else _all(half),
    )


def _int8(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> onnx.ModelProto:
    if any(node.op_type == "LSTM" for node in model.graph.node):  # which has ranges while it runs alone
        return dynamic(model)
    return static(model, Ranges(model, Samples(model, inputs)), reduce_range=saturates())


def _computing(operators: Sequence[Operator]) -> float:
    """Seconds of what is not a conversion, which lies between other operators in a whole model."""
    own = [operator.seconds for operator in operators if operator.op_type not in _CONVERTING]
    return sum(own) or _all(operators)


def _all(operators: Sequence[Operator]) -> float:
    return sum(operator.seconds for operator in operators)
