"""Bad input is one clear error: what was expected, what was found, where; it never crashes or goes on."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras.layers import Dense, Embedding, Input
from kcompile.keras.models import Model, Sequential

pytest.importorskip("torch")

X = np.random.RandomState(3).uniform(-1, 1, (8, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def model(loss="mse", units=1, **compile_arguments):
    made = Sequential([Dense(units, input_shape=(3,), name="dense")], name="m")
    made.compile(**{"optimizer": "sgd", "loss": loss, **compile_arguments})
    return made


def two():
    a, b = Input((3,), name="a"), Input((2,), name="b")
    joined = keras.layers.concatenate([a, b])
    made = Model([a, b], [Dense(1, name="p")(joined), Dense(1, name="q")(joined)], name="two")
    made.compile("sgd", "mse")
    return made


TEXT = np.array([["a", "b", "c"]] * 8)
OBJECTS = np.array([[None, 1, 2]] * 8, dtype=object)

DATA = {
    "too few features": (
        lambda: model().predict(X[:, :2]),
        r"expected.*dense_input.*\(3,\).*shape \(2,\)|dense_input.*3.*2",
    ),
    "too few features in fit": (
        lambda: model().fit(X[:, :2], Y),
        r"expected dense_input to have shape \(3,\) but got array with shape \(2,\)",
    ),
    "too many axes": (
        lambda: model().fit(X[:, :, None], Y),
        r"expected dense_input to have 2 dimensions, but got array with shape \(8, 3, 1\)",
    ),
    "wrong target shape": (
        lambda: model().fit(X, X),
        r"checking target: expected dense to have shape \(1,\) but got array with shape \(3,\)",
    ),
    "text": (
        lambda: model().fit(TEXT, Y),
        "input 'dense_input' must hold numbers of type float32; its dtype is <U1",
    ),
    "text to predict": (lambda: model().predict(TEXT), "dense_input.*float32|numbers"),
    "objects": (lambda: model().fit(OBJECTS, Y), "must hold numbers of type float32; its dtype is object"),
    "text as targets": (lambda: model().fit(X, TEXT[:, :1]), "target 'dense' must hold numbers"),
    "complex numbers": (lambda: model().predict(X.astype("complex64") * 1j), "complex|must hold numbers"),
    "ragged lists": (
        lambda: model().fit([[1, 2, 3], [1, 2]], [1, 2]),
        "inhomogeneous|expects|different lengths",
    ),
    "too few arrays": (lambda: two().fit([X], [Y, Y]), r"expects 2 arrays .a, b., but got 1"),
    "one array for two inputs": (lambda: two().predict(X), r"expects 2 arrays .a, b., but got 1"),
    "too many arrays": (lambda: two().fit([X, X, X], [Y, Y]), r"expects 2 arrays .a, b., but got 3"),
    "too few targets": (lambda: two().fit([X, X[:, :2]], [Y]), r"expects 2 arrays .p, q., but got 1"),
    "a missing input name": (
        lambda: two().fit({"a": X}, [Y, Y]),
        r"No data provided for the input 'b'.*\['a', 'b'\]",
    ),
    "a missing target name": (
        lambda: two().fit([X, X[:, :2]], {"p": Y, "r": Y}),
        "No data provided for the target 'q'",
    ),
    "counts that differ": (
        lambda: model().fit(X, Y[:5]),
        "same number of samples.*8 input samples.*5 target samples",
    ),
    "inputs of different counts": (
        lambda: two().fit([X, X[:4, :2]], [Y, Y]),
        r"All input arrays should have the same number of samples.*\(8, 3\), \(4, 2\)",
    ),
    "counts that differ in prediction": (lambda: two().predict([X, X[:4, :2]]), "same number of samples"),
    "no samples to fit": (lambda: model().fit(X[:0], Y[:0]), "no data: the arrays have 0 samples"),
    "no samples to evaluate": (lambda: model().evaluate(X[:0], Y[:0]), "no data: the arrays have 0 samples"),
    "no samples to train on": (lambda: model().train_on_batch(X[:0], Y[:0]), "0 samples"),
    "no samples to test on": (lambda: model().test_on_batch(X[:0], Y[:0]), "0 samples"),
    "no inputs": (lambda: model().fit(None, Y), "No data.*input.*dense_input"),
    "no inputs to predict": (lambda: model().predict(None), "No data.*input.*dense_input"),
    "no inputs to evaluate": (lambda: model().evaluate(None, Y), "No data.*input.*dense_input"),
    "one input is None": (lambda: two().fit([X, None], [Y, Y]), "No data.*input 'b'"),
    "one target is None": (lambda: two().fit([X, X[:, :2]], [Y, None]), "No data.*target 'q'"),
    "no targets": (lambda: model().fit(X), r"losses on \['dense'\] and needs target data"),
    "no targets to test": (lambda: model().test_on_batch(X), "needs target data"),
    "class numbers for one-hot": (
        lambda: model("categorical_crossentropy", 3).fit(X, np.arange(8) % 3),
        r"checking target: expected dense to have shape \(3,\) but got array with shape \(1,\)",
    ),
    "class numbers for one output": (
        lambda: model("categorical_crossentropy", 1).fit(X, np.arange(8) % 3),
        "expects binary matrices.*to_categorical.*sparse_categorical_crossentropy",
    ),
    "one-hot for class numbers": (
        lambda: model("sparse_categorical_crossentropy", 3).fit(X, np.eye(3)[np.arange(8) % 3]),
        r"expected dense to have shape \(1,\) but got array with shape \(3,\)",
    ),
    "a split that leaves nothing": (
        lambda: model().fit(X, Y, validation_split=0.99),
        "validation_split=0.99 of 8 samples leaves 0 to train",
    ),
    "a split of more than all": (lambda: model().fit(X, Y, validation_split=1.5), "validation_split"),
    "a negative split": (lambda: model().fit(X, Y, validation_split=-0.5), "validation_split"),
    "validation data of four": (
        lambda: model().fit(X, Y, validation_data=(X, Y, Y, Y)),
        "must contain 2 .x_val, y_val. or 3 .*contains 4 items",
    ),
    "validation data of a wrong shape": (
        lambda: model().fit(X, Y, validation_data=(X[:, :2], Y)),
        r"expected dense_input to have shape \(3,\)",
    ),
    "validation_freq zero": (
        lambda: model().fit(X, Y, validation_data=(X, Y), validation_freq=0, verbose=0),
        "validation_freq. can not be less than 1",
    ),
}
for value in (0, -1, 1.5, "8"):
    DATA[f"batch_size {value!r}"] = (
        lambda v=value: model().fit(X, Y, batch_size=v),
        "batch_size must be a positive integer",
    )
    DATA[f"batch_size {value!r} in predict"] = (
        lambda v=value: model().predict(X, batch_size=v),
        "batch_size must be a positive integer",
    )
    DATA[f"batch_size {value!r} in evaluate"] = (
        lambda v=value: model().evaluate(X, Y, batch_size=v),
        "batch_size must be a positive integer",
    )
for value in (-1, 1.5, "3"):
    DATA[f"epochs {value!r}"] = (
        lambda v=value: model().fit(X, Y, epochs=v, verbose=0),
        "epochs must be a non-negative integer",
    )
    DATA[f"steps {value!r}"] = (
        lambda v=value: model().fit(X, Y, steps_per_epoch=v, verbose=0),
        "steps_per_epoch must be a positive integer",
    )


@pytest.mark.parametrize("name", DATA)
def test_bad_data(name):
    call, message = DATA[name]
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert len(str(error.value)) < 600


NAMES = {
    "loss": (
        lambda: model("mean_square_error"),
        "Unknown loss function: 'mean_square_error'.*mean_squared_error",
    ),
    "metric": (lambda: model(metrics=["acuracy"]), "Unknown metric function: 'acuracy'.*accuracy"),
    "optimizer": (lambda: model(optimizer="addam"), "Unknown optimizer: 'addam'.*[Aa]dam"),
    "activation": (lambda: Dense(2, activation="rellu"), "Unknown activation function: 'rellu'.*relu"),
    "initializer": (
        lambda: Dense(2, kernel_initializer="glorot_unifrom"),
        "Unknown initializer.*glorot_uniform",
    ),
    "regularizer": (lambda: Dense(2, kernel_regularizer="l1_l3"), "Unknown regularizer: 'l1_l3'.*l1_l2"),
    "constraint": (lambda: Dense(2, kernel_constraint="maxnrm"), "Unknown constraint: 'maxnrm'.*maxnorm"),
    "layer": (
        lambda: keras.layers.deserialize({"class_name": "Desne", "config": {}}),
        "Unknown layer: 'Desne'.*Dense",
    ),
    "loss of an output": (lambda: two().compile("sgd", {"p": "mse", "r": "mse"}), "r.*p.*q|p.*q.*r"),
    "metric of an output": (lambda: two().compile("sgd", "mse", metrics={"r": "mae"}), "metrics.*r"),
    "loss weight of an output": (
        lambda: two().compile("sgd", "mse", loss_weights={"r": 1}),
        "loss_weights.*r",
    ),
    "weight of an output": (
        lambda: two().fit([X, X[:, :2]], [Y, Y], sample_weight={"r": np.ones(8)}),
        r"Unknown entries in the sample_weight dictionary: \['r'\].*\['p', 'q'\]",
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_unknown_name(name):
    call, message = NAMES[name]
    with pytest.raises(ValueError, match=message):
        call()


COMPILING = {
    "losses of another number": (
        lambda: two().compile("sgd", ["mse"]),
        ValueError,
        "one entry per model output.*2 outputs",
    ),
    "loss weights of another number": (
        lambda: two().compile("sgd", "mse", loss_weights=[1.0]),
        ValueError,
        "loss_weights, it should have one entry per model output",
    ),
    "a number for loss weights": (
        lambda: two().compile("sgd", "mse", loss_weights=2.0),
        TypeError,
        "Could not interpret loss_weights argument: 2.0",
    ),
    "a string for metrics": (
        lambda: model(metrics="mae"),
        TypeError,
        "`metrics` argument not understood.*'mae'",
    ),
    "lists of metrics of another number": (
        lambda: two().compile("sgd", "mse", metrics=[["mae"]]),
        ValueError,
        "list of lists as `metrics`, it should have one entry per model output",
    ),
    "an unknown argument": (lambda: model(losses="mse"), TypeError, "unexpected keyword argument 'losses'"),
    "no optimizer": (lambda: model(optimizer=3), ValueError, "Could not interpret optimizer identifier: 3"),
    "no loss at all": (lambda: model(None), ValueError, "no loss to optimize"),
    "a loss that is none": (
        lambda: model(3),
        ValueError,
        "Could not interpret loss function identifier: expected a name, a config dict or a callable, found 3",
    ),
    "an unknown argument of fit": (
        lambda: model().fit(X, Y, epoch=3),
        TypeError,
        "unexpected keyword argument 'epoch'",
    ),
}


@pytest.mark.parametrize("name", COMPILING)
def test_bad_compile(name):
    call, kind, message = COMPILING[name]
    with pytest.raises(kind, match=message):
        call()


def test_a_failed_compile_leaves_the_model_usable():
    made = model()
    with pytest.raises(ValueError):
        made.compile("sgd", "no such loss")
    made.compile("sgd", "mse")
    made.fit(X, Y, verbose=0)


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_not_compiled(method):
    with pytest.raises(RuntimeError, match="must compile your model before training/testing"):
        getattr(Sequential([Dense(1, input_shape=(3,))]), method)(X, Y)


@pytest.mark.parametrize("method", ["save", "export"])
def test_not_built(method, tmp_path):
    path = tmp_path / ("m.h5" if method == "save" else "m.onnx")
    with pytest.raises(ValueError, match="not built yet"):
        getattr(Sequential([Dense(1)]), method)(str(path))
    assert not path.exists()


def test_names_of_weights_that_differ_change_nothing():
    made = model()
    before = made.get_weights()
    with pytest.raises(ValueError, match="'m' with a list of 1 arrays, but the model has 2 weights"):
        made.set_weights([np.zeros((3, 1))])
    with pytest.raises(
        ValueError, match=r"weight dense/bias has shape \(1,\), the given array has shape \(2,\)"
    ):
        made.set_weights([np.zeros((3, 1)), np.zeros(2)])
    np.testing.assert_array_equal(made.get_weights()[0], before[0])


def test_an_index_beyond_the_table_of_an_embedding():
    made = Sequential([Embedding(5, 2, input_length=3)])
    made.compile("sgd", "mse")
    data = np.array([[0, 1, 7]])
    with pytest.raises(IndexError, match="out of range"):
        made.train_on_batch(data, np.zeros((1, 3, 2)))
    with pytest.raises(Exception, match="out of data bounds|out of range"):
        made.predict(data)
    assert made.predict(np.array([[0, 1, 4]])).shape == (1, 3, 2)


def test_an_error_in_a_callback_reaches_the_user_and_the_model_goes_on():
    class Bad(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyError("mine")

    made = model()
    with pytest.raises(KeyError, match="mine"):
        made.fit(X, Y, verbose=0, callbacks=[Bad()])
    made.fit(X, Y, verbose=0)


def test_nan_in_the_data_is_seen_in_the_loss():
    bad = X.copy()
    bad[0] = np.nan
    made = model()
    assert np.isnan(made.train_on_batch(bad, Y))
    history = made.fit(bad, Y, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1
