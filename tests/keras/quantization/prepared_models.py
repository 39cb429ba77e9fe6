"""Small models of each kind that prepare() knows, with the kernels that onnxruntime is to run them by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from kcompile import keras
from kcompile.keras import layers as L


class Case(NamedTuple):
    """A model, and what onnxruntime makes of its file.

    Attributes:
        shape: of one sample; several for several inputs.
        kernels: operators of the optimised file that compute products and joints.
        words: how many whole numbers there are, where samples are these.
    """

    make: Callable[[], Any]
    shape: Any
    kernels: dict[str, int]
    words: int = 0

    def samples(self, count: int) -> Any:
        """Inputs drawn at random."""
        random = np.random.default_rng(1)
        if self.words:
            return random.integers(0, self.words, (count, *self.shape)).astype(np.float32)
        shapes = self.shape if isinstance(self.shape, list) else [self.shape]
        arrays = [random.normal(size=(count, *shape)).astype(np.float32) for shape in shapes]
        return arrays if isinstance(self.shape, list) else arrays[0]


def dense() -> Any:
    return keras.Sequential([L.Dense(8, activation="relu", input_shape=(6,)), L.Dense(4), L.Softmax()])


def dense_of_steps() -> Any:
    return keras.Sequential([L.Dense(8, activation="relu", input_shape=(5, 6)), L.Dense(4)])


def convolution() -> Any:
    return keras.Sequential(
        [
            L.Conv2D(8, 3, use_bias=False, input_shape=(8, 8, 3)),
            L.BatchNormalization(),
            L.ReLU(),
            L.MaxPooling2D(),
            L.Conv2D(4, 3, activation="relu"),
            L.Dropout(0.2),
            L.Flatten(),
            L.Dense(3),
        ]
    )


def channels_first() -> Any:
    return keras.Sequential(
        [
            L.Conv2D(8, 3, data_format="channels_first", input_shape=(3, 8, 8)),
            L.BatchNormalization(axis=1),
            L.ReLU(6.0),
            L.GlobalAveragePooling2D("channels_first"),
            L.Dense(3),
        ]
    )


def depthwise() -> Any:
    return keras.Sequential(
        [
            L.Conv2D(8, 3, strides=2, padding="same", input_shape=(8, 8, 3)),
            L.BatchNormalization(),
            L.ReLU(6.0),
            L.DepthwiseConv2D(3, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.ReLU(6.0),
            L.Conv2D(4, 1),
            L.BatchNormalization(),
            L.GlobalAveragePooling2D(),
            L.Dense(3),
        ]
    )


def separable() -> Any:
    return keras.Sequential(
        [L.SeparableConv2D(6, 3, activation="relu", input_shape=(8, 8, 3)), L.Flatten(), L.Dense(3)]
    )


def over_time() -> Any:
    return keras.Sequential(
        [L.Conv1D(6, 3, padding="causal", activation="relu", input_shape=(9, 4)), L.Flatten(), L.Dense(3)]
    )


def residual() -> Any:
    x = inputs = keras.Input((8, 8, 4))
    for _ in range(2):
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(x)))
        y = L.BatchNormalization()(L.Conv2D(4, 3, padding="same")(y))
        x = L.ReLU()(L.Add()([x, y]))
    return keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling2D()(x)))


def joined() -> Any:
    a, b = keras.Input((6,)), keras.Input((4,))
    x = L.Concatenate()([L.Dense(5, activation="relu")(a), L.Dense(5, activation="relu")(b)])
    return keras.Model([a, b], [L.Dense(3)(x), L.Dense(2)(x)])


def shared() -> Any:
    a, b, layer = keras.Input((6,)), keras.Input((6,)), L.Dense(5, activation="relu")
    return keras.Model([a, b], L.Dense(3)(L.Concatenate()([layer(a), layer(b)])))


def nested() -> Any:
    inner = keras.Sequential([L.Dense(5, activation="relu", input_shape=(6,)), L.Dense(4)])
    return keras.Sequential([inner, L.ReLU(), L.Dense(3)])


def attention() -> Any:
    x = keras.Input((5, 8))
    y = L.LayerNormalization()(L.Add()([x, L.MultiHeadAttention(2, 4)(x, x)]))
    return keras.Model(x, L.Dense(3)(y))


def recurrent() -> Any:
    return keras.Sequential([L.LSTM(5, input_shape=(4, 3)), L.Dense(6, activation="relu"), L.Dense(2)])


def of_words() -> Any:
    layers = [L.Embedding(20, 6, mask_zero=True, input_shape=(5,)), L.Bidirectional(L.GRU(4)), L.Dense(2)]
    return keras.Sequential(layers)


def rows() -> Any:
    layers = [L.Embedding(20, 6, input_length=5), L.Flatten(), L.Dense(4, activation="relu"), L.Dense(2)]
    return keras.Sequential(layers)


def looped() -> Any:
    return keras.Sequential([L.LSTM(5, recurrent_dropout=0.2, input_shape=(4, 3)), L.Dense(2)])


def transposed() -> Any:
    return keras.Sequential(
        [L.Conv2D(4, 3, activation="relu", input_shape=(6, 6, 2)), L.Conv2DTranspose(3, 2, strides=2)]
    )


CASES = {
    "dense": Case(dense, (6,), {"QGemm": 2}),
    "dense of steps": Case(dense_of_steps, (5, 6), {"MatMulIntegerToFloat": 2}),
    "convolution": Case(convolution, (8, 8, 3), {"QLinearConv": 2, "QGemm": 1}),
    "channels first": Case(channels_first, (3, 8, 8), {"QLinearConv": 1, "QGemm": 1}),
    "depthwise": Case(depthwise, (8, 8, 3), {"QLinearConv": 3, "QGemm": 1}),
    "separable": Case(separable, (8, 8, 3), {"QLinearConv": 2, "QGemm": 1}),
    "over time": Case(over_time, (9, 4), {"QLinearConv": 1, "QGemm": 1}),
    "residual": Case(residual, (8, 8, 4), {"QLinearConv": 4, "QLinearAdd": 2, "QGemm": 1}),
    "joined": Case(joined, [(6,), (4,)], {"QGemm": 4, "QLinearConcat": 1}),
    "shared": Case(shared, [(6,), (6,)], {"QGemm": 3, "QLinearConcat": 1}),
    "nested": Case(nested, (6,), {"QGemm": 3}),
    "attention": Case(attention, (5, 8), {"MatMulIntegerToFloat": 1}),
    "recurrent": Case(recurrent, (4, 3), {"QGemm": 2}),
    "of words": Case(of_words, (5,), {"GRU": 2, "QGemm": 1}, words=20),
    "rows": Case(rows, (5,), {"QGemm": 2}, words=20),
    "looped": Case(looped, (4, 3), {"LSTM": 1, "QGemm": 1}),
    "transposed": Case(transposed, (6, 6, 2), {"QLinearConv": 1}),
}
