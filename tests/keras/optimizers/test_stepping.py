"""Optimizers as code of tf.keras writes and asks them: own steps, variables, slots."""

from __future__ import annotations

import numpy as np
import pytest

import kcompile.tf_keras.tensorflow as tf
from kcompile import keras, tf_keras

X, Y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
NAMES = (
    "SGD",
    "Adam",
    "RMSprop",
    "Adagrad",
    "Adadelta",
    "Adamax",
    "Nadam",
    "Ftrl",
    "Lion",
    "Adafactor",
    "AdamW",
)


def small():
    made = tf_keras.Sequential([tf_keras.layers.Dense(3, input_shape=(2,)), tf_keras.layers.Dense(1)])
    made.set_weights([np.ones_like(w) for w in made.get_weights()])
    return made


class Momentum(tf_keras.optimizers.Optimizer):
    """As the guides of tf.keras 2.11 write one."""

    def __init__(self, learning_rate=0.1, name="Momentum", **kwargs):
        super().__init__(name=name, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)

    def build(self, var_list):
        super().build(var_list)
        if getattr(self, "_built", False):
            return
        self.velocities = [self.add_variable_from_reference(v, "velocity") for v in var_list]
        self._built = True

    def update_step(self, gradient, variable):
        velocity = self.velocities[self._index_dict[self._var_key(variable)]]
        velocity.assign(velocity * 0.5 + gradient)
        variable.assign_sub(tf.cast(self.learning_rate, variable.dtype) * velocity)

    def get_config(self):
        rate = self._serialize_hyperparameter(self._learning_rate)
        return {**super().get_config(), "learning_rate": rate}


class Older(tf_keras.optimizers.legacy.Optimizer):
    """The same as tf.keras before 2.11 has it."""

    def __init__(self, learning_rate=0.1, name="Older", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))

    def _create_slots(self, var_list):
        for variable in var_list:
            self.add_slot(variable, "velocity")

    def _resource_apply_dense(self, grad, var, apply_state=None):
        rate = self._decayed_lr(var.dtype.base_dtype if hasattr(var.dtype, "base_dtype") else var.dtype)
        velocity = self.get_slot(var, "velocity")
        velocity.assign(velocity * 0.5 + grad)
        return var.assign_sub(rate * velocity)

    def get_config(self):
        return {**super().get_config(), "learning_rate": self._serialize_hyperparameter("learning_rate")}


#: Of tf_keras 2.21, after two epochs on one batch.
TRAINED = [24.5944, 24.5944, 7.2424016, -7.6760006]


@pytest.mark.parametrize("eagerly", [False, True], ids=["graph", "eager"])
@pytest.mark.parametrize("make", [Momentum, Older], ids=["since 2.11", "before"])
def test_an_optimizer_of_ones_own_trains_as_in_tf_keras(make, eagerly):
    model, optimizer = small(), make()
    model.compile(optimizer, "mse", run_eagerly=eagerly)
    model.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_allclose([w.flat[0] for w in model.get_weights()], TRAINED, rtol=1e-5)
    assert int(optimizer.iterations) == 2
    assert len(optimizer.variables) == 5


def test_it_comes_back_from_a_file_and_goes_on(tmp_path):
    model = small()
    model.compile(Momentum(), "mse")
    model.fit(X, Y, verbose=0)
    for name in ("m.keras", "m.h5"):
        model.save(tmp_path / name)
        loaded = tf_keras.models.load_model(tmp_path / name, custom_objects={"Momentum": Momentum})
        loaded.fit(X, Y, verbose=0)
        np.testing.assert_allclose([w.flat[0] for w in loaded.get_weights()], TRAINED, rtol=1e-5)


def test_its_rate_may_follow_a_schedule_and_weights_decay():
    rates = tf_keras.optimizers.schedules.PiecewiseConstantDecay([0], [0.5, 0.0])
    model = small()
    model.compile(Momentum(rates, weight_decay=0.1), "mse")
    model.fit(X, Y, verbose=0)
    first = model.get_weights()
    model.fit(X, Y, verbose=0)
    for found, expected in zip(model.get_weights(), first, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert isinstance(model.optimizer.learning_rate, type(rates))


def test_constraints_and_averages_hold_for_steps_of_ones_own():
    layer = tf_keras.layers.Dense(1, input_shape=(2,), kernel_constraint=tf_keras.constraints.NonNeg())
    model = tf_keras.Sequential([layer])
    model.set_weights([np.full((2, 1), 0.01), np.zeros(1)])
    model.compile(Momentum(1.0, use_ema=True, ema_momentum=0.5), "mse")
    model.train_on_batch(X, -Y)
    assert not np.any(model.get_weights()[0])
    average = model.optimizer.averages_of(model.trainable_weights)[0]
    np.testing.assert_allclose(average.numpy(), np.full((2, 1), 0.01 - 2.04), rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_that_changes_the_gradient_uses_the_rule(name):
    base = getattr(tf_keras.optimizers, name)

    class Halved(base):
        def update_step(self, gradient, variable):
            super().update_step(gradient * 0.5, variable)

    found = []
    for optimizer, y in ((Halved(), Y), (base(), None)):
        model = small()
        weights = model.trainable_weights
        optimizer.build(weights)
        for step in range(3):
            factor = 1.0 if y is not None else 0.5
            grads = [tf.constant(np.full(w.shape, (step + 1) * factor, "float32")) for w in weights]
            optimizer.apply_gradients(zip(grads, weights, strict=True))
        found.append(model.get_weights())
        assert int(optimizer.iterations) == 3
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


#: What tf_keras 2.21 keeps of each weight, in the order of ``variables``; and ``get_slot_names`` before 2.11.
KEPT = {
    "SGD": (["m"], []),
    "Adam": (["m", "v"], ["m", "v"]),
    "RMSprop": (["velocity"], ["rms"]),
    "Adagrad": (["accumulator"], ["accumulator"]),
    "Adadelta": (["accumulated_grad", "accumulated_delta_var"], ["accum_grad", "accum_var"]),
    "Adamax": (["m", "u"], ["m", "v"]),
    "Nadam": (["m", "v"], ["m", "v"]),
    "Ftrl": (["accumulator", "linear"], ["accumulator", "linear"]),
    "Lion": (["m"], None),
    "AdamW": (["m", "v"], None),
}


@pytest.mark.parametrize("name", sorted(KEPT))
def test_variables_lie_in_the_order_of_tf_keras(name):
    model, optimizer = small(), getattr(tf_keras.optimizers, name)()
    weights = model.trainable_weights
    assert optimizer.variables() == optimizer.variables == [optimizer.iterations]
    optimizer.build(weights)
    shapes = [v.shape for v in optimizer.variables]
    slots = len(KEPT[name][0])
    assert shapes[: 1 + 4 * slots] == [(), *(w.shape for w in weights for _ in range(slots))]
    assert shapes[1 + 4 * slots :] == ([()] if name == "Nadam" else [])
    arrays = [np.full(v.shape, i) for i, v in enumerate(optimizer.variables)]
    optimizer.set_weights(arrays)
    for found, given in zip(optimizer.get_weights(), arrays, strict=True):
        np.testing.assert_array_equal(found, given)
    store: dict[str, np.ndarray] = {}
    optimizer.save_own_variables(store)
    other = getattr(tf_keras.optimizers, name)()
    with pytest.raises(ValueError, match=r"Call build\(weights\) first"):
        other.load_own_variables(store)
    other.build(small().trainable_weights)
    other.load_own_variables(store)
    np.testing.assert_array_equal(other.variables[-1].numpy(), arrays[-1])


@pytest.mark.parametrize("name", sorted(name for name, (_, legacy) in KEPT.items() if legacy is not None))
def test_slots_have_the_names_of_tf_keras_before(name):
    model, optimizer = small(), getattr(tf_keras.optimizers.legacy, name)()
    assert optimizer.get_slot_names() == []
    kernel = model.trainable_weights[0]
    model.compile(optimizer, "mse")
    model.train_on_batch(X, Y)
    assert optimizer.get_slot_names() == KEPT[name][1]
    for slot in KEPT[name][1]:
        assert optimizer.get_slot(kernel, slot).shape == kernel.shape
    with pytest.raises(KeyError, match="keeps no 'other' of dense"):
        optimizer.get_slot(kernel, "other")


def test_gradients_are_computed_apart_from_being_applied():
    model, optimizer = small(), tf_keras.optimizers.SGD(0.5)
    weights = model.trainable_weights

    def loss():
        return tf.reduce_mean(tf.square(model(tf.constant(X)) - Y))

    pairs = optimizer.aggregate_gradients(optimizer.compute_gradients(loss, weights))
    assert [weight for _, weight in pairs] == weights
    before = weights[0].numpy()
    optimizer.apply_gradients(pairs, name="step", skip_gradients_aggregation=True)
    np.testing.assert_allclose(weights[0].numpy(), before - 0.5 * pairs[0][0].numpy(), rtol=1e-6)


def test_the_order_in_keras_is_that_of_keras():
    model, optimizer = small(), keras.optimizers.Adam()
    optimizer.build(model.trainable_weights)
    assert [w.shape for w in optimizer.weights[1:5]] == [w.shape for w in model.trainable_weights]
    assert len(optimizer.get_weights()) == len(optimizer.weights)


def test_the_name_is_that_of_the_class_or_as_given():
    assert tf_keras.optimizers.Adam().name == "Adam"
    assert tf_keras.optimizers.SGD(name="own").name == "own"


def test_an_optimizer_that_says_nothing_is_refused():
    class Silent(tf_keras.optimizers.Optimizer):
        pass

    model = small()
    model.compile(Silent("silent"), "mse")
    with pytest.raises(NotImplementedError, match=r"Silent must override get_updates\(loss, params\) or"):
        model.train_on_batch(X, Y)
