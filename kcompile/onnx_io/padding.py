"""Keeps onnxruntime from taking the zeros around a max pooling for nothing.

onnxruntime (1.31 and before) merges a Pad by zero into a MaxPool that follows. MaxPool's own padding counts
as minus infinity, so where the input can be negative the maximum at the border changes: ResNetV2's stem. A
Pad by the smallest normal number is left alone, and differs from zero by 1e-38.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from .arrays import array_of

_NEVER_NEGATIVE = {"Relu", "Sigmoid", "Softmax", "HardSigmoid", "Softplus"}
_FLOATS: dict[int, Any] = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.DOUBLE: np.float64}

_OTHER_FLOATS = {onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}


def keep_zeros_around_max(graph: onnx.GraphProto) -> None:
    """Pads with almost zero before each MaxPool, in place, unless what is padded is never negative.

    Args:
        graph: with the types of its values where they are known. A Pad of unknown type counts as float32
            where no other floats go in, and is left alone elsewhere.
    """
    pools = [node for node in graph.node if node.op_type == "MaxPool"]
    if not pools:
        return
    makers = {name: node for node in graph.node for name in node.output}
    zeros = {t.name for t in graph.initializer if t.data_location != t.EXTERNAL and _is_zero(t)}
    types = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input)}
    given = {*types.values(), *(tensor.data_type for tensor in graph.initializer)}
    default = onnx.TensorProto.UNDEFINED if given & _OTHER_FLOATS else onnx.TensorProto.FLOAT
    for pool in pools:
        pad = _maker(pool.input[0], makers)
        if pad is None or pad.op_type != "Pad" or not _pads_with_zero(pad, zeros):
            continue
        source = _maker(pad.input[0], makers)
        dtype = _FLOATS.get(types.get(pad.input[0]) or types.get(pad.output[0]) or default)
        if dtype is not None and (source is None or source.op_type not in _NEVER_NEGATIVE):
            name = f"{pad.output[0]}/almost_zero"
            graph.initializer.append(numpy_helper.from_array(np.asarray(np.finfo(dtype).tiny, dtype), name))
            rest = list(pad.input[3:])
            del pad.input[2:]
            pad.input.extend([name, *rest])


def _maker(name: str, makers: dict[str, onnx.NodeProto]) -> onnx.NodeProto | None:
    """What makes a value, transposes aside: onnxruntime moves them out of the way."""
    node = makers.get(name)
    while node is not None and node.op_type == "Transpose":
        node = makers.get(node.input[0])
    return node


def _is_zero(tensor: onnx.TensorProto) -> bool:
    return int(np.prod(tensor.dims, dtype=np.int64)) == 1 and not np.any(array_of(tensor))


def _pads_with_zero(pad: onnx.NodeProto, zeros: set[str]) -> bool:
    if any(a.name == "mode" and a.s != b"constant" for a in pad.attribute):
        return False
    return len(pad.input) < 3 or not pad.input[2] or pad.input[2] in zeros
