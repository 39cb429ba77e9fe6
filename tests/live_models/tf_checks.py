"""What holds of single live models of tf_keras. Prints JSON: for each function that begins with ``it_`` the
traceback of what it raised, "" for none."""

from __future__ import annotations

import json
import traceback

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

import kcompile
from tests.live_models import tf_models as models
from tests.live_models.comparing import refused
from tests.live_models.inputs import floats


def it_trains_as_the_live_model_does_and_pushes_the_weights_back():
    live, x = models.dense_layer_of_ones_own()
    y = floats(4, 3)
    model = kcompile.from_keras(live)
    model.compile(kcompile.keras.optimizers.SGD(0.1), "mse")
    model.fit(x, y, batch_size=4, epochs=5, shuffle=False, verbose=0)
    ours = model.get_weights()
    live.compile(keras.optimizers.SGD(0.1), "mse")
    live.fit(x, y, batch_size=4, epochs=5, shuffle=False, verbose=0)
    for a, b in zip(sorted(ours, key=np.size), sorted(live.get_weights(), key=np.size), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    live.set_weights([w * 0.0 for w in live.get_weights()])
    kcompile.push_weights(model)
    np.testing.assert_allclose(live.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)


def it_trains_by_the_training_branch_of_a_call():
    live, x = models.state_that_inference_reads()
    model = kcompile.from_keras(live)
    mean = live.layers[1].mean
    before = mean.numpy().copy()
    model.compile("sgd", "mse")
    model.fit(x, np.zeros((3, 2)), batch_size=3, verbose=0)
    kcompile.push_weights(model)
    np.testing.assert_allclose(mean.numpy(), 0.9 * before + 0.1 * x.mean(0), atol=1e-6)


def it_drops_in_training_what_layers_within_drop():
    class Halved(layers.Layer):
        def __init__(self):
            super().__init__()
            self.drop = layers.Dropout(0.5)

        def call(self, x, training=None):
            return self.drop(x, training=training)

    inputs = keras.Input((100,))
    model = kcompile.from_keras(keras.Model(inputs, Halved()(inputs)))
    x = np.ones((1, 100), "float32")
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    model.compile("sgd", "mse")
    assert model.train_on_batch(x, x) > 0.5


def it_keeps_a_layer_within_in_the_phase_that_the_call_names():
    class Frozen(layers.Layer):
        def __init__(self):
            super().__init__()
            self.norm = layers.BatchNormalization()

        def call(self, x, training=None):
            return self.norm(x, training=False)

    inputs = keras.Input((4,))
    live = keras.Model(inputs, Frozen()(inputs))
    model = kcompile.from_keras(live)
    model.compile("sgd", "mse")
    before = live.layers[1].norm.moving_mean.numpy().copy()
    model.fit(floats(8, 4), floats(8, 4), verbose=0)
    kcompile.push_weights(model)
    np.testing.assert_array_equal(live.layers[1].norm.moving_mean.numpy(), before)


def it_adds_to_the_loss_what_a_call_adds():
    class Penalized(layers.Layer):
        def call(self, x):
            self.add_loss(tf.reduce_mean(tf.square(x)))
            return x

    inputs = keras.Input((4,))
    live = keras.Model(inputs, Penalized()(inputs))
    model = kcompile.from_keras(live)
    x = floats(8, 4)
    model.compile("sgd", "mse")
    np.testing.assert_allclose(model.evaluate(x, x, verbose=0), np.square(x).mean(), rtol=1e-5)
    assert live.layers[1].losses == [] or all(tf.is_tensor(loss) for loss in live.losses)


def it_trains_on_from_where_the_optimizer_of_the_live_model_stopped():
    inputs = keras.Input((5, 3))
    x = layers.GRU(4, return_sequences=True)(models.Linear(3)(inputs))
    live = keras.Model(inputs, layers.Dense(2, use_bias=False)(layers.LSTM(3)(x)))
    x, y = floats(8, 5, 3), floats(8, 2)
    how = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}
    live.compile(keras.optimizers.Adam(0.05), keras.losses.Huber(), metrics=["mae"])
    live.fit(x, y, **how)
    model = kcompile.from_keras(live)
    ours, theirs = model.fit(x, y, **how).history, live.fit(x, y, **how).history
    assert int(model.optimizer.iterations.numpy()) == 12
    for name in ("loss", "mae"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-4)


def it_predicts_a_live_model_anew_after_it_has_learnt():
    live, x = models.residual_network_of_subclasses()
    for _ in range(2):
        expected = live.predict(x, verbose=0)
        np.testing.assert_allclose(kcompile.predict(live, x, verbose=0), expected, atol=1e-5)
        live.set_weights([w + 0.05 for w in live.get_weights()])


def it_computes_both_branches_over_tensors_as_numbers_decide():
    live, x = models.branches_and_loops_over_tensors()
    for numbers in (x, -x, x * 100.0):
        np.testing.assert_allclose(
            kcompile.predict(live, numbers, verbose=0), live.predict(numbers, verbose=0), rtol=1e-5
        )


def it_takes_inputs_for_code_that_was_never_called():
    class Doubled(keras.Model):
        def call(self, x):
            return 2.0 * x

    live = Doubled()
    with refused("is code, and it is not known what it is called on"):
        kcompile.from_keras(live)
    model = kcompile.from_keras(live, inputs=np.zeros((1, 3), "float32"))
    np.testing.assert_array_equal(model.predict(np.ones((2, 3)), verbose=0), np.full((2, 3), 2.0))


def it_names_an_operator_without_counterpart_its_layer_and_line():
    class Factor(layers.Layer):
        def call(self, x):
            return tf.linalg.cholesky(tf.matmul(x, x, transpose_b=True))

    inputs = keras.Input((3, 3))
    live = keras.Model(inputs, Factor(name="factor")(inputs))
    with refused(r"'factor' \(Factor\) calls .*Cholesky.*tf_checks\.py:\d+"):
        kcompile.from_keras(live)


def it_names_the_layer_whose_code_is_no_code_of_tensorflow():
    class Foreign(keras.Model):
        def call(self, x):
            return tf.constant(np.linalg.norm(x.numpy()))

    with refused(r"'foreign' \(Foreign\) does what TensorFlow cannot trace"):
        kcompile.from_keras(Foreign(name="foreign"), inputs=np.zeros((1, 3), "float32"))


def main():
    found = {}
    for name, check in list(globals().items()):
        if name.startswith("it_"):
            keras.utils.set_random_seed(1)
            try:
                check()
                found[name] = ""
            except Exception:
                found[name] = traceback.format_exc(limit=-6)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
