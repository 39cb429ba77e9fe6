"""Plain functions as layers: those of ``keras.ops``, and of TensorFlow.

They are read as an :class:`OperationLayer`, whose arguments stand in its configuration with ``{"tensor":
i}`` for the i-th tensor that it is called on, and are written in the words of tf.keras 2 (TFOpLambda and
SlicingOpLambda, which configurations here have, too) or of Keras 3. What each emits is in
``operations.table``, what TensorFlow's functions are in ``operations.tensorflow_names``; nothing is looked up
anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Value
from .. import backend as K
from .. import operations, registry
from ..declaration import configured, converted
from ..utils.generic_utils import close_names
from ..utils.nested import each
from .layer import Layer

_TF_CLASSES = ("TFOpLambda", "SlicingOpLambda")
_CONSTANT = "_CONSTANT_VALUE"
#: Operations of Keras 3 that are called on any number of tensors.
VARIADIC = ("Einsum", "Meshgrid")
#: Arguments of TensorFlow's functions that change nothing at this value.
_HARMLESS = {"beta": 1.0, "batch_dims": 0}
_BY_KEYWORD = ("constant_values", "weights")


class OperationLayer(Layer):
    """One function from the table of operations.

    Args:
        operation: its name, that of its class in Keras 3.
        arguments: its operands and settings by name, with ``{"tensor": i}`` for the i-th input.

    Raises:
        ValueError: for an operation that is not in the table, or arguments that it does not have.
    """

    _casts_inputs = False

    @configured(arguments=converted(dict))
    def __init__(self, operation: str, arguments: Mapping[str, Any], **kwargs: Any) -> None:
        if not isinstance(operation, str) or operation not in operations.ROWS:
            raise ValueError(
                unknown_function(
                    self.name, f"keras.ops's {operation!r}", str(operation), operations.OPERATIONS
                )
            )
        row = operations.ROWS[operation]
        unknown = [name for name in self.arguments if name not in (*row.operands, *row.settings)]
        if unknown:
            raise ValueError(
                f"Layer {self.name!r} of the file is the operation {operation} with the argument "
                f"{unknown[0]!r}, which is not read; its arguments are "
                f"{', '.join((*row.operands, *row.settings))}."
            )

    def call(self, inputs: Any) -> Any:
        tensors = inputs if isinstance(inputs, list) else [inputs]
        arguments = {n: _filled(value, tensors.__getitem__) for n, value in self.arguments.items()}
        return operations.ROWS[self.operation].emit(**arguments)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """None: a function of tensors knows nothing of masks."""

    # --- as other programs write it -------------------------------------------------------------------------

    def in_keras_3(self) -> tuple[str, dict[str, Any]]:
        """Operation and arguments in Keras 3.

        Raises:
            ValueError: for a function of TensorFlow that Keras 3 has not.
        """
        if self.operation in operations.OPERATIONS:
            return self.operation, self.arguments
        found = operations.in_keras_3(self.operation.removeprefix("tf."), self.arguments)
        if found is None:
            raise ValueError(
                f"The layer {self.name!r} is TensorFlow's function {self.operation}, which keras.ops has not "
                "with these arguments: it cannot be written to a .keras file. Save the model to .h5 or .onnx."
            )
        return found

    def keras_3_config(self) -> tuple[str, dict[str, Any]]:
        """Module and configuration in Keras 3; ValueError as ``in_keras_3`` raises it."""
        operation, arguments = self.in_keras_3()
        row = operations.OPERATIONS[operation]
        settings = {name: value for name, value in arguments.items() if name in row.settings}
        return f"keras.src.ops.{row.module}", {"name": self.name, **_plain_constants(settings)}

    def keras_3_call(self, tensors: list[Any]) -> dict[str, Any]:
        """One call in Keras 3, given the configurations of its tensors."""
        operation, arguments = self.in_keras_3()
        given = [n for n in operations.OPERATIONS[operation].operands if n in arguments]
        operands = [arguments[name] for name in given if name not in _BY_KEYWORD]
        kwargs = {name: _keras_3_value(arguments[name], tensors) for name in given if name in _BY_KEYWORD}
        if operation == "GetItem" and isinstance(operands[1], list):
            args = [_keras_3_value(operands[0], tensors), [_keras_3_value(e, tensors) for e in operands[1]]]
        else:
            args = [_keras_3_value(value, tensors) for value in operands]
        return {"args": args[0] if operation in VARIADIC else args, "kwargs": kwargs}

    def layer_config(self, tensors: Sequence[Value]) -> dict[str, Any] | None:
        """Class and configuration of the layer that computes the same on these tensors, to the bit; None
        without.

        An .h5 file with layers alone opens in tf.keras 2 and Keras 3 alike.
        """
        if self.operation not in operations.OPERATIONS:
            return None
        found = operations.equivalent_layer(self.operation, self.arguments, tensors)
        if found is None:
            return None
        class_name, config = found
        return {"class_name": class_name, "config": {"name": self.name, "trainable": True, **config}}

    def tf_config(self, places: list[list[Any]]) -> dict[str, Any] | None:
        """Class, configuration and call in tf.keras 2, given the places of its tensors; None where
        TensorFlow has no such function."""
        if self.operation not in operations.OPERATIONS:
            function: str | None = self.operation.removeprefix("tf.")
            arguments: dict[str, Any] | None = self.arguments
        else:
            function = operations.TF_NAMES.get(self.operation)
            arguments = None if function is None else self._tf_arguments(function)
        if function is None or function.startswith("raw_ops.") or arguments is None:
            return None
        values = {
            name: _filled(_plain_constants(value), places.__getitem__) for name, value in arguments.items()
        }
        own = self.operation not in operations.OPERATIONS  # its arguments come in their order
        first = next(iter(arguments)) if own else _tf_parameters(function)[0][0]
        operand, start = arguments[first], values.pop(first)
        if isinstance(operand, list):
            if not all(_is_tensor(entry) for entry in operand):
                return None
            call: list[Any] = [[*place, values] for place in start]
        elif _is_tensor(operand):
            call = [*start, values]
        else:
            call = [_CONSTANT, -1, start, values]
        config = {"name": self.name, "trainable": True, "dtype": "float32", "function": function}
        class_name = "SlicingOpLambda" if self.operation == "GetItem" else "TFOpLambda"
        return {"class_name": class_name, "config": config, "inbound_nodes": [call]}

    def _tf_arguments(self, function: str) -> dict[str, Any] | None:
        """The arguments by TensorFlow's names; None if one of them cannot be said there."""
        settings = operations.OPERATIONS[self.operation].settings
        names = {own: (tf_name, default) for tf_name, own, default in _tf_parameters(function)}
        if any(own not in names and value != settings.get(own) for own, value in self.arguments.items()):
            return None
        result = {}
        for own, (tf_name, default) in names.items():
            value = self.arguments.get(own, settings.get(own))
            if value is None and default is not None:
                return None  # None means another thing there
            if value is not None and (own in self.arguments or default is not None):
                result[tf_name] = value
        if self.operation == "Split" and isinstance(result["num_or_size_splits"], list):
            return None  # TensorFlow wants sizes, the last of which is not known here
        if self.operation == "GetItem":
            result["slice_spec"] = _tf_key(result["slice_spec"])
        return result


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"tensor"}


def _filled(value: Any, tensor: Callable[[int], Any]) -> Any:
    """The value with tensors in their places."""
    if _is_tensor(value):
        return tensor(value["tensor"])
    if _is_constant(value):
        return K.constant(value["constant"], dtype=str(value["dtype"]))
    return each(value, lambda entry: _filled(entry, tensor))


def _is_constant(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"constant", "dtype"}


def _plain_constants(value: Any) -> Any:
    """The value with lists of numbers for constants."""
    return value["constant"] if _is_constant(value) else each(value, _plain_constants)


def unknown_function(layer: Any, what: str, name: str, known: Iterable[str]) -> str:
    """What is said of a function that is not in the table."""
    return f"Layer {layer!r} of the file is {what}, {near_names(name, known)}."


def near_names(name: str, known: Iterable[str]) -> str:
    """That a name is not read, with those like it that are."""
    near = close_names(name, known)
    return f"which is not read here{' (near: ' + ', '.join(near) + ')' if near else ''}"


# --- reading ------------------------------------------------------------------------------------------------


def from_file(layer: Mapping[str, Any], custom_objects: Mapping[str, Any]) -> Mapping[str, Any]:
    """A layer's entry in a network's configuration, a function of TensorFlow as OperationLayer.

    Raises:
        ValueError: for a function that is not in the table, or a call that cannot be read.
    """
    return _from_tf(layer, custom_objects) if layer.get("class_name") in _TF_CLASSES else layer


def only_call(layer: Mapping[str, Any]) -> Any:
    """The call of a layer that is called once; ValueError for others."""
    calls = layer.get("inbound_nodes")
    if not isinstance(calls, list) or len(calls) != 1:
        count = len(calls) if isinstance(calls, list) else 0
        raise ValueError(
            f"The layer {entry_name(layer)!r} of the file is called {count} times; once is read."
        )
    return calls[0]


def entry_name(layer: Mapping[str, Any]) -> Any:
    """The name of a layer, from its entry."""
    return layer.get("name") or (layer.get("config") or {}).get("name")


def operation_entry(layer: Mapping[str, Any], operation: str, arguments: Any, call: Any) -> dict[str, Any]:
    """The entry of an OperationLayer in the place of another."""
    config = {"name": entry_name(layer), "operation": operation, "arguments": arguments}
    return {"class_name": "Operation", "name": entry_name(layer), "config": config, "inbound_nodes": [call]}


def _from_tf(layer: Mapping[str, Any], custom_objects: Mapping[str, Any]) -> Mapping[str, Any]:
    if "TFOpLambda" in custom_objects or layer["class_name"] in custom_objects:
        return layer
    config = layer.get("config")
    function = str(config.get("function")) if isinstance(config, Mapping) else "?"
    name = function.removeprefix("compat.v1.")
    if name not in operations.TF_FUNCTIONS and f"tf.{name}" not in operations.ROWS:
        hint = " Give a class for it: custom_objects={'TFOpLambda': ...}."
        known = {*operations.TF_FUNCTIONS, *operations.FUNCTIONS}
        raise ValueError(unknown_function(entry_name(layer), f"tf.{function}", name, known) + hint)
    places: list[list[Any]] = []
    call = only_call(layer)
    several = isinstance(call[0], list)
    given = (call[0] if several else call)[3]
    first = [placed(entry[:3], places) for entry in call] if several else placed(call[:3], places)
    given = placed(given, places)
    return entry_of_function(layer, name, {_first_parameter(name, given): first, **given}, places)


def placed(value: Any, places: list[list[Any]]) -> Any:
    """The value with a number for each place in the network, which is added to the list."""
    if is_place(value):
        if value[0] == _CONSTANT:
            return value[2]
        places.append([*value[:3], {}])
        return {"tensor": len(places) - 1}
    return each(value, lambda entry: placed(entry, places))


def entry_of_function(
    layer: Mapping[str, Any], name: str, values: Mapping[str, Any], places: list[list[Any]]
) -> dict[str, Any]:
    """The entry for one of TensorFlow's functions, given its arguments by name."""
    if not _is_own_function(name, values):
        return operation_entry(
            layer,
            operations.TF_FUNCTIONS[name][0],
            _tf_arguments(entry_name(layer), name, values),
            places,
        )
    arguments = {key: value for key, value in values.items() if value is not None and key != "name"}
    return operation_entry(layer, f"tf.{name}", arguments, places)


def is_place(value: Any) -> bool:
    """Whether it is ``[layer, node, tensor]``, with keyword arguments behind it or not."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
    )


def _first_parameter(function: str, given: Iterable[str]) -> str:
    """The parameter that comes first in a call, if it is not among those given by name."""
    if function in operations.TF_FUNCTIONS:
        return _tf_parameters(function)[0][0]
    return next((name for name in operations.ROWS[f"tf.{function}"].operands if name not in given), "?")


#: Functions whose arguments of these forms, or whose results, no operation of Keras 3 has.
_NEEDS_OWN: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "math.argmax": lambda values: True,  # int64
    "math.argmin": lambda values: True,
    "math.reduce_mean": lambda values: True,  # of integers an integer
    "repeat": lambda values: isinstance(values["repeats"], list),
    "roll": lambda values: isinstance(values["shift"], list),
    "pad": lambda values: str(values.get("mode")).upper() == "SYMMETRIC",
    "where": lambda values: values.get("x") is None and values.get("y") is None,
}


def _is_own_function(function: str, values: Mapping[str, Any]) -> bool:
    """Whether these arguments need TensorFlow's function, as no operation of Keras 3 takes them."""
    if f"tf.{function}" not in operations.ROWS or function not in operations.TF_FUNCTIONS:
        return function not in operations.TF_FUNCTIONS
    if _NEEDS_OWN.get(function, lambda values: False)(values):
        return True
    known = {tf_name for tf_name, _, _ in _tf_parameters(function)} | {"name"}
    return any(
        key not in known and value not in (None, False) and _HARMLESS.get(key) != value
        for key, value in values.items()
    )


def _tf_parameters(function: str) -> list[tuple[str, str, Any]]:
    """TensorFlow's name, ours, and the default where TensorFlow has another."""
    result = []
    for part in operations.TF_FUNCTIONS[function][1].split():
        tf_name, own = part.split("=")
        own, _, default = own.partition("!")
        result.append((tf_name, own, {"": None, "0": 0, "False": False}[default]))
    return result


def _tf_arguments(layer: str, function: str, values: Mapping[str, Any]) -> dict[str, Any]:
    parameters = _tf_parameters(function)
    known = {tf_name for tf_name, _, _ in parameters} | {"name"}
    for key, value in values.items():
        if key not in known and value not in (None, False) and _HARMLESS.get(key) != value:
            raise ValueError(
                f"Layer {layer!r} of the file is tf.{function} with {key}={value!r}, which is not read."
            )
    arguments = {}
    for tf_name, own, default in parameters:
        value = values.get(tf_name, default)
        if value is None:
            value = default
        if value is not None or values.get(tf_name, value) is not None:
            arguments[own] = value
    if "dtype" in arguments:
        arguments["dtype"] = str(arguments["dtype"]).removeprefix("<dtype: '").removesuffix("'>")
    if function == "split" and isinstance(arguments.get("indices_or_sections"), list):
        sizes = arguments["indices_or_sections"]
        arguments["indices_or_sections"] = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]
    if function == "__operators__.getitem":
        arguments["key"] = _key_of_tf(arguments.get("key"))
    single = set(operations.OPERATIONS[operations.TF_FUNCTIONS[function][0]].operands) - {"xs", "key"}
    return {own: _tf_constant(value) if own in single else value for own, value in arguments.items()}


def _tf_constant(value: Any) -> Any:
    """A list of numbers, which TensorFlow takes for a tensor; others as they are."""
    if not isinstance(value, list):
        return value
    kind = np.asarray(value).dtype.kind
    return {"constant": value, "dtype": {"f": "float32", "i": "int32", "b": "bool"}.get(kind, "float32")}


def _key_of_tf(key: Any) -> Any:
    if isinstance(key, list):
        return [_key_of_tf(entry) for entry in key]
    if isinstance(key, Mapping) and "Ellipsis" in (key.get("value"), key.get("class_name")):
        return {"ellipsis": True}
    if isinstance(key, Mapping) and key.get("class_name") == "__ellipsis__":
        return {"ellipsis": True}
    return key


# --- writing ------------------------------------------------------------------------------------------------


def _keras_3_value(value: Any, tensors: list[Any]) -> Any:
    if _is_tensor(value):
        return tensors[value["tensor"]]
    if _is_constant(value):
        return {"class_name": "__numpy__", "config": {"value": value["constant"], "dtype": value["dtype"]}}
    if isinstance(value, Mapping) and "ellipsis" in value:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, Mapping) and set(value) == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": dict(value)}
    return each(value, lambda entry: _keras_3_value(entry, tensors))


def _tf_key(key: Any) -> Any:
    entries = key if isinstance(key, list) else [key]
    return [
        {"class_name": "__ellipsis__"} if isinstance(e, Mapping) and "ellipsis" in e else e for e in entries
    ]


#: The name in our own files of what has no counterpart in TensorFlow.
CLASSES = {"Operation": OperationLayer}

registry.register(globals())
