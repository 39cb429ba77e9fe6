"""Files of tf.keras 2: operators of TensorFlow as layers of ours, and what layers set in one another and do
not write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...core.operation_layers import (
    entry_name,
    entry_of_function,
    is_place,
    near_names,
    only_call,
    placed,
)
from ...operations import tensorflow_operators
from ...operations.node_defs import NodeDef, read_node_def
from ...operations.rows import ROWS

#: What tf.keras 2 makes of the properties and methods of tensors: only ragged and sparse ones have them.
_OF_RAGGED = {"InstanceProperty": "attr_name", "InstanceMethod": "attr_name", "ClassMethod": "method_name"}


def upgrade_entry(layer: dict[str, Any]) -> dict[str, Any]:
    """An operator's entry in a network's configuration as OperationLayer; others as they are.

    Raises:
        ValueError: for an operator that is not read, or a call that cannot be.
    """
    class_name = layer.get("class_name")
    if class_name == "TensorFlowOpLayer":
        return _of_operator(layer)
    if class_name in _OF_RAGGED:
        config = layer.get("config")
        attribute = config.get(_OF_RAGGED[class_name]) if isinstance(config, dict) else None
        raise ValueError(
            f"Layer {entry_name(layer)!r} of the file asks a ragged or sparse tensor for {attribute!r}, "
            "which is not read; tensors here are dense. Give a class for it: "
            f"custom_objects={{{class_name!r}: ...}}."
        )
    return layer


def _of_operator(layer: Mapping[str, Any]) -> dict[str, Any]:
    config = layer.get("config")
    config = config if isinstance(config, dict) else {}
    node, name = NodeDef("?", 0), entry_name(layer)
    places: list[list[Any]] = []
    try:
        node = read_node_def(config.get("node_def"))
        if node.op not in tensorflow_operators.NAMES:
            raise ValueError(near_names(node.op, tensorflow_operators.NAMES))
        call = only_call(layer)
        call = [call] if is_place(call) else call
        if not isinstance(call, list) or not all(is_place(place) for place in call):
            raise ValueError("is called on what is no tensor of the network")
        values = [placed(place, places) for place in call]
        for index, value in _constants(config.get("constants")):
            values.insert(index, value)
        if len(values) != node.inputs:
            raise ValueError(f"is called on {len(values)} tensors and constants instead of {node.inputs}")
        function, arguments = tensorflow_operators.function_of(node, values)
    except ValueError as error:
        raise ValueError(
            f"Layer {name!r} of the file is TensorFlow's operator {node.op!r}: {error}. Give a class for it: "
            "custom_objects={'TensorFlowOpLayer': ...}."
        ) from error
    if f"tf.{function}" in ROWS:  # in their order there
        order = ROWS[f"tf.{function}"].operands
        arguments = {key: arguments[key] for key in order if key in arguments}
    return entry_of_function(layer, function, arguments, places)


def _constants(constants: Any) -> list[tuple[int, Any]]:
    """(place among the inputs, numbers) of the inputs that are no tensors of the network, in their order."""
    given = constants if isinstance(constants, dict) else {}
    if not all(str(index).isdecimal() for index in given):
        raise ValueError(f"has the constants {list(given)}; numbers were expected")
    return sorted(((int(index), _array(value)) for index, value in given.items()), key=lambda pair: pair[0])


def _array(value: Any) -> Any:
    """The numbers of a constant, which tf_keras 2.13 and later write with their type."""
    config = value.get("config") if isinstance(value, dict) else None
    return config.get("value") if isinstance(config, dict) else value


def tell_zeros(entry: dict[str, Any]) -> dict[str, Any]:
    """A Bidirectional's entry with ``zero_output_for_mask`` of its layers, which it sets and does not write;
    others as they are."""
    config = entry.get("config")
    if entry.get("class_name") != "Bidirectional" or not isinstance(config, dict):
        return entry
    told = dict(config)
    for key in ("layer", "backward_layer"):
        inner = told.get(key)
        settings = inner.get("config") if isinstance(inner, dict) else None
        if isinstance(inner, dict) and isinstance(settings, dict) and settings.get("return_sequences"):
            told[key] = {**inner, "config": {**settings, "zero_output_for_mask": True}}
    return {**entry, "config": told}
