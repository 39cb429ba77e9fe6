"""Layers given as the activation of another layer, in code and in files of every program."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from kcompile.keras import activations, layers
from kcompile.keras.models import Sequential, clone_model, load_model, model_from_json

X = np.random.RandomState(0).randn(3, 5, 4).astype("float32")

STANDING = {
    "LeakyReLU": lambda: layers.LeakyReLU(0.1),
    "PReLU": lambda: layers.PReLU(alpha_initializer="ones"),
    "ELU": lambda: layers.ELU(0.5),
    "ThresholdedReLU": lambda: layers.ThresholdedReLU(0.3),
    "Softmax": lambda: layers.Softmax(axis=1),
    "ReLU": lambda: layers.ReLU(max_value=0.5),
}
WITH_ACTIVATION = {
    "Dense": lambda a: layers.Dense(2, activation=a, input_shape=(5, 4)),
    "Activation": lambda a: layers.Activation(a, input_shape=(5, 4)),
    "Conv1D": lambda a: layers.Conv1D(2, 3, activation=a, input_shape=(5, 4)),
    "SeparableConv1D": lambda a: layers.SeparableConv1D(2, 3, activation=a, input_shape=(5, 4)),
    "TimeDistributed": lambda a: layers.TimeDistributed(layers.Dense(2, activation=a), input_shape=(5, 4)),
}


@pytest.fixture(autouse=True)
def without_the_advice_of_keras():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Do not pass a layer instance")
        yield


@pytest.mark.parametrize("name", STANDING)
def test_it_computes_as_the_layer_behind(name):
    inner, behind = STANDING[name](), STANDING[name]()
    model = Sequential([layers.Dense(2, activation=inner, input_shape=(5, 4))])
    apart = Sequential([layers.Dense(2, input_shape=(5, 4)), behind])
    apart.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict(X), apart.predict(X), rtol=1e-6)
    model.compile("sgd", "mse")
    apart.compile("sgd", "mse")
    y = np.zeros((3, 5, 2))
    np.testing.assert_allclose(model.train_on_batch(X, y), apart.train_on_batch(X, y), rtol=1e-5)
    for ours, theirs in zip(model.get_weights(), apart.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize("outer", WITH_ACTIVATION)
@pytest.mark.parametrize("ending", ["h5", "keras", "onnx", "json", "clone"])
def test_it_comes_back_from_files(outer, ending, tmp_path):
    model = Sequential([WITH_ACTIVATION[outer](layers.LeakyReLU(0.1))])
    if ending in ("json", "clone"):
        copy = clone_model(model) if ending == "clone" else model_from_json(model.to_json())
        copy.set_weights(model.get_weights())
    else:
        model.save(tmp_path / f"m.{ending}")
        copy = load_model(tmp_path / f"m.{ending}")
    assert np.array_equal(copy.predict(X), model.predict(X))


WRITTEN = {
    "tf_keras": {"class_name": "LeakyReLU", "config": {"name": "l", "trainable": True, "alpha": 0.25}},
    "keras": {"module": "keras.layers", "class_name": "LeakyReLU", "registered_name": None,
              "config": {"name": "l", "negative_slope": 0.25}, "build_config": {"input_shape": [None, 2]}},
}  # fmt: skip


@pytest.mark.parametrize("program", WRITTEN)
@pytest.mark.parametrize("key", ["activation", "recurrent_activation"])
def test_it_is_read_as_each_program_writes_it(program, key):
    config = json.loads(Sequential([layers.LSTM(2, input_shape=(5, 4))]).to_json())
    config["config"]["layers"][0]["config"][key] = WRITTEN[program]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = model_from_json(json.dumps(config))
    found = getattr(model.layers[0], key)
    assert isinstance(found, layers.LeakyReLU) and found.alpha == 0.25
    assert np.isfinite(model.predict(X)).all()


def test_unknown_class_is_refused_by_name():
    with pytest.raises(ValueError, match="Unknown layer: 'LeakyRELU'.*LeakyReLU"):
        activations.get({"class_name": "LeakyRELU", "config": {}})
