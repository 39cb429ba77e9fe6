"""Run in a process of its own: live models that stock Keras 3 quantized to int8 train on for integers."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from tests.keras.saving.versions.quantized_keras3 import quantized  # isort: skip  (chooses the backend)

import kcompile
from kcompile import keras
from kcompile.keras.quantization import prepare

folder = Path(sys.argv[1])
for name, live, x in quantized():
    y = np.asarray(live.predict(x, verbose=0))
    model = kcompile.from_keras(live)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, atol=1e-5)  # by the integers of Keras
    bias = next(w for w in model.weights if w.name.endswith("bias"))
    bias.assign(bias.numpy() + 0.5)
    shifted = model.predict(x, verbose=0)
    before = [w.numpy().copy() for w in live.weights]

    prepared = prepare(model, x)
    found = prepared.predict(x, verbose=0)
    np.testing.assert_allclose(found, shifted, atol=0.06 * np.abs(shifted).max())
    prepared.export(folder / f"{name}.onnx")
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(folder / f"{name}.onnx").graph.initializer}
    of_file = [np.sort(a, axis=None) for a in stored.values() if a.dtype == np.int8 and a.ndim > 1]
    kernels = [w.numpy() for w in live.weights if w.dtype == "int8" and "kernel" in w.path]
    assert kernels
    for kernel in kernels:  # the very integers
        assert any(np.array_equal(np.sort(kernel, axis=None), other) for other in of_file), (
            name,
            kernel.shape,
        )

    prepared.compile(keras.optimizers.Adam(0.01), "mse")
    losses = prepared.fit(x, y + 1, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < 0.6 * losses[0], (name, losses[0], losses[-1])
    assert all(np.array_equal(a, w.numpy()) for a, w in zip(before, live.weights, strict=True))
    part = keras.Model(model.inputs, model.layers[-2].output)
    if name != "einsum":
        try:
            prepare(part, x)
        except ValueError as error:
            assert "is not what from_keras made" in str(error)
        else:
            raise AssertionError("a part of a quantized model was prepared")
    print(name, "trains on")
