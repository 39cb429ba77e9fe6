"""Ways of Keras 2.3 around fit and compile: changing Sequences, metric objects in layers, tensors as data."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import metrics
from kcompile.keras.layers import Conv2D, Dense, Dropout, GlobalAveragePooling2D, Input
from kcompile.keras.models import Model, Sequential


def dense(inputs: int = 3, outputs: int = 2) -> Model:
    x = Input((inputs,), name="x")
    return Model(x, Dense(outputs, name="y", kernel_initializer="ones")(x))


# --- Sequences that change --------------------------------------------------------------------------------


class Growing(keras.utils.Sequence):
    """20 samples in batches that grow by 2 after each epoch."""

    def __init__(self) -> None:
        self.batch_size = 3

    def __len__(self) -> int:
        return math.ceil(20 / self.batch_size)

    def __getitem__(self, i: int) -> tuple:
        return np.ones((self.batch_size, 3)), np.ones((self.batch_size, 2))

    def on_epoch_end(self) -> None:
        self.batch_size += 2


class Watch(keras.callbacks.Callback):
    def __init__(self) -> None:
        self.steps, self.batches = [], []

    def set_params(self, params: dict) -> None:
        super().set_params(params)
        self.steps.append(params["steps"])

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.batches.append(batch)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("method", ["fit", "fit_generator"])
def test_the_length_of_a_sequence_is_asked_for_in_each_epoch(workers, method):
    model, watch = dense(), Watch()
    model.compile("sgd", "mse")
    getattr(model, method)(Growing(), epochs=4, verbose=0, workers=workers, callbacks=[watch])
    assert watch.batches == [*range(7), *range(4), *range(3), *range(3)]
    assert watch.steps[:4] == [7, 4, 3, 3]


def test_steps_per_epoch_overrides_the_length_of_a_sequence():
    model, watch = dense(), Watch()
    model.compile("sgd", "mse")
    model.fit(Growing(), steps_per_epoch=2, epochs=3, verbose=0, callbacks=[watch])
    assert watch.batches == [0, 1] * 3 and watch.steps == [2]


# --- metric objects in layers and models ------------------------------------------------------------------


class WithMetrics(Model):
    def __init__(self, names: tuple[str, str] = ("mean", "peak")) -> None:
        super().__init__()
        self.first = metrics.Mean(name=names[0])
        self.second = metrics.Mean(name=names[1])
        self.top = Dense(2, kernel_initializer="ones")

    def call(self, x):
        self.add_metric(self.first(x), name=self.first.name)
        self.add_metric(self.second(K.max(x, axis=-1)), name=self.second.name)
        self.add_metric(K.sum(x), name="sum")
        return self.top(x)


X = np.arange(30.0).reshape(10, 3)


def test_metric_objects_called_in_a_model_are_reported():
    model = WithMetrics()
    model.compile("sgd", "mse")
    logs = model.fit(X, np.zeros((10, 2)), batch_size=5, epochs=2, verbose=0, validation_data=(X, X[:, :2]))
    assert model.metrics_names == ["loss", "mean", "peak", "sum"]
    for prefix in ("", "val_"):
        found = [logs.history[prefix + name][-1] for name in ("mean", "peak", "sum")]
        np.testing.assert_allclose(found, [X.mean(), X.max(axis=1).mean(), X.sum() / 2])
    np.testing.assert_allclose(model.evaluate(X, X[:, :2], verbose=0)[1:3], [X.mean(), X.max(axis=1).mean()])


def test_a_metric_called_on_a_tensor_of_a_model_can_be_added():
    model = dense(3, 1)
    model.add_metric(K.sum(model.output), name="sum")
    model.add_metric(metrics.Mean(name="mean")(model.output))
    model.compile("sgd", "mse", metrics=[metrics.MeanSquaredError("error")])
    assert [metric.name for metric in model.metrics] == ["error", "sum", "mean"]
    results = model.evaluate(X, np.zeros((10, 1)), batch_size=5, verbose=0)
    np.testing.assert_allclose(results[2:], [X.sum() / 2, X.sum(axis=1).mean()])


def test_metrics_of_the_model_come_before_those_of_its_layers():
    class Inner(keras.layers.Layer):
        def call(self, x):
            self.add_metric(K.sum(x), name="of_layer")
            return x * 2.0

    x = Input((3,))
    model = Model(x, Inner()(x))
    model.add_metric(K.mean(x), name="of_model")
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.metrics_names == ["loss", "mae", "of_model", "of_layer"]


def test_a_metric_that_counts_by_itself_counts_each_batch_once():
    class Calls(metrics.Metric):
        def __init__(self, name: str = "calls") -> None:
            super().__init__(name=name)
            self.count = self.add_weight("count")

        def update_state(self, x):
            self.add_update(K.update_add(self.count, 1.0))

        def result(self):
            return self.count

    class Counting(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.calls = Calls()

        def call(self, x):
            self.add_metric(self.calls(x))
            return x * 2.0

    model = Sequential([Dense(2, input_dim=3), Counting()])
    model.compile("sgd", "mse")
    assert model.fit(X, X[:, :2], batch_size=5, epochs=2, verbose=0).history["calls"] == [2.0, 2.0]
    assert model.evaluate(X, X[:, :2], batch_size=2, verbose=0)[1] == 5.0


def test_metrics_of_one_name_are_refused():
    model = WithMetrics(("twin", "twin"))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="different names .* 2 metrics with the name 'twin'"):
        model.fit(X, X[:, :2], verbose=0)


# --- models before they are built, models called on other shapes ------------------------------------------


@pytest.mark.parametrize("nested", [False, True])
def test_a_sequential_model_has_no_weights_before_it_is_built(nested):
    layers = [Dense(3), Dense(3)]
    model = Sequential([Sequential(layers), Dense(5)] if nested else layers)
    assert model.built is False and model.get_weights() == []
    assert model.weights == model.trainable_weights == model.non_trainable_weights == []
    model.predict(np.zeros((2, 4)))
    assert model.built is True and len(model.weights) == (6 if nested else 4)


def test_summary_warns_where_trainable_changed_after_compile():
    inner = dense()
    inner.trainable = False
    model = Sequential([inner, Dense(1)])
    model.compile("sgd", "mse")
    inner.trainable = True
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        model.summary(print_fn=lambda line: None)
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.summary(print_fn=lambda line: None)


def test_a_model_called_on_another_rank_replays_its_layers():
    model = Sequential([Dense(6, input_dim=5), Dense(2)])
    y = model(Input((1, 5)))
    assert K.int_shape(y) == (None, 1, 2)
    x = np.random.rand(3, 1, 5).astype("f")
    outer = Sequential([keras.layers.Lambda(lambda x: x, input_shape=(1, 5)), model])
    np.testing.assert_allclose(outer.predict(x)[:, 0], model.predict(x[:, 0]), rtol=1e-6)


def test_a_fully_convolutional_model_takes_images_of_other_sizes():
    small = Sequential([Conv2D(4, 3, activation="relu", input_shape=(8, 8, 3)), GlobalAveragePooling2D()])
    x = Input((20, 30, 3))
    large = Model(x, small(x))
    rows = Input((None, None, 3))
    image = np.random.rand(2, 20, 30, 3).astype("f")
    expected = Model(rows, small(rows)).predict(image)
    np.testing.assert_allclose(large.predict(image), expected, rtol=1e-5)


def test_an_error_inside_a_replayed_model_names_the_layer_and_both_shapes():
    model = Sequential([Dense(6, input_dim=5, name="first")], name="inner")
    with pytest.raises(ValueError, match=r"inner/first.*expected shape \(None, 5\), found shape \(None, 4\)"):
        model(Input((4,)))


# --- inputs that need no data -----------------------------------------------------------------------------


def test_an_input_with_a_value_of_its_own_is_not_fed():
    a, b = Input(tensor=K.variable(X)), Input((2,), name="b")
    model = Model([a, b], [Dense(2, name="d")(a), Dropout(0.5, name="e")(b)])
    model.compile("rmsprop", "mse", metrics=["mae"])
    x, y = np.ones((10, 2)), [np.ones((10, 2)), np.ones((10, 2))]
    for given in (x, [x], {"b": x}):
        assert len(model.train_on_batch(given, y)) == len(model.test_on_batch(given, y)) == 5
        model.fit(given, y, batch_size=10, verbose=0)
        first, second = model.predict(given, batch_size=10)
        np.testing.assert_allclose(first, X @ model.get_weights()[0] + model.get_weights()[1], 1e-4, 1e-6)
        np.testing.assert_array_equal(second, x)


@pytest.mark.parametrize("nothing", [None, [], {}])
def test_a_model_that_is_fed_nothing_trains_on_its_tensors(nothing):
    model = Sequential([Dense(2, input_shape=(3,), kernel_initializer="zeros")])
    model = keras.models.clone_model(model, input_tensors=[K.variable(X / 30)])
    model.compile("sgd", "mse")
    before = model.train_on_batch(nothing, np.ones((10, 2)))
    model.fit(nothing, np.ones((10, 2)), batch_size=10, epochs=5, verbose=0)
    assert model.evaluate(nothing, np.ones((10, 2)), batch_size=10, verbose=0) < before
    assert model.predict(nothing, steps=3).shape == (30, 2) and model.predict_on_batch(nothing).shape == (
        10,
        2,
    )
    with pytest.raises(ValueError, match="steps"):
        model.predict(nothing)


def test_a_model_without_inputs_or_targets_trains_for_a_number_of_steps():
    x = Input(tensor=K.variable(X / 30))
    model = Model(x, Dense(1)(x))
    model.add_loss(K.mean(K.square(model.output)))
    model.compile("sgd")
    before = model.test_on_batch(None)
    model.fit(None, steps_per_epoch=20, verbose=0)
    assert model.evaluate(None, steps=2, verbose=0) < before
    for call in (lambda: model.fit(None, batch_size=10), lambda: model.evaluate(None, batch_size=10)):
        with pytest.raises(ValueError, match="number of steps"):
            call()


def test_an_exported_model_has_only_the_inputs_that_are_fed(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    a, b = Input(tensor=K.constant(np.ones((1, 3)))), Input((3,), name="b")
    model = Model([a, b], keras.layers.add([a, b]))
    model.export(str(tmp_path / "m.onnx"))
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    assert [value.name for value in session.get_inputs()] == ["b"]
    np.testing.assert_array_equal(session.run(None, {"b": np.ones((4, 3), "f")})[0], np.full((4, 3), 2))


# --- calls and losses that lead nowhere -------------------------------------------------------------------


def test_a_call_on_a_variable_adds_the_losses_of_the_layer():
    layer, x = Dense(2, activity_regularizer="l2"), K.variable(X)
    layer(x)
    assert len(layer.get_losses_for(x)) == len(layer.losses) == 1
    model = Sequential([keras.layers.InputLayer((3,)), layer])
    assert len(model.losses) == 1 and model.losses[0] is not layer.get_losses_for(x)[0]


def test_training_without_any_gradient_is_an_error():
    x = Input((3,))
    model = Model(x, keras.layers.Lambda(lambda y: K.cast(K.argmax(y), "float32"))(Dense(4, name="d")(x)))
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no gradient for any of the trainable weights .*d/kernel"):
        model.train_on_batch(X, np.zeros((10,)))


def test_cropping_may_leave_nothing():
    model = Sequential([keras.layers.Cropping1D(2, input_shape=(4, 3))])
    assert model.output_shape == (None, 0, 3)
    assert model.predict(np.ones((2, 4, 3))).shape == (2, 0, 3)


@pytest.mark.parametrize(("update", "expected"), [(K.update, 3.0), (K.update_add, 5.0), (K.update_sub, -1.0)])
def test_evaluating_an_update_does_it(update, expected):
    variable = K.variable(np.full(3, 2.0))
    np.testing.assert_array_equal(K.eval(update(variable, np.full(3, 3.0))), np.full(3, expected))
    np.testing.assert_array_equal(K.eval(variable), np.full(3, expected))


def test_placeholders_and_repeated_elements_have_the_shape_that_keras_notes():
    x = K.placeholder((2, None, 3))
    assert x._keras_shape == (2, None, 3)
    assert K.repeat_elements(x, 3, axis=1)._keras_shape == (2, None, 3)
    assert K.repeat_elements(x, 3, axis=2)._keras_shape == (2, None, 9)


def test_equal_numbers_are_added_to_the_loss_each():
    model = dense()
    model.compile("sgd", "mse")
    before = model.test_on_batch(X, X[:, :2])
    model.add_loss([1, 1])
    model.add_loss(1)
    model.compile("sgd", "mse")
    assert len(model.losses) == 3
    np.testing.assert_allclose(model.test_on_batch(X, X[:, :2]), before + 3, rtol=1e-6)


def test_prediction_ignores_what_other_inputs_have_beyond_the_first():
    a, b = keras.layers.Input((2,)), keras.layers.Input((2,))
    model = keras.models.Model([a, b], keras.layers.add([a, b]))
    x = np.arange(16.0).reshape(8, 2)
    with pytest.warns(UserWarning, match=r"\[4, 8\] samples; the first 4"):
        found = model.predict([x[:4], x])
    np.testing.assert_array_equal(found, 2 * x[:4])
