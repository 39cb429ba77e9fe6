"""Which adapter takes which data; batches of arrays: their order, shuffling, splitting and number."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras import rules
from kcompile.keras.callbacks import Callback
from kcompile.keras.layers import BatchNormalization, Dense, Dropout, Input
from kcompile.keras.models import Model, Sequential
from kcompile.keras.training import arrays, data_adapters
from tests.keras.training.networks import OnDisk, X, Y, linear

torch = pytest.importorskip("torch")


class Rows(keras.utils.Sequence):
    def __len__(self):
        return 5

    def __getitem__(self, i):
        return X[4 * i : 4 * i + 4], Y[4 * i : 4 * i + 4]


class Loader:
    """What is iterated over anew each epoch, as torch's DataLoader."""

    def __iter__(self):
        return (Rows()[i] for i in range(5))


KINDS = {  # data, other arguments of fit, the adapter
    "arrays": (lambda: (X, Y), {}, "ArrayAdapter"),
    "lists": (lambda: (X.tolist(), Y.tolist()), {}, "ArrayAdapter"),
    "arrays on disk": (lambda: (OnDisk(X), OnDisk(Y)), {}, "ArrayAdapter"),
    "torch's tensors": (lambda: tuple(map(torch.from_numpy, (X, Y))), {}, "ArrayAdapter"),
    "a dict": (lambda: ({"x": X}, {"y": Y}), {}, "ArrayAdapter"),
    "a generator": (lambda: (iter(Loader()), None), {"steps_per_epoch": 5, "workers": 0}, "GeneratorAdapter"),
    "a map": (lambda: (map(Rows().__getitem__, range(5)), None), {"steps_per_epoch": 5}, "GeneratorAdapter"),
    "a Sequence": (lambda: (Rows(), None), {"workers": 0}, "SequenceAdapter"),
    "a loader": (lambda: (Loader(), None), {}, "LoaderAdapter"),
    "a tensor": (lambda: (K.variable(X[:4]), K.constant(Y[:4])), {"steps_per_epoch": 1}, "SymbolicAdapter"),
    "an array, a tensor": (lambda: (X[:4], K.variable(Y[:4])), {"steps_per_epoch": 1}, "SymbolicAdapter"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_data_has_an_adapter_and_trains_as_its_arrays_do(kind):
    make, arguments, adapter = KINDS[kind]
    x, y = make()
    assert data_adapters.adapter_class(data_adapters.DataArguments(x, y)).__name__ == adapter
    i = Input((3,), name="x")
    model = Model(i, Dense(1, name="y", kernel_initializer="ones")(i))
    model.compile("sgd", "mse")
    reference = keras.models.clone_model(model)
    reference.set_weights(model.get_weights())
    reference.compile("sgd", "mse")
    samples = 4 if adapter == "SymbolicAdapter" else 20
    if adapter == "ArrayAdapter":
        arguments = {"batch_size": 4}
    model.fit(x, y, shuffle=False, verbose=0, **arguments)
    reference.fit(X[:samples], Y[:samples], batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5)


def test_arrays_are_checked_once_and_not_by_the_epoch(monkeypatch):
    checked, standardize = [], arrays.ArraySpec.standardize
    monkeypatch.setattr(
        arrays.ArraySpec, "standardize", lambda *a: checked.append(a[0].name) or standardize(*a)
    )
    model = linear()
    model.fit(X, Y, epochs=3, batch_size=4, validation_data=(X, Y), verbose=0)
    assert len(checked) == 4  # inputs and targets to train on and to validate on


def test_what_gives_batches_cannot_be_split():
    for source, match in ((Rows(), "needs arrays"), (K.variable(X), "pass `validation_data`")):
        with pytest.raises(ValueError, match=match):
            linear().fit(source, steps_per_epoch=1, validation_split=0.5)


class Order(Callback):
    """The first column of the batches that a model is trained on, by a loss that reports it."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, logs["size"], logs["loss"]))


def sizes_and_order(shuffle, batch_size=8, samples=20, **fit):
    """What a model sees, told by a metric: values of the first feature, batch by batch."""
    model = Sequential([keras.layers.Activation("linear", input_shape=(1,))])
    first = lambda y_true, y_pred: y_pred[0, 0]  # noqa: E731
    data = np.arange(samples, dtype="float32")[:, None]
    seen = []

    class See(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((logs["size"], logs["first"]))

        def on_train_batch_begin(self, batch, logs=None):
            self.model.reset_metrics()

    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=[first])
    model.metrics[0].name = "first"
    model.fit(data, data, batch_size=batch_size, shuffle=shuffle, verbose=0, callbacks=[See()], **fit)
    return seen


def test_without_shuffling_batches_come_in_order():
    assert sizes_and_order(False, epochs=2) == [(8, 0), (8, 8), (4, 16)] * 2


def test_shuffling_is_that_of_numpy_and_new_each_epoch():
    np.random.seed(7)
    seen = [first for _, first in sizes_and_order(True, epochs=2)]
    np.random.seed(7)
    orders = []
    for _ in range(2):
        indices = np.arange(20)
        np.random.shuffle(indices)
        orders.append(indices)
    assert seen == [order[i] for order in orders for i in (0, 8, 16)]


def test_batch_shuffling_moves_whole_batches():
    np.random.seed(1)
    seen = sizes_and_order("batch", samples=42)
    assert sorted(first for _, first in seen[:-1]) == [0, 8, 16, 24, 32] and seen[-1] == (2, 40)


def test_batch_shuffling_of_an_h5py_dataset(tmp_path):
    import h5py

    with h5py.File(tmp_path / "data.h5", "w") as file:
        x, y = file.create_dataset("x", data=X), file.create_dataset("y", data=Y)
        model = linear()
        history = model.fit(x, y, shuffle="batch", batch_size=6, epochs=30, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0] / 3
        np.testing.assert_allclose(model.predict(x), model.predict(X), rtol=1e-6)
        assert model.evaluate(x, y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)
        model.fit(x, y, shuffle=True, batch_size=6, verbose=0)
        model.fit(x, y, validation_split=0.25, shuffle="batch", verbose=0)
        model.train_on_batch(x, y)


def test_unknown_shuffle():
    with pytest.raises(ValueError, match="shuffle must be True, False or \"batch\"; found 'rows'"):
        linear().fit(X, Y, shuffle="rows", verbose=0)


def test_validation_split_takes_the_end_unshuffled():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, validation_split=0.25, verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        model.evaluate(X[15:], Y[15:], verbose=0), rel=1e-5
    )
    assert history.history["loss"][0] == pytest.approx(model.evaluate(X[:15], Y[:15], verbose=0), rel=1e-5)


@pytest.mark.parametrize("rate, phase", [(0.0, []), (0.5, [0.0])])
def test_callbacks_find_the_validation_data_as_keras_2_gives_it(rate, phase):
    x, y = np.ones((6, 3), "f"), np.zeros((6, 1), "f")
    model = Sequential([Dense(4, input_shape=(3,)), *([Dropout(rate)] if rate else []), Dense(1)])
    model.compile("sgd", "mse")
    callback = Callback()
    model.fit(x, y, validation_data=(x[:2], y[:2]), callbacks=[callback], verbose=0)
    inputs, targets, weights, *rest = callback.validation_data
    np.testing.assert_array_equal(inputs, x[:2])
    np.testing.assert_array_equal(targets, y[:2])
    assert weights.tolist() == [1, 1] and rest == phase


def test_updates_are_those_of_layers_that_train():
    layer = BatchNormalization(input_shape=(4,))
    model = Sequential([layer, Dense(1)])
    assert len(model.updates) == 2
    model.trainable = False
    assert model.updates == []
    model.trainable = True
    layer.trainable = False
    assert model.updates == []


@pytest.mark.parametrize("its", [rules.KERAS_2, rules.TF_KERAS], ids=lambda its: its.name)
def test_callbacks_that_do_not_call_their_base_are_given_all_the_same(its):
    class Counting(keras.callbacks.Callback):
        def __init__(self):
            self.batches = 0

        def on_batch_begin(self, batch, logs=None):
            self.batches += 1
            assert self.params["epochs"] == 1 and self.model is not None

    with rules.following(its):
        model, callback = linear(), Counting()
        model.fit(X, Y, batch_size=2, validation_data=(X, Y), callbacks=[callback], verbose=0)
    assert callback.batches == -(-len(X) // 2)
    np.testing.assert_array_equal(callback.validation_data[0], X)


@pytest.mark.parametrize("form", ["csr_matrix", "coo_matrix", "csc_array"])
def test_sparse_inputs_are_fed_with_sparse_matrices(form, tmp_path):
    sparse = getattr(pytest.importorskip("scipy.sparse"), form)
    x = np.eye(6, 5, 1, dtype="float32")
    i = keras.Input((5,), sparse=True)
    assert K.is_sparse(i)
    model = keras.Model(i, keras.layers.Dense(2, name="dense")(i))
    model.compile("sgd", "mse")
    first = model.get_weights()
    losses = []
    for given in (sparse(x), x):
        model.set_weights(first)
        losses.append(model.fit(given, x[:, :2], batch_size=4, shuffle=False, verbose=0).history["loss"])
    assert losses[0] == losses[1]
    np.testing.assert_array_equal(model.predict(sparse(x)), model.predict(x))
    model.save(tmp_path / "sparse.h5")
    again = keras.models.load_model(tmp_path / "sparse.h5")
    assert again.get_config()["layers"][0]["config"]["sparse"] is True
    np.testing.assert_array_equal(again.predict(sparse(x)), model.predict(x))


def test_validation_data_wins_over_the_split():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, validation_split=0.25, validation_data=(X[:3], Y[:3]), verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(model.evaluate(X[:3], Y[:3], verbose=0), rel=1e-5)
    assert history.history["loss"][0] == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-5)


@pytest.mark.parametrize("form", [list, tuple])
def test_validation_data_with_weights(form):
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    weights = np.arange(20.0)
    history = model.fit(X, Y, validation_data=form((X, Y, weights)), verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        model.evaluate(X, Y, sample_weight=weights, verbose=0), rel=1e-5
    )


@pytest.mark.parametrize("frequency, epochs", [(1, 4), (2, 2), (3, 1), ([1, 4], 2)])
def test_validation_freq(frequency, epochs):
    history = linear().fit(X, Y, epochs=4, validation_data=(X, Y), validation_freq=frequency, verbose=0)
    assert len(history.history["val_loss"]) == epochs


def test_validation_steps_take_the_first_batches():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, batch_size=5, validation_data=(X, Y), validation_steps=2, verbose=0)
    assert history.history["val_loss"][0] == pytest.approx(
        model.evaluate(X[:10], Y[:10], verbose=0), rel=1e-5
    )


def test_initial_epoch_counts_on():
    history = linear().fit(X, Y, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4]


def test_steps_per_epoch_repeat_the_data():
    counter = Order()
    linear().fit(X, Y, batch_size=5, steps_per_epoch=7, verbose=0, callbacks=[counter])
    assert [batch for batch, _, _ in counter.seen] == list(range(7))


def test_train_on_batch_is_a_step_of_fit():
    one, other = linear(), linear()
    other.set_weights(one.get_weights())
    one.fit(X, Y, batch_size=5, epochs=2, shuffle=False, verbose=0)
    for _ in range(2):
        for i in range(0, 20, 5):
            other.train_on_batch(X[i : i + 5], Y[i : i + 5])
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)


def test_single_batches_report_by_name():
    model = linear(metrics=["mae", "mse"])
    assert model.metrics_names == ["loss", "mae", "mse"]
    results = model.test_on_batch(X, Y)
    error = model.predict_on_batch(X) - Y
    assert results == pytest.approx([(error**2).mean(), np.abs(error).mean(), (error**2).mean()], rel=1e-5)
    assert model.train_on_batch(X, Y) == pytest.approx(results, rel=1e-5)  # before the update


def test_metrics_can_go_on_over_single_batches():
    model = linear(metrics=["mae"], optimizer=keras.optimizers.SGD(0.0))
    model.reset_metrics()
    model.test_on_batch(X[:4], Y[:4], reset_metrics=False)
    _, mae = model.test_on_batch(X[4:], Y[4:], reset_metrics=False)
    assert mae == pytest.approx(model.evaluate(X, Y, verbose=0)[1], rel=1e-5)
