"""Sequential: a stack of layers."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ...ir import Constant
from .. import registry, rules
from ..core.input_layer import Input, InputLayer
from ..core.layer import Layer
from ..core.layer_configs import deserialize, serialize
from ..core.network_config import trainable_config
from ..core.node import keras_history
from ..utils.generic_utils import to_list
from ..utils.nested import leaves
from .model import Model


class _Copy(list[Layer]):
    """The layers of a Sequential model; says so where somebody means to take one off the model."""

    def __init__(self, name: str, layers: Sequence[Layer]) -> None:
        super().__init__(layers)
        self._name = name

    def _warn(self) -> None:
        warnings.warn(
            f"`layers` of the Sequential model {self._name} is a copy, as in Keras 2.3: taking a layer off "
            "it does not change the model. model.pop() removes the last layer.",
            stacklevel=3,
        )

    def pop(self, index: Any = -1) -> Layer:
        self._warn()
        return super().pop(index)

    def remove(self, layer: Layer) -> None:
        self._warn()
        super().remove(layer)

    def __delitem__(self, index: Any) -> None:
        self._warn()
        super().__delitem__(index)

    def __reduce__(self) -> Any:
        return list, (list(self),)


class Sequential(Model):
    """A linear stack of layers.

    Where the first layer knows its input shape (``input_shape``, ``input_dim``, ``batch_input_shape``, an
    Input or an embedding's ``input_length``), the model is built as layers are added; otherwise at
    ``build(input_shape)`` or at the first data.

    Args:
        layers: layers to add.
        name: name of the model.

    Raises:
        ValueError: from ``build`` without a shape, where no layer says one.
    """

    def __init__(self, layers: Sequence[Layer] | None = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self._stacked_layers: list[Layer] = []
        self._build_input_shape: tuple[int | None, ...] | None = None
        self._names_at_once: dict[str, Layer] | None = None
        with self._called_at_once():
            for layer in layers or ():
                self.add(layer)

    @property
    def layers(self) -> list[Layer]:
        """The layers that were added, without the input layer.

        As in Keras 2.3 the list itself as long as the input is not known, and a copy of it from then on:
        ``pop()`` and ``add()`` change the model.
        """
        self._follow_list()
        if self._stacked_layers and isinstance(self._stacked_layers[0], InputLayer):
            return _Copy(self.name, self._stacked_layers[1:])
        return self._stacked_layers

    def _follow_list(self) -> None:
        """Takes off the stack what is no part of the model any more: somebody has set ``outputs``, or changed
        ``_layers``."""
        if self._is_graph_network and self._names_at_once is None and self._stacked_layers != self._layers:
            listed = set(self._layers)
            self._stacked_layers = [layer for layer in self._stacked_layers if layer in listed]

    @property
    def model(self) -> Sequential:
        """The model itself (Keras 1 kept another one inside)."""
        return self

    def add(self, layer: Layer) -> None:
        """Adds a layer on top; one that is there already computes once more, with the same weights.

        Raises:
            TypeError: if it is not a layer.
            ValueError: if it has more than one output, or a name that is taken.
        """
        if hasattr(layer, "_keras_history") and isinstance(layer._keras_history.layer, InputLayer):
            layer = layer._keras_history.layer  # keras.Input(...), as today's code adds it
        if not isinstance(layer, Layer):
            raise TypeError(f"The added layer must be an instance of class Layer. Found: {layer!r}.")
        self._follow_list()
        names = self._names_at_once
        names = {other.name: other for other in self._stacked_layers} if names is None else names
        if names.get(layer.name, layer) is not layer:
            raise ValueError(
                f"The name {layer.name!r} is used by two layers of {self.name}. All layer names should be "
                "unique; give the layer another name=."
            )
        if not self._stacked_layers and not self.outputs:
            self._start_of_stack(layer)
        elif self.outputs:
            self._extend_ends(layer)
        elif not self._counts_already(layer):
            self._append_layer(layer)

    def _counts_already(self, layer: Layer) -> bool:
        added = any(layer is other for other in self._stacked_layers)
        return added and rules.in_force().counts_layers_once

    @contextmanager
    def _called_at_once(self) -> Iterator[None]:
        """Of the layers added inside, the network is made once, at the end: made anew for each, it takes time
        that grows with the square of their number."""
        self._names_at_once = {layer.name: layer for layer in self._stacked_layers}
        try:
            yield
        finally:
            self._names_at_once = None
        if self.outputs:
            self._restack_layers(self.inputs, None if len(self._stacked_layers) == 1 else self.outputs)

    def _append_layer(self, layer: Layer) -> None:
        self._stacked_layers.append(layer)
        if self._names_at_once is not None:
            self._names_at_once[layer.name] = layer
        self._track_attribute("", layer)

    def _start_of_stack(self, layer: Layer) -> None:
        """The first layer decides whether the input shape is known."""
        if isinstance(layer, InputLayer):
            self._append_layer(layer)
            self._restack_layers([layer._inbound_nodes[-1].output_tensors[0]])
            return
        shape, dtype = _first_input(layer)
        if shape is None:
            self._append_layer(layer)
            return
        x = Input(batch_shape=shape, dtype=dtype, name=f"{layer.name}_input")
        self._append_layer(keras_history(x).layer)
        output = self._only_tensor(layer, layer(x))
        self._append_layer(layer)
        self._restack_layers([x], [output])

    def _extend_ends(self, layer: Layer) -> None:
        output = self._only_tensor(layer, layer(self.outputs[0]))
        self._append_layer(layer)
        self._restack_layers(self.inputs, [output])

    def _restack_layers(self, inputs: list[Any], outputs: list[Any] | None = None) -> None:
        """Makes the graph network of what is on the stack now."""
        if self._names_at_once is not None or len(self._stacked_layers) == 1 and outputs is None:
            self.inputs, self._output_values = inputs, inputs if outputs is None else outputs
            return
        self._init_graph_network(inputs, outputs)

    @staticmethod
    def _only_tensor(layer: Layer, output: Any) -> Any:
        outputs = leaves(output)
        if len(outputs) != 1:
            raise ValueError(
                f"All layers in a Sequential model should have a single output; {layer.name} has "
                f"{len(outputs)}. Use the functional API (Model(inputs, outputs)) instead."
            )
        return outputs[0]

    def pop(self) -> None:
        """Removes the last layer.

        Raises:
            TypeError: if there is none.
        """
        if not self.layers:
            raise TypeError("There are no layers in the model.")
        layer = self._stacked_layers.pop()
        self._layers = [other for other in self._layers if other is not layer]
        if not self.layers:
            self.inputs = self.outputs = None  # type: ignore[assignment]
            self._stacked_layers, self._layers = [], []
            self._is_graph_network = self.built = False
        elif self.outputs:
            node = layer._inbound_nodes.pop()
            for inbound in node.inbound_layers:
                inbound._outbound_nodes.remove(node)
            self._init_graph_network(self.inputs, [self.layers[-1]._inbound_nodes[-1].output_tensors[0]])

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for an input shape with the batch axis, where no layer said it.

        Raises:
            ValueError: if the shape is not known.
        """
        if self._is_graph_network:
            return
        if input_shape is None:
            raise ValueError(
                f"{self.name}: give build() the input shape with the batch axis, such as (None, 784), or "
                "the first layer an input_shape."
            )
        self._build_input_shape = tuple(input_shape)
        x = Input(
            batch_shape=tuple(input_shape), dtype=_input_type(self.layers[0]), name=f"{self.name}_input"
        )
        output = x
        for layer in self.layers:
            output = self._only_tensor(layer, layer(output))
        self._stacked_layers.insert(0, keras_history(x).layer)
        self._init_graph_network([x], [output])

    def _maybe_build(self, inputs: Any, nesting: Any = None) -> None:
        if len(to_list(inputs)) > 1 and not self._is_graph_network:
            return  # layers of such a model are called one after the other, and build themselves
        if isinstance(inputs, Constant):  # numbers do not fix how many samples a batch has
            try:
                self._build_for([inputs])
            except ValueError:  # a single image, perhaps, which its layers take
                return
        super()._maybe_build(inputs, nesting)

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """The layers one after the other."""
        if self._is_graph_network and self._has_rank_of_inputs(inputs):
            return super().call(inputs, mask, training)
        for layer in self.layers:
            told = {} if training is None or not layer._call_takes("training") else {"training": training}
            inputs = layer(inputs, **told)
        return inputs

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """The mask of the last layer; none where the layers were called one after the other."""
        by_graph = self._is_graph_network and self._has_rank_of_inputs(inputs)
        return super().compute_mask(inputs, mask) if by_graph else None

    def _has_rank_of_inputs(self, inputs: Any) -> bool:
        """Whether inputs have as many axes as those that the model was built for, or are another model's."""
        if not isinstance(inputs, Constant) or not self.inputs:
            return True
        return len(inputs.shape or ()) == len(self.inputs[0].shape or ())

    def _build_for(self, arrays: list[Any], names: list[str] | None = None) -> None:
        if names is not None:
            raise ValueError(
                "A model whose inputs are not named yet takes a list of arrays, not a dictionary."
            )
        if self._is_graph_network:
            return
        if len(arrays) > 1:  # for a first layer that takes a list
            super()._build_for(arrays, names)
        else:
            self.build((None, *arrays[0].shape[1:]))

    def predict_proba(self, x: Any, batch_size: int = 32, verbose: int = 0) -> np.ndarray:
        """Class probabilities: ``predict``, with a warning if the outputs are not between 0 and 1."""
        predicted = self.predict(x, batch_size, verbose)
        if predicted.min() < 0.0 or predicted.max() > 1.0:
            warnings.warn(
                "Network returning invalid probability values. The last layer might not normalize "
                "predictions into probabilities (like softmax or sigmoid would).",
                stacklevel=2,
            )
        return predicted

    def predict_classes(self, x: Any, batch_size: int = 32, verbose: int = 0) -> np.ndarray:
        """Class indices: the largest output, or 0/1 by the threshold 0.5 where there is one output."""
        probabilities = self.predict(x, batch_size, verbose)
        if probabilities.shape[-1] > 1:
            return probabilities.argmax(axis=-1)
        return (probabilities > 0.5).astype("int32")

    def _assert_weights_exist(self) -> None:
        if (
            self._stacked_layers
            and not self._is_graph_network
            and not all(layer.built for layer in self.layers)
        ):
            raise ValueError(
                f"Weights of {self.name} have not been created yet: its input shape is not known. Give the "
                "first layer an input_shape, call build(batch_input_shape), or fit it first."
            )

    def get_config(self) -> dict[str, Any]:
        layers = [serialize(layer) for layer in self.layers]
        config: dict[str, Any] = {"name": self.name, **trainable_config(self), "layers": layers}
        if self._build_input_shape is not None:
            config["build_input_shape"] = list(self._build_input_shape)
        elif self._stacked_layers and isinstance(self._stacked_layers[0], InputLayer):
            # an input layer is not written, so its shape would be lost
            if not self.layers or _first_input(self.layers[0])[0] is None:
                config["build_input_shape"] = list(self._stacked_layers[0].batch_input_shape)
        return config

    @classmethod
    def from_config(cls, config: Any, custom_objects: dict[str, Any] | None = None) -> Sequential:
        if isinstance(config, dict):
            name, shape, layers = config.get("name"), config.get("build_input_shape"), config["layers"]
        else:  # Keras 2.0 to 2.2 wrote the list alone
            name, shape, layers = None, None, config
        model = cls(name=name)
        if isinstance(config, dict):
            model._trainable = config.get("trainable", True)
        with model._called_at_once():
            for layer in layers:
                model.add(deserialize(layer, custom_objects))
        if shape is not None and not model._is_graph_network and model.layers:
            model.build(shape)
        return model


def _input_type(layer: Layer) -> str:
    """The element type of what a layer reads; its own unless it reads text, or begins with another that
    does."""
    if isinstance(layer, Sequential) and layer.layers:
        return _input_type(layer.layers[0])
    return getattr(layer, "input_type", None) or layer.dtype


def _first_input(layer: Layer) -> tuple[Any, str | None]:
    """Batch input shape and dtype that a first layer asks for; a nested model asks for those of its own
    input."""
    if hasattr(layer, "batch_input_shape"):
        return layer.batch_input_shape, _input_type(layer)
    inner = getattr(layer, "inputs", None)
    if inner:
        first = inner[0]
        return first._keras_history.layer.batch_input_shape, first.dtype.name
    wrapped = getattr(layer, "layer", None)
    if (
        isinstance(wrapped, Layer)
        and hasattr(wrapped, "batch_input_shape")
        and registry.is_a(layer, "layer", "Bidirectional")
    ):
        return wrapped.batch_input_shape, wrapped.dtype
    return None, None


registry.register(globals())
registry.name("layer", {"Sequential": Sequential})
