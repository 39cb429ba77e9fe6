"""Zeros around a max pooling count as zeros in onnxruntime, as they do in Keras."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.keras import Model
from kcompile.keras import layers as L
from kcompile_runtime import Executor


@pytest.mark.parametrize("before", [None, "relu", "linear"])
def test_zeros_around_a_maximum_of_negative_numbers_win(tmp_path, before):
    x = -1 - np.random.default_rng(0).random((2, 4, 4, 3), "float32")
    image = L.Input((4, 4, 3))
    y = L.Conv2D(3, 1, use_bias=False, name="same")(image)
    if before is not None:
        y = L.Activation(before)(y)
    model = Model(image, L.MaxPooling2D(3, strides=2)(L.ZeroPadding2D(1)(y)))
    model.get_layer("same").set_weights([np.eye(3, dtype="float32").reshape(1, 1, 3, 3)])
    model.export(tmp_path / "model.onnx")
    for found in (model.predict(x), Executor(tmp_path / "model.onnx").predict(x)):
        np.testing.assert_allclose(found[:, 0, :, :], 0, atol=1e-30)
        inner = 0 if before == "relu" else x[:, 1:4, 1:4].max((1, 2))
        np.testing.assert_allclose(found[:, 1, 1, :], np.broadcast_to(inner, (2, 3)), rtol=1e-6)
