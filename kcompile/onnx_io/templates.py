"""A graph and its weights apart: what is emitted as often as wanted, and the arrays that go into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from kcompile.ir import Constant, OperatorError, Parameter, Value, op
from kcompile.ir.values import Dim

from .arrays import array_of
from .bodies import all_bodies
from .errors import FormatError
from .foreign import ML
from .reading import _load, normalized
from .roles import is_foreign, roles_of
from .scopes import Scope, declared


@dataclass(frozen=True)
class Weight:
    """What an initializer holds that training may change.

    Attributes:
        name: in the file.
        shape, dtype: of the array.
        trainable: False for averages.
        array: the value; None where only the graph is at hand.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    trainable: bool
    array: np.ndarray | None = None


@dataclass(frozen=True)
class Template:
    """A graph whose weights are inputs behind its own.

    Attributes:
        proto: the model, in the IR's operator set, without the weights' values.
        inputs: names and types of its own inputs.
        weights: in the order of the inputs behind.
        outputs: names.
    """

    proto: onnx.ModelProto
    inputs: tuple[Value, ...]
    weights: tuple[Weight, ...]
    outputs: tuple[str, ...]


_FROZEN = "kcompile.averages"


def split(model: bytes | onnx.ModelProto, learnt: bool = True) -> Template:
    """Takes the weights out of a model: what ``read_graph`` makes Parameters.

    Args:
        learnt: False for a graph that has constants only.

    Raises:
        FormatError, OperatorError: as ``read_graph``.
    """
    proto = normalized(_load(model, external_data=False))
    role = roles_of(proto.graph)
    weights, kept = [], []
    for tensor in proto.graph.initializer:
        value = role(tensor, array_of(tensor))
        if learnt and isinstance(value, Parameter):
            array = value.storage.array
            weights.append(Weight(tensor.name, array.shape, array.dtype, value.trainable, array))
        else:
            kept.append(tensor)
    inputs = tuple(declared(info) for info in proto.graph.input)
    types = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
    for weight in weights:
        proto.graph.input.append(
            helper.make_tensor_value_info(weight.name, types[weight.name], list(weight.shape))
        )
    del proto.metadata_props[:]
    frozen = "\n".join(weight.name for weight in weights if not weight.trainable)
    helper.set_model_props(proto, {_FROZEN: frozen, "kcompile.inputs": str(len(inputs))})
    return Template(proto, inputs, tuple(weights), tuple(info.name for info in proto.graph.output))


def read_template(data: bytes) -> Template:
    """The template in the bytes of ``Template.proto``.

    Raises:
        FormatError: if they are not such a model.
    """
    proto = _load(data, external_data=False)
    entries = {entry.key: entry.value for entry in proto.metadata_props}
    count = entries.get("kcompile.inputs", "")
    if not count.isascii() or not count.isdigit() or int(count) > len(proto.graph.input):
        raise FormatError("the graph of an ONNXGraph layer does not say which of its inputs are weights.")
    frozen = set(entries.get(_FROZEN, "").split("\n"))
    values = [declared(info) for info in proto.graph.input]
    own, others = values[: int(count)], values[int(count) :]
    weights = []
    for value in others:
        shape = tuple(size for size in value.dims or () if isinstance(size, int) and size >= 0)
        if shape != value.dims:
            raise FormatError(f"the weight {value.name!r} of an ONNXGraph layer has no fixed shape.")
        weights.append(Weight(value.name, shape, value.dtype, value.name not in frozen))
    return Template(proto, tuple(own), tuple(weights), tuple(info.name for info in proto.graph.output))


def foreign_operators(template: Template) -> list[str]:
    """The operators of a template that no PyTorch computes, with their domains, each once."""
    graphs = [template.proto.graph, *all_bodies(template.proto.graph)]
    found = {
        f"{node.domain}.{node.op_type}": None for graph in graphs for node in graph.node if is_foreign(node)
    }
    return [name for name in found if name != f"{ML}.ZipMap"]


def emit_template(template: Template, inputs: Sequence[Value], weights: Sequence[Value]) -> list[Value]:
    """Emits the nodes on these inputs and weights; gives the outputs.

    Raises:
        OperatorError: if the nodes do not take what is given; it names the node.
    """
    graph = template.proto.graph
    if len(inputs) != len(template.inputs):
        names = ", ".join(value.name for value in template.inputs)
        raise OperatorError(
            f"the graph has {len(template.inputs)} inputs ({names}); {len(inputs)} were given"
        )
    for expected, given in zip(template.inputs, inputs, strict=True):
        if expected.dtype != given.dtype:
            raise OperatorError(
                f"the input {expected.name!r} is {expected.dtype}, {given.name!r} is {given.dtype}"
            )
    scope = Scope(None, template.proto.opset_import)
    for info, value in zip(graph.input, [*inputs, *weights], strict=True):
        scope.values[info.name] = value
    for tensor in graph.initializer:
        scope.values[tensor.name] = Constant(array_of(tensor), name=tensor.name)
    known = _declarations(template, inputs)
    for node in graph.node:
        scope.node(node, known)
    return [op.Identity(value) if value.node is None else value for value in scope.outputs(graph)]


def _declarations(template: Template, inputs: Sequence[Value]) -> dict[str, onnx.ValueInfoProto]:
    """What the file declares of its values, in the axes of these inputs; nothing where they have other sizes
    than the file's."""
    sizes: dict[str, Dim] = {}
    for expected, given in zip(template.inputs, inputs, strict=True):
        if expected.shape is None or given.shape is None or len(expected.shape) != len(given.shape):
            return {}
        for declared_size, size in zip(expected.shape, given.shape, strict=True):
            if isinstance(declared_size, int) and size != declared_size:
                return {}
            if isinstance(declared_size, str) and sizes.setdefault(declared_size, size) != size:
                sizes[declared_size] = None
    graph = template.proto.graph
    any_number = not all(isinstance(given.shape[0], int) for given in inputs if given.shape)
    return {info.name: _in_axes(info, sizes, any_number) for info in (*graph.value_info, *graph.output)}


def _in_axes(info: onnx.ValueInfoProto, sizes: Mapping[str, Dim], any_number: bool) -> onnx.ValueInfoProto:
    """A declaration with what stands for the names of its axes; names that no input has mean nothing here.

    Args:
        any_number: whether a graph is for any number of samples: exporters who traced it with one then leave
            a 1 on axis 0.
    """
    found = onnx.ValueInfoProto()
    found.CopyFrom(info)
    dims = found.type.tensor_type.shape.dim if found.type.tensor_type.HasField("shape") else ()
    for axis, dim in enumerate(dims):
        if axis == 0 and any_number:
            dim.ClearField("dim_value")
        if dim.HasField("dim_param"):
            size = sizes.get(dim.dim_param)
            dim.ClearField("dim_param")
            if isinstance(size, int):
                dim.dim_value = size
            elif size is not None:
                dim.dim_param = size
    return found


__all__ = ["Template", "Weight", "emit_template", "foreign_operators", "read_template", "split"]
