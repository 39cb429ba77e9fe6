"""Training goes on from files of every Keras, and from files written here, as if it had not stopped."""

from __future__ import annotations

import io
import warnings
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from kcompile import formats, keras, tf_keras
from kcompile.formats import LayerWeights
from kcompile.keras import backend as K
from kcompile.keras.saving.archives import keras_archive_of
from tests.golden.keras3 import state_cases as cases

FOLDER = Path(cases.__file__).parent
FILES = [(judge, name, case) for judge in cases.KINDS for name, case in cases.files(judge)]


@cache
def answers(judge):
    with np.load(FOLDER / f"states_{judge}.npz") as stored:
        return {name: stored[name] for name in stored.files}


def file_of(judge, name):
    with zipfile.ZipFile(FOLDER / f"states_{judge}.zip") as archive:
        return io.BytesIO(archive.read(name))


def loaded(source):
    """The model; a warning that its optimizer starts afresh is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return keras.models.load_model(source)


def trained(model, steps):
    for step in steps:
        model.train_on_batch(*cases.batch(step))
    return model


def resumed(model):
    return trained(model, range(cases.STEPS, cases.STEPS + 2)).get_weights()


@pytest.mark.parametrize("judge, name, case", FILES, ids=[f[1] for f in FILES])
def test_training_goes_on_from_files_of_keras(judge, name, case):
    found = resumed(loaded(file_of(judge, name)))
    for own, theirs in zip(found, cases.weights_after(answers(judge), name), strict=True):
        np.testing.assert_allclose(own, theirs, rtol=2e-5, atol=2e-6)


KINDS = [file for file in FILES if file[1].endswith((".keras", "tf.h5"))]


@pytest.mark.parametrize("judge, name, case", KINDS, ids=[f[1] for f in KINDS])
def test_what_was_loaded_can_be_saved_again(judge, name, case, tmp_path):
    ending = "h5" if name.endswith(".keras") else "keras"
    model = loaded(file_of(judge, name))
    model.save(tmp_path / f"model.{ending}")
    again = loaded(tmp_path / f"model.{ending}")
    for one, other in zip(resumed(again), resumed(model), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


class Heavy(keras.optimizers.Optimizer):
    """A user's own optimizer, as Keras 2 documents it."""

    def __init__(self, lr=0.1, **kwargs):
        super().__init__(**kwargs)
        self.iterations = K.variable(0, dtype="int64", name="iterations")
        self.lr = K.variable(lr, name="lr")

    def get_updates(self, loss, params):
        moments = [K.zeros(K.int_shape(p), name=f"moment_{i}") for i, p in enumerate(params)]
        self.weights = [self.iterations, *moments]
        self.updates = [K.update_add(self.iterations, 1)]
        for p, g, m in zip(params, self.get_gradients(loss, params), moments, strict=True):
            moved = 0.9 * m - self.lr * g
            self.updates += [K.update(m, moved), K.update(p, p + moved)]
        return self.updates

    def get_config(self):
        return {"lr": float(K.get_value(self.lr)), **super().get_config()}


class Doubled(keras.optimizers.Adam):
    def get_gradients(self, loss, params):
        return [2.0 * g for g in super().get_gradients(loss, params)]


@pytest.mark.parametrize("name", ["SGD", "Adam", "Nadam"])
def test_tf_keras_writes_the_count_alone_of_what_is_compiled_and_not_trained(name, tmp_path):
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(2,))])
    model.compile(name, "mse")
    archive = keras_archive_of(model)
    archive.objects["optimizer"] = LayerWeights(name.lower(), [("0", np.zeros((), "int64"))])
    formats.write(archive, tmp_path / "model.keras", format="keras")
    resumed = loaded(tmp_path / "model.keras")
    x, y = np.ones((4, 2)), np.zeros((4, 1))
    for each in (model, resumed):
        each.fit(x, y, epochs=2, verbose=0)
    for found, expected in zip(resumed.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("ending", ["h5", "keras"])
@pytest.mark.parametrize("own", [Heavy, Doubled])
def test_optimizers_of_ones_own_making_go_on(own, ending, tmp_path):
    model = cases.model(keras)
    model.compile(own(lr=0.05), "mse")
    trained(model, range(cases.STEPS)).save(tmp_path / f"model.{ending}")
    with keras.utils.custom_object_scope({own.__name__: own}):
        again = loaded(tmp_path / f"model.{ending}")
    assert type(again.optimizer) is own
    for one, other in zip(resumed(again), resumed(model), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "arguments", [{}, {"clipnorm": 0.01}, {"decay": 0.3}], ids=["plain", "clipnorm", "decay"]
)
@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"])
def test_arguments_of_keras_2_survive_a_file_of_keras_3(name, arguments, tmp_path):
    """Keras 3 has neither time decay nor Nadam's schedule_decay, and puts epsilon under the root."""
    if name == "Nadam" and "decay" in arguments:
        arguments = {"schedule_decay": 0.01}
    model = cases.model(keras)
    model.compile(getattr(keras.optimizers, name)(**arguments), "mse")
    trained(model, range(cases.STEPS)).save(tmp_path / "model.keras")
    again = loaded(tmp_path / "model.keras")
    assert again.optimizer.get_config() == model.optimizer.get_config()
    for one, other in zip(resumed(again), resumed(model), strict=True):
        np.testing.assert_array_equal(one, other)


def test_fit_ends_with_the_average_of_the_weights():
    x, y = (np.concatenate(parts) for parts in zip(*(cases.batch(i) for i in range(4)), strict=True))
    plain, averaged = cases.model(keras), cases.model(keras)
    plain.compile(keras.optimizers.SGD(0.2), "mse")
    averaged.compile(keras.optimizers.SGD(0.2, use_ema=True, ema_momentum=0.5), "mse")
    expected = None
    for i in range(4):
        plain.train_on_batch(x[8 * i : 8 * i + 8], y[8 * i : 8 * i + 8])
        found = plain.get_weights()
        expected = (
            found if expected is None else [0.5 * a + 0.5 * w for a, w in zip(expected, found, strict=True)]
        )
    averaged.fit(x, y, batch_size=8, shuffle=False, verbose=0)
    for one, other in zip(averaged.get_weights(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)
    averaged.fit(x, y, epochs=0, verbose=0)
    for one, other in zip(averaged.get_weights(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_a_loss_scale_optimizer_is_its_inner_one():
    inner = keras.optimizers.Adam(0.25)
    assert keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0) is inner
    config = {"inner_optimizer": keras.optimizers.serialize(inner), "dynamic": True}
    made = keras.optimizers.deserialize({"class_name": "LossScaleOptimizer", "config": config})
    assert made.get_config() == inner.get_config()


def test_muon_leaves_vectors_embeddings_and_excluded_layers_to_adam():
    model = keras.models.Sequential(
        [
            keras.layers.Embedding(6, 3, input_length=2),
            keras.layers.Flatten(),
            keras.layers.Dense(4, name="hidden"),
            keras.layers.Dense(2, name="last", use_bias=False),
        ]
    )
    optimizer = keras.optimizers.Muon(exclude_layers=["last"])
    model.compile(optimizer, "mse")
    model.train_on_batch(np.zeros((1, 2)), np.zeros((1, 2)))
    count = len(model.trainable_weights)
    velocities = optimizer.weights[1 + count :]
    shapes = {p.name: v.shape for p, v in zip(model.trainable_weights, velocities, strict=True)}
    assert shapes.pop("hidden/kernel") == (1,)
    assert shapes == {p.name: p.shape for p in model.trainable_weights if p.name != "hidden/kernel"}
