"""What a layer says of its calls: their tensors, masks and shapes."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from ..utils.generic_utils import unpack_singleton
from .node import Node


def flat_outputs(outputs: Any, layer: Any) -> Any:
    """What ``call`` returned as a tensor or a list of them; those of a dict in the order of its keys, as
    tf.keras and Keras 3 count them.

    Raises:
        ValueError: for keys that are no text, or entries that are no tensors.
    """
    if isinstance(outputs, tuple):
        return list(outputs)
    if not isinstance(outputs, dict):
        return outputs
    for key, value in outputs.items():
        if not isinstance(key, str) or not isinstance(value, Value):
            raise ValueError(
                f"{type(layer).__name__}.call of {layer.name!r} returned a dict whose entry {key!r} is "
                f"{type(value).__name__}; tensors by name were expected."
            )
    return [outputs[key] for key in sorted(outputs)]


class LayerCalls:
    """Inputs and outputs of a layer, by the number of the call or, where there is one answer, as attributes.

    ``get_..._at`` raises RuntimeError for a layer that was never called and ValueError for a call that it has
    not; the attributes raise AttributeError where there is no answer or more than one.
    """

    name: str
    _inbound_nodes: list[Node]

    def _get_node_attribute_at_index(self, node_index: int, attribute: str, what: str) -> Any:
        if not self._inbound_nodes:
            raise RuntimeError(f"The layer {self.name} has never been called and thus has no defined {what}.")
        if node_index >= len(self._inbound_nodes):
            raise ValueError(
                f"Asked to get {what} of {self.name} at node {node_index}, "
                f"but the layer has only {len(self._inbound_nodes)} inbound nodes."
            )
        return unpack_singleton(list(getattr(self._inbound_nodes[node_index], attribute)))

    def _only(self, attribute: str, what: str) -> Any:
        if len(self._inbound_nodes) > 1:
            raise AttributeError(
                f'Layer {self.name} has multiple inbound nodes, hence the notion of "layer {what}" is '
                f"ill-defined. Use get_{what.replace(' ', '_')}_at(node_index) instead."
            )
        if not self._inbound_nodes:
            raise AttributeError(f"Layer {self.name} has no inbound nodes: it has never been called.")
        return self._get_node_attribute_at_index(0, attribute, what)

    def get_input_at(self, node_index: int) -> Any:
        """Input tensor(s) of the node_index-th call."""
        return self._get_node_attribute_at_index(node_index, "input_tensors", "input")

    def get_output_at(self, node_index: int) -> Any:
        """Output tensor(s) of the node_index-th call."""
        return self._get_node_attribute_at_index(node_index, "output_tensors", "output")

    def get_input_mask_at(self, node_index: int) -> Any:
        """Mask(s) of the inputs of the node_index-th call."""
        return self._get_node_attribute_at_index(node_index, "input_masks", "input mask")

    def get_output_mask_at(self, node_index: int) -> Any:
        """Mask(s) of the outputs of the node_index-th call."""
        return self._get_node_attribute_at_index(node_index, "output_masks", "output mask")

    def get_input_shape_at(self, node_index: int) -> Any:
        """Shape(s) of the inputs of the node_index-th call."""
        return self._get_node_attribute_at_index(node_index, "input_shapes", "input shape")

    def get_output_shape_at(self, node_index: int) -> Any:
        """Shape(s) of the outputs of the node_index-th call."""
        return self._get_node_attribute_at_index(node_index, "output_shapes", "output shape")

    @property
    def input(self) -> Any:
        """Input tensor(s), where the layer was called once."""
        return self._only("input_tensors", "input")

    @property
    def output(self) -> Any:
        """Output tensor(s), where the layer was called once."""
        return self._only("output_tensors", "output")

    @property
    def input_mask(self) -> Any:
        """Mask(s) of the inputs, where the layer was called once."""
        return self._only("input_masks", "input mask")

    @property
    def output_mask(self) -> Any:
        """Mask(s) of the outputs, where the layer was called once."""
        return self._only("output_masks", "output mask")

    @property
    def input_shape(self) -> Any:
        """Shape(s) of the inputs, where all calls agree."""
        return self._common_shape("input_shapes", "input shape")

    @property
    def output_shape(self) -> Any:
        """Shape(s) of the outputs, where all calls agree."""
        return self._common_shape("output_shapes", "output shape")

    def _common_shape(self, attribute: str, what: str) -> Any:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        found = [getattr(node, attribute) for node in self._inbound_nodes]
        if any(shapes != found[0] for shapes in found):
            raise AttributeError(
                f"The layer {self.name} has multiple inbound nodes with different {what}s; "
                f"use get_{what.replace(' ', '_')}_at(node_index)."
            )
        return unpack_singleton(list(found[0]))
