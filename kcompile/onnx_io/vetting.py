"""What a model must be before ONNX's native code sees it.

Parsing is safe; what comes after it is not. ONNX's inliner, version converter and inference are C++ that
trusts its input: functions that call one another twice take time and memory without end, an operator that its
version lacks is a null pointer, an axis outside of the rank writes outside of memory. So the shape of a model
is checked here, its functions are measured before anything is inlined, and ``rehearse`` goes through the
nodes of another version one by one, with their types, as reading does with the IR's own (``ir.bounds`` looks
at each).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx
from onnx import AttributeProto, TensorProto, defs, helper

from kcompile.ir import OPSET, Body, Node, OperatorError, Value, schema_of
from kcompile.ir.emission import check_node
from kcompile.ir.inference import infer_known
from kcompile_runtime.limits import (
    MAX_CALLS,
    NODES_PER_NODE,
    SPARE_NODES,
    RecursiveCallError,
    callees_first,
)

from .bodies import all_nodes, bodies_of
from .errors import FormatError, located
from .roles import STANDARD_DOMAINS
from .scopes import Scope, title

MAX_DEPTH = 30
"""Bodies inside of bodies, functions inlined. Protobuf reads 100 messages deep, which is 33 bodies."""

_Key = tuple[str, str, str]


def vet(model: onnx.ModelProto) -> None:
    """
    Raises:
        FormatError: for a model that no exporter writes: unknown or contradictory versions, tensors without
            their data, functions that call themselves or make too much of little.
    """
    _check_versions(model.opset_import)
    for function in model.functions:
        with located(f"the function {function.name!r}"):
            _check_versions(function.opset_import)
    _check_functions(model)
    for tensor in _initializers(model):
        check_tensor(tensor)
    for node in _all_nodes(model):
        if len({attribute.name for attribute in node.attribute}) != len(node.attribute):
            raise FormatError(f"{title(node)} has an attribute twice.")
        for attribute in node.attribute:
            for tensor in [attribute.t] if attribute.HasField("t") else attribute.tensors:
                with located(title(node)):
                    check_tensor(tensor)


def check_tensor(tensor: TensorProto) -> None:
    """Whether a tensor has the data that its type and shape ask for, where it has them in itself.

    Raises:
        FormatError: if not.
    """
    where = f"the tensor {tensor.name!r}"
    kind = tensor.data_type
    if kind == TensorProto.UNDEFINED or kind not in TensorProto.DataType.values():
        raise FormatError(f"{where} is of the element type {kind}, which ONNX does not know.")
    count = 1
    for size in tensor.dims:
        if size < 0:
            raise FormatError(f"{where} has an axis of {size}.")
        count *= size
    if tensor.data_location == TensorProto.EXTERNAL:
        return
    if tensor.HasField("raw_data"):
        needed, found = (count * _bits(kind) + 7) // 8, len(tensor.raw_data)
        if kind == TensorProto.STRING or needed != found:
            raise FormatError(f"{where} of shape {list(tensor.dims)} needs {needed} bytes and has {found}.")
        return
    field = helper.tensor_dtype_to_field(kind)
    found, bits = len(getattr(tensor, field)), _bits(kind)
    needed = 2 * count if kind in (TensorProto.COMPLEX64, TensorProto.COMPLEX128) else count
    needed = -(-needed * bits // 8) if bits < 6 else needed
    if found != needed:
        raise FormatError(f"{where} of shape {list(tensor.dims)} needs {needed} numbers and has {found}.")


def _bits(kind: int) -> int:
    if kind == TensorProto.STRING:
        return 8
    name = TensorProto.DataType.Name(kind)
    if name.endswith(("INT4", "FLOAT4E2M1")):
        return 4
    if name.startswith("FLOAT6"):
        return 6
    return 2 if name.endswith("INT2") else int(helper.tensor_dtype_to_np_dtype(kind).itemsize) * 8


def _check_versions(imports: Iterable[onnx.OperatorSetIdProto]) -> None:
    found = {entry.version for entry in imports if entry.domain in STANDARD_DOMAINS}
    newest = defs.onnx_opset_version()
    if len(found) > 1:
        raise FormatError(f"it is written in several versions of the operator set at once: {sorted(found)}.")
    for version in found:
        if version < 1:
            raise FormatError(f"it is written in version {version} of the operator set, which there is not.")
        if version > newest:
            raise FormatError(
                f"it is written in version {version} of the operator set; the installed onnx "
                f"{onnx.__version__} knows up to {newest}: update onnx, or export it in an older version."
            )


# --- functions and bodies ---


def _all_nodes(model: onnx.ModelProto) -> Iterable[onnx.NodeProto]:
    """The nodes of the graph, of the functions, and of all bodies in them."""
    return all_nodes(node for part in (model.graph, *model.functions) for node in part.node)


def _initializers(model: onnx.ModelProto) -> Iterable[TensorProto]:
    yield from model.graph.initializer
    for node in _all_nodes(model):
        for body in bodies_of(node):
            yield from body.initializer


def _check_functions(model: onnx.ModelProto) -> None:
    """Measures what the inliner would make, and how deep, before it does."""
    functions: dict[_Key, onnx.FunctionProto] = {}
    for function in model.functions:
        key = (function.domain, function.name, function.overload)
        if key in functions:
            raise FormatError(f"it has two functions {function.name!r} of the domain {function.domain!r}.")
        functions[key] = function
    stated = sum(1 for _ in _all_nodes(model))
    most = SPARE_NODES + NODES_PER_NODE * stated
    sizes: dict[_Key, tuple[int, int, int]] = {}
    for key in _callees_first(functions):
        sizes[key] = _measure(functions[key].node, sizes)
        _check_size(f"the function {key[1]!r}", sizes[key], most)
    _check_size("it", _measure(model.graph.node, sizes), most)


def _callees_first(functions: dict[_Key, onnx.FunctionProto]) -> list[_Key]:
    """The functions in an order in which each comes after those that it calls."""
    calls = {
        key: [other for node in all_nodes(function.node) if (other := _key(node)) in functions]
        for key, function in functions.items()
    }
    try:
        return callees_first(calls)
    except RecursiveCallError as error:
        raise FormatError(f"the function {error.key[1]!r} calls itself.") from None


def _key(node: onnx.NodeProto) -> _Key:
    return (node.domain, node.op_type, node.overload)


def _measure(
    nodes: Iterable[onnx.NodeProto], sizes: dict[_Key, tuple[int, int, int]]
) -> tuple[int, int, int]:
    """Nodes, depth of bodies and depth of calls, all functions inlined."""
    total = depth = calls = 0
    stack = [(node, 0) for node in nodes]
    while stack:
        node, level = stack.pop()
        size, inner, deep = sizes.get(_key(node), (1, 0, -1))
        total, depth, calls = total + size, max(depth, level + inner), max(calls, deep + 1)
        for body in bodies_of(node):
            depth = max(depth, level + 1)
            stack.extend((each, level + 1) for each in body.node)
    return total, depth, calls


def _check_size(what: str, measured: tuple[int, int, int], most: int) -> None:
    total, depth, calls = measured
    if total > most:
        raise FormatError(
            f"{what} becomes more than {most} nodes when its functions are inlined, out of all proportion to "
            "the file."
        )
    if depth > MAX_DEPTH:
        raise FormatError(f"{what} has bodies {depth} deep; at most {MAX_DEPTH} are read.")
    if calls > MAX_CALLS:
        raise FormatError(f"{what} has calls of functions {calls} deep; at most {MAX_CALLS} are read.")


# --- nodes ---


def check_signatures(graph: onnx.GraphProto) -> None:
    """Whether the nodes of the IR's operator set have the inputs and attributes that must be there.

    Raises:
        OperatorError: for the first that has not.
    """
    for node in all_nodes(graph.node):
        if node.domain not in STANDARD_DOMAINS or not defs.has(node.op_type, OPSET, ""):
            continue
        schema, given = schema_of(node.op_type), {attribute.name for attribute in node.attribute}
        if len(node.input) < schema.min_input:
            raise OperatorError(
                f"{title(node)}: {node.op_type} has {len(node.input)} inputs; it needs {schema.min_input}."
            )
        for name, attribute in schema.attributes.items():
            if attribute.required and name not in given:
                raise OperatorError(f"{title(node)}: {node.op_type}: the attribute {name!r} is required.")


# --- nodes of another version ---


class _Untyped(Value):
    """A value of which the version's own inference says nothing (the oldest operators have none)."""

    def __init__(self, name: str) -> None:
        super().__init__("float32", None, name)


class _Rehearsal(Scope):
    """Reads nodes as another version of the operator set has them; only their types come of it."""

    def __init__(self, outer: Scope | None, version: int, imports: Iterable[Any] = ()) -> None:
        super().__init__(outer, imports)
        self.version = version

    def within(self) -> Scope:
        return _Rehearsal(self, self.version)

    def declared(self, info: onnx.ValueInfoProto) -> Value:
        return _Untyped(info.name) if not info.type.WhichOneof("value") else super().declared(info)

    def _read_node(self, node: onnx.NodeProto, known: dict[str, onnx.ValueInfoProto]) -> list[Node]:
        standard = node.domain in STANDARD_DOMAINS
        operands = [self.lookup(name, node) for name in node.input if name]
        reads = [x for value in operands for x in (value if isinstance(value, tuple) else (value,))]
        unknown = standard and not defs.has(node.op_type, self.version, "")
        if unknown or any(isinstance(value, _Untyped) for value in reads):
            self.values.update((name, _Untyped(name)) for name in node.output if name)
            return []
        return super()._read_node(node, known)

    def emit(self, node: onnx.NodeProto, inputs: list[Value | None], attributes: Any, count: int) -> Any:
        schema = schema_in(node, self.version)
        check_node(schema, inputs, attributes, "")
        if len(node.output) > schema.max_output:
            most = schema.max_output
            raise OperatorError(f"{node.op_type} has {len(node.output)} outputs; at most {most} are known.")
        bodies = [value for value in attributes.values() if isinstance(value, Body)]
        if any(isinstance(value, _Untyped) for body in bodies for value in body.outputs):
            return tuple(_Untyped("") for _ in range(count))
        types = infer_known(schema, inputs, attributes, count, "", self.version)
        return tuple(_Untyped("") if known is None else Value(*known) for known in types)


def schema_in(node: onnx.NodeProto, version: int) -> defs.OpSchema:
    """
    Raises:
        OperatorError: if the version has no such operator.
    """
    try:
        schema = defs.get_schema(node.op_type, version, "")
    except defs.SchemaError:
        raise OperatorError(f"{node.op_type} is not among the operators of version {version}.") from None
    for attribute in node.attribute:
        known: Any = schema.attributes.get(attribute.name)
        if known is not None and attribute.type not in (AttributeProto.UNDEFINED, int(known.type.value)):
            kind = AttributeProto.AttributeType.Name(attribute.type)
            raise OperatorError(f"{node.op_type}: its attribute {attribute.name!r} is of the kind {kind}.")
    return schema


def rehearse(model: onnx.ModelProto, version: int) -> None:
    """Goes through a model as its own version of the operator set says, before the version is changed.

    Raises:
        FormatError, OperatorError: as reading does; they name the node.
    """
    _Rehearsal(None, version, model.opset_import).read(model.graph)


__all__ = ["check_signatures", "check_tensor", "rehearse", "schema_in", "vet"]
