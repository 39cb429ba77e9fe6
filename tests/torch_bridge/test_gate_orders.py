"""LSTMs of Keras go to torch's kernel without their gates being put into ONNX's order and back."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Graph, Parameter, Storage, Value, op
from kcompile.keras.quantization import QuantizeWrapper
from kcompile.torch_bridge import lowering
from kcompile.torch_bridge.gate_orders import gate_orders

L = keras.layers


def trained(layer, **options):
    """The weights after three steps, the outputs of the step before, and the code of a step."""
    keras.backend.clear_session()
    random = np.random.RandomState(0)
    inputs = keras.Input(batch_shape=(6, 5, 3))
    model = keras.Model(inputs, layer()(inputs))
    model.set_weights([random.normal(size=w.shape) for w in model.get_weights()])
    model.compile("sgd", "mse", **options)
    x = random.normal(size=(6, 5, 3)).astype("float32")
    y = random.normal(size=model.output_shape).astype("float32")
    losses = [model.train_on_batch(x, y) for _ in range(3)]
    (step,) = model._compiled_steps.made().values()
    return [*model.get_weights(), np.array(losses)], step.module.code


USUAL = {"recurrent_activation": "sigmoid"}


@pytest.mark.parametrize(
    ("layer", "stays"),
    [
        (lambda: L.LSTM(4, **USUAL), True),
        (lambda: L.LSTM(4, use_bias=False, **USUAL), True),
        (lambda: L.LSTM(4, return_sequences=True, go_backwards=True, **USUAL), True),
        (lambda: L.LSTM(4, stateful=True, kernel_regularizer="l2", **USUAL), True),
        (lambda: L.LSTM(4, dtype="mixed_bfloat16", **USUAL), True),
        (lambda: L.LSTM(4, recurrent_activation="hard_sigmoid"), False),
        (lambda: L.LSTM(4, activation="relu", **USUAL), False),
        (lambda: L.Bidirectional(L.LSTM(4, **USUAL)), True),
        (lambda: QuantizeWrapper(L.LSTM(4, **USUAL), outputs=False), True),
    ],
)
def test_gates_stay_in_the_order_that_keras_and_torch_have(layer, stays, monkeypatch):
    found, code = trained(layer)
    assert ("in_torchs_order = True" in code, "tensor_Gather(" in code) == (stays, not stays)
    monkeypatch.setattr(lowering, "gate_orders", lambda graph: {})
    for one, other in zip(found, trained(layer)[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_weights_that_others_read_in_onnxs_order_are_ordered():
    x = Value(np.float32, (5, 2, 3), "x")
    weights = []
    for n in (3, 4):
        kernel = Parameter(Storage(np.ones((4, 4, n), np.float32)), f"kernel_{n}")
        weights.append(op.Reshape(op.Gather(kernel, np.array([0, 3, 1, 2]), axis=0), np.array([1, 16, n])))
    y, h, _ = op.LSTM(x, *weights, hidden_size=4, outputs=3)
    assert len(gate_orders(Graph([y], [x]))) == 1
    assert not gate_orders(Graph([y, weights[0]], [x]))
    assert not gate_orders(Graph([y, op.Add(h, weights[1][:, :2, :4])], [x]))
