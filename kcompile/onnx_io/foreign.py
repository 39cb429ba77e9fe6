"""Operators that ONNX has not, but onnxruntime: what its quantizer and its fusions write, and ai.onnx.ml.

A graph may have them: it is predicted with and exported again, and does not train where they are. ONNX knows
the types that ai.onnx.ml computes; for the others onnxruntime is asked, by a session of the one operator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from onnx import checker, defs, helper, numpy_helper, shape_inference

from kcompile.ir import OPSET, Constant, ForeignNode, OperatorError, Parameter, Value, from_onnx
from kcompile.ir.inference import shape_of, type_proto

from .bodies import all_bodies, graphs_of

ML = "ai.onnx.ml"
DOMAINS = frozenset({ML, "com.microsoft", "com.microsoft.nchwc"})
"""Domains whose operators onnxruntime brings along."""

_NO_KERNEL = "Could not find an implementation"

# Of these neither ONNX nor onnxruntime says the shape of the output: it is the input's.
_KEEP_SHAPE = frozenset({"Binarizer", "Imputer", "LabelEncoder", "Normalizer", "Scaler"})

_SMALL_ELEMENTS = 64
_Types = list[tuple[np.dtype, Any] | None]


def emit_foreign(
    node: onnx.NodeProto,
    inputs: Sequence[Value | None],
    version: int,
    known: Mapping[str, onnx.ValueInfoProto],
) -> ForeignNode:
    """Applies an operator of another domain.

    Args:
        node: as the file has it.
        version: of the domain's operator set.
        known: what the file declares of its outputs, for operators that run on other machines only.

    Raises:
        OperatorError: if onnxruntime has no such operator, or not for these types.
    """
    for attribute in node.attribute:
        _check(node, attribute)
    if any(isinstance(value, Constant) and not value.array.size for value in inputs):
        raise OperatorError(f"{_where(node)}: one of its constants has no elements.")
    attributes = {attribute.name: attribute for attribute in node.attribute}
    types = _types(node, inputs, version, known)
    return ForeignNode(node.op_type, node.domain, version, inputs, attributes, types)


def _check(node: onnx.NodeProto, attribute: onnx.AttributeProto) -> None:
    """Refuses what native code should not get to see, or what would mean something else in another graph."""
    numbers = [attribute.i, *attribute.ints]
    if any(not -(2**31) <= number < 2**31 for number in numbers):
        raise OperatorError(f"{_where(node)}: its attribute {attribute.name!r} is beyond any size.")
    for graph in graphs_of(attribute):
        reads_outside = _free_names(graph)
        if reads_outside:
            raise OperatorError(
                f"{_where(node)}: its graph {attribute.name!r} reads {min(reads_outside)!r} from the "
                "graph around, which is supported for operators of the standard only."
            )


def _free_names(graph: onnx.GraphProto) -> set[str]:
    """Names that a graph reads and does not define."""
    found: set[str] = set()
    defined: set[str] = {""}
    for each in (graph, *all_bodies(graph)):
        defined.update(info.name for info in (*each.input, *each.initializer))
        defined.update(name for node in each.node for name in node.output)
        found.update(name for node in each.node for name in node.input)
    return found - defined


def _where(node: onnx.NodeProto) -> str:
    return f"node {node.name!r}: {node.domain}.{node.op_type}"


# --- types ---


def _types(
    node: onnx.NodeProto,
    inputs: Sequence[Value | None],
    version: int,
    known: Mapping[str, onnx.ValueInfoProto],
) -> _Types:
    if node.domain == ML and (types := _types_by_onnx(node, inputs, version)) is not None:
        return types
    try:
        return _types_by_onnxruntime(node, inputs, version)
    except OperatorError as error:
        if _NO_KERNEL not in str(error):
            raise
        return [_guess(known.get(name), inputs) if name else None for name in node.output]


def _guess(info: onnx.ValueInfoProto | None, inputs: Sequence[Value | None]) -> tuple[np.dtype, Any]:
    """The type of an output where onnxruntime knows the operator, but has no kernel on this machine."""
    if info is not None and info.type.HasField("tensor_type"):
        return shape_of(info.type)
    floats = [value.dtype for value in inputs if value is not None and value.dtype.kind not in "biuO"]
    return (floats[0] if floats else np.dtype(np.float32)), None


def _types_by_onnx(node: onnx.NodeProto, inputs: Sequence[Value | None], version: int) -> _Types | None:
    try:
        schema = defs.get_schema(node.op_type, version, ML)
    except defs.SchemaError:
        raise OperatorError(f"{_where(node)}: version {version} of {ML} has no such operator.") from None
    missing = [
        formal.name
        for i, formal in enumerate(schema.inputs)
        if formal.option == defs.OpSchema.FormalParameterOption.Single
        and (i >= len(inputs) or inputs[i] is None)
    ]
    if missing:
        raise OperatorError(f"{_where(node)}: its input {missing[0]!r} is required.")
    types = {
        name: type_proto(value) for name, value in zip(node.input, inputs, strict=True) if value is not None
    }
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, version)]
    try:
        found = shape_inference.infer_node_outputs(schema, node, types, opset_imports=imports, ir_version=10)
    except (shape_inference.InferenceError, checker.ValidationError, ValueError) as error:
        raise OperatorError(f"{_where(node)}: {' '.join(str(error).split())[:300]}") from error
    if any(name not in found for name in node.output if name):
        return None
    types_found = [shape_of(found[name]) if name else None for name in node.output]
    first = inputs[0]
    if node.op_type in _KEEP_SHAPE and first is not None and types_found[0] is not None:
        types_found[0] = (types_found[0][0], first.dims)
    return types_found


def _types_by_onnxruntime(node: onnx.NodeProto, inputs: Sequence[Value | None], version: int) -> _Types:
    """First without the values of large constants; some operators want to see them."""
    held = {
        f"i{i}": value.array if isinstance(value, Constant) else value.storage.array
        for i, value in enumerate(inputs)
        if isinstance(value, Constant | Parameter)
    }
    small = {
        name: array for name, array in held.items() if array.size <= _SMALL_ELEMENTS and array.dtype != object
    }
    symbols = {dim for value in inputs if value is not None for dim in value.dims or ()}
    try:
        found = _ask(_model(node, inputs, version, small).SerializeToString())
    except _NoSessionError as error:
        if len(small) == len(held):
            raise OperatorError(f"{_where(node)}: onnxruntime cannot run it: {error}") from error
        try:
            found = _ask.__wrapped__(_model(node, inputs, version, held).SerializeToString())
        except _NoSessionError as second:
            raise OperatorError(f"{_where(node)}: onnxruntime cannot run it: {second}") from second
    types: _Types = []
    given = iter(found)
    for output in node.output:
        if not output:
            types.append(None)
            continue
        name, shape = next(given)
        if name not in _ELEMENT_TYPES:
            raise OperatorError(f"{_where(node)}: gives a {name}; only tensors are supported.")
        axes = tuple(dim if isinstance(dim, int) or dim in symbols else None for dim in shape)
        # onnxruntime shows a shape that it does not know as that of a scalar
        types.append((from_onnx(_ELEMENT_TYPES[name]), axes or None))
    return types


class _NoSessionError(Exception):
    """onnxruntime makes no session of a node."""


_ELEMENT_TYPES = {
    f"tensor({name})": getattr(onnx.TensorProto, name.upper())
    for name in (
        "float double float16 bfloat16 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool string "
        "int4 uint4 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz"
    ).split()
}


@lru_cache(maxsize=256)
def _ask(model: bytes) -> list[tuple[str, list[Any]]]:
    """The types and shapes of a model's outputs, by onnxruntime; a network has many nodes alike."""
    from kcompile_runtime import Executor, ModelFileError

    try:
        outputs = Executor(model).session.get_outputs()
    except ModelFileError as error:
        raise _NoSessionError(" ".join(str(error).split())[-300:]) from None
    return [(output.type, list(output.shape)) for output in outputs]


def _model(
    node: onnx.NodeProto, inputs: Sequence[Value | None], version: int, held: Mapping[str, np.ndarray]
) -> onnx.ModelProto:
    """The node alone, some of its inputs as initializers."""
    graph = onnx.GraphProto(name="node")
    alone = graph.node.add(op_type=node.op_type, domain=node.domain, name="node")
    alone.attribute.extend(node.attribute)
    for i, value in enumerate(inputs):
        name = "" if value is None else f"i{i}"
        alone.input.append(name)
        if name in held:
            graph.initializer.append(numpy_helper.from_array(held[name], name))
        elif value is not None:
            graph.input.append(onnx.ValueInfoProto(name=name, type=type_proto(value)))
    for i, name in enumerate(node.output):
        alone.output.append(f"o{i}" if name else "")
        if name:
            graph.output.add(name=f"o{i}")
    imports = [helper.make_opsetid("", OPSET), helper.make_opsetid(node.domain, version)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


__all__ = ["DOMAINS", "ML", "emit_foreign"]
