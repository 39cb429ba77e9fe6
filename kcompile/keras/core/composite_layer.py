"""A layer made of layers: which they are, and their losses, updates, states and weights as its own."""

from __future__ import annotations

from typing import Any

from ... import ir
from ...ir import Parameter, Value
from .. import registry, rules
from ..utils.generic_utils import to_list
from .layer import Layer
from .network_files import NetworkFiles
from .node import Node, reaches_phase, same_tensors
from .weight_paths import weight_paths
from .weighted_layer import unique


class CompositeLayer(NetworkFiles):
    """What a network is of its layers, whether it calls them in a DAG or in a ``call`` of its own."""

    inputs: list[Value]
    _is_graph_network: bool
    _network_nodes: list[Node]

    # --- layers ---------------------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, by depth from the inputs on; for a subclassed model in the order of the attributes.

        The list itself, as in Keras 2.3: what is taken off it has no part any more in weights, summary and
        training. The outputs stay as they are until they are set.
        """
        return self._layers

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of this name, or at this index.

        Raises:
            ValueError: if there is none; the message lists the names.
        """
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"Was asked for layer {index}, but model {self.name} has {len(self.layers)} layers."
                )
            return self.layers[index]
        if not name:
            raise ValueError("Provide either a layer name or a layer index.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name!r} in model {self.name}. Its layers are: "
            f"{', '.join(str(layer.name) for layer in self.layers)}."
        )

    @property
    def _flat_layers(self) -> list[Layer]:
        """All layers at any depth of nesting, this network's first, each once."""
        found: dict[int, Layer] = {}
        stack: list[Layer] = list(reversed(self.layers))
        while stack:
            layer = stack.pop()
            if id(layer) not in found:
                found[id(layer)] = layer
                stack.extend(reversed(layer._layers))
        return list(found.values())

    # --- losses, updates, states ----------------------------------------------------------------------------

    def _own_calls(self) -> list[Node]:
        """The layer calls that belong to this model, whichever other models share its layers."""
        if self._is_graph_network:
            return self._network_nodes
        calls = [node for layer in [self, *self.layers] for node in layer._inbound_nodes]
        if not self.inputs:
            return calls
        return [
            node for node in self._inbound_nodes if same_tensors(node.input_tensors, self.inputs)
        ] or calls

    @property
    def losses(self) -> list[Any]:
        """Terms added to the training loss by the layers, where these are called in this model.

        After a call that computed at once, on eager tensors or in a training step of one's own, they are
        those of that call.
        """
        layers = [self, *self._flat_layers]
        unconditional = [loss for layer in layers for loss in layer._own_losses()]
        at_once = [loss for layer in layers for loss in layer._losses_at_once]
        if at_once or ir.interpreter() is not None:
            return unique(unconditional, at_once)
        return unique(unconditional, *(node.losses for node in self._own_calls()))

    @property
    def updates(self) -> list[Any]:
        """Updates of the layers, where these are called in this model."""
        if not self.trainable and not self.stateful:
            return []
        unconditional = [update for layer in [self, *self._flat_layers] for update in layer._own_updates()]
        updates = unique(unconditional, *(node.updates for node in self._own_calls()))
        frozen = {p for layer in self._flat_layers if not layer.trainable for p in layer.weights}
        return self._last_states([new for new in updates if new[0] not in frozen - self._state_weights()])

    @property
    def stateful(self) -> bool:
        """Whether any layer keeps a state between batches."""
        return any(layer.stateful for layer in self.layers)

    @stateful.setter
    def stateful(self, value: bool) -> None:
        """Layer.__init__ sets it; a network asks its layers."""

    @property
    def state_updates(self) -> list[Any]:
        """The updates that prediction does too: those of stateful layers, and what layers of users assign to
        by the rules of tf.keras."""
        states = self._state_weights()
        updates = unique(*(node.updates for node in self._own_calls()))
        assigned = unique(*(node.inference_updates for node in self._own_calls()))
        return [*self._last_states([u for u in updates if u[0] in states]), *assigned]

    def _state_weights(self) -> set[Parameter]:
        return {p for layer in self._flat_layers if layer.stateful for p in _state_parameters(layer)}

    def _last_states(self, updates: list[Any]) -> list[Any]:
        """Of several updates of a state, the last call's: states are replaced, everything else adds up."""
        states = self._state_weights()
        last = {parameter: new for parameter, new in updates if parameter in states}
        return [(p, new) for p, new in updates if p not in states] + list(last.items())

    def reset_states(self) -> None:
        """Sets the states of all stateful layers to zeros."""
        for layer in self.layers:
            if hasattr(layer, "reset_states") and layer.stateful:
                layer.reset_states()

    @property
    def uses_learning_phase(self) -> bool:
        """Whether the outputs differ between training and test."""
        return reaches_phase(self.outputs or ())

    # --- weights --------------------------------------------------------------------------------------------

    @property  # type: ignore[misc]  # Layer's setter is for layers that manage their lists themselves
    def trainable_weights(self) -> list[Parameter]:
        """Weights that training updates: none where ``trainable`` is False; those of sub-layers included,
        and first by the rules of tf.keras."""
        if not self.trainable or not rules.of_layer(self).weights_by_layer:
            return super().trainable_weights
        return unique(*(layer.trainable_weights for layer in self._layers), self._trainable_weights)

    @property  # type: ignore[misc]
    def non_trainable_weights(self) -> list[Parameter]:
        """Weights that training does not update by gradients, in the order of ``trainable_weights``."""
        if not rules.of_layer(self).weights_by_layer:
            return super().non_trainable_weights
        found = [layer.non_trainable_weights for layer in self._layers]
        if not self.trainable:
            trained = (layer.trainable_weights for layer in self._layers)
            found = [*trained, self._trainable_weights, *found]
        return unique(*found, self._non_trainable_weights)

    @property
    def weights(self) -> list[Parameter]:
        """All weights, the trainable ones first; by the rules of tf.keras as ``get_weights`` lists them. None
        before the model is built."""
        if rules.of_layer(self).weights_by_layer:
            return self._weights_in_order()
        return unique(self.trainable_weights, self.non_trainable_weights)

    def _weights_in_order(self) -> list[Parameter]:
        """All weights, layer by layer; the model's own first, or last by the rules of tf.keras."""
        own = self._trainable_weights + self._non_trainable_weights
        of_layers = unique(*(layer.weights for layer in self.layers))
        its = rules.of_layer(self)
        return unique(of_layers, own) if its.weights_by_layer else unique(own, of_layers)

    def get_weight_paths(self) -> dict[str, Parameter]:
        """The weights by what leads to each, as in tf.keras: ``dense.kernel`` in a model made of layers,
        ``d1.kernel`` in one whose attribute ``d1`` is a layer, ``blocks.0.kernel`` in lists.

        Empty while a subclassed model is not built.
        """
        return weight_paths(self)

    def count_params(self) -> int:
        """Number of scalars in all weights."""
        if not self.built:
            raise RuntimeError(
                f"You tried to call count_params on {self.name}, but the model isn't built. Give the first "
                "layer an input_shape, call model.build(batch_input_shape), or fit it first."
            )
        return int(sum(weight.size for weight in self.weights))


def _state_parameters(layer: Layer) -> list[Parameter]:
    states = getattr(layer, "states", None) or []
    return [state for state in to_list(states) if isinstance(state, Parameter)]


registry.register(globals())
