"""An ONNX model in floats of 16 bits."""

from __future__ import annotations

from collections.abc import Collection

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..onnx_io import with_shapes
from ..onnx_io.bodies import all_nodes
from .quantizing import WEIGHTED, quiet
from .ranges import Ranges

#: What grows beyond, or vanishes in, 16 bits: sums of many numbers, powers, running sums.
WIDE = ("CumSum", "Exp", "Pow", "ReduceL2", "ReduceLogSumExp", "ReduceProd", "ReduceSum", "ReduceSumSquare")
_LARGEST = 32752.0  # half of what float16 holds
_FEW = 256  # weights with fewer numbers stay float32 in a bfloat16 file


def float16(model: onnx.ModelProto, keep: Collection[str] = ()) -> onnx.ModelProto:
    """Numbers of 16 bits but for operators that need more; inputs and outputs stay float32.

    Args:
        keep: names of further nodes that stay float32.
    """
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    copy = with_shapes(model)
    with quiet():
        made = convert_float_to_float16(
            copy,
            keep_io_types=True,
            disable_shape_infer=True,
            op_block_list=[*DEFAULT_OP_BLOCK_LIST, *WIDE],
            node_block_list=[*keep, *_becoming_integers(model)],
        )

    return _without_round_trips(made, {node.name for node in model.graph.node})


def _becoming_integers(model: onnx.ModelProto) -> set[str]:
    """The names of nodes between float inputs and what they are as integers or truths: indices of words,
    of which float16 has no more than 2048, and what is compared. What has weights ends such a path."""
    graph = model.graph
    numbers = {i.name for i in graph.input if i.type.tensor_type.elem_type == TensorProto.FLOAT}
    reached = []
    for node in graph.node:
        if node.op_type not in WEIGHTED and not numbers.isdisjoint(node.input):
            reached.append(node)
            numbers.update(node.output)
    exact: set[str] = set()
    found = set()
    for node in reversed(reached):
        if _makes_integers(node) or not exact.isdisjoint(node.output):
            exact.update(node.input)
            found.add(node.name)
    return found


def _makes_integers(node: onnx.NodeProto) -> bool:
    if node.op_type == "Cast":
        kept = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
        return next(a.i for a in node.attribute if a.name == "to") not in kept
    return node.op_type in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")


def _without_round_trips(model: onnx.ModelProto, before: Collection[str]) -> onnx.ModelProto:
    """What one float32 operator hands to another, or takes from and gives to the outside, stays float32: the
    tool takes it through float16, where it may not fit. ``before`` names the nodes that are not its own."""
    graph = model.graph
    wide = {
        n.output[0]: n.input[0]
        for n in graph.node
        if n.op_type == "Cast" and n.attribute[0].i == TensorProto.FLOAT16 and n.name not in before
    }
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in wide and node.attribute[0].i == TensorProto.FLOAT:
            node.op_type, node.input[0] = "Identity", wide[node.input[0]]
            del node.attribute[:]
    used = {name for node in all_nodes(graph.node) for name in node.input} | {o.name for o in graph.output}
    kept = [node for node in graph.node if node.output[0] in used or node.output[0] not in wide]
    del graph.node[:]
    graph.node.extend(kept)
    return model


def too_large(model: onnx.ModelProto, ranges: Ranges) -> list[str]:
    """The names of nodes that read or write numbers near or beyond the largest of float16."""
    large = {name for name, ends in ranges.extremes.items() if max(map(abs, ends)) > _LARGEST}
    weights = {i.name for i in model.graph.initializer if _largest(i) > _LARGEST}
    return [n.name for n in model.graph.node if not (large | weights).isdisjoint([*n.input, *n.output])]


def _largest(tensor: TensorProto) -> float:
    if tensor.data_type != TensorProto.FLOAT:
        return 0.0
    return float(np.abs(numpy_helper.to_array(tensor)).max(initial=0.0))


def bfloat16(model: onnx.ModelProto, keep: Collection[str] = ()) -> onnx.ModelProto:
    """Weights stored in bfloat16, which onnxruntime turns into float32 when it loads the file: its kernels
    for CPUs take no bfloat16.

    Args:
        keep: names of nodes whose weights stay float32.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    kept = {name for node in graph.node if node.name in keep for name in node.input}
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < _FEW or tensor.name in kept:
            continue
        wide = f"{tensor.name}.float32"
        numbers = numpy_helper.to_array(tensor).astype(ml_dtypes.bfloat16)
        tensor.CopyFrom(numpy_helper.from_array(numbers, tensor.name))
        casts.append(helper.make_node("Cast", [tensor.name], [wide], wide, to=TensorProto.FLOAT))
    narrow = {cast.input[0]: cast.output[0] for cast in casts}
    for node in graph.node:
        for i, name in enumerate(node.input):
            node.input[i] = narrow.get(name, name)
    for cast in reversed(casts):
        graph.node.insert(0, cast)
    return copy
