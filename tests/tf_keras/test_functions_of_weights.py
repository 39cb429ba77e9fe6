"""A function of weights alone, written with TensorFlow's functions, stays one in the graph of a step: it is
no number that is computed when the graph is emitted. What K's functions say of the same is the judge."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kcompile import tf_keras as keras
from kcompile.keras import backend as K
from kcompile.tf_keras import tensorflow as tf

X = np.random.RandomState(0).rand(32, 6).astype("float32")
Y = X @ np.random.RandomState(1).rand(6, 1).astype("float32")

#: The same functions, by TensorFlow and by Keras's backend.
WRITTEN = {
    "tf": SimpleNamespace(
        abs=tf.abs,
        sum=tf.reduce_sum,
        sqrt=tf.sqrt,
        square=tf.square,
        maximum=tf.maximum,
        sigmoid=tf.nn.sigmoid,
    ),
    "K": SimpleNamespace(
        abs=K.abs, sum=K.sum, sqrt=K.sqrt, square=K.square, maximum=K.maximum, sigmoid=K.sigmoid
    ),
}


def dense_with(**arguments: Any) -> Any:
    """Two Dense layers, the first with something of the user's."""
    return keras.Sequential([keras.layers.Dense(5, input_shape=(6,), **arguments), keras.layers.Dense(1)])


def of_layer(layer: Any) -> Any:
    return keras.Sequential([keras.layers.Input((6,)), layer, keras.layers.Dense(1)])


def in_call(f: Any) -> Any:
    class Gated(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.gate = self.add_weight(name="gate", shape=(shape[-1],), initializer="ones")

        def call(self, x: Any) -> Any:
            return x * f.sigmoid(self.gate)

    return of_layer(Gated()), {}


def of_a_variable_in_call(f: Any) -> Any:
    class Shifted(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.shift = tf.Variable(np.ones(6, "float32"), name="shift")

        def call(self, x: Any) -> Any:
            return x + f.square(self.shift + 1.0)

    return of_layer(Shifted()), {}


def in_an_inner_layer(f: Any) -> Any:
    class Outer(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = in_call(f)[0].layers[0]
            self.inner = type(self.inner)()

        def call(self, x: Any) -> Any:
            return self.inner(x) + x

    return of_layer(Outer()), {}


def in_a_regularizer(f: Any) -> Any:
    class Lasso(keras.regularizers.Regularizer):
        def __call__(self, weight: Any) -> Any:
            return f.sum(f.abs(0.1 * weight))

    return dense_with(kernel_regularizer=Lasso()), {}


def in_a_regularizer_of_a_model_built_by_a_call(f: Any) -> Any:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            regularizer = in_a_regularizer(f)[0].layers[0].kernel_regularizer
            self.hidden = keras.layers.Dense(5, kernel_regularizer=regularizer)
            self.out = keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.out(self.hidden(x))

    model = Own()
    model(tf.constant(X[:2]))
    return model, {}


def in_a_constraint(f: Any) -> Any:
    return dense_with(kernel_constraint=lambda weight: f.maximum(weight, 0.0)), {}


def in_the_result_of_a_metric(f: Any) -> Any:
    class Root(keras.metrics.Mean):
        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            return super().update_state(f.square(y_true - y_pred))

        def result(self) -> Any:
            return f.sqrt(super().result())

    return dense_with(), {"metrics": [Root(name="root")]}


def in_the_update_of_a_metric(f: Any) -> Any:
    class Largest(keras.metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="largest")
            self.seen = self.add_weight("seen", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.seen.assign(f.abs(self.seen) + f.sum(f.abs(y_pred)))

        def result(self) -> Any:
            return f.square(self.seen)

    return dense_with(), {"metrics": [Largest()]}


def in_a_loss(f: Any) -> Any:
    model = dense_with()
    kernel = model.layers[0].kernel
    return model, {"loss": lambda y, z: K.mean(K.square(y - z)) + f.sum(f.abs(kernel))}


def in_add_loss(f: Any) -> Any:
    class Adding(keras.layers.Dense):
        def call(self, x: Any) -> Any:
            self.add_loss(f.sum(f.square(self.kernel)))
            return super().call(x)

    return of_layer(Adding(4)), {}


CASES = [
    in_call,
    of_a_variable_in_call,
    in_an_inner_layer,
    in_a_regularizer,
    in_a_regularizer_of_a_model_built_by_a_call,
    in_a_constraint,
    in_the_result_of_a_metric,
    in_the_update_of_a_metric,
    in_a_loss,
    in_add_loss,
]


def trained(case: Any, written: str) -> tuple[dict[str, list[float]], list[np.ndarray]]:
    """What fit logs, and the weights after it."""
    model, arguments = case(WRITTEN[written])
    model.set_weights(
        [np.random.RandomState(i).normal(0.1, 0.3, w.shape) for i, w in enumerate(model.weights)]
    )
    model.compile("adam", **{"loss": "mse", **arguments})
    history = model.fit(X, Y, batch_size=8, epochs=3, shuffle=False, validation_data=(X, Y), verbose=0)
    return history.history, model.get_weights()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_training_sees_a_function_of_weights_by_tensorflow_as_it_sees_one_by_k(case: Any) -> None:
    found, weights = trained(case, "tf")
    expected, of_k = trained(case, "K")
    assert found.keys() == expected.keys()
    for name in found:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, err_msg=name)
        assert len(set(found[name])) == 3, name  # each epoch has a number of its own
    for weight, other in zip(weights, of_k, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-4, atol=1e-6)


def test_a_regularization_is_of_the_weights_as_they_are() -> None:
    model, _ = in_a_regularizer(WRITTEN["tf"])
    model.layers[0].set_weights([np.full((6, 5), -2.0), np.zeros(5)])
    np.testing.assert_allclose(float(model.losses[0]), 6.0, rtol=1e-6)


def test_a_layer_that_builds_itself_within_a_call_computes_with_weights_there() -> None:
    class Scaled(keras.layers.Layer):
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(name="kernel", shape=(shape[-1],), initializer="ones")
            self.scale = tf.Variable(1.0 + tf.reduce_sum(self.kernel), trainable=False)
            assert float(tf.reduce_sum(self.kernel)) == 6.0

        def call(self, x: Any) -> Any:
            return x * self.kernel * self.scale

    class Outer(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Scaled()

        def call(self, x: Any) -> Any:
            return self.inner(x)

    model = keras.Sequential([keras.layers.Input((6,)), Outer()])
    np.testing.assert_allclose(model.predict(X, verbose=0), X * 7, rtol=1e-6)
