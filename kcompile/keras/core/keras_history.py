"""A history of layers for tensors that no layer made, such as the sum of two outputs.

Keras 2.3 refuses to make a Model of them; tf.keras 2 and Keras 3 make layers of the operations. So it is done
here, and only when a Model is made: before that they are values like any other. An operation becomes an
``OperationLayer``, which other programs have, too, or an ``ONNXGraph`` of one node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import ir, onnx_io
from ...ir import Body, Constant, Parameter, Value
from .. import backend as K
from .. import registry
from .layer import Layer
from .node import Node, UnrecordedCall
from .operation_layers import OperationLayer

Arguments = dict[str, Any]
_INT64 = np.iinfo(np.int64)


def create_keras_history(tensors: Sequence[Value]) -> None:
    """Gives tensors a history of layers, if they come from tensors that have one; leaves others alone."""
    for tensor in tensors:
        for value in _without_history(tensor):
            if hasattr(value, "_keras_history"):
                continue  # another output of what has just been made
            call = _unrecorded_call(value)
            if call is not None:
                call.record()
            else:
                _make_layer(value)


def _unrecorded_call(value: Value) -> UnrecordedCall | None:
    return value.annotations.get("_unrecorded_call")


def _without_history(tensor: Value) -> list[Value]:
    """What lies between a tensor and the layers before it, origins first; nothing if a part has no origin."""
    found: dict[Value, None] = {}
    stack = [(tensor, False)]
    while stack:
        value, leaving = stack.pop()
        if leaving:
            found[value] = None
        elif value not in found and not hasattr(value, "_keras_history"):
            origins = _origins(value)
            if not origins:
                return []
            stack.append((value, True))
            stack.extend((origin, False) for origin in origins)
    return list(found)


def _origins(value: Value) -> list[Value]:
    """The tensors that a value is computed from; none if it cannot be the output of a layer."""
    call, node = _unrecorded_call(value), value.node
    if call is not None:
        return call.origins
    if node is None or node.domain or any(isinstance(a, Body) for a in node.attributes.values()):
        return []
    given = [x for x in node.inputs if x is not None and not isinstance(x, Constant)]
    return [] if any(isinstance(x, Parameter) for x in given) else given


def _make_layer(value: Value) -> None:
    node = value.node
    assert node is not None
    tensors = list(dict.fromkeys(x for x in node.inputs if x is not None and not isinstance(x, Constant)))
    layer = _operation(node, tensors) or _onnx_node(node, tensors)
    layer._maybe_build(tensors)
    masks: list[Value | None] = [None] * len(node.outputs)
    Node(layer, tensors, list(node.outputs), [None] * len(tensors), masks)


def _name(operation: str) -> str:
    prefix = f"operation_{operation.lower()}"
    return f"{prefix}_{K.get_uid(prefix)}"


def _operation(node: ir.Node, tensors: list[Value]) -> Layer | None:
    """The operator as an operation of Keras 3, if it is one of floats that has the same operands."""
    operands = [x for x in node.inputs if x is not None]
    if len(node.outputs) > 1 or len(operands) < len(node.inputs) or operands[0].dtype.kind != "f":
        return None
    given = [_argument(x, tensors) for x in operands]
    for op_type, name, arguments_of in _OPERATION_ARGUMENTS:
        arguments = arguments_of(node, given) if op_type == node.op_type else None
        if arguments is not None:
            return OperationLayer(name, arguments, name=_name(name))
    return None


def _argument(x: Value, tensors: list[Value]) -> Any:
    """An operand as an OperationLayer's configuration says it; axes and bounds are plain lists."""
    if not isinstance(x, Constant):
        return {"tensor": next(i for i, tensor in enumerate(tensors) if tensor is x)}
    value = x.array.tolist()
    return {"constant": value, "dtype": x.dtype.name} if x.rank and x.dtype.kind == "f" else value


def _onnx_node(node: ir.Node, tensors: list[Value]) -> Layer:
    """The operator as it is: an ONNX graph of one node."""
    fresh = {x: Value(x.dtype, x.dims, f"input_{i}") for i, x in enumerate(tensors)}
    given = [None if x is None else fresh.get(x, x) for x in node.inputs]
    results = getattr(ir.op, node.op_type)(*given, outputs=len(node.outputs), **node.attributes)
    results = results if isinstance(results, tuple) else (results,)
    graph = ir.Graph(results, list(fresh.values()))
    onnx_graph = registry.names("layer")["ONNXGraph"]
    return onnx_graph(
        onnx_io.templates.split(onnx_io.build_model(graph), learnt=False), name=_name(node.op_type)
    )


# --- ONNX operators in the words of keras.ops ---------------------------------------------------------------

ArgumentsOf = Callable[[ir.Node, list[Any]], Arguments | None]


def _operands(*names: str) -> ArgumentsOf:
    return lambda node, given: dict(zip(names, given, strict=True)) if len(given) == len(names) else None


def _reduction(node: ir.Node, given: list[Any]) -> Arguments | None:
    if len(given) != 2 or not isinstance(given[1], list) or node.attributes.get("noop_with_empty_axes"):
        return None
    return {"x": given[0], "axis": given[1], "keepdims": bool(node.attributes.get("keepdims", 1))}


def _axes(name: str) -> ArgumentsOf:
    """Of one tensor and a list of constant axes; one of them as a number."""

    def arguments_of(node: ir.Node, given: list[Any]) -> Arguments | None:
        if len(given) != 2 or not isinstance(given[1], list) or len(given[1]) != 1:
            return None
        return {"x": given[0], name: given[1][0]}

    return arguments_of


def _slice(node: ir.Node, given: list[Any]) -> Arguments | None:
    if any(isinstance(entry, dict) for entry in given[1:]) or len(given) < 4:
        return None
    x, starts, ends, axes = given[:4]
    steps = given[4] if len(given) > 4 else [1] * len(axes)
    if min(axes) < 0:
        return None
    key: list[Any] = [{"start": None, "stop": None, "step": None} for _ in range(max(axes) + 1)]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        bounds = [None if abs(bound) >= _INT64.max else bound for bound in (start, end)]
        key[axis] = {"start": bounds[0], "stop": bounds[1], "step": step}
    return {"x": x, "key": key}


def _clip(node: ir.Node, given: list[Any]) -> Arguments | None:
    if len(given) != 3 or not all(isinstance(bound, float) for bound in given[1:]):
        return None
    return {"x": given[0], "x_min": given[1], "x_max": given[2]} if np.isfinite(given[1:]).all() else None


_PAIR, _ONE = _operands("x1", "x2"), _operands("x")

#: ONNX operator, operation of Keras 3, and its arguments; the first row that can say it counts
_OPERATION_ARGUMENTS: list[tuple[str, str, ArgumentsOf]] = [
    ("Add", "Add", _PAIR),
    ("Sub", "Subtract", _PAIR),
    ("Mul", "Multiply", _PAIR),
    ("Div", "TrueDivide", _PAIR),
    ("Pow", "Power", _PAIR),
    ("Max", "Maximum", _PAIR),
    ("Min", "Minimum", _PAIR),
    ("MatMul", "Matmul", _PAIR),
    ("Greater", "Greater", _PAIR),
    ("Less", "Less", _PAIR),
    ("Clip", "Clip", _clip),
    ("Clip", "Maximum", _PAIR),
    ("Neg", "Negative", _ONE),
    ("Abs", "Absolute", _ONE),
    ("Sqrt", "Sqrt", _ONE),
    ("Exp", "Exp", _ONE),
    ("Log", "Log", _ONE),
    ("Sin", "Sin", _ONE),
    ("Cos", "Cos", _ONE),
    ("Tanh", "Tanh", _ONE),
    ("Sigmoid", "Sigmoid", _ONE),
    ("Relu", "Relu", _ONE),
    ("Softplus", "Softplus", _ONE),
    ("Erf", "Erf", _ONE),
    ("ReduceSum", "Sum", _reduction),
    ("ReduceMean", "Mean", _reduction),
    ("ReduceMax", "Max", _reduction),
    ("ReduceMin", "Min", _reduction),
    ("Concat", "Concatenate", lambda node, given: {"xs": given, "axis": node.attributes["axis"]}),
    ("Transpose", "Transpose", lambda node, given: {"x": given[0], "axes": node.attributes.get("perm")}),
    ("Softmax", "Softmax", lambda node, given: {"x": given[0], "axis": node.attributes.get("axis", -1)}),
    ("Unsqueeze", "ExpandDims", _axes("axis")),
    ("Squeeze", "Squeeze", _axes("axis")),
    ("Slice", "GetItem", _slice),
]
