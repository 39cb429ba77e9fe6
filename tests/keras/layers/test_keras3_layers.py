"""Further layers of later Keras equal Keras 3.15, and those that cannot be are errors by name."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import layers
from kcompile.keras.layers import unavailable
from tests.keras.layers.keras3_golden import CHECKS, goldens, name_of

KINDS = [f"Adaptive{kind}Pooling{n}D" for kind in ("Average", "Max") for n in (1, 2, 3)]
CASES = goldens(
    *KINDS, "SpectralNormalization", "Identity", "ReversibleEmbedding", "ConvLSTM1D", "ConvLSTM3D",
    "MelSpectrogram", "STFTSpectrogram", "Bidirectional",
)  # fmt: skip
UNAVAILABLE = [cls for cls in vars(unavailable).values() if isinstance(cls, type) and "why" in vars(cls)]


@pytest.mark.parametrize("golden", CASES, ids=name_of)
@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_layer_equals_keras(check, golden):
    check(golden)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def exported(model, x, path):
    model.export(str(path))
    loaded = keras.models.load_model(str(path))
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), atol=1e-5)


@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda: layers.AdaptiveMaxPooling2D(3), (5, 7, 2)),
        (lambda: layers.AdaptiveAveragePooling3D(2), (3, 4, 5, 2)),
        (lambda: layers.SpectralNormalization(layers.Conv2D(2, 3)), (5, 5, 2)),
        (lambda: layers.ConvLSTM1D(2, 2), (3, 5, 2)),
        (lambda: layers.ConvLSTM3D(2, 2), (3, 4, 4, 4, 2)),
        (lambda: layers.MelSpectrogram(16, 6, sampling_rate=800, num_mel_bins=5), (60,)),
        (lambda: layers.STFTSpectrogram(frame_length=12), (50, 2)),
        (lambda: layers.Resizing(3, 8, "lanczos3", antialias=True), (7, 6, 2)),
        (lambda: layers.AutoContrast(), (7, 6, 3)),
        (lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=(2, 2)), (7, 6, 3)),
    ],
)
def test_export_gives_the_same_outputs(make, shape, tmp_path):
    inputs = layers.Input(shape)
    exported(keras.models.Model(inputs, make()(inputs)), noise(2, *shape), tmp_path / "model.onnx")


def test_spectral_normalization_brings_the_largest_singular_value_to_one():
    keras.utils.set_random_seed(0)  # two singular values that are almost equal would take more iterations
    wrapped = layers.SpectralNormalization(layers.Dense(6, use_bias=False), power_iterations=30)
    model = keras.models.Sequential([layers.Input((5,)), wrapped])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.train_on_batch(noise(8, 5), noise(8, 6))
    kernel = wrapped.layer.get_weights()[0]
    assert np.linalg.svd(kernel)[1].max() == pytest.approx(1.0, rel=1e-3)
    assert len(wrapped.get_weights()) == 2 and len(wrapped.layer.weights) == 1


def test_spectral_normalization_leaves_a_kernel_of_zeros():
    wrapped = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    model = keras.models.Sequential([layers.Input((5,)), wrapped])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    assert np.isfinite(model.train_on_batch(noise(8, 5), noise(8, 3)))
    assert all(np.isfinite(w).all() for w in wrapped.get_weights())


def test_spectral_normalization_of_an_embedding_is_saved_and_loaded(tmp_path):
    ids = layers.Input((3,), dtype="int32")
    model = keras.models.Model(ids, layers.SpectralNormalization(layers.Embedding(5, 4))(ids))
    x = np.array([[1, 2, 4]], "int32")
    for name in ("model.h5", "model.keras"):
        model.save(str(tmp_path / name))
        np.testing.assert_array_equal(
            keras.models.load_model(str(tmp_path / name)).predict(x), model.predict(x)
        )


def test_angles_are_those_of_the_real_and_imaginary_parts():
    inputs = layers.Input((50, 2))
    kinds = [layers.STFTSpectrogram(mode, frame_length=12) for mode in ("real", "imag", "angle")]
    real, imag, angle = keras.models.Model(inputs, [kind(inputs) for kind in kinds]).predict(noise(2, 50, 2))
    length = np.hypot(real, imag)
    np.testing.assert_allclose(length * np.cos(angle), real, atol=1e-5)
    np.testing.assert_allclose(length * np.sin(angle), imag, atol=1e-5)
    assert np.abs(angle).max() <= np.pi + 1e-6 and (angle < -2).any() and (angle > 2).any()


def test_an_embedding_goes_both_ways_in_one_model():
    ids = layers.Input((4,), dtype="int32")
    layer = layers.ReversibleEmbedding(6, 16, mask_zero=True)
    model = keras.models.Model(ids, layer(layer(ids), reverse=True))
    vectors = np.linalg.qr(noise(16, 16))[0][:6]
    layer.set_weights([vectors])
    x = np.array([[1, 5, 0, 2]], "int32")
    assert model.output_shape == (None, 4, 6)
    np.testing.assert_array_equal(model.predict(x).argmax(-1), x)
    copy = type(model).from_config(model.get_config())
    copy.set_weights(model.get_weights())
    np.testing.assert_array_equal(copy.predict(x), model.predict(x))


def test_a_pipeline_trains_and_changes_images_while_training_only():
    pipeline = layers.Pipeline(
        [layers.RandomInvert((1.0, 1.0), (0, 1)), layers.Dense(2), layers.Rescaling(0.5)]
    )
    inputs = layers.Input((4, 4, 3))
    model = keras.models.Model(inputs, pipeline(inputs))
    x = noise(2, 4, 4, 3)
    dense = pipeline.layers[1]
    np.testing.assert_allclose(model.predict(x), (x @ dense.get_weights()[0]) / 2, atol=1e-5)
    model.compile("sgd", "mse")
    before = dense.get_weights()[0]
    model.train_on_batch(x, noise(2, 4, 4, 2))
    assert (dense.get_weights()[0] != before).any()
    assert [type(layer) for layer in type(pipeline).from_config(pipeline.get_config()).layers] == [
        layers.RandomInvert, layers.Dense, layers.Rescaling
    ]  # fmt: skip


def test_integer_lookup_of_a_long_vocabulary():
    vocabulary = np.random.default_rng(0).permutation(np.arange(-3000, 9000, 3))
    layer = layers.IntegerLookup(vocabulary=vocabulary, oov_token=-10_000)
    inputs = layers.Input((2,), dtype="int64")
    model = keras.models.Model(inputs, layer(inputs))
    x = np.arange(-3010, 9010).reshape(-1, 2)
    where = {number: i + 1 for i, number in enumerate(vocabulary.tolist())}
    expected = [[where.get(number, 0) for number in row] for row in x.tolist()]
    np.testing.assert_array_equal(model.predict(x), expected)


@pytest.mark.parametrize("cls", UNAVAILABLE, ids=name_of)
def test_what_cannot_be_computed_is_an_error_by_name_and_says_what_to_do(cls):
    config = {"class_name": "Sequential", "config": {"name": "m", "layers": [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 3], "name": "i"}},
        {"class_name": cls.__name__, "config": {"name": "mine", "trainable": True, "max_tokens": 3}},
    ]}}  # fmt: skip
    with pytest.raises(
        ValueError, match=rf"{cls.__name__} \(layer 'mine'\) is not available: it .*custom_objects"
    ):
        keras.models.model_from_json(json.dumps(config))
    own = {cls.__name__: layers.Identity}
    config["config"]["layers"][1]["config"].pop("max_tokens")
    model = keras.models.model_from_json(json.dumps(config), custom_objects=own)
    assert isinstance(model.layers[-1], layers.Identity)


def test_a_backward_layer_is_kept_only_where_it_says_something():
    plain = layers.Bidirectional(layers.LSTM(2))
    config = {**plain.get_config(), "backward_layer": layers.serialize(plain.backward_layer)}
    assert "backward_layer" not in layers.Bidirectional.from_config(config).get_config()
    config["backward_layer"]["config"]["activation"] = "relu"
    own = layers.Bidirectional.from_config(config)
    assert own.backward_layer.activation is keras.activations.relu
    assert own.get_config()["backward_layer"]["config"]["activation"] == "relu"


def test_cells_may_derive_from_the_base_of_tf_keras():
    class Sum(layers.AbstractRNNCell):
        state_size = output_size = 3

        def call(self, inputs, states):
            total = inputs + states[0]
            return total, [total]

    inputs = layers.Input((4, 3))
    x = noise(2, 4, 3)
    found = keras.models.Model(inputs, layers.RNN(Sum(), return_sequences=True)(inputs)).predict(x)
    np.testing.assert_allclose(found, x.cumsum(1), atol=1e-5)
    with pytest.raises(NotImplementedError, match="state_size"):
        layers.AbstractRNNCell().state_size  # noqa: B018


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.AdaptiveMaxPooling2D((2, 2, 2)), "output_size"),
        (lambda: layers.AdaptiveMaxPooling2D(0), "output_size"),
        (lambda: layers.AdaptiveMaxPooling1D(2)(layers.Input((None, 3))), "known size"),
        (lambda: layers.SpectralNormalization(layers.Dense(2), power_iterations=0), "power_iterations"),
        (
            lambda: layers.SpectralNormalization(layers.Flatten())(layers.Input((2, 3))),
            "kernel or embeddings",
        ),
        (lambda: layers.Pipeline([]), "list of layers"),
        (lambda: layers.Pipeline(["dense"]), "list of layers"),
        (lambda: layers.MelSpectrogram(16, sequence_length=20), "exceeds fft_length"),
        (lambda: layers.MelSpectrogram(16, window="kaiser"), "window must be one of"),
        (lambda: layers.STFTSpectrogram("phase"), "mode"),
        (lambda: layers.STFTSpectrogram(frame_length=8, window=[1.0, 2.0]), "8 values"),
        (lambda: layers.STFTSpectrogram(frame_length=8, fft_length=4), "fft_length"),
        (lambda: layers.IntegerLookup()(layers.Input((2,), dtype="int64")), "adapt"),
        (lambda: layers.IntegerLookup(vocabulary=[1, 2, 1]), "twice"),
        (lambda: layers.IntegerLookup(vocabulary=[1, 2], max_tokens=2), "max_tokens"),
        (lambda: layers.IntegerLookup(vocabulary="words.txt"), "path"),
        (lambda: layers.IntegerLookup(output_mode="tf_idf", vocabulary=[1]), "idf_weights"),
        (lambda: layers.IntegerLookup(invert=True, output_mode="count"), "output_mode"),
        (lambda: layers.IntegerLookup(oov_method="farmhash"), "oov_method"),
        (lambda: layers.ConvLSTM3D(2, (2, 2)), "kernel_size"),
        (lambda: layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2)), "go_backwards"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
