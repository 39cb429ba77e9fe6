"""Calls of layers made anew on other inputs: what a network does when it is called as a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...ir import Value, precision_scope
from .. import backend as K
from .. import registry, rules
from ..utils.generic_utils import to_list, unpack_singleton
from .called_on_numbers import in_precision_of
from .node import Node, as_nested, flat_masks, flat_outputs, replace_tensors


def emit_again(nodes: Sequence[Node], values: dict[Value, tuple[Value, Any]], training: bool | None) -> None:
    """Emits layers on other inputs, with the same weights.

    Args:
        nodes: their calls, each behind those that it needs.
        values: (value, mask) that stands for a tensor of these calls: at first for the inputs, then for what
            each call gives.
        training: passed to the layers whose ``call`` takes it and that were called without.
    """
    for node in nodes:
        if all(tensor in values for tensor in node.output_tensors):
            continue
        layer = node.outbound_layer
        arguments = replace_tensors(node.arguments, lambda tensor: values.get(tensor, (tensor,))[0])
        is_open = training is not None and arguments.get("training") is None
        if is_open and layer._call_accepts("training"):
            arguments["training"] = training
        inputs, masks = ([values[tensor][i] for tensor in node.input_tensors] for i in (0, 1))
        outputs, output_masks = _call_again(node, arguments, inputs, masks)
        values.update(zip(node.output_tensors, zip(outputs, output_masks, strict=True), strict=True))


def _call_again(
    node: Node, arguments: dict[str, Any], inputs: list[Value], masks: list[Any]
) -> tuple[list[Value], list[Any]]:
    """Emits a layer on other inputs."""
    layer = node.outbound_layer
    with K.name_scope(layer.name), rules.in_call(layer):
        operand, mask = unpack_singleton(list(inputs)), unpack_singleton(list(masks))
        layer.assert_input_compatibility(operand)
        if layer._call_accepts("mask") and "mask" not in arguments:
            arguments["mask"] = as_nested(mask, node.nesting)
        with precision_scope(layer.dtype_policy.precision):
            taken = layer._as_taken(operand, node.nesting)
            returned = layer.call(in_precision_of(layer, taken), **arguments)
        outputs = to_list(flat_outputs(returned, layer))
        output_mask = layer.compute_mask(operand, mask)
        for loss in layer._activity_losses(outputs):
            layer.add_loss(loss, inputs=inputs)
    return outputs, flat_masks(output_mask, len(outputs))


registry.register(globals())
