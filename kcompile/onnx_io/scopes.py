"""The nodes of a file emitted one by one: names become values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, helper

from kcompile.ir import Body, Constant, Node, OperatorError, Value, absolute_scope, emit, op
from kcompile.ir.inference import shape_of

from .arrays import array_of
from .errors import FormatError, located
from .foreign import DOMAINS, emit_foreign
from .roles import SIMPLIFIED, STANDARD_DOMAINS, Roles
from .sequences import SEQUENCE_OPERATORS, Operand, Tensors, emit_sequence


def title(node: onnx.NodeProto) -> str:
    """How messages name a node: by its name, or by what it computes."""
    name = node.name or next((output for output in node.output if output), node.op_type)
    return f"node {name!r}"


class Scope:
    """The names of one graph of a file; those of the graph around it are seen through."""

    def __init__(self, outer: Scope | None, imports: Iterable[Any] = (), roles: Roles | None = None) -> None:
        """
        Args:
            outer: of the graph around; None for a main graph, for which the others are given.
            imports: the model's ``opset_import``.
            roles: what to make of initializers; all are constants by default.
        """
        self.outer = outer
        self.roles = roles
        self.versions: dict[str, int] = (
            {entry.domain: entry.version for entry in imports} if outer is None else outer.versions
        )
        self.values: dict[str, Value | Tensors] = {}

    def lookup(self, name: str, node: onnx.NodeProto | None = None) -> Value | Tensors:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        reader = f"{title(node)} reads" if node is not None else "the graph returns"
        raise FormatError(f"{reader} {name!r}, which nothing before it computes.")

    def read(self, graph: onnx.GraphProto, types: Sequence[tuple[Any, Any]] = ()) -> Body:
        """Inputs, initializers and nodes in order.

        Args:
            types: dtype and shape of the formal inputs, where the graph is a body and need not declare them.
        """
        given = {tensor.name for tensor in graph.initializer}
        inputs = []
        for i, info in enumerate(graph.input):
            if info.name not in given:
                undeclared = not info.type.WhichOneof("value") and i < len(types)
                inputs.append(Value(*types[i], info.name) if undeclared else self.declared(info))
                self.values[info.name] = inputs[-1]
        for tensor in graph.initializer:
            array, roles = array_of(tensor), self.roles
            self.values[tensor.name] = (
                Constant(array, name=tensor.name) if roles is None else roles(tensor, array)
            )
        known = {info.name: info for info in (*graph.value_info, *graph.output)}
        inside: list[Node] = []
        for node in graph.node:
            inside.extend(self.node(node, known))
        return Body(self.outputs(graph), inputs, inside)

    def outputs(self, graph: onnx.GraphProto) -> list[Value]:
        """What a graph returns; the tensors of a sequence one by one."""
        found: list[Value] = []
        for info in graph.output:
            value = self.lookup(info.name)
            found.extend(value if isinstance(value, tuple) else [value])
        return found

    def node(self, node: onnx.NodeProto, known: dict[str, onnx.ValueInfoProto]) -> list[Node]:
        """Emits a node; gives what belongs into a body for it.

        Raises:
            FormatError, OperatorError: with the name of the node.
        """
        with located(title(node), f"{node.op_type} is not what the standard asks for"):
            return self._read_node(node, known)

    def _read_node(self, node: onnx.NodeProto, known: dict[str, onnx.ValueInfoProto]) -> list[Node]:
        with absolute_scope(_scope_of(node)):
            if node.op_type == "Constant" and node.domain in STANDARD_DOMAINS:
                if len(node.output) != 1:
                    raise FormatError(f"a Constant has one output, this one {len(node.output)}.")
                self.values[node.output[0]] = Constant(_constant(node), name=node.output[0])
                return []
            operands = [self.lookup(name, node) if name else None for name in node.input]
            if node.op_type in SEQUENCE_OPERATORS and node.domain in STANDARD_DOMAINS:
                attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
                results: Any = emit_sequence(node.op_type, operands, attributes)
                if isinstance(results, tuple):
                    if len(node.output) != 1:
                        raise FormatError(f"{node.op_type} has one output, this one {len(node.output)}.")
                    self.values[node.output[0]] = results
                    return []
            else:
                results = self._emit(node, _tensors(node, operands), known)
        results = results if isinstance(results, tuple) else (results,)
        for name, value in zip(node.output, results, strict=False):
            if name:
                value._name = name
                self.values[name] = value
                if name in known:
                    _refine(value, known[name])
        return [results[0].node] if results and results[0].node is not None else []

    def _emit(
        self, node: onnx.NodeProto, inputs: list[Value | None], known: dict[str, onnx.ValueInfoProto]
    ) -> Any:
        if node.domain in DOMAINS:
            if node.op_type == "ZipMap":
                return emit("Identity", inputs[:1], {})
            return emit_foreign(node, inputs, self.versions.get(node.domain, 1), known).outputs
        if node.domain not in STANDARD_DOMAINS:
            raise OperatorError(
                f"{title(node)}: the operator {node.op_type} of the domain {node.domain!r} is not in "
                f"the ONNX standard set, nor in those that onnxruntime brings along "
                f"({', '.join(sorted(DOMAINS))})."
            )
        if node.op_type == SIMPLIFIED:
            return _simplified_normalization(node, inputs)
        types = _body_types(node, inputs)
        attributes = {a.name: self._attribute(a, types) for a in node.attribute}
        count = max((i + 1 for i, name in enumerate(node.output) if name), default=1)
        return self.emit(node, inputs, attributes, count)

    def within(self) -> Scope:
        """The scope of a body."""
        return Scope(self)

    def declared(self, info: onnx.ValueInfoProto) -> Value:
        """An input as the file declares it."""
        return declared(info)

    def emit(self, node: onnx.NodeProto, inputs: list[Value | None], attributes: Any, count: int) -> Any:
        """What a node computes: a value or several."""
        return emit(node.op_type, inputs, attributes, count)

    def _attribute(self, attribute: AttributeProto, types: Sequence[tuple[Any, Any]]) -> Any:
        if attribute.type == AttributeProto.GRAPH:
            return self.within().read(attribute.g, types)
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


def _tensors(node: onnx.NodeProto, operands: Sequence[Operand]) -> list[Value | None]:
    found: list[Value | None] = []
    for name, value in zip(node.input, operands, strict=True):
        if isinstance(value, tuple):
            raise OperatorError(
                f"node {node.name!r}: {node.op_type} reads the sequence {name!r}; it is supported on tensors "
                "only."
            )
        found.append(value)
    return found


def _simplified_normalization(node: onnx.NodeProto, inputs: Sequence[Value | None]) -> Value:
    """Normalization by the root mean square: onnxruntime's fusions write it into the standard's domain."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    x, scale = inputs[0], inputs[1]
    if x is None or scale is None or any(node.output[1:]):
        raise OperatorError(f"node {node.name!r}: {SIMPLIFIED} is supported with one output only.")
    axis = attributes.get("axis", -1)
    if axis >= 0 and x.rank is None:
        raise OperatorError(f"node {node.name!r}: {SIMPLIFIED} over axes from {axis} needs a known rank.")
    axes = list(range(axis if axis < 0 else axis - (x.rank or 0), 0))
    precise = op.Cast(x, to=1) if x.dtype == np.float16 else x
    mean = op.ReduceMean(op.Mul(precise, precise), axes, keepdims=1)
    root = op.Sqrt(op.Add(mean, attributes.get("epsilon", 1e-5)))
    normal = op.Div(precise, root)
    return op.Mul(normal if precise is x else op.CastLike(normal, x), scale)


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
    given = [value for value in inputs if value is not None]
    count = numbers.get("num_scan_inputs")
    if not isinstance(count, int) or not 0 < count <= len(given):
        raise FormatError(f"num_scan_inputs is {count!r}, of {len(given)} inputs.")
    states, scanned = given[: len(given) - count], given[len(given) - count :]
    axes = numbers.get("scan_input_axes", [0] * count)
    ranks = [None if value.shape is None else len(value.shape) for value in scanned]
    if len(axes) != count or any(r is not None and not -r <= a < r for r, a in zip(ranks, axes, strict=True)):
        raise FormatError(f"scan_input_axes is {list(axes)}, for {count} inputs of ranks {ranks}.")
    return [(value.dtype, value.dims) for value in states] + [
        (value.dtype, None if value.dims is None else _without(value.dims, axis))
        for value, axis in zip(scanned, axes, strict=True)
    ]


def _without(shape: tuple[Any, ...], axis: int) -> tuple[Any, ...]:
    axis %= len(shape)
    return shape[:axis] + shape[axis + 1 :]


def _scope_of(node: onnx.NodeProto) -> str:
    """The layer path in a node's name: what exporters write as ``/layer1/conv/Conv`` is ``layer1/conv``."""
    path, _, last = node.name.strip("/").rpartition("/")
    return path if last.startswith(node.op_type) else f"{path}/{last}".strip("/")


def declared(info: onnx.ValueInfoProto) -> Value:
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
    if value.dims is None:
        value.dims = shape
    elif len(value.dims) == len(shape):
        value.dims = tuple(
            declared if found is None or (isinstance(declared, int) and isinstance(found, str)) else found
            for found, declared in zip(value.dims, shape, strict=True)
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


__all__ = ["Scope", "declared", "title"]
