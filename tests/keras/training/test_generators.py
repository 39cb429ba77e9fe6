"""Batches from generators and Sequences, read by this thread or by workers."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import rules
from kcompile.keras.callbacks import Callback
from kcompile.keras.layers import Dense, Input
from kcompile.keras.models import Model, Sequential
from kcompile.keras.utils import Sequence

pytest.importorskip("torch")

X = np.random.RandomState(3).uniform(-1, 1, (24, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def linear(**compile_arguments):
    model = Sequential([Dense(1, input_shape=(3,), kernel_initializer="ones")])
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": "mse", **compile_arguments})
    return model


class Batches(Sequence):
    """Six batches of four; remembers which were read and how many epochs ended."""

    def __init__(self, weights=None, extra=0):
        self.weights, self.read, self.epochs = weights, [], 0

    def __len__(self):
        return 6

    def __getitem__(self, index):
        self.read.append(index)
        rows = slice(4 * index, 4 * index + 4)
        batch = (X[rows], Y[rows])
        return batch if self.weights is None else (*batch, self.weights[rows])

    def on_epoch_end(self):
        self.epochs += 1


def endless(size=4, weights=None, inputs_only=False):
    while True:
        for i in range(0, 24, size):
            rows = slice(i, i + size)
            if inputs_only:
                yield X[rows]
            else:
                yield (X[rows], Y[rows]) if weights is None else (X[rows], Y[rows], weights[rows])


@pytest.mark.parametrize("workers", [0, 1, 2])
@pytest.mark.parametrize("kind", ["generator", "sequence"])
@pytest.mark.parametrize("method", ["fit", "fit_generator"])
def test_training_equals_training_on_arrays(kind, workers, method):
    if kind == "generator" and workers == 2:
        workers = 1  # two workers do not keep the order of a generator
    model, reference = linear(metrics=["mae"]), linear(metrics=["mae"])
    reference.set_weights(model.get_weights())
    source = Batches() if kind == "sequence" else endless()
    history = getattr(model, method)(
        source,
        steps_per_epoch=None if kind == "sequence" else 6,
        epochs=3,
        workers=workers,
        shuffle=False,
        verbose=0,
    )
    expected = reference.fit(X, Y, batch_size=4, epochs=3, shuffle=False, verbose=0)
    for name, values in expected.history.items():
        np.testing.assert_allclose(history.history[name], values, rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0], reference.get_weights()[0], rtol=1e-5)
    if kind == "sequence":
        assert source.epochs == 3


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_evaluate_and_predict(workers):
    model = linear(metrics=["mae"])
    expected = model.evaluate(X, Y, batch_size=4, verbose=0)
    for found in (
        model.evaluate(Batches(), workers=workers, verbose=0),
        model.evaluate_generator(Batches(), workers=workers),
        model.evaluate_generator(endless(), steps=6, workers=min(workers, 1)),
    ):
        assert found == pytest.approx(expected, rel=1e-5)
    for found in (
        model.predict(Batches(), workers=workers),
        model.predict_generator(Batches(), workers=workers),
        model.predict_generator(endless(inputs_only=True), steps=6, workers=min(workers, 1)),
    ):
        np.testing.assert_allclose(found, model.predict(X), rtol=1e-5)


def test_batches_of_different_sizes_weigh_by_samples():
    def uneven():
        while True:
            yield X[:20], Y[:20]
            yield X[20:], Y[20:]

    model = linear()
    assert model.evaluate(uneven(), steps=2, verbose=0) == pytest.approx(
        model.evaluate(X, Y, verbose=0), rel=1e-5
    )


def test_sample_weights_and_class_weights():
    weights = np.linspace(0, 2, 24).astype("f")
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    expected = model.evaluate(X, Y, sample_weight=weights, verbose=0)
    assert model.fit(Batches(weights), verbose=0).history["loss"][0] == pytest.approx(expected, rel=1e-5)
    labels = (Y[:, 0] > 0).astype("f")

    def classes():
        while True:
            yield X, labels

    history = model.fit(classes(), steps_per_epoch=1, class_weight={0: 1.0, 1: 3.0}, verbose=0)
    expected = model.evaluate(X, labels, sample_weight=1 + 2 * labels, verbose=0)
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_validation_from_a_generator_a_sequence_or_arrays():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    expected = model.evaluate(X, Y, verbose=0)
    for validation, steps in ((endless(), 6), (Batches(), None), ((X, Y), None), ((X, Y, np.ones(24)), None)):
        history = model.fit(
            Batches(), validation_data=validation, validation_steps=steps, epochs=2, verbose=0
        )
        assert history.history["val_loss"] == pytest.approx([expected] * 2, rel=1e-5)


def test_arrays_validated_by_a_generator():
    model = linear(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, Y, validation_data=Batches(), epochs=2, verbose=0)
    assert history.history["val_loss"] == pytest.approx([model.evaluate(X, Y, verbose=0)] * 2, rel=1e-5)


def test_a_sequence_may_be_shuffled():
    sequence = Batches()
    np.random.seed(0)
    linear().fit(sequence, shuffle=True, workers=1, epochs=1, verbose=0)
    assert sorted(sequence.read[:6]) == list(range(6))


def test_fewer_steps_than_the_sequence_has():
    seen = []

    class Count(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["size"])

    linear().fit(Batches(), steps_per_epoch=2, workers=0, verbose=0, callbacks=[Count()])
    assert seen == [4, 4]


def test_dictionaries_and_lists_of_arrays():
    a, b = Input((3,), name="a"), Input((3,), name="b")
    model = Model([a, b], [Dense(1, name="p")(a), Dense(1, name="q")(b)])
    model.compile("sgd", "mse")

    def dicts():
        while True:
            yield {"b": X, "a": X}, {"q": Y, "p": Y}

    def lists():
        while True:
            yield [X, X], [Y, Y]

    assert model.evaluate(dicts(), steps=1, verbose=0) == pytest.approx(
        model.evaluate(lists(), steps=1, verbose=0), rel=1e-6
    )


def test_params_name_steps():
    seen = {}

    class Watch(Callback):
        def on_train_begin(self, logs=None):
            seen.update(self.params)

    linear().fit(Batches(), verbose=0, callbacks=[Watch()])
    assert (seen["steps"], seen["samples"], seen["batch_size"]) == (6, None, None)


def test_a_deferred_model_learns_its_shape_from_the_first_batch():
    model = Sequential([Dense(1)])
    model.compile("sgd", "mse")
    model.fit(endless(), steps_per_epoch=2, verbose=0)
    assert model.input_shape == (None, 3)


def test_workers_are_gone_afterwards():
    before = threading.active_count()
    linear().fit(Batches(), workers=2, epochs=2, verbose=0)
    linear().fit(endless(), steps_per_epoch=3, workers=1, verbose=0)

    def failing():
        yield X, Y
        raise RuntimeError("no more data")

    with pytest.raises(RuntimeError, match="no more data"):
        linear().fit(failing(), steps_per_epoch=3, workers=1, verbose=0)
    assert threading.active_count() <= before + 1


def short():
    yield X, Y


ERRORS = {
    "no number of steps": (lambda m: m.fit(endless()), "number of steps must be given .steps_per_epoch"),
    "too few batches": (lambda m: m.fit(short(), steps_per_epoch=3, verbose=0), "only 1 of the 3 batches"),
    "y beside": (lambda m: m.fit(endless(), Y, steps_per_epoch=1), "come from the generator"),
    "batch_size beside": (
        lambda m: m.fit(Batches(), batch_size=4),
        "batch_size. argument must not be specified",
    ),
    "validation_split": (lambda m: m.fit(Batches(), validation_split=0.5), "validation_split. needs arrays"),
    "a tuple of four": (
        lambda m: m.fit(iter([(X, Y, None, None)]), steps_per_epoch=1, verbose=0),
        "output of the generator should give a tuple .x, y, sample_weight.*tuple of 4",
    ),
    "no targets": (
        lambda m: m.fit(endless(inputs_only=True), steps_per_epoch=1, verbose=0),
        "needs target data",
    ),
    "a wrong shape": (
        lambda m: m.fit(iter([(X[:, :2], Y)]), steps_per_epoch=1, verbose=0),
        r"to have shape \(3,\) but got array with shape \(2,\)",
    ),
}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("name", ERRORS)
def test_mistake_is_one_clear_error(name, workers):
    call, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        call(linear())


def test_by_the_rules_of_tf_keras_generators_are_read_to_their_end():
    def batches(count):
        return ((np.full((2, 3), i, "float32"), np.ones((2, 1))) for i in range(count))

    with rules.following(rules.TF_KERAS):
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(3,))])
        model.compile("sgd", "mse")
        model.fit(batches(5), validation_data=batches(3), verbose=0)
        assert int(keras.backend.get_value(model.optimizer.iterations)) == 5
        model.evaluate(batches(4), verbose=0)
        assert model.predict((x for x, _ in batches(4)), verbose=0).shape == (8, 1)
        with pytest.raises(ValueError, match="gave only 0 of the batches"):
            model.fit(batches(0), verbose=0)
    with pytest.raises(ValueError, match="number of steps must be given"), rules.following(rules.KERAS_2):
        model.fit(batches(5), verbose=0)
