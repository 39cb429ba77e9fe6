"""Metrics that users write, in the forms of Keras 2.3, tf.keras 2 and Keras 3."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers, metrics
from kcompile.keras.models import Sequential

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.ones((20, 1), "float32")


def evaluated(metric, weighted=False):
    """What evaluate() says of a metric over three batches, the last one smaller, and the predictions."""
    model = Sequential([layers.Dense(1, input_shape=(4,))])
    kind = "weighted_metrics" if weighted else "metrics"
    model.compile("sgd", "mse", **{kind: [metric]})
    weights = np.arange(20, dtype="float32") if weighted else None
    first = model.evaluate(X, Y, batch_size=7, sample_weight=weights, verbose=0)[1:]
    assert model.evaluate(X, Y, batch_size=7, sample_weight=weights, verbose=0)[1:] == first  # starts over
    return first, model.predict(X), model


def hits_of(y_pred):
    return K.sum(K.cast(y_pred > 0, "float32"))


def metric_of(update, result=lambda self: self.n, make=None):
    """A metric with a counter ``n`` that ``update(self, y_true, y_pred)`` changes."""

    class Own(metrics.Metric):
        def __init__(self, name="own", **kwargs):
            super().__init__(name=name, **kwargs)
            self.n = make(self) if make else self.add_weight(name="n", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            return update(self, y_true, y_pred)

        def result(self):
            return result(self)

    return Own()


def twice(self, y_true, y_pred):
    self.n.assign_add(hits_of(y_pred))
    self.n.assign_add(hits_of(y_pred))


def reads_what_was_assigned(self, y_true, y_pred):
    self.n.assign_add(hits_of(y_pred))
    self.n.assign(self.n * 2.0)
    self.n.assign_sub(self.n / 2.0)


UPDATES = {
    "update_add, returned": lambda self, t, p: K.update_add(self.n, hits_of(p)),
    "update_add, in a list": lambda self, t, p: [K.update_add(self.n, hits_of(p))],
    "update_add, by add_update": lambda self, t, p: self.add_update(K.update_add(self.n, hits_of(p))),
    "assign_add": lambda self, t, p: self.n.assign_add(hits_of(p)),
    "assign_add, by add_update": lambda self, t, p: self.add_update(self.n.assign_add(hits_of(p))),
    "assign of a sum": lambda self, t, p: self.n.assign(self.n + hits_of(p)),
    "assign_sub": lambda self, t, p: self.n.assign_sub(-hits_of(p)),
    "several": reads_what_was_assigned,
}


@pytest.mark.parametrize("form", UPDATES)
def test_every_form_of_an_update_counts(form):
    (found,), predicted, _ = evaluated(metric_of(UPDATES[form]))
    assert found == (predicted > 0).sum()


def test_updates_of_one_variable_add_up():
    (found,), predicted, _ = evaluated(metric_of(twice))
    assert found == 2 * (predicted > 0).sum()


@pytest.mark.parametrize(
    "make",
    [
        lambda self: self.add_weight("n", initializer="zeros"),
        lambda self: self.add_weight(name="n", shape=(), initializer=keras.initializers.Zeros()),
        lambda self: self.add_weight(shape=(), initializer="zeros", name="n", dtype="float32"),
        lambda self: self.add_weight((), "zeros"),
        lambda self: self.add_variable(shape=(), initializer="zeros", name="n"),
        lambda self: self.add_variable((), keras.initializers.Zeros()),
        lambda self: self.add_weight(name="n", aggregation=None, initializer="zeros"),
        lambda self: K.variable(0.0),
    ],
)
def test_every_form_of_a_state(make):
    (found,), predicted, _ = evaluated(metric_of(UPDATES["assign_add"], make=make))
    assert found == (predicted > 0).sum()


def test_a_number_assigned_is_a_part_of_the_update():
    def restarts(self, y_true, y_pred):
        self.n.assign(1.0)
        self.n.assign_add(hits_of(y_pred))

    (found,), predicted, _ = evaluated(metric_of(restarts))
    assert found == 1 + (predicted[14:] > 0).sum()  # of the last batch


def test_sample_weights_reach_update_state():
    class Weighted(metrics.Metric):
        def __init__(self, name="weighted", **kwargs):
            super().__init__(name=name, **kwargs)
            self.n = self.add_weight(name="n", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            values = K.cast(y_pred > 0, "float32")
            if sample_weight is not None:
                values = values * K.reshape(K.cast(sample_weight, "float32"), (-1, 1))
            self.n.assign_add(K.sum(values))

        def result(self):
            return self.n

    (found,), predicted, _ = evaluated(Weighted(), weighted=True)
    assert found == pytest.approx(((predicted[:, 0] > 0) * np.arange(20)).sum())


def test_a_result_may_be_a_dict():
    metric = metric_of(UPDATES["assign_add"], lambda self: {"hits": self.n, "half": self.n / 2.0})
    found, predicted, model = evaluated(metric)
    count = (predicted > 0).sum()
    assert model.metrics_names == ["loss", "hits", "half"] and found == [count, count / 2]
    history = model.fit(X, Y, epochs=1, verbose=0).history
    assert set(history) == {"loss", "hits", "half"}


@pytest.mark.parametrize("name", ["reset_state", "reset_states"])
def test_either_name_of_the_reset_is_called(name):
    resets = []

    class Own(metrics.Mean):
        pass

    def reset(self):
        resets.append(name)
        for weight in self.weights:
            weight.assign(np.zeros(weight.shape))

    own = type("Own", (metrics.Mean,), {name: reset})(name="own")
    model = Sequential([layers.Dense(1, input_shape=(4,))])
    model.compile("sgd", "mse", metrics=[metric_of(UPDATES["assign_add"])])
    model.add_metric(own(model.output))
    model.compile("sgd", "mse")
    model.evaluate(X, Y, verbose=0)
    assert resets
    own.reset_state()
    own.reset_states()
    assert len(resets) >= 3


def test_updates_of_a_base_class_count_though_nobody_returns_them():
    class More(metrics.Mean):
        def __init__(self, name="more", **kwargs):
            super().__init__(name=name, **kwargs)
            self.calls = self.add_weight(name="calls", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            super().update_state(y_pred, sample_weight)
            self.calls.assign_add(1.0)

        def result(self):
            return super().result() + 100.0 * self.calls

    (found,), predicted, _ = evaluated(More())
    assert found == pytest.approx(predicted.mean() + 300.0, abs=1e-4)


def test_at_once_on_arrays():
    metric = metric_of(UPDATES["assign_add"])
    metric.update_state(Y, X)
    metric.update_state(Y, X)
    assert K.eval(metric.result()) == 2 * (X > 0).sum()


def test_variables_are_assigned_at_once_outside_of_calls():
    v = K.variable([1.0, 2.0])
    v.assign_add([1.0, 1.0])
    v.assign(v * 2.0)
    v.assign_sub(K.constant([1.0, 0.0]))
    np.testing.assert_array_equal(v.numpy(), [3.0, 6.0])
    with pytest.raises(ValueError, match=r"has shape \(2,\); got a value of shape \(3,\)"):
        v.assign([1.0, 2.0, 3.0])


def test_a_recorded_value_must_fit():
    metric = metric_of(lambda self, t, p: self.n.assign(K.constant([1.0, 2.0])))
    with pytest.raises(ValueError, match=r"has shape \(\); got a value of shape \(2,\)"):
        metric.update_state(Y, X)


def test_a_layer_counts_its_calls():
    class Counting(layers.Layer):
        def build(self, input_shape):
            self.count = self.add_weight("count", (), initializer="zeros", trainable=False)
            self.count.assign(5.0)  # at once: this is no call
            super().build(input_shape)

        def call(self, inputs):
            self.count.assign_add(K.cast(K.shape(inputs)[0], "float32"))
            return inputs

    layer = Counting(input_shape=(4,))
    model = Sequential([layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=7, epochs=2, verbose=0)
    assert float(layer.count) == 45.0


def test_hyperparameters_are_numbers():
    optimizer = keras.optimizers.Adam(0.25)
    assert float(optimizer.learning_rate) == 0.25 and f"{float(optimizer.lr):.2f}" == "0.25"
    optimizer.learning_rate.assign(0.125)
    assert float(optimizer.lr) == 0.125 and int(optimizer.iterations) == 0
    model = Sequential([layers.Dense(1, input_shape=(4,))])
    model.compile(optimizer, "mse")
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0)
    assert int(optimizer.iterations) == 4
