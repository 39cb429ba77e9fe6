"""Keras's optimizers: arguments, configuration, live hyperparameters, and updates as values."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from kcompile.keras import backend as K
from kcompile.keras import optimizers
from tests.golden import cases

from .small import BUILT_IN, GOLDEN, weights

# --- what a model trained with them becomes ---------------------------------------------------------------


def symbolic_run(golden):
    """The golden run with every step computed by get_updates and K.function."""
    case, name = golden.case, golden.name
    if case["model"] == "dense":
        hidden = [("kernel", (5, 4)), ("bias", (4,))]
        last = [("kernel", (4, 3)), ("bias", (3,))]
        x, y = K.placeholder((8, 5)), K.placeholder((8, 3))
    else:
        hidden, last = [("embeddings", (6, 3))], [("kernel", (6, 2)), ("bias", (2,))]
        x, y = K.placeholder((3, 2), dtype="int32"), K.placeholder((3, 2))
    params = [
        K.variable(cases.weight(name, i, kind, shape, layer))
        for layer, named in (("hidden", hidden), ("last", last))
        for i, (kind, shape) in enumerate(named)
    ]
    if case["model"] == "dense":
        h = K.tanh(K.dot(x, params[0]) + params[1])
    else:
        h = K.reshape(K.gather(params[0], x), (3, 6))
    loss = K.mean(K.square(K.dot(h, params[-2]) + params[-1] - y))
    optimizer = getattr(optimizers, case["optimizer"])(**case["kwargs"])
    step = K.function([x, y], [loss], updates=optimizer.get_updates(loss, params))
    found = {}
    for i in range(cases.OPTIMIZER_STEPS):
        if case["model"] == "dense":
            arrays = [cases.array(name, f"x{i}", (8, 5)), cases.array(name, f"y{i}", (8, 3))]
        else:
            arrays = [cases.array(name, f"x{i}", (3, 2), 0, 6, "int32"), cases.array(name, f"y{i}", (3, 2))]
        step(arrays)
        if i + 1 in cases.OPTIMIZER_SNAPSHOTS:
            found |= {f"weight{j}@{i + 1}": K.get_value(p) for j, p in enumerate(params)}
    return found | {f"state{i}": a for i, a in enumerate(optimizer.get_weights())}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_updates_as_values_follow_keras_step_by_step(golden):
    golden.check(symbolic_run(golden), rtol=1e-5, atol=1e-6, only=["weight", "state"])


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.name)
def test_configuration_and_state_shapes_are_those_of_keras(golden):
    optimizer = getattr(optimizers, golden.case["optimizer"])(**golden.case["kwargs"])
    assert list(optimizer.get_config()) == list(golden.meta["config"])
    assert optimizer.get_config() == golden.meta["config"]
    shapes = [value.shape for name, value in golden.arrays.items() if name.endswith("@1")]
    optimizer.update_rule(weights(*shapes))
    found = [[w.name, list(w.shape)] for w in optimizer.weights]
    # TensorFlow makes names unique by another _1, for names that are unique already
    expected = [[re.sub(r"^(training/.*)_1$", r"\1", name), shape] for name, shape in golden.meta["state"]]
    assert found == expected


# --- arguments and configuration --------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("spelling", ["lr", "learning_rate"])
def test_rate_is_given_read_and_set_by_either_name(name, spelling):
    optimizer = getattr(optimizers, name)(**{spelling: 0.25})
    assert K.get_value(optimizer.lr) == K.get_value(optimizer.learning_rate) == np.float32(0.25)
    variable = optimizer.lr
    setattr(optimizer, spelling, 0.5)
    assert optimizer.lr is variable and K.get_value(optimizer.learning_rate) == 0.5
    K.set_value(optimizer.lr, 0.125)
    assert optimizer.get_config()["learning_rate"] == 0.125


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("SGD", {"momentum": 0.5, "decay": 0.25, "iterations": 7}),
        ("RMSprop", {"rho": 0.5, "decay": 0.25}),
        ("Adam", {"beta_1": 0.5, "beta_2": 0.25, "decay": 0.125}),
        ("Nadam", {"beta_1": 0.5, "m_schedule": 0.25}),
    ],
)
def test_variables_are_set_in_place_by_assignment(name, attributes):
    optimizer = getattr(optimizers, name)()
    for attribute, value in attributes.items():
        variable = getattr(optimizer, attribute)
        setattr(optimizer, attribute, value)
        assert getattr(optimizer, attribute) is variable and K.get_value(variable) == value


@pytest.mark.parametrize("name", BUILT_IN)
def test_configuration_round_trip(name):
    made = (
        getattr(optimizers, name)(lr=0.25, clipnorm=1.0, clipvalue=0.5, epsilon=0.01)
        if name != "SGD"
        else (optimizers.SGD(lr=0.25, clipnorm=1.0, clipvalue=0.5, nesterov=True, decay=0.5))
    )
    config = json.loads(json.dumps(optimizers.serialize(made)))
    again = optimizers.deserialize(config)
    assert type(again) is type(made) and again.get_config() == made.get_config()
    assert again.clipnorm == 1.0 and again.clipvalue == 0.5


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("spelling", [str.lower, str.upper, str])
def test_get_by_name_in_any_case(name, spelling):
    assert type(optimizers.get(spelling(name))).__name__ == name
    assert getattr(optimizers, name.lower()) is getattr(optimizers, name)


def test_get_returns_an_optimizer_as_it_is_and_reads_a_configuration():
    made = optimizers.Adam()
    assert optimizers.get(made) is made
    assert optimizers.get({"class_name": "sgd", "config": {"lr": 0.5}}).get_config()["learning_rate"] == 0.5


def test_epsilon_follows_the_backend_and_none_means_default():
    assert optimizers.Adam().epsilon == optimizers.Adam(epsilon=None).epsilon == K.epsilon()
    assert optimizers.Adam(epsilon=0.5).epsilon == 0.5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: optimizers.get("adm"), ValueError, "Unknown optimizer: 'adm'. Did you mean 'Adam'"),
        (lambda: optimizers.get(3), ValueError, "Could not interpret optimizer identifier: 3"),
        (lambda: optimizers.get(None), ValueError, "Could not interpret optimizer identifier: None"),
        (lambda: optimizers.Adam(learing_rate=1), TypeError, "learing_rate.*Did you mean 'learning_rate'"),
        (lambda: optimizers.SGD(epsilon=1), TypeError, "Unexpected keyword argument.*epsilon"),
        (lambda: optimizers.Adam(use_ema=True, ema_momentum=2.0), ValueError, "ema_momentum must be between"),
        (
            lambda: optimizers.Adam(use_ema=True, ema_overwrite_frequency=0),
            ValueError,
            "ema_overwrite_frequency must be None or a whole number from 1, found 0",
        ),
        (
            lambda: optimizers.Adam(gradient_accumulation_steps=2.5),
            ValueError,
            "gradient_accumulation_steps must be None or a whole number",
        ),
        (
            lambda: optimizers.deserialize({"class_name": "LossScaleOptimizer", "config": {}}),
            ValueError,
            "no inner_optimizer",
        ),
        (
            lambda: optimizers.Adam({"class_name": "ExponentialDecay"}),
            ValueError,
            "learning_rate must be a number",
        ),
        (lambda: optimizers.Adam([0.1, 0.2]), ValueError, "learning_rate must be a number"),
        (lambda: optimizers.TFOptimizer(object()), NotImplementedError, "TensorFlow"),
        (
            lambda: optimizers.deserialize({"class_name": "MultiOptimizer", "config": {"name": "multi"}}),
            NotImplementedError,
            "loaded with compile=False",
        ),
        (
            lambda: optimizers.Optimizer().get_updates(None, []),
            NotImplementedError,
            "must override get_updates",
        ),
        (lambda: optimizers.Adam().no_such_thing, AttributeError, "no attribute 'no_such_thing'"),
    ],
)
def test_bad_arguments_are_one_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_configurations_of_later_keras_versions_are_read():
    common = {
        "name": "Adam",
        "weight_decay": None,
        "clipvalue": None,
        "use_ema": False,
        "ema_momentum": 0.99,
        "ema_overwrite_frequency": None,
        "jit_compile": True,
        "is_legacy_optimizer": False,
        "learning_rate": 0.5,
        "beta_1": 0.5,
        "beta_2": 0.25,
        "epsilon": 1e-7,
        "amsgrad": True,
    }
    each = optimizers.Adam.from_config({**common, "clipnorm": 1.0, "global_clipnorm": None})
    together = optimizers.Adam.from_config({**common, "clipnorm": None, "global_clipnorm": 2.0})
    params = weights((2,))
    assert each.amsgrad and each.update_rule(params).settings["clipnorm"] == each.clipnorm == 1.0
    assert together.update_rule(params).settings["global_clipnorm"] == 2.0
    again = optimizers.Adam.from_config(each.get_config())
    assert again.get_config() == each.get_config()
    assert again.update_rule(params).settings["clipnorm"] == 1.0
    assert optimizers.Adam(clipnorm=1.0).update_rule(params).settings["global_clipnorm"] == 1.0


def test_gradients_clipped_each_by_itself_or_together():
    params = weights((1,), (1,))
    loss = K.sum(params[0] * 3.0) + K.sum(params[1] * -4.0)
    optimizer = optimizers.SGD(clipnorm=1.0)
    together = [K.eval(g).item() for g in optimizer.get_gradients(loss, params)]
    assert together == pytest.approx([0.6, -0.8])
    optimizer = optimizers.SGD.from_config({"name": "SGD", "clipnorm": 1.0})
    assert [K.eval(g).item() for g in optimizer.get_gradients(loss, params)] == pytest.approx([1.0, -1.0])


def test_constraint_of_a_weight_is_part_of_its_update():
    (w,) = weights((2,))
    w.constraint = lambda value: K.maximum(value, 0.4)
    loss = K.sum(w)
    K.function([], [loss], updates=optimizers.SGD(0.25).get_updates(loss, [w]))([])
    assert K.get_value(w).tolist() == pytest.approx([0.4, 0.4])


def test_importing_optimizers_loads_neither_torch_nor_h5py():
    code = "import sys, kcompile.keras.optimizers as o; o.Adam(); print({'torch', 'h5py'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.stdout.strip() == "set()", found.stderr


@pytest.mark.parametrize(
    "schedule",
    [
        optimizers.schedules.ExponentialDecay(0.1, 3, 0.5, staircase=True),
        optimizers.schedules.InverseTimeDecay(0.1, 3, 0.5),
        optimizers.schedules.PolynomialDecay(0.1, 3, cycle=True),
        optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.3, 0.2, 0.1]),
        optimizers.schedules.CosineDecay(0.1, 5, warmup_target=0.2, warmup_steps=2),
        optimizers.schedules.CosineDecayRestarts(0.1, 3),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_schedule_gives_the_rates_of_an_array_of_steps(schedule):
    steps = np.linspace(0, 9, 7)
    rates = schedule(steps)
    assert rates.dtype == np.float32 and rates.shape == steps.shape
    np.testing.assert_allclose(rates, [schedule(step) for step in steps], rtol=1e-6)
    assert isinstance(schedule(2), float)
