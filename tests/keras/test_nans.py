"""NaN through models: predict and the Executor on the exported file give it where training does."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras.saving.exporting import inference_graph
from kcompile.torch_bridge import lower, run
from kcompile_runtime import Executor

L, K = keras.layers, keras.backend
STEPS, IMAGE, VECTOR = (5, 3), (7, 7, 3), (6,)


def reduction(name):
    return L.Lambda(lambda t: getattr(K, name)(t, axis=1))


RECURRENT = {
    f"{kind}, {how}": (STEPS, *layers)
    for kind in ("LSTM", "GRU", "SimpleRNN")
    for how, layers in {
        "last": [getattr(L, kind)(4)],
        "relu": [getattr(L, kind)(4, activation="relu", return_sequences=True)],
        "backwards": [getattr(L, kind)(4, return_sequences=True, go_backwards=True)],
        "both ways": [L.Bidirectional(getattr(L, kind)(4, return_sequences=True))],
        "masked": [L.Masking(0.0), getattr(L, kind)(4, return_sequences=True)],
    }.items()
}
MODELS = {
    **RECURRENT,
    "ConvLSTM2D": ((2, 5, 5, 2), L.ConvLSTM2D(2, 3)),
    "MaxPooling1D": (STEPS, L.MaxPooling1D()),
    "MaxPooling2D": (IMAGE, L.MaxPooling2D(3, 2, padding="same")),
    "MaxPooling3D": ((4, 4, 4, 2), L.MaxPooling3D()),
    "GlobalMaxPooling1D": (STEPS, L.GlobalMaxPooling1D()),
    "GlobalMaxPooling2D": (IMAGE, L.GlobalMaxPooling2D()),
    "convolutional": (
        IMAGE,
        L.Conv2D(8, 3, padding="same", activation="relu"),
        L.MaxPooling2D(),
        L.Conv2D(4, 2),
        L.Flatten(),
        L.Dense(3, activation="softmax"),
    ),
    **{name: (STEPS, reduction(name)) for name in ("max", "min", "argmax", "argmin", "logsumexp", "prod")},
    **{
        name: (VECTOR, L.Activation(name))
        for name in "relu softmax elu selu softplus softsign tanh sigmoid hard_sigmoid exponential".split()
    },
    "ReLU of all arguments": (VECTOR, L.ReLU(6.0, 0.1, 0.5)),
    "ThresholdedReLU": (VECTOR, L.ThresholdedReLU(0.5)),
    "PReLU": (VECTOR, L.PReLU()),
    "clip": (VECTOR, L.Lambda(lambda t: K.clip(t, -1, 1))),
    "maximum": (VECTOR, L.Lambda(lambda t: K.maximum(t, 0.0 * t))),
    "sign": (VECTOR, L.Lambda(K.sign)),
    "its own NaN": (VECTOR, L.Lambda(lambda t: K.max(K.log(t), axis=-1))),
}


@pytest.mark.parametrize("name", MODELS)
def test_nan_comes_out_where_it_does_in_training(name, tmp_path):
    shape, *layers = MODELS[name]
    inputs = y = L.Input(shape)
    for layer in layers:
        y = layer(y)
    model = keras.Model(inputs, y)
    x = np.random.default_rng(0).standard_normal((3, *shape)).astype("f4")
    x[0].reshape(-1)[-2] = x[1].reshape(-1)[0] = np.nan
    expected = run(lower(inference_graph(model)), x)[0]
    model.export(tmp_path / "m.onnx")
    for found in (
        model.predict(x),
        Executor(tmp_path / "m.onnx").predict(x),
        K.function([inputs], [y])([x])[0],
    ):
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_model_whose_weights_are_lost_predicts_nan():
    model = keras.Sequential([L.LSTM(3, input_shape=(5, 2))])
    assert not np.isnan(model.predict(np.ones((1, 5, 2)))).any()
    weights = model.get_weights()
    weights[2][:] = np.nan
    model.set_weights(weights)
    assert np.isnan(model.predict(np.ones((1, 5, 2)))).all()
