"""AdamW, Lion, Ftrl, weight decay and learning-rate schedules equal Keras 3.15, trained and as graphs."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.keras import layers, optimizers
from kcompile.keras.optimizers import schedules
from tests.golden import runner as base
from tests.golden.keras3 import runner
from tests.golden.keras3.load_keras3 import load

OPTIMIZERS, SCHEDULES = load("keras3_optimizers"), load("keras3_schedules")


@pytest.mark.parametrize("golden", OPTIMIZERS, ids=repr)
def test_training_equals_keras(golden):
    golden.check(runner.run_optimizer(keras, golden.case)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("golden", OPTIMIZERS, ids=repr)
def test_the_rule_as_a_graph_equals_the_trained_one(golden):
    """get_updates on the sum of squares against a model that trains on the same loss."""
    start = np.random.default_rng(1).normal(size=(3, 2)).astype("float32")
    w = K.variable(start)
    optimizer = getattr(optimizers, golden.case["optimizer"])(
        **runner.optimizer_arguments(keras, golden.case)
    )
    step = K.function([], [], updates=optimizer.get_updates(K.mean(K.square(w)), [w]))
    model = keras.models.Sequential([layers.Dense(2, use_bias=False, input_shape=(3,))])
    model.set_weights([start])
    trained = type(optimizer).from_config(optimizer.get_config())
    model.compile(trained, "mse")
    for _ in range(4):
        step([])
        model.train_on_batch(np.eye(3, dtype="float32"), np.zeros((3, 2), "float32"))
    np.testing.assert_allclose(K.get_value(w), model.get_weights()[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("SGD", {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 2}),
        ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "clipnorm": 0.1}),
        ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
        ("Adagrad", {"initial_accumulator_value": 0.1, "use_ema": False}),
    ],
)
def test_kernels_that_lie_in_another_order_in_memory_train_alike(name, arguments):
    """torch's kernels on a convolution, whose buffers have strides, against the rule in the graph."""

    class InTheGraph(getattr(optimizers, name)):
        def get_gradients(self, loss, params):
            return super().get_gradients(loss, params)

    x = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype("float32")
    found = []
    for optimizer in (getattr(optimizers, name)(0.1, **arguments), InTheGraph(0.1, **arguments)):
        model = keras.models.Sequential([layers.Conv2D(3, 3, input_shape=(6, 6, 2)), layers.Flatten()])
        random = np.random.default_rng(1)
        model.set_weights([random.normal(size=w.shape) for w in model.get_weights()])
        model.compile(optimizer, "mse")
        model.fit(x, np.zeros((8, 48)), batch_size=2, shuffle=False, verbose=0)
        found.append([*model.get_weights(), *optimizer.get_weights()])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("golden", OPTIMIZERS, ids=repr)
def test_configurations_of_keras_make_the_same_optimizer(golden):
    name = golden.case["optimizer"]
    own = getattr(optimizers, name)(**runner.optimizer_arguments(keras, golden.case))
    theirs = optimizers.deserialize({"class_name": name, "config": golden.meta["config"]})
    for key, value in base.plain(own.get_config()).items():
        if key not in ("clipnorm", "name"):
            assert base.plain(theirs.get_config())[key] == value


@pytest.mark.parametrize("golden", SCHEDULES, ids=repr)
def test_schedule_equals_keras(golden):
    golden.check(runner.run_schedule(keras, golden.case)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("golden", SCHEDULES, ids=repr)
def test_schedule_of_a_value_equals_that_of_a_number(golden):
    schedule = runner.make_schedule(keras, golden.case)
    step = K.variable(0, dtype="int64")
    rate = K.function([], [schedule(step)])
    for number in golden.case["steps"]:
        K.set_value(step, number)
        np.testing.assert_allclose(rate([])[0], schedule(number), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("golden", SCHEDULES, ids=repr)
def test_schedules_are_configured_as_in_keras(golden):
    schedule = schedules.deserialize({"class_name": golden.case["schedule"], "config": golden.meta["config"]})
    config = base.plain(schedule.get_config())
    assert config == golden.meta["config"]


def trained(optimizer, steps=2):
    model = keras.models.Sequential([layers.Dense(2, input_shape=(3,), name="only")])
    model.set_weights([np.ones((3, 2), "float32"), np.ones(2, "float32")])
    model.compile(optimizer, "mse")
    for _ in range(steps):
        model.train_on_batch(np.ones((4, 3), "float32"), np.full((4, 2), 4.0, "float32"))  # no gradient
    return model


def test_weights_can_be_excluded_from_decay():
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model = trained(optimizer, steps=1)
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(kernel, 0.95, rtol=1e-6)
    np.testing.assert_array_equal(bias, 1.0)


def test_training_goes_on_along_the_schedule_after_loading(tmp_path):
    schedule = schedules.ExponentialDecay(0.1, 2, 0.5)
    model = trained(optimizers.AdamW(schedule, weight_decay=0.3), steps=3)
    model.save(str(tmp_path / "model.h5"))
    loaded = keras.models.load_model(str(tmp_path / "model.h5"))
    assert loaded.optimizer.learning_rate.get_config() == schedule.get_config()
    x, y = np.ones((4, 3), "float32"), np.zeros((4, 2), "float32")
    for one in (model, loaded):
        one.train_on_batch(x, y)
    for one, other in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


class Halving(schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.1 * K.pow(K.constant(0.5), K.cast(step, "float32"))

    def get_config(self):
        return {}


def test_a_schedule_of_ones_own_may_be_written_with_the_backend():
    own = trained(optimizers.SGD(Halving(), weight_decay=1.0), steps=3)
    known = trained(optimizers.SGD(schedules.ExponentialDecay(0.1, 1, 0.5), weight_decay=1.0), steps=3)
    for one, other in zip(own.get_weights(), known.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_the_rate_of_a_schedule_cannot_be_set():
    optimizer = optimizers.SGD(schedules.CosineDecay(0.1, 8))
    with pytest.raises(TypeError, match="follows CosineDecay"):
        optimizer.lr = 0.1


def test_a_rate_that_was_a_number_cannot_become_a_schedule():
    optimizer = optimizers.SGD(0.1)
    with pytest.raises(TypeError, match="make an optimizer with the schedule"):
        optimizer.learning_rate = schedules.CosineDecay(0.1, 8)


def test_the_learning_rate_of_an_optimizer_is_read_as_a_number_at_its_step(tmp_path):
    schedule = schedules.ExponentialDecay(0.1, 1, 0.5)
    with pytest.raises(TypeError, match="no optimizer follows it"):
        float(schedule)
    model = trained(optimizers.SGD(schedule), steps=3)
    rate = model.optimizer.learning_rate
    assert [float(rate), rate.numpy(), np.asarray(rate), K.get_value(model.optimizer.lr)] == [
        pytest.approx(0.0125)
    ] * 4
    model.save(str(tmp_path / "model.h5"))
    loaded = keras.models.load_model(str(tmp_path / "model.h5"))
    assert float(loaded.optimizer.learning_rate) == pytest.approx(0.0125)
    other = optimizers.Adam(schedule)
    with pytest.raises(TypeError, match="several optimizers at different steps"):
        float(schedule)
    assert other.learning_rate(2) == pytest.approx(0.025)


def test_schedules_are_a_module():
    from kcompile.keras.optimizers.schedules import PolynomialDecay

    assert schedules.PolynomialDecay is PolynomialDecay


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: schedules.ExponentialDecay(0.1, 0, 0.5), "decay_steps must be positive"),
        (lambda: schedules.PiecewiseConstantDecay([1], [0.1]), "one more value"),
        (
            lambda: schedules.deserialize({"class_name": "CosineDecy", "config": {}}),
            "Did you mean 'CosineDecay'",
        ),
        (lambda: optimizers.Ftrl(learning_rate_power=1.0), "learning_rate_power"),
        (lambda: optimizers.Ftrl(beta=-1.0), "beta"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
