"""Networks for stock Keras 3, whatever its backend, with a batch to train them on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Made = tuple[Any, np.ndarray, np.ndarray]


def _classes(keras: Any, inputs: Any, x: Any, shape: tuple[int, ...], batch: int, tokens: int = 0) -> Made:
    """A classifier of ten classes on top of ``x``, and a batch of random numbers or tokens."""
    model = keras.Model(inputs, keras.layers.Dense(10)(x))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    random = np.random.RandomState(0)
    size = (batch, *shape)
    data = random.randint(1, tokens, size).astype("int32") if tokens else random.rand(*size).astype("float32")
    return model, data, random.randint(0, 10, (batch, 1))


def mlp(keras: Any) -> Made:
    """784-256-128-10, batch 64."""
    inputs = keras.Input((784,))
    x = keras.layers.Dense(256, activation="relu")(inputs)
    x = keras.layers.Dense(128, activation="relu")(x)
    return _classes(keras, inputs, x, (784,), 64)


def cnn(keras: Any) -> Made:
    """28 x 28, two convolutions, batch 64."""
    layers = keras.layers
    inputs = keras.Input((28, 28, 1))
    x = layers.MaxPooling2D()(layers.Conv2D(32, 3, activation="relu")(inputs))
    x = layers.MaxPooling2D()(layers.Conv2D(64, 3, activation="relu")(x))
    return _classes(keras, inputs, layers.Dropout(0.5)(layers.Flatten()(x)), (28, 28, 1), 64)


def lstm(keras: Any) -> Made:
    """LSTM(64), 64 steps of 32, batch 32."""
    inputs = keras.Input((64, 32))
    return _classes(keras, inputs, keras.layers.LSTM(64)(inputs), (64, 32), 32)


def gru(keras: Any) -> Made:
    """GRU(64), 64 steps of 32, batch 32."""
    inputs = keras.Input((64, 32))
    return _classes(keras, inputs, keras.layers.GRU(64)(inputs), (64, 32), 32)


def transformer(keras: Any) -> Made:
    """Two blocks of width 128 with 4 heads, 64 tokens, batch 32."""
    layers = keras.layers
    inputs = keras.Input((64,), dtype="int32")
    x = layers.Embedding(1000, 128)(inputs)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 32)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(128)(layers.Dense(256, activation="gelu")(x)))
    return _classes(keras, inputs, layers.GlobalAveragePooling1D()(x), (64,), 32, tokens=1000)


def resnet20(keras: Any) -> Made:
    """Of He et al. for 32 x 32, batch 32."""
    layers = keras.layers

    def convolved(x: Any, filters: int, stride: int = 1) -> Any:
        x = layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(convolved(inputs, 16))
    for filters in (16, 32, 64):
        for block in range(3):
            stride = 2 if filters > 16 and block == 0 else 1
            y = convolved(layers.ReLU()(convolved(x, filters, stride)), filters)
            if stride == 2:
                x = layers.Conv2D(filters, 1, strides=2)(x)
            x = layers.ReLU()(x + y)
    return _classes(keras, inputs, layers.GlobalAveragePooling2D()(x), (32, 32, 3), 32)


def unet(keras: Any) -> Made:
    """16 to 64 channels on images of 64 x 64, batch 16."""
    from .keras_networks import unet

    return unet(keras)


NETWORKS: dict[str, Callable[[Any], Made]] = {
    made.__name__: made for made in (mlp, cnn, lstm, gru, transformer, resnet20, unet)
}
"""By name; the first sentence of each docstring is what tables call it."""
