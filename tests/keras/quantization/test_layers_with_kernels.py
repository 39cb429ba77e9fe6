"""What becomes of every built-in layer's kernels: trained as they are stored, or float32 for a reason."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from kcompile import keras
from kcompile.keras.layers.transparent_wrapper import kernels
from kcompile.keras.quantization import prepare
from tests.keras.quantization.layers_with_kernels import CASES, CHANNELS, MATRIX, NOT_ALONE, TABLE, WITHOUT
from tests.keras.test_configurations import classes, made

SHAPES = [(6,), (5, 6), (6, 6, 3), (6, 6, 6, 3), (4, 6, 6, 6, 3)]


def stored(path):
    """How each initializer of a file is stored, by name, as the table calls it; "" for float32."""
    graph = onnx.load(path).graph
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    read = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in arrays]
    scales = {node.input[0]: arrays[node.input[1]] for node in read}
    found = {}
    for name, array in arrays.items():
        kinds = {("int8", 1): CHANNELS, ("int8", 0): MATRIX, ("uint8", 0): TABLE}
        found[name] = kinds[array.dtype.name, scales[name].ndim] if name in scales and array.ndim > 1 else ""
    return found


@pytest.mark.parametrize("name", sorted(CASES))
def test_kernels_are_trained_as_they_are_stored(name, tmp_path):
    case, path = CASES[name], tmp_path / "model.onnx"
    np.random.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = case.model()
    samples = case.samples(16)
    targets = model.predict(samples, verbose=0)
    prepared = prepare(model, samples)
    prepared.compile(keras.optimizers.SGD(0.01), "mse")
    prepared.fit(samples, targets + 1, verbose=0)
    trained = prepared.predict(samples, verbose=0)

    assert prepared.export(path)  # compared with what PyTorch computes
    (layer,) = (layer for layer in prepared.layers if layer.weights)
    kinds = stored(path)
    found = {w.name.removeprefix(f"{layer.name}/"): kinds[w.name] for w in layer.weights if len(w.shape) > 1}
    expected = {k: v if v in (CHANNELS, MATRIX, TABLE) else "" for k, v in case.weights.items()}
    assert found == expected

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    computed = session.run(None, {session.get_inputs()[0].name: samples})[0]
    of_integers = any("QuantizeLinear" == node.op_type for node in onnx.load(path).graph.node)
    np.testing.assert_allclose(
        computed, trained, atol=(0.05 if of_integers else 1e-4) * np.abs(trained).max()
    )
    np.testing.assert_array_equal(keras.models.load_model(path).predict(samples, verbose=0), trained)


def test_every_layer_with_kernels_is_in_the_table():
    missing = {}
    for kind, cls in classes().values():
        name = cls.__name__
        if kind == "layer" and name not in CASES and name not in NOT_ALONE and name not in WITHOUT:
            found = built(cls)
            assert found is not None, f"{name}: no inputs for it are known here"
            if kernels(found):
                missing[name] = [weight.name for weight in kernels(found)]
    assert missing == {}


def built(cls):
    """A layer of a class, called on the first inputs that it takes; None if there are none."""
    for shape, dtype in product(SHAPES, ("float32", "int32")):
        x = keras.Input(shape, dtype=dtype)
        for inputs in (x, [x, x]):
            try:
                layer = made(cls)
                layer(inputs)
            except Exception:
                continue
            return layer
    return None
