"""What compile, fit, evaluate and the calls for single batches take in tf.keras 2.15."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras, tf_keras


@pytest.fixture
def data():
    """(x, y): 70 samples of 3 features."""
    x = np.random.RandomState(0).rand(70, 3).astype("float32")
    return x, x.sum(1, keepdims=True)


def compiled(**options):
    """A model of Keras with weights of its own seed."""
    model = keras.Sequential(
        [keras.layers.Dense(4, activation="tanh", input_shape=(3,)), keras.layers.Dense(1)]
    )
    model.set_weights(
        [np.random.RandomState(i).normal(size=w.shape) for i, w in enumerate(model.get_weights())]
    )
    model.compile("adam", "mse", metrics=["mae"], **options)
    return model


class Heard(keras.callbacks.Callback):
    """Keeps what callbacks hear of batches."""

    def __init__(self, stops_at: int | None = None) -> None:
        super().__init__()
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.tested = 0
        self.stops_at = stops_at

    def on_train_batch_begin(self, batch, logs=None):
        self.begun.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.ended.append(batch)
        self.model.stop_training |= batch == self.stops_at

    def on_test_batch_end(self, batch, logs=None):
        self.tested += 1


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("together", [2, 3, 5, 100])
def test_steps_that_are_executed_together_compute_the_same(together, shuffle, data):
    histories, weights = [], []
    for options in ({}, {"steps_per_execution": together}):
        model = compiled(**options)
        np.random.seed(1)
        histories.append(
            model.fit(
                *data, batch_size=16, epochs=2, verbose=0, shuffle=shuffle, validation_split=0.1
            ).history
        )
        weights.append(model.get_weights())
    assert list(histories[0]) == list(histories[1])
    for name, values in histories[0].items():
        assert histories[1][name] == pytest.approx(values, rel=1e-6)
    for one, many in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, many)


@pytest.mark.parametrize(
    ("together", "begun", "ended"),
    [(1, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4]), (2, [0, 2, 4], [1, 3, 4]), (4, [0, 4], [3, 4]), (9, [0], [4])],
)
def test_callbacks_hear_of_the_steps_that_are_executed_together_once(together, begun, ended, data):
    heard = Heard()
    compiled(steps_per_execution=together).fit(*data, batch_size=16, verbose=0, callbacks=[heard])
    assert (heard.begun, heard.ended) == (begun, ended)


def test_training_stops_after_what_is_executed_together(data):
    heard = Heard(stops_at=1)
    compiled(steps_per_execution=2).fit(*data, batch_size=16, epochs=3, verbose=0, callbacks=[heard])
    assert heard.ended == [1]


def test_generators_are_executed_together_too(data):
    def batches():
        while True:
            yield data[0][:16], data[1][:16]

    heard = Heard()
    model = compiled(steps_per_execution="auto")
    model.fit(batches(), steps_per_epoch=20, verbose=0, callbacks=[heard])
    assert model.steps_per_execution == 16 and heard.ended == [15, 19]


def test_what_came_before_data_failed_is_trained_on(data):
    """Of steps that are executed together, too."""

    def batches():
        for _ in range(6):
            yield data[0][:16], data[1][:16]
        raise OSError("the disk is gone")

    counts = []
    for together in (1, 4):
        heard, model = Heard(), compiled(steps_per_execution=together)
        with pytest.raises(OSError, match="the disk is gone"):
            model.fit(batches(), steps_per_epoch=8, verbose=0, callbacks=[heard], workers=0)
        counts.append(keras.backend.get_value(model.optimizer.iterations))
        assert heard.ended == ([0, 1, 2, 3, 4, 5] if together == 1 else [3])
    assert counts == [6, 6]


def test_few_batches_wait_in_memory_for_steps_that_are_executed_together(data, monkeypatch):
    monkeypatch.setattr("kcompile.keras.training.loops._WAITING", 400)  # two batches
    read = []

    def batches():
        while True:
            read.append(keras.backend.get_value(model.optimizer.iterations))
            yield data[0][:16], data[1][:16]

    heard, model = Heard(), compiled(steps_per_execution=5)
    model.fit(batches(), steps_per_epoch=7, verbose=0, callbacks=[heard], workers=0)
    assert (heard.begun, heard.ended) == ([0, 5], [4, 6])
    assert read == [0, 0, 2, 2, 4, 5, 5]


@pytest.mark.parametrize("steps", [0, -1, 1.5, "many"])
def test_a_number_of_steps_that_is_none_is_refused(steps):
    with pytest.raises(ValueError, match=f"steps_per_execution must be .* found {steps!r}"):
        compiled(steps_per_execution=steps)


def test_compile_keeps_what_it_was_told_of_execution():
    model = compiled(run_eagerly=False, jit_compile=True, auto_scale_loss=True)
    assert (model.run_eagerly, model.jit_compile, model.steps_per_execution) == (False, True, 1)
    with pytest.raises(TypeError, match=r"steps_per_exec.*Did you mean .*steps_per_execution"):
        compiled(steps_per_exec=2)


def test_results_come_as_a_dict_if_asked(data):
    model = compiled()
    as_list = model.evaluate(*data, verbose=0)
    assert model.evaluate(*data, verbose=0, return_dict=True) == dict(
        zip(["loss", "mae"], as_list, strict=True)
    )
    assert list(model.test_on_batch(*data, return_dict=True)) == ["loss", "mae"]
    assert list(model.train_on_batch(*data, return_dict=True)) == ["loss", "mae"]
    batches = iter([(data[0], data[1])])
    assert model.evaluate(batches, steps=1, verbose=0, return_dict=True).keys() == {"loss", "mae"}


@pytest.mark.parametrize("given", ["data", "split"])
@pytest.mark.parametrize(("size", "tested"), [(None, 3), (7, 5), (35, 1)])
def test_validation_has_batches_of_its_own_size(given, size, tested, data):
    heard = Heard()
    last = {"validation_data": (data[0][35:], data[1][35:])} if given == "data" else {"validation_split": 0.5}
    model = compiled()
    model.fit(*data, batch_size=16, verbose=0, validation_batch_size=size, callbacks=[heard], **last)
    assert heard.tested == tested


def test_verbose_auto_shows_a_bar(data, capsys):
    model = compiled()
    model.fit(*data, verbose="auto")
    assert "Epoch 1/1" in capsys.readouterr().out
    model.evaluate(*data, verbose="auto")
    assert "70/70" in capsys.readouterr().out
    with pytest.raises(ValueError, match="verbose must be"):
        model.fit(*data, verbose="loud")


def test_models_of_tf_keras_take_them_too(data):
    model = tf_keras.Sequential([tf_keras.layers.Dense(1, input_shape=(3,))])
    model.compile("adam", "mse", steps_per_execution=4, weighted_metrics=["mae"])
    history = model.fit(
        *data, verbose=0, sample_weight=np.ones(70), validation_split=0.2, validation_freq=2, epochs=2
    )
    assert list(history.history) == ["loss", "mae", "val_loss", "val_mae"]
    assert len(history.history["val_loss"]) == 1


def test_fit_takes_one_callback_by_itself(data):
    heard = []
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(np.shape(data[0])[1],))])
    model.compile("sgd", "mse")
    begun = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: heard.append(epoch))
    model.fit(*data, epochs=2, verbose=0, callbacks=begun)
    assert heard == [0, 1]
