"""Users' layers are told their phase by the rules of tf.keras, and what they assign to is assigned in it."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import rules
from kcompile.tf_keras import tensorflow as tf

X = np.ones((4, 2), "float32")


class Telling(keras.layers.Layer):
    """Doubles what it trains on; the function says how it finds out."""

    def __init__(self, doubled, **kwargs):
        super().__init__(**kwargs)
        self.doubled = doubled

    def call(self, inputs, training=None):
        return self.doubled(inputs, training)


class OffByDefault(keras.layers.Layer):
    def call(self, inputs, training=False):
        return inputs * 2.0 if training else inputs


class Around(keras.layers.Layer):
    """Says nothing to the layer in it."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs, training=None):
        return self.inner(inputs) if training else self.inner(inputs) + 0.0


class Silent(Around):
    def call(self, inputs):
        return self.inner(inputs)


class Whole(keras.Model):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def call(self, inputs, training=False):
        return self.inner(inputs, training=training)


def functional(layer):
    inputs = keras.Input((2,))
    return keras.Model(inputs, layer(inputs))


def asks(x, training):
    return x * 2.0 if training else x


WAYS = {
    "if": lambda: functional(Telling(asks)),
    "if not": lambda: functional(Telling(lambda x, t: x if not t else x + x)),
    "and": lambda: functional(Telling(lambda x, t: x * 2.0 if t and x is not None else x)),
    "in_train_phase": lambda: functional(Telling(lambda x, t: K.in_train_phase(x * 2.0, x, training=t))),
    "cast": lambda: functional(Telling(lambda x, t: x * (1.0 + tf.cast(t, "float32")))),
    "cond": lambda: functional(Telling(lambda x, t: tf.cond(tf.cast(t, "bool"), lambda: x * 2, lambda: x))),
    "bool of a cast": lambda: functional(Telling(lambda x, t: asks(x, tf.cast(t, "bool")))),
    "False by default": lambda: functional(OffByDefault()),
    "within": lambda: functional(Around(Telling(asks))),
    "within one that is not told": lambda: functional(Silent(OffByDefault())),
    "twice within": lambda: functional(Around(Around(Telling(asks)))),
    "Sequential": lambda: keras.Sequential([Telling(asks)]),
    "subclassed": lambda: Whole(Telling(asks)),
    "subclassed, around another": lambda: Whole(Whole(OffByDefault())),
}


def losses(model):
    """Of training, of evaluation, and the largest prediction."""
    model.compile("sgd", "mean_absolute_error")
    history = model.fit(X, 0 * X, verbose=0).history
    return history["loss"][0], model.evaluate(X, 0 * X, verbose=0), model.predict(X, verbose=0).max()


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_is_told_whether_it_trains(way):
    with rules.following(rules.TF_KERAS):
        assert losses(WAYS[way]()) == (2, 1, 1)


def test_keras_2_tells_a_layer_nothing():
    assert losses(WAYS["if"]()) == (1, 1, 1)


def test_what_a_call_says_stands():
    with rules.following(rules.TF_KERAS):
        inputs = keras.Input((2,))
        outputs = Telling(asks)(inputs, training=True), Telling(asks)(inputs, training=False)
        model = keras.Model(inputs, keras.layers.Add()(outputs))
        assert losses(model) == (3, 3, 3)


class Counting(keras.layers.Layer):
    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def build(self, input_shape):
        self.calls = self.add_weight("calls", (), initializer="zeros", trainable=False)

    def call(self, inputs, training=None):
        self.count(self, training)
        return inputs + 0.0 * self.calls


#: How a layer counts -> what it has counted after a step of fit, one of evaluate and one of predict.
COUNTS = {
    "assign_add": (lambda layer, training: layer.calls.assign_add(1.0), [1, 2, 3]),
    "K.update": (lambda layer, training: K.update(layer.calls, layer.calls + 1.0), [1, 2, 3]),
    "K.update_add": (lambda layer, training: K.update_add(layer.calls, 1.0), [1, 2, 3]),
    "add_update": (lambda layer, training: layer.add_update(K.update_add(layer.calls, 1.0)), [1, 2, 3]),
    "in training": (lambda layer, training: training and layer.calls.assign_add(1.0), [1, 1, 1]),
    "otherwise": (lambda layer, training: not training and layer.calls.assign_add(1.0), [0, 1, 2]),
    "differently": (lambda layer, training: layer.calls.assign_add(10.0 if training else 1.0), [10, 11, 12]),
}


@pytest.mark.parametrize("way", COUNTS)
def test_what_a_call_assigns_to_is_assigned_in_its_phase(way):
    count, expected = COUNTS[way]
    with rules.following(rules.TF_KERAS):
        layer = Counting(count)
        model = functional(layer)
        found = []
        model.compile("sgd", "mse")
        for step in (lambda: model.fit(X, X, verbose=0), lambda: model.evaluate(X, X, verbose=0)):
            step()
            found.append(float(K.get_value(layer.calls)))
        model.predict(X, verbose=0)
        found.append(float(K.get_value(layer.calls)))
    assert found == expected


def test_keras_2_updates_in_training_alone():
    layer = Counting(lambda layer, training: layer.add_update(K.update_add(layer.calls, 1.0)))
    model = functional(layer)
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)
    model.predict(X)
    assert float(K.get_value(layer.calls)) == 1


class Adding(keras.layers.Layer):
    def call(self, inputs, training=None):
        if training:
            self.add_loss(K.mean(inputs) * 10.0)
            self.add_metric(K.mean(inputs) * 3.0, name="seen")
        else:
            self.add_metric(K.mean(inputs) * 5.0, name="seen")
        return inputs


def test_losses_and_metrics_follow_the_phase():
    with rules.following(rules.TF_KERAS):
        model = functional(Adding())
        model.compile("sgd", "mean_absolute_error")
        history = model.fit(X, X, verbose=0).history
        assert (history["loss"], history["seen"]) == ([10], [3])
        assert model.evaluate(X, X, verbose=0) == [0, 5]


def test_outputs_of_both_phases_are_as_many():
    with rules.following(rules.TF_KERAS), pytest.raises(ValueError, match="2 tensors in training and 1"):
        functional(Telling(lambda x, t: [x, x] if t else x))


def test_a_model_that_asks_exports_what_it_predicts(tmp_path):
    with rules.following(rules.TF_KERAS):
        model = WAYS["subclassed"]()
        losses(model)
        model.export(str(tmp_path / "model.onnx"))
