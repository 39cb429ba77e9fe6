"""Graphs of TensorFlow's operators as values: by the tables of its operators and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context, execute

from ...ir import Body, Value, op
from ...keras import backend as K
from ...keras import random
from ...keras.core.operation_layers import entry_of_function, near_names
from ...keras.operations import tensorflow_operators
from ...keras.operations.node_defs import read_node_def
from ...keras.operations.rows import ROWS
from ..errors import LiveModelError, UnknownOperationError
from ..translation import HALF
from .recording import UPDATES, LayerCall, Recording, operations_of
from .tensor_lists import OPERATORS as LIST_OPERATORS
from .tensor_lists import TensorList, wrapped

#: Arguments of functions that say how, not what on: plain numbers, as files have them.
_PLAIN = frozenset(
    "shape axis perm multiples paddings begin end strides size dims num num_or_size_splits k depth "
    "num_rows num_cols num_lower num_upper output_shape num_segments shift seq_axis batch_axis start limit "
    "delta stop".split()
)


class Emitter(Protocol):
    """What emission needs of the one who translates a model."""

    wide: str

    def typed(self, dtype: str) -> str:
        """A type as it is here."""

    def parameter(self, variable: Any) -> Value:
        """What stands for a variable."""

    def called(self, live: Any, args: Any, kwargs: Any) -> Any:
        """What a layer of Keras's gives for values."""


@dataclass(frozen=True)
class Handle:
    """What an operator takes in the place of a variable."""

    variable: Any


class Variables:
    """The variables of one recording, as they are after what has been emitted.

    Args:
        emitter: who knows the parameters.
    """

    def __init__(self, emitter: Emitter) -> None:
        self._emitter = emitter
        self._changed: dict[int, tuple[Any, Any]] = {}

    def read(self, variable: Any) -> Any:
        """What a variable holds."""
        if id(variable) in self._changed:
            return self._changed[id(variable)][1]
        return self._emitter.parameter(variable)

    def write(self, variable: Any, value: Any) -> None:
        """What a variable holds from here on."""
        self._changed[id(variable)] = variable, value

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Within, what is emitted may change no variable."""
        before = dict(self._changed)
        yield
        if self._changed != before:
            raise LiveModelError("an assignment to a variable in a branch or loop over tensors")

    def assign(self) -> None:
        """Notes the updates with the layer that is being called."""
        for variable, value in self._changed.values():
            self._emitter.parameter(variable).assign(value)  # type: ignore[attr-defined]


class Emission:
    """Emits the operators of one graph.

    A tensor is a value, an array where it is known, a list of sizes some of which are values, or a Handle.

    Args:
        emitter: who knows layers and variables.
        found: what stands for tensors of the graph, by name.
        calls: of layers within, by the names of their tensors.
        variables: what they hold.
        where: the layer, for errors.
    """

    def __init__(
        self,
        emitter: Emitter,
        found: Mapping[str, Any],
        calls: Mapping[str, LayerCall],
        variables: Variables,
        where: str,
    ) -> None:
        self.emitter, self.variables = emitter, variables
        self._found, self._calls, self._where = dict(found), calls, where

    def run(self, operations: list[Any]) -> None:
        """Emits operators, in their order."""
        for each in operations:
            try:
                self._run(each)
            except LiveModelError as error:
                if error.is_located:
                    raise
                raise type(error)(self._told(each, str(error)), is_located=True) from error
            except (ValueError, TypeError, KeyError, NotImplementedError, IndexError) as error:
                what = f"{each.type} in a way that is not read here: {type(error).__name__}: {error}"
                raise LiveModelError(self._told(each, what), is_located=True) from error

    def _told(self, each: Any, what: str) -> str:
        line = users_line(each)
        return f"The layer {self._where} calls {what.rstrip('.')}{f' ({line})' if line else ''}."

    def _run(self, each: Any) -> None:
        if not each.outputs or each.outputs[0].name in self._found:
            if each.type in UPDATES:
                SPECIAL[each.type](self, each, [self.found(x) for x in each.inputs])
            return
        call = self._calls.get(each.outputs[0].name)
        outputs = self._of_layer(call) if call is not None else self._outputs(each)
        names = [x.name for x in each.outputs] if call is None else call.outputs
        for name, value in zip(names, outputs, strict=False):
            self._found[name] = value
        for tensor in each.outputs:
            value = self._found.get(tensor.name)
            if isinstance(value, Value) and tensor.shape.rank is not None and tensor.dtype != tf.variant:
                value.refine(tensor.shape.as_list())

    def _of_layer(self, call: LayerCall) -> list[Any]:
        args, kwargs = (tf.nest.map_structure(self.argument, x) for x in (call.args, call.kwargs))
        return list(tf.nest.flatten(self.emitter.called(call.layer, args, kwargs)))

    def _outputs(self, each: Any) -> list[Any]:
        known = [tf.get_static_value(x) for x in each.outputs] if each.type != "Placeholder" else [None]
        if known and all(x is not None for x in known):
            return [np.asarray(x) for x in known]
        inputs = [self.found(x) for x in each.inputs]
        if each.type == "Identity" and isinstance(inputs[0], TensorList):
            return inputs
        if each.type in SPECIAL:
            return SPECIAL[each.type](self, each, inputs)
        if inputs and all(isinstance(x, np.ndarray) for x in inputs) and not each.op_def.is_stateful:
            return _computed(each, inputs)
        return self._by_table(each, inputs)

    def _by_table(self, each: Any, inputs: list[Any]) -> list[Any]:
        if each.type not in tensorflow_operators.NAMES:
            raise UnknownOperationError(
                f"TensorFlow's operator {each.type}, {near_names(each.type, tensorflow_operators.NAMES)}"
            )
        node = read_node_def(each.node_def.SerializeToString())
        function, arguments = tensorflow_operators.function_of(node, inputs)
        return self.of_function(function, arguments)

    def of_function(self, function: str, arguments: Mapping[str, Any]) -> list[Any]:
        """What one of TensorFlow's functions gives."""
        given = {name: self._given(name, x) for name, x in arguments.items()}
        if function == "reshape":
            given["shape"] = _one_open(given["shape"])
        entry = entry_of_function({"name": function}, function, given, [])["config"]
        outputs = ROWS[entry["operation"]].emit(**_filled(entry["arguments"]))
        return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

    def _given(self, name: str, x: Any) -> Any:
        """An argument of a function as files have it."""
        if isinstance(x, np.ndarray):
            if x.dtype.kind in "OSU":
                return _text(x)
            plain = name in _PLAIN or x.dtype in (np.int32, np.bool_) or x.dtype == np.float32 and not x.ndim
            return x.tolist() if plain else self.constant(x)
        if isinstance(x, list):
            return [self._given(name, entry) for entry in x]
        return self.emitter.typed(x) if isinstance(x, str) and x in HALF else x

    # --- tensors --------------------------------------------------------------------------------------------

    def found(self, tensor: Any) -> Any:
        """What stands for a tensor of the graph, or of another one."""
        if tensor.name in self._found:
            return self._found[tensor.name]
        known = tf.get_static_value(tensor)
        if known is None:
            raise LiveModelError(f"what is not known here, the tensor {tensor.name}")
        return np.asarray(known)

    def value(self, x: Any) -> Any:
        """A tensor of the graph as a value; None as it is."""
        if x is None:
            return None
        found = self.found(x)
        if isinstance(found, np.ndarray):
            return self.constant(found)
        return K.stack([self.as_value(n) for n in found]) if isinstance(found, list) else found

    def as_value(self, x: Any) -> Value:
        """An array or number as a value; values as they are."""
        return x if isinstance(x, Value) else self.constant(np.asarray(x))

    def constant(self, array: np.ndarray) -> Value:
        """Numbers as a value, of the type that the model has for half ones."""
        name = array.dtype.name
        return K.constant(array.astype(self.emitter.typed(name)), dtype=self.emitter.typed(name))

    def argument(self, x: Any) -> Any:
        """An argument of a layer: tensors and variables as values, all else as it is."""
        if isinstance(x, tf.Variable):
            return self.variables.read(x)
        return self.value(x) if tf.is_tensor(x) else x


def users_line(each: Any) -> str:
    """Where in the user's code an operator was made, ``""`` if that is not known."""
    for frame in reversed(each.traceback or []):
        if not any(part in frame.filename for part in ("/tf_keras/", "/tensorflow/", "/kcompile/", "<")):
            return f"{frame.filename}:{frame.lineno}"
    return ""


def _text(array: np.ndarray) -> Any:
    if not array.ndim:
        item = array.item()
        return item.decode() if isinstance(item, bytes) else item
    return [_text(entry) for entry in array]


def _filled(value: Any) -> Any:
    """Arguments with values for constants."""
    if isinstance(value, dict):
        if set(value) == {"constant", "dtype"}:
            return _constant(value)
        return {key: _filled(entry) for key, entry in value.items()}
    return [_filled(entry) for entry in value] if isinstance(value, list) else value


def _constant(value: dict[str, Any]) -> Any:
    """A list for a tensor; one that has values in it is joined."""
    entries = value["constant"]
    if any(isinstance(x, Value) for x in entries):
        return entries
    return K.constant(entries, dtype=value["dtype"])


def _one_open(sizes: Any) -> Any:
    """A shape whose only open size is -1: what can be worked out needs no computing."""
    if not isinstance(sizes, list) or -1 in [n for n in sizes if not isinstance(n, Value)]:
        return sizes
    computed = [i for i, n in enumerate(sizes) if isinstance(n, Value)]
    return [-1 if i in computed else n for i, n in enumerate(sizes)] if len(computed) == 1 else sizes


def _computed(each: Any, inputs: list[Any]) -> list[Any]:
    """What an operator gives for numbers, which TensorFlow computes."""
    attributes: list[Any] = []
    for attribute in each.op_def.attr:
        value = each.get_attr(attribute.name)
        if isinstance(value, list):
            value = [_plain_attribute(entry) for entry in value]
        attributes += [attribute.name, _plain_attribute(value)]
    with tf.init_scope():
        tensors = [tf.constant(x) for x in inputs]
        outputs = execute.execute(
            each.type.encode(), len(each.outputs), tensors, tuple(attributes), context.context()
        )
        return [x.numpy() for x in outputs]


def _plain_attribute(value: Any) -> Any:
    return value.as_datatype_enum if isinstance(value, tf.DType) else value


# --- operators that the tables of functions have not --------------------------------------------------------


def _read(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    return [emission.variables.read(inputs[0].variable)]


def _gathered(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    params = emission.variables.read(inputs[0].variable)
    batch_dims = each.get_attr("batch_dims")
    arguments = {"params": params, "indices": inputs[1], "axis": batch_dims, "batch_dims": batch_dims}
    return emission.of_function("gather", arguments)


def _gathered_nd(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    params = emission.variables.read(inputs[0].variable)
    return emission.of_function("gather_nd", {"params": params, "indices": inputs[1]})


def _shape_of_variable(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    return [np.asarray(inputs[0].variable.shape.as_list(), "int32")]


def _assigned(
    change: Callable[[Any, Any], Any],
) -> Callable[[Emission, Any, list[Any]], list[Any]]:
    def assign(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
        variable, value = inputs[0].variable, emission.as_value(inputs[1])
        emission.variables.write(variable, change(emission.variables.read(variable), value))
        return []

    return assign


def _packed(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    """Sizes stay a list: those that are known stay numbers."""
    if each.inputs[0].dtype.is_integer and each.inputs[0].shape.rank == 0:
        return [[x.item() if isinstance(x, np.ndarray) else x for x in inputs]]
    return emission.of_function("stack", {"values": inputs, "axis": each.get_attr("axis")})


def _joined(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    *parts, axis = inputs
    if any(isinstance(x, list) for x in parts) and all(isinstance(x, list | np.ndarray) for x in parts):
        return [[n for x in parts for n in (x if isinstance(x, list) else x.tolist())]]
    values = [emission.value(x) for x in each.inputs[:-1]]
    return emission.of_function("concat", {"values": values, "axis": axis})


def _random(name: str) -> Callable[[Emission, Any, list[Any]], list[Any]]:
    def emit(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
        shape = inputs[0].tolist() if isinstance(inputs[0], np.ndarray) else inputs[0]
        dtype = emission.emitter.typed(each.outputs[0].dtype.name)
        return [getattr(random, name)(shape, dtype=dtype)]

    return emit


def _random_integers(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    shape = inputs[0].tolist() if isinstance(inputs[0], np.ndarray) else inputs[0]
    low, high = (x.item() if isinstance(x, np.ndarray) else x for x in inputs[-2:])
    return [random.randint(shape, low, high, dtype=each.outputs[0].dtype.name)]


def _nothing(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    return []


def _state(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    """The state of a random generator: numbers are drawn by other rules here."""
    return [np.zeros((), "int64") for _ in each.outputs]


# --- functions and control flow -----------------------------------------------------------------------------


def _graph_of(each: Any, attribute: str) -> Any:
    return each.graph._get_function(each.get_attr(attribute).name).graph


def _body(emission: Emission, graph: Any, inputs: list[Any]) -> list[Any]:
    """The outputs of a graph that is a function, for what it is called on."""
    found = dict(zip((x.name for x in graph.inputs), inputs, strict=True))
    inner = Emission(emission.emitter, found, {}, emission.variables, emission._where)
    recording = Recording(graph, outputs=list(graph.outputs))
    inner.run(operations_of(recording))
    return [inner.found(x) for x in graph.outputs]


def _called(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    return _body(emission, _graph_of(each, "f"), inputs)


def _branched(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    condition, *rest = inputs
    graphs = [_graph_of(each, f"{name}_branch") for name in ("then", "else")]
    if isinstance(condition, np.ndarray):
        return _body(emission, graphs[0 if condition.any() else 1], rest)
    with emission.variables.unchanged():
        given = [_body(emission, graph, rest) for graph in graphs]
        branches = [[_carried(emission, x) for x in outputs] for outputs in given]
    condition = K.cast(K.reshape(condition, []), "bool")
    then, other = (Body(branch) for branch in branches)
    outputs = op.If(condition, then_branch=then, else_branch=other, outputs=len(each.outputs))
    found = list(outputs) if isinstance(outputs, tuple) else [outputs]
    return [wrapped(x, like) for x, like in zip(found, given[0], strict=True)]


def _stacked(emission: Emission, x: Any) -> Any:
    return K.stack([emission.as_value(n) for n in x]) if isinstance(x, list) else x


def _started(emission: Emission, body: Any, inputs: list[Any], changing: list[int]) -> list[Any]:
    """Lists of tensors as tensors before a loop that writes them: of what shape they are, its first step
    says."""
    if not any(isinstance(inputs[i], TensorList) and inputs[i].items is None for i in changing):
        return inputs
    with emission.variables.unchanged():
        after = _body(emission, body, inputs)
    return [
        x.for_items_like(op.Gather(after[i].stacked(), np.int64(0), axis=0))
        if i in changing and isinstance(x, TensorList)
        else x
        for i, x in enumerate(inputs)
    ]


def _looped(emission: Emission, each: Any, inputs: list[Any]) -> list[Any]:
    condition, body = _graph_of(each, "cond"), _graph_of(each, "body")
    changing = [i for i, x in enumerate(body.outputs) if x.name != body.inputs[i].name]
    inputs = _started(emission, body, inputs, changing)
    start = [_carried(emission, x) if i in changing else x for i, x in enumerate(inputs)]

    def with_state(state: list[Any]) -> list[Any]:
        given = list(start)
        for i, value in zip(changing, state, strict=True):
            given[i] = wrapped(value, inputs[i])
        return given

    formal = [Value(start[i].dtype, _carried_dims(body.inputs[i], start[i]), f"state_{i}") for i in changing]
    count, was_true = Value(np.dtype("int64"), (), "iteration"), Value(np.dtype("bool"), (), "condition")
    with emission.variables.unchanged():
        after = _body(emission, body, with_state(formal))
    state = [_carried(emission, after[i]) for i in changing]

    def goes_on(values: list[Any]) -> Value:
        (result,) = _body(emission, condition, with_state(values))
        return K.cast(K.reshape(emission.as_value(result), []), "bool")

    loop = Body([goes_on(state), *state], [count, was_true, *formal])
    outputs = op.Loop(
        None,
        goes_on([start[i] for i in changing]),
        *[start[i] for i in changing],
        body=loop,
        outputs=len(changing),
    )
    found = dict(zip(changing, outputs if isinstance(outputs, tuple) else (outputs,), strict=True))
    return [wrapped(found.get(i, x), x) if i in found else x for i, x in enumerate(inputs)]


def _carried(emission: Emission, x: Any) -> Value:
    """What a loop carries from step to step, as a tensor."""
    return x.stacked() if isinstance(x, TensorList) else emission.as_value(_stacked(emission, x))


def _carried_dims(tensor: Any, first: Value) -> Any:
    """The sizes of a tensor in any step of a loop: a list may have grown."""
    if tensor.dtype == tf.variant:
        return None if first.dims is None else (None, *first.dims[1:])
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


Special = Callable[[Emission, Any, list[Any]], list[Any]]
SPECIAL: dict[str, Special] = {
    **LIST_OPERATORS,
    "ReadVariableOp": _read,
    "ResourceGather": _gathered,
    "ResourceGatherNd": _gathered_nd,
    "VariableShape": _shape_of_variable,
    "AssignVariableOp": _assigned(lambda old, new: new),
    "AssignAddVariableOp": _assigned(lambda old, new: old + new),
    "AssignSubVariableOp": _assigned(lambda old, new: old - new),
    "Pack": _packed,
    "ConcatV2": _joined,
    "PartitionedCall": _called,
    "StatefulPartitionedCall": _called,
    "If": _branched,
    "StatelessIf": _branched,
    "While": _looped,
    "StatelessWhile": _looped,
    "Assert": _nothing,
    "RandomStandardNormal": _random("normal"),
    "RandomUniform": _random("uniform"),
    "TruncatedNormal": _random("truncated_normal"),
    "StatelessRandomNormalV2": _random("normal"),
    "StatelessRandomUniformV2": _random("uniform"),
    "StatelessTruncatedNormalV2": _random("truncated_normal"),
    "RandomUniformInt": _random_integers,
    "StatelessRandomUniformIntV2": _random_integers,
    "StatelessRandomGetKeyCounter": _state,
    "StatelessRandomGetAlg": _state,
    "RngReadAndSkip": _state,
}
