"""``ir.Graph`` -> ONNX: printing the graph as protobuf, with readable names.

``build_model`` gives a self-contained model. ``build_session_model`` gives what an in-memory onnxruntime
session is made of: the bytes of a model without its weights, and the weights as arrays that share memory with
their ``Parameter``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import numpy as np
import onnx
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from .. import ir
from .errors import ExportError
from .metadata import LAYER, PRODUCER, STATES, set_metadata
from .padding import keep_zeros_around_max

IR_VERSION = 10
"""The ONNX IR version that belongs to opset 21."""

MAX_INLINE_BYTES = 2**31 - 2**20
"""Protobuf refuses 2 GiB; the rest is left for the graph itself."""

# Weights and tables up to this size travel inside the proto: an extra buffer would cost more than it saves.
_SMALL_BYTES = 128
# Constants of a loop body up to this size live in the body, where shape inference sees their values.
_LOCAL_ELEMENTS = 64

Weights = Literal["inline", "external", "inputs"]


@dataclass(frozen=True)
class State:
    """A state pair: what was read from input ``input`` is to be replaced by output ``output`` after each run.

    ``initial`` is what the first run reads, and the first after a reset.
    """

    input: str
    output: str
    parameter: ir.Parameter
    initial: np.ndarray


@dataclass
class SessionModel:
    """What an in-memory onnxruntime session is made of.

    Attributes:
        model: serialised ModelProto without the weights.
        initializers: by name the arrays for ``SessionOptions.add_external_initializers``
            (``weights="external"``), or the arrays to bind to the inputs of these names
            (``weights="inputs"``). They share memory with the parameter's storage, and lie as it does: a
            kernel stored in another order than its logical one has its axes in that order here.
        parameters: the parameter behind each weight, by the same names: compare ``storage.version`` to know
            whether a session is stale.
        states: the state pairs, in the order of ``graph.updates``.
        input_names, output_names: the graph's own inputs and outputs, without weights and states.
    """

    model: bytes
    initializers: dict[str, np.ndarray]
    parameters: dict[str, ir.Parameter]
    states: list[State]
    input_names: list[str]
    output_names: list[str]


def build_model(
    graph: ir.Graph,
    *,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    initial: Mapping[ir.Parameter, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
    name: str = "model",
) -> onnx.ModelProto:
    """The graph as a self-contained ONNX model of the IR's opset (21), weights inline, no pass applied.

    Args:
        graph: sliced for inference. Its updates become state pairs (see ``State``): an extra input named as
            the parameter and an extra output ``<parameter>/next`` each, listed in the metadata entry
            ``kcompile.states``.
        input_names, output_names: names for the graph's inputs and outputs; by default the values' own.
        initial: what a state is before the first run and after a reset, where that is not its current value.
        metadata: further entries for ``metadata_props``.
        name: the name of the graph.

    Raises:
        ExportError: for operators that ONNX lacks, names that clash, or more than 2 GB of weights.
    """
    writer = _Writer(graph, "inline", input_names, output_names, initial, annotate=True, exact=True)
    total = sum(p.storage.array.nbytes for p in graph.parameters)
    if total > MAX_INLINE_BYTES:
        raise ExportError(
            f"The weights take {total / 2**30:.1f} GiB; one ONNX file holds at most 2 GiB. Export to a path "
            "with external data instead."
        )
    return writer.finish(name, metadata)


def build_session_model(
    graph: ir.Graph,
    *,
    weights: Literal["external", "inputs"] = "external",
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> SessionModel:
    """The graph for an onnxruntime session of this process, weights kept out of the protobuf.

    Args:
        weights: "external" marks them as external initializers, which onnxruntime folds and packs; "inputs"
            makes them inputs, so that a session sees every later change of a bound buffer.
        graph, input_names, output_names, metadata: as for ``build_model``. Parameters of equal names are told
            apart by a suffix here.

    Raises:
        ExportError: for operators that ONNX lacks, or names that clash.
    """
    writer = _Writer(graph, weights, input_names, output_names, None, annotate=False, exact=False)
    model = writer.finish("model", metadata)
    return SessionModel(
        model.SerializeToString(),
        writer.arrays,
        writer.parameters,
        writer.states,
        writer.input_names,
        writer.output_names,
    )


def write_for_export(
    graph: ir.Graph,
    input_names: Sequence[str] | None,
    output_names: Sequence[str] | None,
    initial: Mapping[ir.Parameter, np.ndarray] | None,
    metadata: Mapping[str, str] | None,
    name: str,
    weight_names: Mapping[ir.Parameter, str] | None = None,
) -> tuple[onnx.ModelProto, dict[str, np.ndarray], list[str]]:
    """The model without large arrays, these arrays by name of initializer, and the names of the weights."""
    writer = _Writer(
        graph,
        "external",
        input_names,
        output_names,
        initial,
        annotate=True,
        exact=True,
        weight_names=weight_names,
    )
    return writer.finish(name, metadata), writer.arrays, list(writer.parameters)


@dataclass
class _Scope:
    """One graph being written: the main graph or a body."""

    graph: ir.Graph
    proto: onnx.GraphProto
    outer: _Scope | None = None
    values: dict[ir.Value, str] = field(default_factory=dict)
    constants: dict[tuple, str] = field(default_factory=dict)
    wanted: dict[ir.Value, str] = field(default_factory=dict)

    def claim(self, outputs: Sequence[ir.Value], names: Sequence[str]) -> None:
        """Lets the nodes that compute outputs give them their names; other outputs will need an Identity."""
        computed = set(self.graph.nodes)
        for value, name in zip(outputs, names, strict=True):
            source = self.graph.resolve(value)
            if source.node in computed and source not in self.values:
                self.wanted.setdefault(source, name)


class _Writer:
    """Writes one graph; ``model`` holds the result."""

    def __init__(
        self,
        graph: ir.Graph,
        weights: Weights,
        input_names: Sequence[str] | None,
        output_names: Sequence[str] | None,
        initial: Mapping[ir.Parameter, np.ndarray] | None,
        annotate: bool,
        exact: bool,
        weight_names: Mapping[ir.Parameter, str] | None = None,
    ) -> None:
        self.weights = weights
        self.weight_names = weight_names or {}
        self.initial = initial or {}
        self.exact = exact
        self.annotate = annotate
        self.names = ir.Names()
        self.model = onnx.ModelProto(ir_version=IR_VERSION, producer_name=PRODUCER)
        self.model.opset_import.add(domain="", version=ir.OPSET)
        self.arrays: dict[str, np.ndarray] = {}
        self.parameters: dict[str, ir.Parameter] = {}
        self.states: list[State] = []
        self._stored: dict[ir.Value, tuple[str, tuple[int, ...]]] = {}
        self._main = _Scope(graph, self.model.graph)
        self.input_names = self._declare_inputs(input_names)
        state_names = self._declare_states()
        self._declare_parameters()
        self.output_names = self._output_names(output_names)
        outputs = [*graph.outputs, *(new for _, new in graph.updates)]
        self._write_graph(self._main, outputs, [*self.output_names, *state_names])

    def finish(self, name: str, metadata: Mapping[str, str] | None) -> onnx.ModelProto:
        self.model.graph.name = name or "model"
        entries = dict(metadata or {})
        if self.states:
            entries[STATES] = json.dumps([_describe_state(state) for state in self.states])
        set_metadata(self.model, entries)
        keep_zeros_around_max(self.model.graph)
        return self.model

    def _declare_inputs(self, names: Sequence[str] | None) -> list[str]:
        inputs = self._main.graph.inputs
        names = [value.name for value in inputs] if names is None else names
        wanted = _checked_names(names, "input", len(inputs))
        for value, name in zip(inputs, wanted, strict=True):
            self._reserve(name, f"The input {value!r}")
            self._main.values[value] = name
            self._declare(self._main.proto.input, value, name)
        return wanted

    def _output_names(self, names: Sequence[str] | None) -> list[str]:
        outputs = self._main.graph.outputs
        if names is None:
            return [self.names.unique(v._name or f"output_{i}") for i, v in enumerate(outputs)]
        # Keras names outputs by layer: two outputs of a shared layer, or an input that is an output, clash
        return [self.names.unique(name) for name in _checked_names(names, "output", len(outputs))]

    def _declare_states(self) -> list[str]:
        """Inputs for the parameters that are updated; the names of the outputs with their next values."""
        for parameter, _ in self._main.graph.updates:
            name = self._take_name(parameter)
            initial = self.initial.get(parameter, parameter.storage.array)
            self.states.append(State(name, self.names.unique(f"{name}/next"), parameter, initial))
            self._main.values[parameter] = name
            self._declare(self._main.proto.input, parameter, name)
        return [state.output for state in self.states]

    def _declare_parameters(self) -> None:
        for parameter in self._main.graph.parameters:
            if parameter not in self._main.values:
                name = self._take_name(parameter)
                self.parameters[name] = parameter
                self._write_parameter(parameter, name)

    def _take_name(self, parameter: ir.Parameter) -> str:
        if self.exact:
            name = self.weight_names.get(parameter, parameter.name)
            return self._reserve(name, f"The weight {parameter!r}")
        return self.names.unique(parameter.name)

    def _reserve(self, name: str, what: str) -> str:
        """Takes exactly this name.

        Raises:
            ExportError: if the name is empty or taken.
        """
        if not name:
            raise ExportError(f"{what} has an empty name; ONNX needs one: give it a name.")
        if name in self.names:
            raise ExportError(
                f"{what} is named {name!r}, and so is another value of the model; rename one of them."
            )
        self.names.take(name)
        return name

    def _write_parameter(self, parameter: ir.Parameter, name: str) -> None:
        """A weight; in a session it lies as its buffer does, and the graph's Transposes start from there."""
        array = parameter.storage.array
        order = None if self.exact else parameter.storage.order
        if order is not None:
            array = array.transpose(order)
            self._stored[parameter] = (name, order)
        if self.weights == "inputs":
            self._declare(self._main.proto.input, ir.Value(array.dtype, array.shape), name)
            self.arrays[name] = array
        else:
            self._write_initializer(self._main, array, name)
        if order is None:
            self._main.values[parameter] = name
        elif parameter in self._read_as_it_is():
            logical = self._main.values[parameter] = self.names.unique(f"{name}/logical")
            node = self._main.proto.node.add(
                op_type="Transpose", name=logical, input=[name], output=[logical]
            )
            _write_attribute(node.attribute.add(), "perm", np.argsort(order), AttributeProto.INTS)

    def _read_as_it_is(self) -> set[ir.Value]:
        """What is read by more than Transposes of the main graph."""
        graph = self._main.graph
        read = {graph.resolve(value) for value in (*graph.outputs, *(new for _, new in graph.updates))}
        for node in graph.nodes:
            if node.op_type != "Transpose" or node.outputs[0] in read:
                read.update(graph.dependencies(node))
        return read

    def _transposes_stored(self, node: ir.Node) -> bool:
        """Writes a Transpose of a weight that lies in memory in its own order: often it lies as wanted."""
        graph, output = self._main.graph, node.outputs[0]
        operand = graph.operands(node)[0]
        if node.op_type != "Transpose" or operand not in self._stored or output in self._main.wanted:
            return False
        name, order = self._stored[operand]
        perm = node.attributes.get("perm", range(len(order))[::-1])
        from_stored = [order.index(axis) for axis in perm]
        if from_stored == list(range(len(order))):
            self._main.values[output] = name
            return True
        proto = self._main.proto.node.add(
            op_type="Transpose", name=self.names.unique(node.name), input=[name]
        )
        proto.output.append(self.names.unique(f"{proto.name}:0"))
        self._main.values[output] = proto.output[0]
        _write_attribute(proto.attribute.add(), "perm", from_stored, AttributeProto.INTS)
        return True

    def _write_initializer(self, scope: _Scope, array: np.ndarray, name: str) -> None:
        # with weights as inputs, what is no weight is in the model: only weights are bound
        inline = self.weights != "external" or array.nbytes <= _SMALL_BYTES or array.dtype == object
        if (
            inline or scope is not self._main
        ):  # onnxruntime takes arrays for initializers of the main graph only
            scope.proto.initializer.append(numpy_helper.from_array(array, name))
            return
        tensor = scope.proto.initializer.add(
            name=name,
            data_type=ir.to_onnx(array.dtype),
            dims=array.shape,
            data_location=TensorProto.EXTERNAL,
        )
        tensor.external_data.add(key="location", value="in-memory")
        self.arrays[name] = array if self.exact else np.ascontiguousarray(array)

    def _declare(self, declarations: Any, value: ir.Value, name: str, anonymous: bool = False) -> None:
        """A ValueInfoProto; an axis of unknown size gets a name of its own, unless it may stay anonymous."""
        tensor = declarations.add(name=name).type.tensor_type
        tensor.elem_type = ir.to_onnx(value.dtype)
        if value.dims is None:
            return
        dims = tensor.shape  # touching it makes the shape known even for a scalar
        dims.SetInParent()
        for axis, dim in enumerate(value.dims):
            if isinstance(dim, int):
                dims.dim.add(dim_value=dim)
            elif dim or not anonymous:
                dims.dim.add(dim_param=dim or f"{name}_dim{axis}")
            else:
                dims.dim.add()

    def _write_graph(self, scope: _Scope, outputs: Sequence[ir.Value], names: Sequence[str]) -> None:
        """Nodes and outputs of a graph whose inputs are declared."""
        scope.claim(outputs, names)
        for node in scope.graph.nodes:
            self._write_node(scope, node)
        for value, name in zip(outputs, names, strict=True):
            source = scope.graph.resolve(value)
            if scope.values.get(source) != name:  # an input, a weight, a constant, or an output already
                read = self._name_of(scope, source, None, name, 0)
                identity = self.names.unique(f"{name}/Identity")
                scope.proto.node.add(op_type="Identity", name=identity, input=[read], output=[name])
            self._declare(scope.proto.output, _most_precise(value, source), name)

    def _write_node(self, scope: _Scope, node: ir.Node) -> None:
        foreign = node if isinstance(node, ir.ForeignNode) else None
        if foreign is not None:
            self._import(foreign)
        elif node.domain:
            raise ExportError(_unexportable(node))
        if self._stored and scope is self._main and self._transposes_stored(node):
            return
        proto = scope.proto.node.add(op_type=node.op_type, name=self.names.unique(node.name))
        if foreign is not None:
            proto.op_type, proto.domain = foreign.operator, foreign.domain
        operands = scope.graph.operands(node)
        for i, value in enumerate(operands):
            proto.input.append("" if value is None else self._name_of(scope, value, node, proto.name, i))
        for output in node.outputs:
            if foreign is not None and output.index in foreign.left_out:
                proto.output.append("")
                continue
            name = scope.wanted.get(output) or self.names.unique(f"{proto.name}:{output.index}")
            scope.values[output] = name
            proto.output.append(name)
            # told the shapes, onnxruntime (1.31) lets Binarizer and Normalizer overwrite what they still read
            if self.annotate and output not in scope.wanted and foreign is None:
                self._declare(scope.proto.value_info, output, name, anonymous=True)
        kinds = _attribute_kinds(node.op_type) if foreign is None else {}
        bodies = scope.graph.bodies(node)
        for key, attribute in node.attributes.items():
            if foreign is not None:
                proto.attribute.append(attribute)
            elif key in bodies:
                body = self._write_body(scope, bodies[key], f"{proto.name}/{key}")
                proto.attribute.add(name=key, type=AttributeProto.GRAPH, g=body)
            else:
                _write_attribute(proto.attribute.add(), key, attribute, kinds[key])
        if node.op_type == "Dropout" and len(node.outputs) == 1 and len(operands) > 2:
            self._keep_dropout(scope, proto, node.outputs[0])
        if self.annotate and node.scope:
            proto.metadata_props.add(key=LAYER, value=node.scope)

    def _import(self, node: ir.ForeignNode) -> None:
        """Declares the operator set of a node of another domain.

        Raises:
            ExportError: if another node is of another version of it: one file has one.
        """
        for entry in self.model.opset_import:
            if entry.domain == node.domain:
                if entry.version != node.version:
                    raise ExportError(
                        f"{node.name} is of version {node.version} of {node.domain}, others of the model are "
                        f"of version {entry.version}; one ONNX file cannot have both."
                    )
                return
        self.model.opset_import.add(domain=node.domain, version=node.version)

    def _keep_dropout(self, scope: _Scope, dropout: onnx.NodeProto, output: ir.Value) -> None:
        """Reads the mask of a Dropout that also drops at inference (``training=True``): onnxruntime (1.31 and
        before) takes each Dropout whose mask nobody reads for the identity."""
        result = dropout.output[0]
        dropped, mask = (self.names.unique(f"{dropout.name}/{part}") for part in ("dropped", "mask"))
        zero = self._constant(scope, ir.Constant(np.zeros((), output.dtype)), None, dropout.name, 0)
        del dropout.output[:]
        dropout.output.extend([dropped, mask])
        kept = scope.proto.node.add(op_type="Where", name=self.names.unique(f"{dropout.name}/Where"))
        kept.input.extend([mask, dropped, zero])
        kept.output.append(result)
        if self.annotate and output.node is not None and output.node.scope:
            kept.metadata_props.add(key=LAYER, value=output.node.scope)

    def _write_body(self, outer: _Scope, graph: ir.Graph, name: str) -> onnx.GraphProto:
        scope = _Scope(graph, onnx.GraphProto(name=name), outer)
        for i, value in enumerate(graph.inputs):
            scope.values[value] = self.names.unique(f"{name}/{value._name or f'input_{i}'}")
            self._declare(scope.proto.input, value, scope.values[value])
        names = [self.names.unique(f"{name}/output_{i}") for i in range(len(graph.outputs))]
        self._write_graph(scope, graph.outputs, names)
        return scope.proto

    def _name_of(self, scope: _Scope, value: ir.Value, node: ir.Node | None, user: str, position: int) -> str:
        """The name of an operand; constants are written at first use, equal ones once."""
        if isinstance(value, ir.Constant):
            return self._constant(scope, value, node, user, position)
        look: _Scope | None = scope
        while look is not None:
            name = look.values.get(value) or look.values.get(look.graph.resolve(value))
            if name is not None:
                return name
            look = look.outer
        raise ExportError(f"{user} reads {value!r}, which nothing in the graph computes.")

    def _constant(self, scope: _Scope, constant: ir.Constant, node: ir.Node | None, user: str, i: int) -> str:
        array = constant.array
        while scope.outer is not None and array.size > _LOCAL_ELEMENTS:
            scope = scope.outer
        if array.dtype != object and array.size <= _LOCAL_ELEMENTS:
            key: tuple = (array.dtype, array.shape, array.tobytes())
        else:
            key = (id(constant),)
        name = scope.constants.get(key)
        if name is None:
            foreign = isinstance(node, ir.ForeignNode)
            formal = "value" if node is None else f"input_{i}" if foreign else _input_name(node.op_type, i)
            name = scope.constants[key] = self.names.unique(constant._name or f"{user}/{formal}")
            self._write_initializer(scope, array, name)
        return name


def _checked_names(names: Sequence[str], what: str, expected: int) -> list[str]:
    if len(names) != expected:
        raise ExportError(f"{len(names)} {what} names given ({', '.join(names)}); the graph has {expected}.")
    return list(names)


def _describe_state(state: State) -> dict[str, Any]:
    value, array = state.parameter, np.asarray(state.initial)
    entry = {
        "input": state.input,
        "output": state.output,
        "shape": list(value.shape or ()),
        "dtype": "string" if value.dtype == object else value.dtype.name,
    }
    if array.dtype == object or array.any():
        uniform = array.size and bool((array == array.flat[0]).all())
        entry["initial"] = array.flat[0].item() if uniform and array.dtype != object else array.tolist()
    return entry


_ADVICE = {
    "StopGradient": "it means something only while training: slice the graph for inference",
    "OwnGradient": "it means something only while training: slice the graph for inference",
    "Print": "slice the graph with silent=True",
    "Phase": "slice the graph for one phase",
    "Gradient": "ONNX has no operator for gradients: use K.function for them, and export the model without",
}


def _unexportable(node: ir.Node) -> str:
    where = f" in {node.scope}" if node.scope else ""
    advice = _ADVICE.get(node.op_type, "replace it by standard operators")
    return f"{node.op_type}{where} cannot be exported to ONNX: {advice}."


def _most_precise(value: ir.Value, source: ir.Value) -> ir.Value:
    """Of two descriptions of one tensor, the one that knows its axes."""
    if source.dims is None or (value.dims is not None and None not in value.dims):
        return value
    return source


@cache
def _attribute_kinds(op_type: str) -> dict[str, int]:
    attributes: dict[str, Any] = ir.schema_of(op_type).attributes
    return {name: AttributeProto.AttributeType.Value(a.type.name) for name, a in attributes.items()}


@cache
def _input_name(op_type: str, position: int) -> str:
    formal = ir.schema_of(op_type).inputs
    if position < len(formal) - 1 or (formal and position < len(formal) and not _is_variadic(formal[-1])):
        return formal[position].name
    return f"{formal[-1].name}_{position}" if formal else f"input_{position}"


def _is_variadic(formal: onnx.defs.OpSchema.FormalParameter) -> bool:
    return formal.option == onnx.defs.OpSchema.FormalParameterOption.Variadic


def _write_attribute(proto: Any, name: str, value: Any, kind: int) -> None:
    proto.name = name
    proto.type = kind
    if kind == AttributeProto.INT:
        proto.i = int(value)
    elif kind == AttributeProto.INTS:
        proto.ints.extend([int(v) for v in value])
    elif kind == AttributeProto.FLOAT:
        proto.f = float(value)
    elif kind == AttributeProto.FLOATS:
        proto.floats.extend([float(v) for v in value])
    elif kind == AttributeProto.STRING:
        proto.s = value if isinstance(value, bytes) else value.encode()
    elif kind == AttributeProto.STRINGS:
        proto.strings.extend([v if isinstance(v, bytes) else v.encode() for v in value])
    elif kind == AttributeProto.TENSOR and isinstance(value, np.ndarray | np.generic):
        proto.t.CopyFrom(numpy_helper.from_array(np.asarray(value)))
    else:
        proto.CopyFrom(helper.make_attribute(name, value, attr_type=kind))
