"""Networks that learnt real digits, and their samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx

from kcompile import keras, onnx_io
from kcompile.keras import layers as L


class Digits(NamedTuple):
    """A network that reads scikit-learn's 8x8 digits.

    Attributes:
        model: the Keras model.
        onnx: its file, as `model.export` writes it.
        proto: the same in memory.
        x, y: what it learnt, images (samples, 8, 8, 1) and labels (samples,).
        x_test, y_test: what it never saw.
    """

    model: Any
    onnx: Path
    proto: onnx.ModelProto
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def digits_network() -> Any:
    """Convolutions with batch normalisation, one by channel, and a Dense layer large enough for blocks."""
    return keras.Sequential(
        [
            L.Conv2D(16, 3, padding="same", use_bias=False, input_shape=(8, 8, 1), name="conv_1"),
            L.BatchNormalization(name="norm_1"),
            L.Activation("relu", name="relu_1"),
            L.DepthwiseConv2D(3, padding="same", name="depthwise", activation="relu"),
            L.Conv2D(32, 3, padding="same", activation="relu", name="conv_2"),
            L.MaxPooling2D(2, name="pool"),
            L.Flatten(name="flatten"),
            L.Dense(64, activation="relu", name="hidden"),
            L.Dense(10, activation="softmax", name="digits"),
        ],
        name="digits",
    )


def exported(model: Any, folder: Path) -> onnx.ModelProto:
    """A Keras model as ONNX in memory."""
    path = folder / "exported.onnx"
    model.export(path, verify=False)
    return onnx_io.load(path)
