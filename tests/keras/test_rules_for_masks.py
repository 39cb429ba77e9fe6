"""Layers behind masks in files of tf.keras 2 and Keras 3 answer as there, by rules the files do not state.

``tests/golden/masks`` holds configurations and answers of tf_keras 2.21 and Keras 3.15 for every layer class
that they can put behind a mask.
"""

from __future__ import annotations

import gzip
import io
import json
import warnings
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompile.formats import FileFormatError
from kcompile.keras import layers, rules
from kcompile.keras.layers import Layer
from kcompile.keras.models import Model, Sequential, clone_model, load_model, model_from_json
from tests.golden.masks import cases

FOLDER = Path(__file__).parent.parent / "golden" / "masks"
MODULES = ("tf_keras", "keras")


@cache
def configs(module):
    return json.loads(gzip.decompress((FOLDER / f"{module}.json.gz").read_bytes()))


@cache
def stored(module):
    with np.load(FOLDER / f"{module}.npz") as answers:
        return dict(answers)


def of_file(module, name, text=None):
    model = model_from_json(text or json.dumps(configs(module)[name]))
    model.set_weights(cases.weights(name, [np.shape(w) for w in model.get_weights()]))
    return model


def check(model, module, name):
    found, want = cases.answers(model, name), stored(module)
    assert [f"{name}/{i}" for i in range(len(found))] == [k for k in want if k.rsplit("/", 1)[0] == name]
    for i, answer in enumerate(found):
        np.testing.assert_allclose(answer, want[f"{name}/{i}"], rtol=1e-4, atol=2e-5)


EVERY = [(module, name) for module in MODULES for name in cases.NAMES if name in configs(module)]


@pytest.mark.parametrize(("module", "name"), EVERY)
def test_layer_behind_a_mask_answers_as_there(module, name):
    model = of_file(module, name)
    check(model, module, name)
    text = model.to_json()
    if '"rules"' not in text:
        return
    twin = of_file(module, name, text)
    for ours, again in zip(cases.answers(model, name), cases.answers(twin, name), strict=True):
        assert np.array_equal(ours, again, equal_nan=True)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("name", ["Conv1D", "Flatten", "Bidirectional_concat", "Dot", "Sequential_conv"])
def test_rules_of_the_writer_survive_files_written_here(module, ending, name, tmp_path):
    model = of_file(module, name)
    model.save(tmp_path / f"m.{ending}")
    check(load_model(tmp_path / f"m.{ending}"), module, name)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("name", ["Add_one", "Rescaling", "Concatenate_both", "Multiply_three"])
def test_masks_that_keras_3_takes_otherwise_stay_in_files_of_the_writers_own(module, name, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_file(module, name).save(tmp_path / "m.keras")
    check(load_model(tmp_path / "m.keras"), module, name)


@pytest.mark.parametrize("merge", [layers.Concatenate, layers.Multiply])
def test_masks_of_keras_2_that_keras_3_takes_otherwise_are_told_of(merge, tmp_path):
    inputs = [layers.Input((3, 2)), layers.Input((3, 2))]
    outputs = layers.LSTM(2)(merge()([layers.Masking()(x) for x in inputs]))
    with pytest.warns(UserWarning, match="a mask with which Keras 3 does something else"):
        Model(inputs, outputs).save(tmp_path / "m.keras")


@pytest.mark.parametrize("module", MODULES)
def test_every_class_of_a_writer_is_asked(module):
    """All public layer classes but those that no mask reaches, or that are not there at all."""
    asked = {entry["class_name"] for name in configs(module) for entry in walk(configs(module)[name])}
    missing = {name for name in WITH_MASKS[module] if name not in asked}
    assert not missing


def walk(value):
    if isinstance(value, list):
        for entry in value:
            yield from walk(entry)
    elif isinstance(value, dict):
        if "class_name" in value and "config" in value:
            yield value
        for entry in value.values():
            yield from walk(entry)


COMMON = set(
    """Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average AveragePooling1D
    BatchNormalization Bidirectional CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose
    Conv3D Conv3DTranspose Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout
    ELU EinsumDense Flatten GRU GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D Identity LSTM
    LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum
    MultiHeadAttention Multiply Normalization PReLU Permute RNN RandomContrast RandomFlip RandomRotation
    RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D
    SimpleRNN SpatialDropout1D SpatialDropout2D SpatialDropout3D Subtract TimeDistributed UnitNormalization
    UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D""".split()
)
WITH_MASKS = {
    "tf_keras": COMMON
    | {"AveragePooling2D", "AveragePooling3D", "LocallyConnected1D", "LocallyConnected2D", "RandomCrop"}
    | {"RandomHeight", "RandomWidth", "ThresholdedReLU"},
    "keras": COMMON
    | {"AdaptiveAveragePooling1D", "AdaptiveMaxPooling1D", "GroupNormalization", "RMSNormalization"}
    | {"SpectralNormalization"},
}


# --- rules for calls ----------------------------------------------------------------------------------------


def as_written_by(model, version):
    """The model as a file of another program's version has it."""
    buffer = io.BytesIO()
    model.save(buffer)
    with h5py.File(buffer, "r+") as file:
        file.attrs["keras_version"] = version
    return io.BytesIO(buffer.getvalue())


class Embedded(Layer):
    """A user's layer that makes a mask and calls layers on it that know nothing of masks."""

    mask_zero = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.embedding, self.late = layers.Embedding(9, 2, mask_zero=self.mask_zero), None

    def build(self, input_shape):
        self.late = layers.Conv1D(2, 2)
        super().build(input_shape)

    def call(self, x):
        return layers.Flatten()(self.late(self.embedding(x)))


@pytest.mark.parametrize("version", ["2.2.4-tf", "2.15.0", "2.21.0", "3.0.0", "3.15.0"])
def test_layers_within_a_users_layer_drop_masks_too(version):
    class Unmasked(Embedded):
        mask_zero = False

    words, x = layers.Input((6,)), np.array([[1, 2, 0, 3, 0, 4]])
    with pytest.raises(TypeError, match="does not support masking"):
        Embedded()(words)
    model = Model(words, layers.TimeDistributed(layers.ReLU())(layers.Reshape((5, 2))(Unmasked()(words))))
    loaded = load_model(as_written_by(model, version), custom_objects={"Unmasked": Embedded})
    assert loaded.layers[1].embedding.mask_zero
    np.testing.assert_allclose(loaded.predict(x), model.predict(x), rtol=1e-6)
    again = io.BytesIO()
    loaded.save(again)
    twin = load_model(io.BytesIO(again.getvalue()), custom_objects={"Embedded": Embedded})
    np.testing.assert_allclose(twin.predict(x), model.predict(x), rtol=1e-6)


@pytest.mark.parametrize("version", ["2.15.0", "3.15.0"])
def test_copies_and_further_calls_keep_the_rule(version):
    model = Sequential([layers.Masking(input_shape=(6, 4)), layers.Dense(3)])
    text = model.to_json().replace("2.3.1", version).replace('"Dense"', '"Conv1D"')
    text = text.replace('"units": 3', '"filters": 3, "kernel_size": 2')
    loaded = model_from_json(text)
    for copy in (loaded, clone_model(loaded), model_from_json(loaded.to_json())):
        assert copy(layers.Masking()(layers.Input((6, 4))))._keras_mask is None
        assert clone_model(copy).output_shape == (None, 5, 3)


def test_code_keeps_the_rule_of_keras_2_3():
    x = layers.Masking()(layers.Input((6, 4)))
    with pytest.raises(TypeError, match="does not support masking"):
        layers.Conv1D(3, 2)(x)
    text = Sequential([layers.Masking(input_shape=(6, 4))]).to_json()
    loaded = model_from_json(text.replace("2.3.1", "3.0.0"))
    with pytest.raises(TypeError, match="does not support masking"):
        layers.Conv1D(3, 2)(loaded.output)


@pytest.mark.parametrize("version", ["2.3.1", "2.2.4", "2.0.8"])
def test_files_of_keras_2_keep_its_rule(version):
    text = json.dumps({**configs("tf_keras")["Conv1D"], "keras_version": version})
    with pytest.raises(FileFormatError, match="does not support masking"):
        model_from_json(text)


def test_unknown_rule_in_a_file_is_refused():
    config = json.loads(Sequential([layers.Dense(3, input_shape=(4,))]).to_json())
    config["config"]["layers"][0]["rules"] = "keras_9"
    with pytest.raises(ValueError, match="follows 'keras_9'; known are tf_keras, keras_3"):
        model_from_json(json.dumps(config))


@pytest.mark.parametrize(
    ("version", "zeros"), [("2.3.1", False), ("2.2.4-tf", True), ("2.15.0", True), ("3.1.0", False)]
)
def test_bidirectional_of_tf_keras_alone_gives_zeros_at_masked_steps(version, zeros):
    inner = layers.LSTM(2, return_sequences=True, bias_initializer="ones")
    model = Sequential([layers.Masking(input_shape=(3, 2)), layers.Bidirectional(inner)])
    loaded = load_model(as_written_by(model, version))
    x = np.ones((1, 3, 2), "float32")
    x[:, 1] = 0
    assert bool(np.all(loaded.predict(x)[0, 1] == 0)) is zeros
    assert json.loads(model.to_json())["keras_version"] == "2.3.1"


@pytest.mark.parametrize(
    ("version", "shape", "masked"),
    [("2.3.1", (3, 2), False), ("2.15.0", (3, 2), True), ("3.5.0", (3, 2), True), ("3.5.0", (3, 2, 2), True),
     ("2.15.0", (3, 2, 2), False)],
)  # fmt: skip
def test_batch_normalization_trains_on_the_steps_that_count(version, shape, masked):
    model = Sequential([layers.Masking(input_shape=shape), layers.BatchNormalization(momentum=0.0)])
    loaded = load_model(as_written_by(model, version))
    loaded.compile("sgd", "mse")
    x = np.random.RandomState(0).uniform(1, 2, (4, *shape)).astype("float32")
    x[:, 1] = 0
    loaded.train_on_batch(x, x)
    kept = x[:, [0, 2]] if masked else x
    average = loaded.layers[-1].get_weights()[2]
    np.testing.assert_allclose(average, kept.reshape(-1, shape[-1]).mean(0), rtol=1e-5)


def test_rules_are_found_by_their_names_and_name_layers():
    for own in (rules.TF_KERAS, rules.KERAS_3):
        assert rules.named(own.name, "It follows") is own
        for name in own.drops_masks_in:
            assert issubclass(getattr(layers, name), Layer)


def test_rules_of_files_of_our_first_versions_are_read():
    config = json.loads(Sequential([layers.Dense(3, input_shape=(4,))]).to_json())
    config["config"]["layers"][0]["masks"] = "keras_3"
    assert rules.of_layer(model_from_json(json.dumps(config)).layers[0]) is rules.KERAS_3
