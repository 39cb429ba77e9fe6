"""What a layer adds to training: losses, updates and metrics, by call and in any case."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.keras as keras
from kcompile.keras import backend as K
from kcompile.keras.core.layer import Layer
from kcompile.keras.layers import LSTM, Dense, Input
from kcompile.keras.models import Model, Sequential
from tests.keras.core.linear import Linear

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


@pytest.fixture(autouse=True)
def fresh_names():
    K.clear_session()


class Counting(Layer):
    """Adds a loss, an update and a metric in every call."""

    def build(self, input_shape):
        self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)
        super().build(input_shape)

    def call(self, inputs):
        self.add_loss(K.mean(K.abs(inputs)), inputs=inputs)
        self.add_update([(self.count, self.count + 1.0)], inputs=inputs)
        self.add_metric(K.max(inputs), name="largest", aggregation="mean")
        return inputs * 1.0


def test_losses_updates_and_metrics_belong_to_calls():
    layer = Counting()
    a, b = Input((3,)), Input((3,))
    layer(a), layer(b)
    assert len(layer.losses) == 2 and len(layer.updates) == 2 and len(layer.metrics) == 1
    assert len(layer.get_losses_for(a)) == 1 and len(layer.get_updates_for(b)) == 1
    assert layer.get_losses_for(None) == [] == layer.get_updates_for(None)


def test_unconditional_losses_and_updates():
    layer = Linear(2, name="own")
    layer(Input((3,)))
    layer.add_loss(K.constant(2.0))
    layer.add_loss(lambda: K.sum(layer.kernel))
    layer.add_update((layer.kernel, layer.kernel * 2.0))
    assert len(layer.get_losses_for(None)) == 2 and len(layer.get_updates_for(None)) == 1
    layer.trainable = False
    assert layer.updates == []


def test_losses_and_updates_on_given_inputs():
    x, other = Input((3,)), Input((3,))
    layer = Linear(2)
    layer.build((None, 3))
    on_x, always = K.sum(x), K.sum(layer.kernel)
    layer.add_loss(on_x, inputs=x)
    layer.add_loss(always)
    layer.add_update((layer.kernel, layer.kernel * 2), inputs=[x])
    assert layer.get_losses_for(x) == [on_x] and layer.get_losses_for(None) == [always]
    assert layer.get_losses_for(other) == [] == layer.get_updates_for(None)
    assert len(layer.get_updates_for(x)) == 1 == len(layer.updates)
    assert set(layer.losses) == {on_x, always}


@pytest.mark.parametrize(
    "make, unconditional, on_input",
    [
        (lambda: keras.layers.TimeDistributed(Dense(2, kernel_regularizer="l1")), 1, 0),
        (lambda: keras.layers.TimeDistributed(Dense(2, activity_regularizer="l1")), 0, 1),
        (lambda: keras.layers.Bidirectional(LSTM(2, kernel_regularizer="l1", bias_regularizer="l2")), 4, 0),
        (lambda: keras.layers.RNN([keras.layers.LSTMCell(2, kernel_regularizer="l2")]), 1, 0),
    ],
)
def test_losses_of_inner_layers_are_found(make, unconditional, on_input):
    x = Input((3, 4))
    layer = make()
    layer(x)
    assert len(layer.get_losses_for(None)) == unconditional
    assert len(layer.get_losses_for(x)) == on_input
    assert len(layer.losses) == unconditional + on_input


def test_numbers_can_be_losses():
    model = Sequential([Dense(1, input_shape=(3,), kernel_initializer="zeros")])
    model.add_loss(2)
    model.compile("sgd", "mse")
    assert model.evaluate(X, np.zeros((4, 1)), verbose=0) == 2


def test_a_model_trains_with_what_its_layers_add():
    x = Input((3,))
    counting = Counting()
    model = Model(x, Dense(1)(counting(x)))
    model.compile("sgd", "mse")
    results = model.train_on_batch(X, X[:, :1])
    assert model.metrics_names == ["loss", "largest"]
    assert results[1] == pytest.approx(X.max())
    assert counting.count.numpy() == 1
    model.evaluate(X, X[:, :1], verbose=0)
    assert counting.count.numpy() == 1  # updates are for training


def test_losses_of_calls_outside_of_the_model_do_not_count():
    counting = Counting()
    x, other = Input((3,)), Input((3,))
    counting(other)
    model = Model(x, counting(x))
    assert len(model.losses) == 1 and len(model.updates) == 1


@pytest.mark.parametrize("aggregation", ["sum", "max", 3])
def test_unknown_aggregation(aggregation):
    with pytest.raises(ValueError, match="add_metric 'm': aggregation must be"):
        Layer().add_metric(K.constant(1.0), name="m", aggregation=aggregation)
