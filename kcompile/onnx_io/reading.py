"""ONNX model -> ir.Graph: anyone's model, not only those that were written here.

Models of other versions of the operator set are brought to the IR's, functions are inlined, and every node
goes through ``ir.emit``: its types are inferred and checked again, whatever the file says about them.

Nothing named by a file is opened, unless the caller allows external data, and then only inside the model's
folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import Message
from onnx import AttributeProto, TensorProto, defs, external_data_helper, helper

from kcompile.ir import (
    OPSET,
    Body,
    Constant,
    Graph,
    Node,
    OperatorError,
    Parameter,
    Value,
    absolute_scope,
    emit,
    schema_of,
)
from kcompile.ir.inference import shape_of

from .arrays import array_of
from .errors import FormatError

STANDARD_DOMAINS = ("", "ai.onnx")

# Floats that say how to compute, not what was learnt: they stay constants.
_SETTINGS: dict[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "DequantizeLinear": (1,),
    "Dropout": (1,),
    "NonMaxSuppression": (3, 4),
    "OneHot": (2,),
    "Pad": (2,),
    "QLinearConv": (1, 4, 6),
    "QLinearMatMul": (1, 4, 6),
    "QuantizeLinear": (1,),
    "Range": (0, 1, 2),
    "Resize": (1, 2),
    "Upsample": (1,),
}
# Learnt, but by averaging: not by gradients.
_AVERAGES: dict[str, tuple[int, ...]] = {"BatchNormalization": (3, 4)}


def read_graph(
    model: bytes | str | os.PathLike[str] | onnx.ModelProto, *, external_data: bool = False
) -> Graph:
    """The graph of an ONNX model.

    Float initializers become Parameters, trainable ones except for the averages of BatchNormalization; one
    that several nodes read is one Parameter. Integers, booleans and settings (bounds of Clip, scales of
    Resize) become constants.

    Args:
        model: a path, the bytes of a file, or the model itself.
        external_data: whether weights may be read from other files. They must lie in the folder of the
            model; needs a path.

    Returns:
        the graph, with inputs and outputs in the order of the file and under its names (``value.name``).

    Raises:
        FormatError: if it is no valid model, or wants external data that is not allowed.
        OperatorError: for an operator that is not in the ONNX standard set, or whose types are wrong; it
            names the node.
    """
    proto = _load(model, external_data)
    proto = to_opset(inline_functions(proto))
    graph = _Scope(None).read(proto.graph)
    return Graph(graph.outputs, graph.inputs)


# --- the file ---


def _load(model: bytes | str | os.PathLike[str] | onnx.ModelProto, external_data: bool) -> onnx.ModelProto:
    folder = None
    if isinstance(model, onnx.ModelProto):
        proto, what = onnx.ModelProto(), "the model"
        proto.CopyFrom(model)
    elif isinstance(model, bytes | bytearray | memoryview):
        proto, what = _parse(bytes(model), "the bytes given"), "the model"
    else:
        path = Path(model)
        folder, what = path.parent, str(path)
        proto = _parse(path.read_bytes(), str(path))
    if not proto.graph.node and not proto.graph.output:
        raise FormatError(f"{what} is not an ONNX model: it has no graph.")
    external = [t for t in _tensors(proto) if t.data_location == TensorProto.EXTERNAL]
    if external:
        if not external_data or folder is None:
            raise FormatError(
                f"{what} keeps the weight {external[0].name!r} in another file ({_location(external[0])!r}), "
                "and reading other files is off; give a path and external_data=True if you trust its source."
            )
        for tensor in external:
            _read_external(tensor, folder.resolve(), what)
    return proto


def _parse(data: bytes, what: str) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's own exception class differs between its implementations
        raise FormatError(f"{what}: not an ONNX model, or cut off ({error}).") from error
    _check_text(model, what)
    return model


def _check_text(model: onnx.ModelProto, what: str) -> None:
    """Refuses names that are no UTF-8, which protobuf hands out as bytes."""
    waiting: list[Any] = [model]
    while waiting:
        for descriptor, value in waiting.pop().ListFields():
            if descriptor.type == descriptor.TYPE_MESSAGE:
                waiting.extend([value] if isinstance(value, Message) else value)
            elif descriptor.type == descriptor.TYPE_STRING:
                texts = [value] if isinstance(value, str | bytes) else value
                if any(isinstance(text, bytes) for text in texts):
                    raise FormatError(f"{what}: damaged: a {descriptor.name!r} in it is not UTF-8 text.")


def _tensors(proto: onnx.ModelProto) -> Iterable[TensorProto]:
    """Every tensor of a model: initializers and attributes, of subgraphs and functions, too."""
    graphs = [proto.graph]
    nodes: list[onnx.NodeProto] = [node for function in proto.functions for node in function.node]
    while graphs or nodes:
        if graphs:
            graph = graphs.pop()
            yield from graph.initializer
            for sparse in graph.sparse_initializer:
                yield from (sparse.values, sparse.indices)
            nodes.extend(graph.node)
            continue
        for attribute in nodes.pop().attribute:
            graphs.extend([attribute.g] if attribute.HasField("g") else attribute.graphs)
            yield from [attribute.t] if attribute.HasField("t") else attribute.tensors


def _location(tensor: TensorProto) -> str:
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _read_external(tensor: TensorProto, folder: Path, what: str) -> None:
    location = _location(tensor)
    file = (folder / location).resolve()
    if not location or not file.is_relative_to(folder) or not file.is_file():
        raise FormatError(
            f"{what}: the weight {tensor.name!r} names the file {location!r}, which is not a file in the "
            "model's folder."
        )
    try:
        external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    except Exception as error:
        raise FormatError(
            f"{what}: the weight {tensor.name!r} cannot be read from {location!r}: {error}"
        ) from error
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


# --- functions and versions ---


def opset_of(proto: onnx.ModelProto) -> int:
    """The version of the standard operator set that a model is written in."""
    return max((o.version for o in proto.opset_import if o.domain in STANDARD_DOMAINS), default=OPSET)


def inline_functions(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Replaces calls of functions by their bodies.

    These are the model's own functions, and the standard's where the IR's operator set does not have them yet
    (Attention, RMSNormalization, Swish ...).
    """
    import onnx.inliner

    if proto.functions:
        proto = onnx.inliner.inline_local_functions(proto)
    version = opset_of(proto)
    while version > OPSET and (newer := _newer_with_body(proto, version)):
        _write_defaults(proto, newer, version)
        try:  # what they are made of may be newer, too
            proto = onnx.inliner.inline_selected_functions(
                proto, [("", name) for name in newer], exclude=False, inline_schema_functions=True
            )
        except RuntimeError as error:
            raise OperatorError(
                f"{', '.join(newer)} of operator set {version} cannot be written in operators of version "
                f"{OPSET}: ONNX's inliner fails on it (it does where an optional input is left out); export "
                f"the model with an older operator set ({' '.join(str(error).split())})."
            ) from error
    return proto


def _write_defaults(proto: onnx.ModelProto, operators: list[str], version: int) -> None:
    """Writes out the attributes that have their default: ONNX's inliner does not know it."""
    for node in _nodes(proto.graph):
        if node.domain in STANDARD_DOMAINS and node.op_type in operators:
            given = {attribute.name for attribute in node.attribute}
            for name, attribute in defs.get_schema(node.op_type, version, "").attributes.items():
                if name not in given and attribute.default_value.name:
                    node.attribute.append(attribute.default_value)


def _newer_with_body(proto: onnx.ModelProto, version: int) -> list[str]:
    """The operators in a model that the IR's operator set does not have, but that ONNX defines by others."""
    found = {
        node.op_type
        for node in _nodes(proto.graph)
        if node.domain in STANDARD_DOMAINS and _signature(node.op_type, OPSET) is None
    }
    return sorted(name for name in found if _has_body(name, version))


def _nodes(graph: onnx.GraphProto) -> Iterable[onnx.NodeProto]:
    stack = [graph]
    while stack:
        for node in stack.pop().node:
            yield node
            for attribute in node.attribute:
                stack.extend([attribute.g] if attribute.HasField("g") else attribute.graphs)


def _has_body(op_type: str, version: int) -> bool:
    try:
        schema = defs.get_schema(op_type, version, "")
    except defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)  # type: ignore[attr-defined]


def _signature(op_type: str, version: int) -> tuple[Any, ...] | None:
    """What must be equal for a node to mean the same in another version, types aside."""
    try:
        schema = defs.get_schema(op_type, version, "")
    except defs.SchemaError:
        return None
    attributes = {name: (a.type, _default(a)) for name, a in schema.attributes.items()}
    places = [[(p.name, p.option) for p in formal] for formal in (schema.inputs, schema.outputs)]
    return (attributes, places, schema.deprecated)


def _default(attribute: defs.OpSchema.Attribute) -> Any:
    return helper.get_attribute_value(attribute.default_value) if attribute.default_value.name else None


def to_opset(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model in the IR's version of the operator set.

    Older ones go through ``onnx.version_converter``. Newer ones mostly widen the types that an operator
    takes: a node whose attributes, inputs and outputs are as they were is kept, attributes that came later
    are dropped where they have their default, and ``ir.emit`` checks the types.

    Raises:
        OperatorError: for a node that says something which the IR's version cannot say.
    """
    version = opset_of(proto)
    if version == OPSET:
        return proto
    if version < OPSET:
        from onnx import version_converter

        if version < 9 and any(node.op_type == "Scan" for node in _nodes(proto.graph)):
            raise OperatorError(
                f"Scan of operator set {version} has a batch axis, which no later version has."
            )

        try:
            return version_converter.convert_version(proto, OPSET)
        except Exception as error:  # the converter raises RuntimeError and its own ConvertError
            raise FormatError(
                f"the model cannot be brought from operator set {version} to {OPSET}: {error}"
            ) from error
    for node in _nodes(proto.graph):
        if node.domain in STANDARD_DOMAINS:
            _to_older(node, version)
    for entry in proto.opset_import:
        if entry.domain in STANDARD_DOMAINS:
            entry.version = OPSET
    return proto


def _to_older(node: onnx.NodeProto, version: int) -> None:
    new, old = _signature(node.op_type, version), _signature(node.op_type, OPSET)
    if new == old:
        return
    where = f"node {node.name!r}: {node.op_type} of operator set {version}"
    if old is None or new is None:
        raise OperatorError(f"{where} is not among the operators of version {OPSET}, nor made of them.")
    kept = []
    for attribute in node.attribute:
        if attribute.name in old[0]:
            kept.append(attribute)
        elif helper.get_attribute_value(attribute) != new[0][attribute.name][1]:
            value = helper.get_attribute_value(attribute)
            raise OperatorError(f"{where} has {attribute.name}={value!r}, which came after version {OPSET}.")
    given = {attribute.name for attribute in node.attribute}
    for name, (kind, default) in new[0].items():
        if name not in given and name in old[0] and old[0][name] != (kind, default):
            if default is None:
                raise OperatorError(f"{where}: the default of {name} changed since version {OPSET}.")
            kept.append(helper.make_attribute(name, default))
    del node.attribute[:]
    node.attribute.extend(kept)
    if len(node.input) > len(old[1][0]) and old[1][0][-1][1] != defs.OpSchema.FormalParameterOption.Variadic:
        raise OperatorError(
            f"{where} has the input {new[1][0][len(old[1][0])][0]}, which came after version {OPSET}."
        )


# --- the graph ---
# -----------------


class _Scope:
    """The names of one graph of a file; those of the graph around it are seen through."""

    def __init__(self, outer: _Scope | None) -> None:
        self.outer = outer
        self.values: dict[str, Value] = {}

    def lookup(self, name: str, node: onnx.NodeProto | None = None) -> Value:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        reader = f"node {node.name or node.op_type!r} reads" if node is not None else "the graph returns"
        raise FormatError(f"{reader} {name!r}, which nothing before it computes.")

    def read(self, graph: onnx.GraphProto, types: Sequence[tuple[Any, Any]] = ()) -> Body:
        """Inputs, initializers and nodes in order.

        Args:
            types: dtype and shape of the formal inputs, where the graph is a body and need not declare them.
        """
        learnt, averaged = _uses(graph)
        given = {tensor.name for tensor in graph.initializer}
        inputs = []
        for i, info in enumerate(graph.input):
            if info.name not in given:
                undeclared = not info.type.WhichOneof("value") and i < len(types)
                inputs.append(Value(*types[i], info.name) if undeclared else _declared(info))
                self.values[info.name] = inputs[-1]
        for tensor in graph.initializer:
            self.values[tensor.name] = _initializer(tensor, learnt, averaged)
        if graph.sparse_initializer:
            raise FormatError("sparse initializers are not supported; save the weights dense.")
        declared = {info.name: info for info in (*graph.value_info, *graph.output)}
        inside: list[Node] = []
        for node in graph.node:
            inside.extend(self._node(node, declared))
        outputs = [self.lookup(info.name) for info in graph.output]
        return Body(outputs, inputs, inside)

    def _node(self, node: onnx.NodeProto, declared: dict[str, onnx.ValueInfoProto]) -> list[Node]:
        if node.domain not in STANDARD_DOMAINS:
            raise OperatorError(
                f"node {node.name!r}: the operator {node.op_type} of the domain {node.domain!r} is not in "
                "the ONNX standard set; only models of standard operators can be read."
            )
        with absolute_scope(_scope_of(node)):
            if node.op_type == "Constant":
                self.values[node.output[0]] = Constant(_constant(node), name=node.output[0])
                return []
            schema_of(node.op_type)
            inputs = [self.lookup(name, node) if name else None for name in node.input]
            types = _body_types(node, inputs)
            attributes = {a.name: self._attribute(a, types) for a in node.attribute}
            count = max((i + 1 for i, name in enumerate(node.output) if name), default=1)
            results = emit(node.op_type, inputs, attributes, count)
        results = results if isinstance(results, tuple) else (results,)
        for name, value in zip(node.output, results, strict=False):
            if name:
                value._name = name
                self.values[name] = value
                if name in declared:
                    _refine(value, declared[name])
        return [results[0].node] if results[0].node is not None else []

    def _attribute(self, attribute: AttributeProto, types: Sequence[tuple[Any, Any]]) -> Any:
        if attribute.type == AttributeProto.GRAPH:
            return _Scope(self).read(attribute.g, types)
        value = helper.get_attribute_value(attribute)
        if attribute.type == AttributeProto.TENSOR:
            return array_of(value)
        if attribute.type == AttributeProto.STRING:
            return value.decode("utf-8")
        if attribute.type == AttributeProto.STRINGS:
            return [text.decode("utf-8") for text in value]
        if attribute.type in (AttributeProto.INTS, AttributeProto.FLOATS):
            return list(value)
        return value


def _body_types(node: onnx.NodeProto, inputs: Sequence[Value | None]) -> list[tuple[Any, Any]]:
    """dtype and shape of what the body of a Loop or Scan is given."""
    if node.op_type == "Loop":
        carried = [(value.dtype, None) for value in inputs[2:] if value is not None]
        return [("int64", ()), ("bool", ()), *carried]
    if node.op_type != "Scan":
        return []
    numbers = {
        a.name: helper.get_attribute_value(a) for a in node.attribute if a.type != AttributeProto.GRAPH
    }
    count = numbers["num_scan_inputs"]
    given = [value for value in inputs if value is not None]
    states, scanned = given[: len(given) - count], given[len(given) - count :]
    axes = numbers.get("scan_input_axes", [0] * count)
    return [(value.dtype, value.shape) for value in states] + [
        (value.dtype, None if value.shape is None else _without(value.shape, axis))
        for value, axis in zip(scanned, axes, strict=True)
    ]


def _without(shape: tuple[Any, ...], axis: int) -> tuple[Any, ...]:
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def _scope_of(node: onnx.NodeProto) -> str:
    """The layer path in a node's name: what exporters write as ``/layer1/conv/Conv`` is ``layer1/conv``."""
    path, _, last = node.name.strip("/").rpartition("/")
    return path if last.startswith(node.op_type) else f"{path}/{last}".strip("/")


def _uses(graph: onnx.GraphProto) -> tuple[set[str], set[str]]:
    """Names that some node reads as a value rather than as a setting, and names of averages."""
    learnt: set[str] = {info.name for info in graph.output}
    averaged: set[str] = set()
    for node in _nodes(graph):
        settings, averages = _SETTINGS.get(node.op_type, ()), _AVERAGES.get(node.op_type, ())
        for i, name in enumerate(node.input):
            if i in averages:
                averaged.add(name)
            if i not in settings:
                learnt.add(name)
    return learnt, averaged


def _initializer(tensor: TensorProto, learnt: set[str], averaged: set[str]) -> Value:
    array = array_of(tensor)
    floating = tensor.data_type in (
        TensorProto.FLOAT,
        TensorProto.DOUBLE,
        TensorProto.FLOAT16,
        TensorProto.BFLOAT16,
    )
    if floating and tensor.name in learnt:
        return Parameter(array, tensor.name, trainable=tensor.name not in averaged)
    return Constant(array, name=tensor.name)


def _declared(info: onnx.ValueInfoProto) -> Value:
    try:
        dtype, shape = shape_of(info.type)
    except OperatorError as error:
        raise OperatorError(f"the input {info.name!r}: {error}") from error
    return Value(dtype, shape, info.name)


def _refine(value: Value, info: onnx.ValueInfoProto) -> None:
    """Takes from the file's declaration what inference could not say."""
    if not info.type.HasField("tensor_type"):
        return
    dtype, shape = shape_of(info.type)
    if shape is None or dtype != value.dtype:
        return
    if value.shape is None:
        value.shape = shape
    elif len(value.shape) == len(shape):
        value.shape = tuple(
            declared if found is None or (isinstance(declared, int) and isinstance(found, str)) else found
            for found, declared in zip(value.shape, shape, strict=True)
        )


def _constant(node: onnx.NodeProto) -> np.ndarray:
    """The value of a Constant node, in whichever attribute it stands."""
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.name == "value":
            return array_of(value)
        if attribute.name in ("value_int", "value_ints"):
            return np.array(value, np.int64)
        if attribute.name in ("value_float", "value_floats"):
            return np.array(value, np.float32)
        if attribute.name in ("value_string", "value_strings"):
            texts = [value] if isinstance(value, bytes) else value
            array = np.array([text.decode("utf-8") for text in texts], object)
            return array.reshape(()) if isinstance(value, bytes) else array
    raise FormatError(f"the Constant node {node.name!r} has no dense value.")


__all__ = ["inline_functions", "opset_of", "read_graph", "to_opset"]
