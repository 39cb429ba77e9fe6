"""Pooling behaves as in Keras 2.3.1."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers
from tests.keras.layers.golden_layers import golden_tests

test_layer_equals_keras, test_training_equals_keras = golden_tests(
    "MaxPooling1D",
    "GlobalMaxPooling1D",
    "MaxPooling2D",
    "GlobalMaxPooling2D",
    "MaxPooling3D",
    "GlobalMaxPooling3D",
    "AveragePooling1D",
    "GlobalAveragePooling1D",
    "AveragePooling2D",
    "GlobalAveragePooling2D",
    "AveragePooling3D",
    "GlobalAveragePooling3D",
)


# --- beyond the golden cases ---


@pytest.mark.parametrize("kind", ["Max", "Average"])
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_keepdims_leaves_axes_of_size_one(kind, rank, data_format):
    spatial = (5, 4, 3)[:rank]
    shape = (*spatial, 2) if data_format == "channels_last" else (2, *spatial)
    layer = getattr(layers, f"Global{kind}Pooling{rank}D")(data_format=data_format, keepdims=True)
    inputs = layers.Input(shape)
    output = layer(inputs)
    x = np.random.default_rng(0).normal(size=(3, *shape)).astype("float32")
    axes = tuple(range(1, rank + 1)) if data_format == "channels_last" else tuple(range(2, rank + 2))
    expected = (np.max if kind == "Max" else np.mean)(x, axis=axes, keepdims=True)
    found = keras.models.Model(inputs, output).predict(x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape((None, *shape)) == (None, *expected.shape[1:]) == K.int_shape(output)
    assert type(layer).from_config(layer.get_config()).keepdims


def test_a_masked_mean_drops_the_mask():
    inputs = layers.Input((3, 2))
    assert layers.GlobalAveragePooling1D()(layers.Masking()(inputs))._keras_mask is None
    with pytest.raises(TypeError, match="does not support masking"):
        layers.GlobalMaxPooling1D()(layers.Masking()(inputs))


@pytest.mark.parametrize("short", ["AvgPool", "MaxPool", "GlobalAvgPool", "GlobalMaxPool"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_short_names_are_the_same_classes(short, rank):
    full = short.replace("Avg", "Average").replace("Pool", "Pooling")
    assert getattr(layers, f"{short}{rank}D") is getattr(layers, f"{full}{rank}D")


@pytest.mark.parametrize(
    "make, problem",
    [
        (lambda: layers.MaxPooling2D((2, 2, 2)), r"`pool_size` argument must be a tuple of 2 integers"),
        (lambda: layers.MaxPooling2D(0), r"`pool_size` must be a positive integer, found 0"),
        (lambda: layers.MaxPooling2D(2, strides=0), r"`strides` must be a positive integer, found 0"),
        (lambda: layers.MaxPooling2D(padding="full"), r"`padding` argument must be one of .* Received: full"),
        (lambda: layers.AveragePooling1D(padding="causal"), r"padding must be 'valid' or 'same'"),
        (lambda: layers.MaxPooling1D(data_format="first"), r"`data_format` argument must be one of"),
        (lambda: layers.MaxPooling2D()(layers.Input((8, 3))), r"expected ndim=4, found ndim=3"),
        (
            lambda: layers.MaxPooling2D(5)(layers.Input((3, 3, 2))),
            r"window of \(5, 5\) does not fit .* \(3, 3\)",
        ),
        (lambda: layers.GlobalMaxPooling2D()(layers.Input((8, 3))), r"expected ndim=4, found ndim=3"),
    ],
)
def test_bad_arguments_and_inputs_are_refused_by_one_clear_error(make, problem):
    with pytest.raises(ValueError, match=problem):
        make()
