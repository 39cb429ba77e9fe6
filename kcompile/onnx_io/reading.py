"""ONNX model -> ir.Graph: anyone's model, not only those that were written here.

Models of other versions of the operator set are brought to the IR's, functions are inlined, and every node
goes through ``ir.emit``: its types are inferred and checked again, whatever the file says about them.

Nothing named by a file is opened, unless the caller allows external data, and then only inside the model's
folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import Message
from onnx import TensorProto, defs, external_data_helper, helper

from kcompile.ir import OPSET, Graph, OperatorError
from kcompile_runtime.mistaken import HEAD, mistaken_for_model

from .bodies import all_nodes, graphs_of
from .errors import FormatError, located
from .foreign import ML
from .hoisting import hoist
from .roles import SIMPLIFIED, STANDARD_DOMAINS, roles_of
from .scopes import Scope
from .vetting import check_signatures, rehearse, vet


def read_graph(
    model: bytes | str | os.PathLike[str] | onnx.ModelProto, *, external_data: bool = False
) -> Graph:
    """The graph of an ONNX model.

    Floats that were learnt become Parameters, whether they are initializers or in Constant nodes; roles.py
    says which are. One that several nodes read is one Parameter. All others become constants.

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
    where = os.fspath(model) if isinstance(model, str | os.PathLike) else "the model"
    with located(where):
        proto = _load(model, external_data)
        proto = normalized(proto)
        graph = Scope(None, proto.opset_import, roles_of(proto.graph)).read(proto.graph)
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
    with located(what):
        vet(proto)
    return proto


def _parse(data: bytes, what: str) -> onnx.ModelProto:
    mistaken = mistaken_for_model(data)
    if mistaken:
        raise FormatError(f"{what}: this is {mistaken}.")
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
            graphs.extend(graphs_of(attribute))
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
    with open(file, "rb") as stream:
        mistaken = mistaken_for_model(stream.read(HEAD))
    if mistaken:
        raise FormatError(f"{what}: the file of weights {location!r} is {mistaken}.")
    try:
        external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    except Exception as error:
        raise FormatError(
            f"{what}: the weight {tensor.name!r} cannot be read from {location!r}: {error}"
        ) from error
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


# --- functions and versions ---


def normalized(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A model in the IR's operator set, without functions, its floats in the initializers of the main graph.

    Raises:
        FormatError, OperatorError: if it cannot be brought there.
    """
    proto = to_opset(inline_functions(proto))
    check_signatures(proto.graph)
    hoist(proto.graph)
    return proto


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
        with located("its functions cannot be inlined"):
            proto = onnx.inliner.inline_local_functions(proto)
    version = opset_of(proto)
    if version != OPSET:
        rehearse(proto, version)
    left: list[str] = []
    while version > OPSET and (newer := _newer_with_body(proto, version)):
        before, left = left, [node.op_type for node in all_nodes(proto.graph.node) if node.op_type in newer]
        why = "the shapes of its inputs are not known" if left == before else ""
        _write_defaults(proto, newer, version)
        try:  # what they are made of may be newer, too
            if not why:
                proto = onnx.inliner.inline_selected_functions(
                    proto, [("", name) for name in newer], exclude=False, inline_schema_functions=True
                )
        except Exception as error:  # RuntimeError, and errors of inference and of the checker
            why = f"ONNX's inliner fails on it ({' '.join(str(error).split())[:300]})"
        if why:
            raise OperatorError(
                f"{', '.join(newer)} of operator set {version} cannot be written in operators of version "
                f"{OPSET}: {why}. Declare all shapes and pass all optional inputs, or export the model with "
                f"an operator set of at most {OPSET}."
            )
    return proto


def _write_defaults(proto: onnx.ModelProto, operators: list[str], version: int) -> None:
    """Writes out the attributes that have their default: ONNX's inliner does not know it."""
    for node in all_nodes(proto.graph.node):
        if node.domain in STANDARD_DOMAINS and node.op_type in operators:
            given = {attribute.name for attribute in node.attribute}
            for name, attribute in defs.get_schema(node.op_type, version, "").attributes.items():
                if name not in given and attribute.default_value.name:
                    node.attribute.append(attribute.default_value)


def _newer_with_body(proto: onnx.ModelProto, version: int) -> list[str]:
    """The operators in a model that the IR's operator set does not have, but that ONNX defines by others."""
    found = {
        node.op_type
        for node in all_nodes(proto.graph.node)
        if node.domain in STANDARD_DOMAINS and _signature(node.op_type, OPSET) is None
    }
    return sorted(name for name in found if _has_body(name, version))


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

        if version < 9 and any(node.op_type == "Scan" for node in all_nodes(proto.graph.node)):
            raise OperatorError(
                f"Scan of operator set {version} has a batch axis, which no later version has."
            )

        hidden = _hide_unknown(proto, version)
        try:
            converted = version_converter.convert_version(proto, OPSET)
            return _reveal(converted) if hidden else converted
        except Exception as error:  # the converter raises RuntimeError and its own ConvertError
            why = re.sub(r"\S+\.(h|cc|cpp):\d+: \w+: Assertion `[^`]*` failed: ", "", str(error))
            raise FormatError(
                f"the model cannot be brought from operator set {version} to {OPSET}: "
                f"{' '.join(why.split())[:300]}"
            ) from error
    for node in all_nodes(proto.graph.node):
        if node.domain in STANDARD_DOMAINS and node.op_type != SIMPLIFIED:
            _to_older(node, version)
    for entry in proto.opset_import:
        if entry.domain in STANDARD_DOMAINS:
            entry.version = OPSET
    return proto


_HIDDEN = "kcompile.hidden."


def _hide_unknown(proto: onnx.ModelProto, version: int) -> bool:
    """Takes operators out of the converter's sight that the standard does not have in this version.

    onnxruntime has some, and its fusions write them: LayerNormalization before it was standard. Those of
    ai.onnx.ml the converter knows, but their inference goes down where an input is missing.
    """
    hidden = set()
    for node in all_nodes(proto.graph.node):
        if node.domain == ML or (node.domain in STANDARD_DOMAINS and not defs.has(node.op_type, version, "")):
            node.domain = f"{_HIDDEN}{node.domain}"
            hidden.add(node.domain)
    for domain in hidden:
        proto.opset_import.add(domain=domain, version=1)
    return bool(hidden)


def _reveal(proto: onnx.ModelProto) -> onnx.ModelProto:
    for node in all_nodes(proto.graph.node):
        node.domain = node.domain.removeprefix(_HIDDEN)
    kept = [entry for entry in proto.opset_import if not entry.domain.startswith(_HIDDEN)]
    del proto.opset_import[:]
    proto.opset_import.extend(kept)
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


__all__ = ["inline_functions", "normalized", "opset_of", "read_graph", "to_opset"]
