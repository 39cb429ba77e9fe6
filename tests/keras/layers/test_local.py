"""Locally connected layers behave as in Keras 2.3.1."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers
from tests.keras.layers.golden_layers import golden_tests

test_layer_equals_keras, test_training_equals_keras = golden_tests("LocallyConnected1D", "LocallyConnected2D")


# --- beyond the golden cases ---


def test_every_position_has_weights_of_its_own():
    layer = layers.LocallyConnected1D(1, 1, use_bias=False)
    inputs = layers.Input((3, 1))
    model = keras.models.Model(inputs, layer(inputs))
    layer.set_weights([np.array([1.0, 10.0, 100.0]).reshape(3, 1, 1)])
    assert model.predict(np.ones((1, 3, 1))).ravel().tolist() == [1.0, 10.0, 100.0]


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: layers.LocallyConnected1D(2, 3, padding="same"), r'only "valid" is supported'),
        (lambda: layers.LocallyConnected1D(2, 3, data_format="channels_first"), r'must be "channels_last"'),
        (lambda: layers.LocallyConnected2D(2, 3, implementation=2), r"implementation=2 is not supported"),
        (lambda: layers.LocallyConnected1D(2, 3)(layers.Input((None, 2))), r"should be fully defined"),
        (lambda: layers.LocallyConnected2D(2, 3)(layers.Input((5, 5, None))), r"should be fully defined"),
        (
            lambda: layers.LocallyConnected2D(2, 3)(layers.Input((5, 2, 1))),
            r"does not fit into the spatial size",
        ),
        (lambda: layers.LocallyConnected2D(2, 3)(layers.Input((5, 5))), r"expected ndim=4, found ndim=3"),
    ],
)
def test_bad_arguments_and_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_locally_connected_layers_are_exported(data_format, tmp_path):
    inputs = layers.Input((5, 5, 2))
    model = keras.models.Model(inputs, layers.LocallyConnected2D(3, 2, data_format=data_format)(inputs))
    model.export(str(tmp_path / "m.onnx"))  # which compares the file with PyTorch
    x = np.random.default_rng(0).normal(size=(3, 5, 5, 2)).astype("float32")
    loaded = keras.models.load_model(str(tmp_path / "m.onnx"))
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-5, atol=1e-6)
