"""What compile() was given as plain data: ``get_compile_config``, ``compile_from_config``, and ``.keras``
files of models that say it themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kcompile import keras, tf_keras

X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
#: Keys as tf.keras has them.
KEYS = {
    *("optimizer", "loss", "metrics", "loss_weights", "weighted_metrics"),
    *("run_eagerly", "steps_per_execution", "jit_compile"),
}
losses, metrics, optimizers = tf_keras.losses, tf_keras.metrics, tf_keras.optimizers


def small(cls=tf_keras.Sequential):
    return cls([tf_keras.layers.Dense(3, input_shape=(2,)), tf_keras.layers.Dense(1)])


ARGUMENTS = {
    "names": lambda: {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    "objects": lambda: {
        "optimizer": optimizers.SGD(0.25, momentum=0.5),
        "loss": losses.Huber(delta=0.5),
        "metrics": [metrics.MeanAbsoluteError(name="error")],
        "weighted_metrics": ["mse"],
        "loss_weights": [2.0],
    },
    "schedule": lambda: {
        "optimizer": optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)),
        "loss": "mae",
    },
    "functions": lambda: {
        "optimizer": "rmsprop",
        "loss": losses.mean_squared_error,
        "metrics": [metrics.mse],
    },
}


@pytest.mark.parametrize("front", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("case", sorted(ARGUMENTS))
def test_a_model_is_compiled_as_another_was(case, front):
    model = small(front.Sequential)
    model.compile(**ARGUMENTS[case]())
    config = model.get_compile_config()
    assert KEYS == config.keys()
    other = small(front.Sequential)
    assert other.get_compile_config() is None
    other.compile_from_config(json.loads(json.dumps(config)))
    assert other.get_compile_config() == config
    assert other.optimizer.weights
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other.evaluate(X, Y, verbose=0), model.evaluate(X, Y, verbose=0))
    for each in (model, other):
        each.fit(X, Y, epochs=2, verbose=0)
    for found, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_tf_keras_returns_is_taken():
    function = {"module": "builtins", "class_name": "function", "config": "mean_absolute_error"}
    config = {
        "optimizer": "sgd",
        "loss": {**function, "registered_name": "function"},
        "metrics": [
            {"module": "keras.metrics", "class_name": "MeanAbsoluteError", "config": {"name": "error"}}
        ],
    }
    model = small()
    model.compile_from_config(config)
    assert isinstance(model.optimizer, optimizers.SGD)
    assert model.evaluate(X, Y, verbose=0, return_dict=True).keys() == {"loss", "error"}


class Penalized(tf_keras.Sequential):
    """Its compile() takes one more argument, and it says so to files."""

    def compile(self, penalty, rates, **kwargs):
        super().compile(**kwargs)
        self.penalty, self.rates = penalty, rates

    def get_compile_config(self):
        return {**super().get_compile_config(), "penalty": self.penalty, "rates": self.rates}

    def compile_from_config(self, config):
        config = dict(config)
        own = {name: config.pop(name) for name in ("penalty", "rates")}
        given = {
            name: tf_keras.utils.deserialize_keras_object(config[name]) for name in ("optimizer", "loss")
        }
        rates = tf_keras.utils.deserialize_keras_object(own["rates"])
        self.compile(penalty=own["penalty"], rates=rates, **given)


def test_a_file_holds_what_the_model_says_and_hands_it_back(tmp_path):
    model = small(Penalized)
    rates = optimizers.schedules.ExponentialDecay(0.5, 3, 0.25)
    model.compile(penalty=3, rates=[rates], optimizer=optimizers.Adam(0.125), loss=losses.Huber(0.5))
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = tf_keras.models.load_model(tmp_path / "m.keras", custom_objects={"Penalized": Penalized})
    assert loaded.penalty == 3 and loaded.loss.delta == 0.5
    assert loaded.rates[0].get_config() == rates.get_config()
    for found, expected in zip(loaded.optimizer.get_weights(), model.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_file_whose_model_cannot_be_compiled_is_loaded_with_a_warning(tmp_path):
    model = small(Penalized)
    model.compile(penalty=3, rates=None, optimizer="adam", loss="mse")
    model.save(tmp_path / "m.keras")

    class Stricter(Penalized):
        def compile_from_config(self, config):
            raise ValueError(f"the penalty {config['penalty']} is too high")

    with pytest.warns(UserWarning, match="not compiled as it was.*the penalty 3 is too high"):
        loaded = tf_keras.models.load_model(tmp_path / "m.keras", custom_objects={"Penalized": Stricter})
    assert loaded.optimizer is None
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


# --- ways to weights ----------------------------------------------------------------------------------------


class Branches(tf_keras.Model):
    """Layers in attributes, lists and dicts, and a weight of its own."""

    def __init__(self):
        super().__init__()
        dense = tf_keras.layers.Dense
        self.d1, self.blocks, self.by_name = dense(2), [dense(2), dense(2)], {"last": dense(1)}
        self.again = self.d1
        self.scale = self.add_weight(name="factor", shape=(1,), initializer="ones")

    def call(self, x):
        for layer in (self.d1, *self.blocks, self.by_name["last"]):
            x = layer(x)
        return x * self.scale


def dag():
    layers = tf_keras.layers
    x = tf_keras.Input((5, 4))
    y = layers.TimeDistributed(layers.Dense(2))(layers.LSTM(4, return_sequences=True, name="lstm")(x))
    return tf_keras.Model(x, layers.BatchNormalization(name="bn")(y))


#: As tf_keras 2.21 answers.
PATHS = {
    "sequential": (
        small,
        {"dense.kernel": (2, 3), "dense.bias": (3,), "dense_1.kernel": (3, 1), "dense_1.bias": (1,)},
    ),
    "dag": (
        dag,
        {
            "lstm.cell.kernel": (4, 16),
            "lstm.cell.recurrent_kernel": (4, 16),
            "lstm.cell.bias": (16,),
            "time_distributed.layer.kernel": (4, 2),
            "time_distributed.layer.bias": (2,),
            "bn.gamma": (2,),
            "bn.beta": (2,),
            "bn.moving_mean": (2,),
            "bn.moving_variance": (2,),
        },
    ),
    "subclassed": (
        Branches,
        {
            "factor": (1,),
            "d1.kernel": (2, 2),
            "d1.bias": (2,),
            "blocks.0.kernel": (2, 2),
            "blocks.0.bias": (2,),
            "blocks.1.kernel": (2, 2),
            "blocks.1.bias": (2,),
            "by_name.last.kernel": (2, 1),
            "by_name.last.bias": (1,),
        },
    ),
}


@pytest.mark.parametrize("case", sorted(PATHS))
def test_weights_are_found_by_what_leads_to_them(case):
    make, expected = PATHS[case]
    tf_keras.backend.clear_session()
    model = make()
    if case == "subclassed":
        model.build((None, 2))
    paths = model.get_weight_paths()
    assert {path: weight.shape for path, weight in paths.items()} == expected
    assert {id(weight) for weight in paths.values()} == {id(weight) for weight in model.weights}


def test_a_model_says_what_it_is_called_on():
    assert Branches().save_spec() is None
    inputs = [tf_keras.Input((2,), 8, name="a"), tf_keras.Input((3, 4), 8, dtype="int32", name="b")]
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(1)(inputs[0]))
    found = {dynamic: model.save_spec(dynamic)[0] for dynamic in (True, False)}
    assert [tuple(spec.shape) for spec in found[True]] == [(None, 2), (None, 3, 4)]
    assert [tuple(spec.shape) for spec in found[False]] == [(8, 2), (8, 3, 4)]
    assert [spec.dtype.name for spec in found[True]] == ["float32", "int32"]


# --- folders ------------------------------------------------------------------------------------------------


def saving(name):
    return lambda model, folder: model.save(folder / name)


def saving_weights(name):
    return lambda model, folder: model.save_weights(folder / name)


def checkpoint(name, **kwargs):
    def fit(model, folder):
        callback = tf_keras.callbacks.ModelCheckpoint(str(folder / name), **kwargs)
        model.fit(X, Y, verbose=0, callbacks=[callback])

    return fit


WRITERS = {
    "hdf5": saving("m.h5"),
    "keras": saving("m.keras"),
    "onnx": saving("m.onnx"),
    "json": saving("m.json"),
    "weights": saving_weights("checkpoint"),
    "weights of keras 3": saving_weights("m.weights.h5"),
    "weights of torch": saving_weights("m.pt"),
    "checkpoint": checkpoint("{epoch}/m.h5"),
    "checkpoint of weights": checkpoint("{epoch}/checkpoint", save_weights_only=True),
}


@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_the_folder_of_a_file_is_made_in_the_dialect_of_tf_keras_alone(writer, tmp_path):
    for front, made in ((tf_keras, True), (keras, False)):
        model = small(front.Sequential)
        model.compile("sgd", "mse")
        folder = tmp_path / front.__name__ / "inner"
        if made:
            WRITERS[writer](model, folder)
            assert any(path.is_file() for path in folder.rglob("*"))
        else:
            with pytest.raises(OSError, match="No such file|not exist"):
                WRITERS[writer](model, folder)
