"""Loops of users over several devices, as the guide "Custom training with tf.distribute.Strategy" has it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from kcompile import tf_keras as keras
from kcompile.tf_keras import tensorflow as tf
from kcompile.tf_keras.tensorflow.per_replica import PerReplica
from kcompile.torch_bridge.parallel import PoolOwnStep, pool

RNG = np.random.default_rng(0)
X = RNG.random((25, 5)).astype("float32")
Y = np.arange(25) % 3


@pytest.fixture(scope="module", autouse=True)
def workers():
    kept = pool.pool(["cpu:0", "cpu:1"])
    yield kept
    kept.close()


def guide(devices):
    """The figures that the guide prints, the weights, and the step."""
    keras.utils.set_random_seed(1)
    strategy = tf.distribute.MirroredStrategy(devices)
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    distributed = strategy.experimental_distribute_dataset(data)
    with strategy.scope():
        loss_object = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction=keras.losses.Reduction.NONE
        )
        test_loss = keras.metrics.Mean(name="test_loss")
        accuracy = keras.metrics.SparseCategoricalAccuracy()
        model = keras.Sequential(
            [keras.layers.Dense(6, "tanh", kernel_regularizer="l2"), keras.layers.Dense(3)]
        )
        optimizer = keras.optimizers.Adam(0.01)

    def compute_loss(labels, predictions, model_losses):
        loss = tf.nn.compute_average_loss(loss_object(labels, predictions))
        if model_losses:
            loss += tf.nn.scale_regularization_loss(tf.add_n(model_losses))
        return loss

    def train_step(inputs):
        images, labels = inputs
        with tf.GradientTape() as tape:
            predictions = model(images, training=True)
            loss = compute_loss(labels, predictions, model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        accuracy.update_state(labels, predictions)
        return loss

    def test_step(inputs):
        images, labels = inputs
        test_loss.update_state(loss_object(labels, model(images, training=False)))

    @tf.function
    def distributed_train_step(inputs):
        losses = strategy.run(train_step, args=(inputs,))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    @tf.function
    def distributed_test_step(inputs):
        return strategy.run(test_step, args=(inputs,))

    figures = []
    for _ in range(2):
        total = 0.0
        for batch in distributed:
            total += distributed_train_step(batch)
        for batch in distributed:
            distributed_test_step(batch)
        figures += [float(total), float(accuracy.result()), float(test_loss.result())]
        accuracy.reset_states()
    return figures, model.get_weights(), distributed_train_step


def test_the_guides_loop_on_two_devices_computes_what_it_does_on_one(monkeypatch):
    made = []
    monkeypatch.setattr(PoolOwnStep, "_ready", _counted(PoolOwnStep._ready, made))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (alone, expected, _), (together, found, _) = guide(["CPU:0"]), guide(["CPU:0", "CPU:1"])
    assert len(made) == 16  # each batch of two passes, in training and in evaluation
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


def _counted(method, calls):
    def called(self):
        calls.append(self)
        return method(self)

    return called


def strategy():
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def test_a_batch_is_a_tensor_that_knows_its_parts():
    ((x, y),) = strategy().experimental_distribute_dataset(
        tf.data.Dataset.from_tensor_slices((X[:5], Y[:5])).batch(5)
    )
    assert isinstance(x, PerReplica) and isinstance(x, tf.Tensor)
    parts = strategy().experimental_local_results(x)
    assert [len(part) for part in parts] == [3, 2]
    np.testing.assert_array_equal(np.concatenate(parts), X[:5])
    assert float(strategy().reduce("MEAN", tf.cast(y, "float32"), axis=0)) == pytest.approx(0.8)
    assert strategy().experimental_local_results(3) == (3,)


def test_one_device_and_the_datasets_of_a_function():
    data = tf.data.Dataset.range(4)
    assert tf.distribute.get_strategy().experimental_distribute_dataset(data) is data
    made = strategy().distribute_datasets_from_function(
        lambda context: data.batch(context.get_per_replica_batch_size(4))
    )
    assert [list(x.numpy()) for x in made] == [[0, 1, 2, 3]]
    numbered = strategy().experimental_distribute_values_from_function(
        lambda context: context.replica_id_in_sync_group
    )
    assert numbered.numpy().tolist() == [0, 1]


def test_arguments_that_are_not_shared_are_there_as_a_whole():
    @tf.function
    def scaled(rows, factors):
        return tf.reduce_sum(rows * factors), rows * factors

    ((x,),) = strategy().experimental_distribute_dataset(
        tf.data.Dataset.from_tensor_slices((X[:6],)).batch(6)
    )
    factors = np.arange(5, dtype="float32")
    total, rows = scaled(x, tf.constant(factors))
    np.testing.assert_allclose(rows, X[:6] * factors, rtol=1e-6)
    np.testing.assert_allclose(float(total), (X[:6] * factors).sum(), rtol=1e-6)


def test_without_tf_function_the_whole_batch_is_computed_at_once():
    ((x,),) = strategy().experimental_distribute_dataset(
        tf.data.Dataset.from_tensor_slices((X[:6],)).batch(6)
    )
    found = strategy().run(lambda rows: tf.reduce_sum(rows), args=(x,))
    np.testing.assert_allclose(float(found), X[:6].sum(), rtol=1e-6)


def test_fit_takes_a_distributed_dataset():
    data = tf.data.Dataset.from_tensor_slices((X, X[:, :1])).batch(8)
    with strategy().scope():
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(5,))])
        model.compile("sgd", "mse")
    model.fit(strategy().experimental_distribute_dataset(data), verbose=0)
