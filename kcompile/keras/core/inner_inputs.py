"""Models that begin at tensors in the middle of a graph: the layers behind them are called once more, on
Inputs of the model's own."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from .. import registry
from ..utils.generic_utils import to_list, unpack_singleton
from .input_layer import Input, InputLayer
from .layer_graph import calls_between
from .node import Node, as_nested, flat_outputs, keras_history, replace_tensors, static_shape


def with_own_inputs(inputs: list[Value], outputs: list[Value]) -> tuple[list[Value], list[Value]]:
    """Inputs that are made by ``Input``, and outputs of them, as tf.keras has it.

    Args:
        inputs: tensors of layers; in the place of those that are none come Inputs of their sizes.
        outputs: tensors that depend on them.

    Returns:
        the same where all are Inputs, or where something else is needed for the outputs.
    """
    known = {x: x if _is_input(x) else _input_like(x) for x in inputs}
    if all(x is own for x, own in known.items()):
        return inputs, outputs
    own_inputs = [known[x] for x in inputs]
    for node in calls_between(inputs, outputs):
        if all(x in known for x in node.output_tensors):
            continue
        if not all(x in known for x in (*node.input_tensors, *node.keyword_tensors)):
            return inputs, outputs
        known.update(zip(node.output_tensors, _called_again(node, known), strict=True))
    return own_inputs, [known[y] for y in outputs]


def _is_input(x: Value) -> bool:
    return isinstance(keras_history(x).layer, InputLayer)


def _input_like(x: Value) -> Value:
    made: Value = Input(batch_shape=static_shape(x), dtype=x.dtype.name)
    return made


def _called_again(node: Node, known: dict[Value, Value]) -> list[Value]:
    layer: Any = node.outbound_layer
    given = [known[x] for x in node.input_tensors]
    arguments = replace_tensors(node.arguments, lambda x: known.get(x, x))
    operand = unpack_singleton(given) if node.nesting is None else as_nested(given, node.nesting)
    return to_list(flat_outputs(layer(operand, **arguments), layer))


registry.register(globals())
