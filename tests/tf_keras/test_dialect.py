"""``kcompile.tf_keras``: the classes of ``kcompile.keras``, made as tf.keras makes them."""

from __future__ import annotations

import copy
import importlib
import inspect
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompile import keras, tf_keras
from kcompile.keras import rules
from kcompile.tf_keras import keras_modules

FACTS = json.loads((Path(__file__).parents[1] / "golden/files_of_tf_keras/signatures.json").read_text())
OPTIMIZERS = sorted(set(FACTS["signatures"]["optimizers.experimental"]) - {"Optimizer"})


@pytest.fixture(autouse=True)
def fresh_names():
    """Names of layers count from the start."""
    keras.backend.reset_uids()


@pytest.fixture
def in_tf_keras():
    """All code follows tf.keras for one test, as under ``kcompile run``."""
    rules.follow(rules.TF_KERAS)
    yield
    rules.follow(None)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_have_the_defaults_of_tf_keras(name):
    config = getattr(tf_keras.optimizers, name)().get_config()
    told = {k: v for k, v in FACTS["signatures"]["optimizers"][name].items() if k in config}
    assert {"learning_rate", "ema_overwrite_frequency", "clipnorm"} <= told.keys()
    numbers = {k: v for k, v in told.items() if isinstance(v, float)}
    assert {k: config[k] for k in numbers} == pytest.approx(numbers, rel=1e-6)
    assert {k: config[k] for k in told.keys() - numbers} == {k: told[k] for k in told.keys() - numbers}


@pytest.mark.parametrize("name", ["Adadelta", "Adagrad", "Adamax", "Nadam"])
def test_optimizers_of_keras_keep_theirs(name):
    rate = float(getattr(keras.optimizers, name)().learning_rate.numpy())
    assert rate == pytest.approx({"Adadelta": 1.0, "Adagrad": 0.01, "Adamax": 0.002, "Nadam": 0.002}[name])


def test_gru_resets_after_the_product():
    assert tf_keras.layers.GRU(2).reset_after and tf_keras.layers.GRUCell(2).reset_after
    assert not keras.layers.GRU(2).reset_after and not keras.layers.GRUCell(2).reset_after
    assert not tf_keras.layers.GRU(2, reset_after=False).reset_after


@pytest.mark.parametrize("name", ["Dense", "GRU", "Layer", "BatchNormalization"])
def test_instances_are_of_the_class_in_both_dialects(name):
    ours, theirs = getattr(keras.layers, name), getattr(tf_keras.layers, name)
    arguments = [2] if name in ("Dense", "GRU") else []
    for made in (ours(*arguments), theirs(*arguments)):
        assert isinstance(made, ours) and isinstance(made, theirs) and type(made) is ours
    assert issubclass(ours, theirs) and issubclass(theirs, ours)
    assert not isinstance(keras.layers.Flatten(), tf_keras.layers.Dense)


def test_classes_that_derive_carry_the_rules_to_their_objects():
    class Mine(tf_keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = keras.layers.GRU(2)

        def call(self, inputs):
            return self.inner(inputs)

    class Further(Mine):
        pass

    made = Further()
    assert rules.of_layer(made) is rules.TF_KERAS and made.inner.reset_after
    assert isinstance(made, Mine) and isinstance(made, keras.layers.Layer) and type(made) is Further
    assert not isinstance(tf_keras.layers.Dense(1), Mine)
    assert rules.in_force() is rules.KERAS_2


def test_signatures_say_the_defaults_of_tf_keras():
    assert inspect.signature(tf_keras.layers.GRU).parameters["reset_after"].default is True
    assert inspect.signature(keras.layers.GRU).parameters["reset_after"].default is False


def test_classes_are_pickled_in_their_dialect():
    class_of = tf_keras.layers.GRU
    assert pickle.loads(pickle.dumps(class_of)) is class_of
    assert pickle.loads(pickle.dumps(keras.layers.GRU)) is keras.layers.GRU


def test_modules_can_be_imported_by_their_paths():
    from kcompile.tf_keras.layers import GRU
    from kcompile.tf_keras.layers.experimental import preprocessing
    from kcompile.tf_keras.optimizers import legacy

    for path in keras_modules.MODULES:
        if path != "experimental":
            assert dir(importlib.import_module(f"kcompile.tf_keras.{path}"))
            assert keras_modules.module_of(path).__name__.startswith("kcompile.keras")
    assert GRU is tf_keras.layers.GRU
    assert isinstance(preprocessing.Rescaling(0.5), keras.layers.Rescaling)
    assert legacy is tf_keras.optimizers.legacy
    with pytest.raises(AttributeError, match="NoLayer"):
        tf_keras.layers.NoLayer  # noqa: B018


def test_functions_that_configurations_name_are_the_same():
    assert tf_keras.losses.mean_squared_error is keras.losses.mean_squared_error
    assert tf_keras.activations.relu is keras.activations.relu
    assert tf_keras.backend.sum is keras.backend.sum


def test_functions_that_make_objects_make_them_in_the_dialect():
    assert float(tf_keras.optimizers.get("adagrad").learning_rate.numpy()) == pytest.approx(0.001)
    assert tf_keras.layers.deserialize({"class_name": "GRU", "config": {"units": 2}}).reset_after


def test_names_begin_without_a_number():
    names = [tf_keras.layers.Dense(1).name for _ in range(3)]
    assert names == ["dense", "dense_1", "dense_2"]
    assert tf_keras.metrics.AUC().name == "auc"
    assert keras.layers.Conv2D(1, 1).name == "conv2d_1"


def test_legacy_optimizers_compute_as_they_did():
    legacy = tf_keras.optimizers.legacy
    assert isinstance(legacy.RMSprop(), keras.optimizers.RMSprop)
    assert not legacy.RMSprop().epsilon_inside and tf_keras.optimizers.RMSprop().epsilon_inside
    assert legacy.Adam(clipnorm=1.0)._limits()["clipnorm"] == 1.0  # each gradient by itself
    assert keras.optimizers.Adam(clipnorm=1.0)._limits()["global_clipnorm"] == 1.0
    assert float(legacy.SGD(decay=0.5).decay.numpy()) == 0.5


def trained(of):
    """A model of a dialect after two steps, with its data."""
    x = np.random.RandomState(0).rand(8, 5, 3).astype("float32")
    y = x.sum((1, 2))[:, None]
    layers = of.layers
    stack = [layers.Masking(0.0, input_shape=(5, 3)), layers.GRU(4), layers.BatchNormalization()]
    model = of.Sequential([*stack, layers.Dense(1)])
    model.compile("adagrad", "mse", metrics=["mae"])
    model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y))
    return model, x, y


def test_a_model_is_compiled_by_the_rules_it_was_made_under():
    model, _, _ = trained(tf_keras)
    assert list(model.history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.001)
    model, _, _ = trained(keras)
    assert list(model.history.history) == ["val_loss", "val_mae", "loss", "mae"]
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.01)


@pytest.mark.parametrize("ending", ["h5", "keras", "json"])
@pytest.mark.parametrize("dialect", ["keras", "tf_keras"])
def test_files_say_whose_rules_hold_whoever_reads_them(dialect, ending, tmp_path, request):
    its = rules.TF_KERAS if dialect == "tf_keras" else rules.KERAS_2
    model, x, _ = trained(tf_keras if dialect == "tf_keras" else keras)
    path = tmp_path / f"model.{ending}"
    if ending == "json":
        path.write_text(model.to_json())
        load = lambda: keras.models.model_from_json(path.read_text())  # noqa: E731
    else:
        model.save(path)
        load = lambda: keras.models.load_model(path)  # noqa: E731
    here = load()
    request.getfixturevalue("in_tf_keras")
    for found in (here, load()):
        if ending == "json":
            assert rules.of_layer(found.layers[0]) is its
            found.set_weights(model.get_weights())
        else:
            assert found._compile_rules is its
        if ending != "keras":
            assert found.get_config() == model.get_config()
        np.testing.assert_array_equal(found.predict(x), model.predict(x))


def test_copies_keep_their_dialect(in_tf_keras):
    model, x, y = trained(keras)
    for found in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert rules.of_layer(found) is rules.TF_KERAS and found._compile_rules is rules.TF_KERAS
        assert found.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_the_rules_of_a_process_hold_for_all_its_code(in_tf_keras):
    assert keras.layers.GRU(2).reset_after and keras.layers.Dense(1).name == "dense"
    assert tf_keras.layers.GRU is keras.layers.GRU and tf_keras.layers is keras.layers
    with rules.following(rules.KERAS_2):
        assert not keras.layers.GRU(2).reset_after


@pytest.mark.parametrize("made_by", [tf_keras, keras])
@pytest.mark.parametrize("half", [None, True])
def test_files_of_hdf5_say_by_rules_what_other_programs_have_no_argument_for(made_by, half, tmp_path):
    layer = made_by.layers.UpSampling2D(
        2, interpolation="bilinear", half_pixel_centers=half, input_shape=(3, 3, 1)
    )
    model = made_by.Sequential([layer])
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert "half_pixel" not in file.attrs["model_config"]
    found = keras.models.load_model(tmp_path / "model.h5")
    x = np.random.RandomState(0).rand(1, 3, 3, 1).astype("float32")
    assert found.get_config() == model.get_config()
    np.testing.assert_array_equal(found.predict(x), model.predict(x))
