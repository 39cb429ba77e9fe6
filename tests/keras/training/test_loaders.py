"""Loaders (PyTorch's DataLoader, a tf.data.Dataset), iterated over once an epoch; and lists as batches."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras.layers import Dense, Input, concatenate
from kcompile.keras.models import Model, Sequential
from kcompile.keras.utils import Sequence

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader, IterableDataset, TensorDataset  # noqa: E402

X = np.random.RandomState(3).uniform(-1, 1, (24, 3)).astype("float32")
Y = X.sum(1, keepdims=True)
TENSORS = torch.from_numpy(X), torch.from_numpy(Y)


def linear(**arguments):
    model = Sequential([Dense(1, input_shape=(3,), kernel_initializer="ones")])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **arguments})
    return model


def two(targets=True):
    a, b = Input((3,), name="a"), Input((1,), name="b")
    model = Model([a, b], Dense(1)(concatenate([a, b])))
    if not targets:
        model.add_loss(keras.backend.mean(model.output))
    model.compile("sgd", "mse" if targets else None)
    return model


class Dataset:
    """As much of a tf.data.Dataset as is used: no length, tuples of objects with numpy()."""

    class Tensor:
        def __init__(self, array):
            self.array, self.shape, self.dtype = array, array.shape, array.dtype

        def __getitem__(self, key):
            return self.array[key]

        def numpy(self):
            return self.array

    def __init__(self, size=8):
        self.size, self.passes = size, 0

    def __iter__(self):
        self.passes += 1
        for i in range(0, 24, self.size):
            yield self.Tensor(X[i : i + self.size]), self.Tensor(Y[i : i + self.size])

    def __len__(self):
        raise TypeError("The dataset is infinite or of unknown length.")


class Rows(IterableDataset):
    def __iter__(self):
        return iter(zip(*TENSORS, strict=True))


SOURCES = {
    "DataLoader": lambda: DataLoader(TensorDataset(*TENSORS), batch_size=8),
    "DataLoader without a length": lambda: DataLoader(Rows(), batch_size=8),
    "Dataset": Dataset,
}


@pytest.mark.parametrize("method", ["fit", "fit_generator"])
@pytest.mark.parametrize("kind", SOURCES)
def test_training_equals_training_on_arrays(kind, method):
    model, reference = linear(metrics=["mae"]), linear(metrics=["mae"])
    history = getattr(model, method)(
        SOURCES[kind](), epochs=3, validation_data=SOURCES[kind](), verbose=0
    ).history
    expected = reference.fit(
        X, Y, batch_size=8, epochs=3, shuffle=False, validation_data=(X, Y), verbose=0
    ).history
    assert history.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)


@pytest.mark.parametrize("kind", SOURCES)
def test_evaluate_and_predict(kind):
    model = linear()
    expected = model.evaluate(X, Y, verbose=0)
    assert model.evaluate(SOURCES[kind](), verbose=0) == pytest.approx(expected, rel=1e-5)
    assert model.evaluate_generator(SOURCES[kind]()) == pytest.approx(expected, rel=1e-5)
    for predict in (model.predict, model.predict_generator):
        np.testing.assert_allclose(predict(SOURCES[kind]()), model.predict(X), rtol=1e-5)


def test_each_epoch_is_a_new_pass():
    data = Dataset()
    linear().fit(data, epochs=4, verbose=0)
    assert data.passes == 4


def test_steps_go_on_where_the_epoch_before_stopped():
    data, seen = Dataset(), []
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    model.fit(
        data,
        steps_per_epoch=2,
        epochs=3,
        verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_batch_end=lambda _, logs: seen.append(float(logs["loss"])))
        ],
    )
    assert data.passes == 2
    np.testing.assert_allclose(seen[:3], seen[3:])


def test_the_bar_counts_batches_once_their_number_is_known(capsys):
    linear().fit(Dataset(), epochs=2, verbose=1)
    shown = capsys.readouterr().out
    assert "3/3" in shown.split("Epoch 2/2")[1]


def test_training_stops_within_a_pass_of_unknown_length():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    history = linear().fit(Dataset(), epochs=3, validation_data=(X, Y), callbacks=[Stop()], verbose=0)
    assert list(history.history) == ["loss"] and len(history.epoch) == 1


def test_a_subclassed_model_learns_its_shape_from_tensors():
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("sgd", "mse")
    model.fit(DataLoader(TensorDataset(*TENSORS), batch_size=8), verbose=0)
    assert model.predict(X).shape == (24, 1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.int64, torch.bfloat16, torch.float16])
def test_tensors_of_any_type_are_arrays(dtype):
    model = linear()
    x, y = (torch.round(t * 4).to(dtype) for t in TENSORS)
    expected = model.evaluate(x.float().numpy(), y.float().numpy(), verbose=0)
    assert model.evaluate(x.requires_grad_(dtype.is_floating_point), y, verbose=0) == pytest.approx(expected)
    assert model.test_on_batch(x, y) == pytest.approx(expected, rel=1e-5)


def test_several_inputs_from_a_loader():
    model = two()
    pairs = [
        ((torch.from_numpy(a), torch.from_numpy(b)), torch.from_numpy(b)) for a, b in zip(X, Y, strict=True)
    ]
    expected = model.evaluate([X, Y], Y, verbose=0)
    assert model.evaluate(DataLoader(pairs, batch_size=8), verbose=0) == pytest.approx(expected, rel=1e-5)
    named = [({"a": a, "b": b}, b) for a, b in zip(X, Y, strict=True)]
    assert model.evaluate(DataLoader(named, batch_size=8), verbose=0) == pytest.approx(expected, rel=1e-5)
    inputs = DataLoader(TensorDataset(*TENSORS), batch_size=8)
    np.testing.assert_allclose(model.predict(inputs), model.predict([X, Y]), rtol=1e-5)


MISTAKES = {
    "nothing in it": (lambda m: m.fit(DataLoader([]), verbose=0), "the DataLoader gave no batch"),
    "nothing in it, by steps": (
        lambda m: m.fit(DataLoader([]), steps_per_epoch=1, verbose=0),
        "gave no batch",
    ),
    "a dataset beside targets": (
        lambda m: two().fit([X, TensorDataset(*TENSORS)], Y, verbose=0),
        r"TensorDataset, which gives single samples.*DataLoader",
    ),
    "y beside": (lambda m: m.fit(Dataset(), Y), "come from the generator or loader"),
    "batch_size beside": (lambda m: m.fit(Dataset(), batch_size=3), "batch_size. argument must not"),
    "no targets": (lambda m: m.fit(DataLoader(TensorDataset(TENSORS[0])), verbose=0), "needs target data"),
    "a wrong shape": (
        lambda m: m.fit(DataLoader(TensorDataset(TENSORS[0][:, :2], TENSORS[1]), batch_size=8), verbose=0),
        r"shape \(3,\) but got array with shape \(2,\)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake_is_one_clear_error(name):
    call, message = MISTAKES[name]
    with pytest.raises(ValueError, match=message):
        call(linear())


# --- lists as batches ---------------------------------------------------------------------------------------


class Lists(Sequence):
    def __init__(self, *arrays):
        self.arrays = arrays

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return [array[8 * index : 8 * index + 8] for array in self.arrays]


def endless(*arrays):
    while True:
        yield from (Lists(*arrays)[i] for i in range(3))


@pytest.mark.parametrize("make", [Lists, endless], ids=["Sequence", "generator"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_list_is_read_as_the_tuple_that_it_stands_for(make, weighted):
    model, weights = linear(optimizer=keras.optimizers.SGD(0.0)), np.linspace(0, 2, 24)
    arrays = (X, Y, weights) if weighted else (X, Y)
    expected = model.evaluate(X, Y, sample_weight=weights if weighted else None, verbose=0)
    assert model.evaluate_generator(make(*arrays), steps=3) == pytest.approx(expected, rel=1e-5)
    history = model.fit(
        make(*arrays), steps_per_epoch=3, validation_data=make(*arrays), validation_steps=3, verbose=0
    ).history
    assert [history["loss"][0], history["val_loss"][0]] == pytest.approx([expected] * 2, rel=1e-5)
    np.testing.assert_allclose(model.predict(make(*arrays), steps=3), model.predict(X), rtol=1e-5)


def test_a_list_of_inputs_stays_one():
    model = two()
    np.testing.assert_allclose(model.predict(Lists(X, Y)), model.predict([X, Y]), rtol=1e-5)
    untargeted = two(targets=False)
    expected = untargeted.evaluate([X, Y], verbose=0)
    assert untargeted.evaluate(Lists(X, Y), verbose=0) == pytest.approx(expected, rel=1e-5)
    assert untargeted.fit(Lists(X, Y), verbose=0).history["loss"]


def test_a_list_of_inputs_and_targets():
    class Pairs(Lists):
        def __getitem__(self, index):
            a, b = super().__getitem__(index)
            return [[a, b], b]

    model = two()
    assert model.evaluate(Pairs(X, Y), verbose=0) == pytest.approx(
        model.evaluate([X, Y], Y, verbose=0), rel=1e-5
    )


def test_rows_of_plain_numbers_stay_samples():
    rows = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    model = linear()
    np.testing.assert_allclose(model.predict(iter([rows]), steps=1), model.predict(np.array(rows)))
