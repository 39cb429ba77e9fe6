"""Optimizers of users, and what somebody replaced in those of Keras."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import optimizers
from kcompile.keras.optimizers.rule import BuiltIn

from .small import weights


class SignDescent(optimizers.Optimizer):
    """Written as users of Keras 2.2 write one."""

    def __init__(self, lr=0.1, **kwargs):
        super().__init__(**kwargs)
        with K.name_scope(self.__class__.__name__):
            self.iterations = K.variable(0, dtype="int64", name="iterations")
            self.lr = K.variable(lr, name="lr")

    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        counts = [K.zeros(K.int_shape(p)) for p in params]
        self.weights = [self.iterations, *counts]
        for p, g, c in zip(params, grads, counts, strict=True):
            self.updates += [K.update(c, c + 1), K.update(p, p - self.lr * K.sign(g))]
        return self.updates

    def get_config(self):
        return {"lr": float(K.get_value(self.lr)), **super().get_config()}


def test_own_optimizer_trains_by_its_updates():
    optimizer, (w,) = SignDescent(lr=0.25), weights((2,))
    assert optimizer.update_rule([w]) is None
    loss = K.sum(K.square(w))
    step = K.function([], [loss], updates=optimizer.get_updates(loss, [w]))
    step([])
    assert K.get_value(w).tolist() == [0.25, 0.25]
    optimizer.lr = 0.125
    step([])
    assert K.get_value(w).tolist() == [0.125, 0.125]
    assert [a.tolist() for a in optimizer.get_weights()] == [2, [2.0, 2.0]]


def test_state_of_an_optimizer_that_never_calls_the_base_class_is_set():
    class Bare(optimizers.Optimizer):
        def __init__(self):
            self.weights = [K.variable(0.0)]

    optimizer = Bare()
    optimizer.set_weights([np.float32(2.0)])
    assert optimizer.get_weights() == [2.0]
    with pytest.raises(ValueError, match=r"Length of the specified weight list \(2\)"):
        optimizer.set_weights([1.0, 2.0])


def test_own_optimizer_is_read_by_name_from_custom_objects():
    config = optimizers.serialize(SignDescent(lr=0.5))
    assert config == {"class_name": "SignDescent", "config": {"lr": 0.5}}
    again = optimizers.deserialize(config, custom_objects={"SignDescent": SignDescent})
    assert type(again) is SignDescent and K.get_value(again.lr) == 0.5
    with pytest.raises(ValueError, match="Unknown optimizer: 'SignDescent'"):
        optimizers.deserialize(config)


def test_subclass_that_changes_no_rule_keeps_the_fast_path_and_one_that_does_loses_it():
    class Mine(optimizers.Adam):
        def get_config(self):
            return super().get_config()

    class Halved(optimizers.Adam):
        def get_gradients(self, loss, params):
            return [g * 0.5 for g in super().get_gradients(loss, params)]

    class Doubled(Mine):
        def get_updates(self, loss, params):
            return super().get_updates(loss * 2.0, params)

    params = weights((2,))
    assert Mine().update_rule(params).name == "Adam"
    assert Halved().update_rule(params) is None and Doubled().update_rule(params) is None


EVERY = sorted(
    name
    for name, cls in vars(optimizers).items()
    if isinstance(cls, type) and issubclass(cls, BuiltIn) and cls is not BuiltIn
)


@pytest.mark.parametrize("name", EVERY)
def test_updates_are_written_with_what_stands_in_k(name, monkeypatch):
    """Wrappers put functions of their own in place of K.update while an optimizer writes its updates."""
    seen, (w,) = [], weights((2,))
    for function in ("update", "update_add"):
        original = getattr(K, function)
        monkeypatch.setattr(K, function, lambda x, y, f=original: (seen.append(x), f(x, y))[1])
    settings = {"use_ema": True, "gradient_accumulation_steps": 2} if name != "ScheduleFreeAdamW" else {}
    updates = getattr(optimizers, name)(**settings).get_updates(loss=K.sum(K.square(w)), params=[w])
    assert w in seen and {p for p, _ in updates} <= set(seen)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("what", ["K.update", "K.gradients", "get_gradients"])
def test_training_follows_what_somebody_replaced(name, what, monkeypatch):
    """Without updates of its weights a model stays as it is; by negated gradients it goes the other way."""
    pytest.importorskip("torch")

    def trained_kernel(optimizer):
        model = keras.Sequential([keras.layers.Dense(1, input_shape=(2,), kernel_initializer="ones")])
        model.compile(optimizer, "mse")
        weights.extend(model.weights)
        model.train_on_batch(np.ones((4, 2)), np.zeros((4, 1)))
        assert optimizer.iterations.numpy() == 1
        return model.get_weights()[0]

    weights = []
    first, second = (getattr(optimizers, name)(learning_rate=0.1) for _ in range(2))
    usual = trained_kernel(first)
    original = {"K.update": K.update, "K.gradients": K.gradients, "get_gradients": second.get_gradients}[what]
    if what == "K.update":
        monkeypatch.setattr(K, "update", lambda x, new: original(x, x if x in weights else new))
    else:
        negated = lambda loss, params: [-g for g in original(loss, params)]  # noqa: E731
        monkeypatch.setattr(K if what == "K.gradients" else second, what.split(".")[-1], negated)
    changed = trained_kernel(second)
    if what == "K.update":
        np.testing.assert_array_equal(changed, np.ones((2, 1)))
    else:
        assert (changed > usual).all()


def test_get_updates_of_a_user_is_called_by_keyword():
    class Reversed(optimizers.Optimizer):
        def get_updates(self, params, loss):
            return [K.update(p, p - g) for p, g in zip(params, self.get_gradients(loss, params), strict=True)]

    pytest.importorskip("torch")
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(1,), kernel_initializer="ones")])
    model.compile(Reversed(), "mae")
    model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
    assert [w.item() for w in model.get_weights()] == [0.0, -1.0]


def test_order_of_arguments_of_keras_1_is_understood():
    (w,) = weights((2,))
    loss = K.sum(K.square(w))
    optimizer = optimizers.SGD(0.25)
    for call in (
        lambda: optimizer.get_updates([w], {}, loss),
        lambda: optimizer.get_updates(params=[w], loss=loss),
    ):
        K.set_value(w, [1.0, 2.0])
        K.function([], [loss], updates=call())([])
        assert K.get_value(w).tolist() == [0.5, 1.0]


def test_get_gradients_of_a_subclass_counts_where_its_keras_asks_for_it():
    from kcompile import tf_keras

    def trained(front_end):
        class Refusing(front_end.optimizers.RMSprop):
            def get_gradients(self, loss, params):
                raise ZeroDivisionError("asked for gradients")

        layer = front_end.layers.Dense(1, kernel_initializer="ones", input_shape=(1,))
        model = front_end.Sequential([layer])
        model.compile(Refusing(learning_rate=0.5), "mse")
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        return model.get_weights()[0].item()

    with pytest.raises(ZeroDivisionError, match="asked"):
        trained(keras)
    assert trained(tf_keras) < 1  # tf.keras never calls it


def test_an_optimizer_as_tf_keras_had_them_takes_decay_and_goes_on_with_what_it_assigned():
    from kcompile import tf_keras
    from kcompile.tf_keras import tensorflow as tf

    class Momentum(tf_keras.optimizers.Optimizer):
        def __init__(self, learning_rate=0.1, name="Momentum", **kwargs):
            super().__init__(name, **kwargs)
            self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
            self._set_hyper("decay", self._initial_decay)

        def _create_slots(self, var_list):
            for var in var_list:
                self.add_slot(var, "m")

        def _resource_apply_dense(self, grad, var):
            m = self.get_slot(var, "m")
            m_t = tf.compat.v1.assign(m, 0.5 * m + grad, use_locking=self._use_locking)
            return tf.compat.v1.assign_sub(var, self._decayed_lr(var.dtype) * m_t)

    layer = tf_keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", input_shape=(1,))
    model = tf_keras.Sequential([layer])
    model.compile(Momentum(lr=0.1, decay=1.0), "mse")
    weight, m = 1.0, 0.0
    for step in range(3):
        model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
        m = 0.5 * m + 2 * weight
        weight -= 0.1 / (1 + step) * m
    assert model.get_weights()[0].item() == pytest.approx(weight, rel=1e-5)
