"""Weights that a file stores as integers, as numbers that can be trained: a QDQ file of anyone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import onnx
from onnx import helper, numpy_helper

from kcompile.ir import Names

from .arrays import array_of
from .templates import Template, split

_ROUNDED = ("int8", "uint8", "int16", "uint16")


def stores_integers(template: Template) -> bool:
    """Whether a graph reads weights by DequantizeLinear."""
    return bool(_stored(template.proto.graph))


def with_numbers(template: Template, arrays: Sequence[np.ndarray]) -> Template:
    """The same graph with weights in numbers, which QuantizeLinear makes the same integers of.

    Biases of 32 bits are numbers and no more; export makes integers of them again.

    Args:
        arrays: the values of ``template.weights``.
    """
    proto = onnx.ModelProto()
    proto.CopyFrom(template.proto)
    graph = proto.graph
    del graph.input[len(template.inputs) :]
    for weight, array in zip(template.weights, arrays, strict=True):
        graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array), weight.name))
    constants = _constants(graph)
    values = [name for node in graph.node for name in (node.name, *node.input, *node.output)]
    unique = Names([*constants, *values]).unique
    rewritten: list[onnx.NodeProto] = []
    for node in graph.node:
        is_stored = node.op_type == "DequantizeLinear" and _is_stored(node, constants)
        rewritten += _of_numbers(node, graph, constants, unique) if is_stored else [node]
    del graph.node[:]
    graph.node.extend(rewritten)
    _drop_unread(graph)
    return split(proto)


def _of_numbers(
    node: onnx.NodeProto,
    graph: onnx.GraphProto,
    constants: dict[str, onnx.TensorProto],
    unique: Callable[[str], str],
) -> list[onnx.NodeProto]:
    """What makes the same result of a weight in numbers, which it puts into the graph."""
    stored = array_of(constants[node.input[0]])
    numbers = numpy_helper.from_array(_numbers(node, stored, constants), unique(f"{node.input[0]}_numbers"))
    graph.initializer.append(numbers)
    if stored.dtype.name not in _ROUNDED:
        return [helper.make_node("Identity", [numbers.name], node.output, node.name)]
    zero_point = node.input[2] if len(node.input) > 2 and node.input[2] else unique(f"{node.input[0]}_zero")
    if zero_point not in constants:
        scale = array_of(constants[node.input[1]])
        tensor = numpy_helper.from_array(np.zeros(scale.shape, stored.dtype), zero_point)
        graph.initializer.append(tensor)
        constants[zero_point] = tensor
    integers = unique(f"{numbers.name}_integers")
    operands = [node.input[1], zero_point]
    rounding = helper.make_node("QuantizeLinear", [numbers.name, *operands], [integers], integers)
    reading = helper.make_node("DequantizeLinear", [integers, *operands], node.output, node.name)
    for each in (rounding, reading):
        each.attribute.extend(attribute for attribute in node.attribute if attribute.name == "axis")
    return [rounding, reading]


def _stored(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    constants = _constants(graph)
    return [node for node in graph.node if node.op_type == "DequantizeLinear" and _is_stored(node, constants)]


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """The tensors of a file, and the scales that it makes of them: that of a bias is a product of two."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Mul" and not node.domain and all(name in found for name in node.input):
            product = array_of(found[node.input[0]]) * array_of(found[node.input[1]])
            found[node.output[0]] = numpy_helper.from_array(product, node.output[0])
    return found


def _is_stored(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> bool:
    """Whether it makes numbers of constants, by the tensor or by the channel."""
    blocks = any(attribute.name == "block_size" and attribute.i for attribute in node.attribute)
    if blocks or node.domain or not all(name in constants for name in node.input if name):
        return False
    return array_of(constants[node.input[0]]).dtype.name in (*_ROUNDED, "int32")


def _numbers(node: onnx.NodeProto, stored: np.ndarray, constants: dict[str, onnx.TensorProto]) -> np.ndarray:
    scale = array_of(constants[node.input[1]])
    zero = (
        array_of(constants[node.input[2]]) if len(node.input) > 2 and node.input[2] else np.zeros((), np.int8)
    )
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    if scale.ndim and scale.size > 1:
        spread = [-1 if i == axis % stored.ndim else 1 for i in range(stored.ndim)]
        scale, zero = scale.reshape(spread), zero.reshape(spread if zero.size > 1 else ())
    else:
        scale, zero = scale.reshape(()), zero.reshape(())
    return ((stored.astype(np.int64) - zero.astype(np.int64)) * scale).astype(scale.dtype)


def _drop_unread(graph: onnx.GraphProto) -> None:
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                return  # a body may read anything
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
