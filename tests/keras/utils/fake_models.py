"""A layer graph without arithmetic: what summaries and plots see of models, and nothing else."""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any

import numpy as np


class Tensor:
    """A tensor that knows the call it comes from."""

    def __init__(self, layer: Any, node_index: int, tensor_index: int = 0) -> None:
        self._keras_history = (layer, node_index, tensor_index)


class Layer:
    """A layer with weights of the given shapes and one output shape."""

    def __init__(self, name: str, output_shape: Any, *shapes: tuple[int, ...], frozen: int = 0) -> None:
        self.name = name
        self.output_shape = output_shape
        weights = [np.zeros(shape) for shape in shapes]
        self.trainable_weights = weights[: len(weights) - frozen]
        self.non_trainable_weights = weights[len(weights) - frozen :]
        self._inbound_nodes: list[Any] = []

    @property
    def weights(self) -> list[np.ndarray]:
        return self.trainable_weights + self.non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        for own, new in zip(self.weights, weights, strict=True):
            own[...] = new

    def count_params(self) -> int:
        return sum(weight.size for weight in self.weights)

    def __call__(self, *inputs: Tensor) -> Tensor:
        histories = [tensor._keras_history for tensor in inputs]
        output = Tensor(self, len(self._inbound_nodes))
        self._inbound_nodes.append(
            types.SimpleNamespace(
                outbound_layer=self,
                inbound_layers=[history[0] for history in histories],
                node_indices=[history[1] for history in histories],
                tensor_indices=[history[2] for history in histories],
                input_tensors=list(inputs),
                output_tensors=[output],
            )
        )
        return output


def layer(kind: str, name: str, output_shape: Any, *shapes: tuple[int, ...], **keywords: Any) -> Layer:
    """A layer of a class named ``kind``."""
    return type(kind, (Layer,), {})(name, output_shape, *shapes, **keywords)


class Model(Layer):
    """A functional model, which is a layer as well."""

    built = True

    def __init__(self, name: str, inputs: list[Tensor], outputs: list[Tensor], layers: list[Layer]) -> None:
        shapes = [tensor._keras_history[0].output_shape for tensor in outputs]
        super().__init__(name, shapes[0] if len(shapes) == 1 else shapes)
        self.inputs, self.outputs, self.layers = inputs, outputs, layers
        self.trainable_weights = [weight for part in layers for weight in part.trainable_weights]
        self.non_trainable_weights = [weight for part in layers for weight in part.non_trainable_weights]


class Sequential(Model):
    """A chain; its input layer is not listed."""


def mlp() -> Model:
    """The Sequential model of 784-256-10 units with dropout and batch normalization."""
    source = layer("InputLayer", "hidden_input", (None, 784))
    layers = [
        layer("Dense", "hidden_with_a_very_long_name_indeed", (None, 256), (784, 256), (256,)),
        layer("Dropout", "drop", (None, 256)),
        layer("BatchNormalization", "bn", (None, 256), *[(256,)] * 4, frozen=2),
        layer("Dense", "out", (None, 10), (256, 10), (10,)),
    ]
    first = tensor = source()
    for part in layers:
        tensor = part(tensor)
    return Sequential("mlp", [first], [tensor], layers)


def siamese() -> Model:
    """Two inputs through shared layers, merged; two outputs."""
    a = layer("InputLayer", "tweet_a", (None, 140, 256))
    b = layer("InputLayer", "tweet_b", (None, 140, 256))
    shared = layer("Dense", "shared", (None, 140, 64), (256, 64), (64,))
    flat = layer("Flatten", "flat", (None, 8960))
    merged = layer("Concatenate", "merged", (None, 17920))
    out = layer("Dense", "out", (None, 1), (17920, 1), (1,))
    inputs = [a(), b()]
    joined = merged(flat(shared(inputs[0])), flat(shared(inputs[1])))
    return Model("siamese", inputs, [out(joined), joined], [a, b, shared, flat, merged, out])


def nested() -> Model:
    """A Sequential model inside a functional one, which has two outputs but is one line."""
    source = layer("InputLayer", "x", (None, 784))
    inner = mlp()
    frozen = layer("Dense", "frozen", (None, 3), (10, 3), (3,), frozen=2)
    first = source()
    middle = inner(first)
    return Model("outer", [first], [frozen(middle), middle], [source, inner, frozen])
