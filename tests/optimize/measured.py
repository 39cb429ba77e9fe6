"""Real networks, exported, that are measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kcompile.keras import layers
from kcompile.keras.models import Model, Sequential


def cnn() -> Any:
    """Convolutions with batch normalisation, and dense layers; compiled."""
    model = Sequential(
        [
            layers.Conv2D(32, 7, strides=2, padding="same", input_shape=(32, 32, 3), name="conv1"),
            layers.BatchNormalization(name="bn1"),
            layers.Activation("relu", name="act1"),
            layers.MaxPooling2D(name="pool"),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="conv2"),
            layers.GlobalAveragePooling2D(name="gap"),
            layers.Dense(256, activation="relu", name="fc"),
            layers.Dense(10, activation="softmax", name="classes"),
        ],
        name="cnn",
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def text() -> Any:
    """Indices of words, embedded, and a recurrent layer; compiled."""
    words = layers.Input((12,), name="words")
    x = layers.Embedding(100, 16, name="embedding")(words)
    x = layers.LSTM(32, name="lstm")(x)
    model = Model(words, layers.Dense(2, name="dense")(x), name="text")
    model.compile("sgd", "mse")
    return model


def block() -> Any:
    """A block of a transformer, in a model within a model."""
    x = layers.Input((16, 64), name="x")
    y = layers.MultiHeadAttention(4, 16, name="mha")(x, x)
    y = layers.LayerNormalization(name="ln")(layers.Add(name="sum")([x, y]))
    inner = Model(x, layers.Dense(128, activation="gelu", name="ff")(y), name="inner")
    outer = layers.Input((16, 64), name="outer_x")
    return Model(outer, layers.Dense(8, name="last")(inner(outer)), name="block")


def looping() -> Any:
    """A user's cell, which is the body of a Scan."""

    class Cell(layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.state_size = self.output_size = 8
            self.inner = layers.Dense(8, activation="tanh", name="inner")

        def call(self, inputs: Any, states: Any) -> Any:
            y = self.inner(inputs) + states[0]
            return y, [y]

    x = layers.Input((20, 8), name="steps")
    return Model(x, layers.RNN(Cell(name="cell"), name="loop")(x), name="looping")


def exported(model: Any, folder: Path) -> Path:
    """The model's .onnx file."""
    path = folder / f"{model.name}.onnx"
    model.export(path, verify=False)
    return path
