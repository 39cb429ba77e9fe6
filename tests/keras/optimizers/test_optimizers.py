"""Keras's optimizers: arguments, configuration, live hyperparameters, state, and updates as values."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Parameter
from kcompile.keras import backend as K
from kcompile.keras import optimizers
from kcompile.keras.optimizers.rule import BuiltIn
from kcompile.torch_bridge.optimizers import make_optimizer
from tests.golden import cases
from tests.golden.load import load

GOLDEN = load("optimizers")
BUILT_IN = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]


def weights(*shapes: tuple[int, ...]) -> list[Parameter]:
    return [K.variable(np.full(s, 0.5), name=f"w{i}") for i, s in enumerate(shapes)]


def trained(optimizer, steps=1):
    """The optimizer after some steps of its update rule on two weights."""
    import torch

    params = weights((2, 3), (3,))
    tensors = [torch.from_numpy(p.storage.array) for p in params]
    step = make_optimizer(optimizer.update_rule(params), tensors)
    for i in range(steps):
        for j, t in enumerate(tensors):
            t.grad = torch.full(t.shape, 0.1 * (i + j + 1))
        step.step()
    return params


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


# --- state ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUILT_IN)
def test_weights_read_and_write_the_state(name):
    optimizer, other = getattr(optimizers, name)(), getattr(optimizers, name)()
    assert optimizer.weights == [] and optimizer.get_weights() == []
    trained(optimizer, 3)
    other.update_rule(weights((2, 3), (3,)))
    other.set_weights(optimizer.get_weights())
    for a, b in zip(optimizer.get_weights(), other.get_weights(), strict=True):
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes()
    assert optimizer.get_weights()[0] == 3 and K.get_value(other.iterations) == 3


def test_names_of_weights_are_those_in_files_of_keras():
    optimizer = optimizers.Adam()
    optimizer.update_rule(weights((2,), (3,)))
    assert [w.name for w in optimizer.weights] == [
        "Adam/iterations",
        *(f"training/Adam/{slot}_{i}" for slot in ("m", "v", "vhat") for i in (0, 1)),
    ]


@pytest.mark.parametrize(("name", "missing"), [("RMSprop", 0), ("Adagrad", 0), ("Adadelta", 0), ("Nadam", 1)])
def test_lists_of_keras_2_2_lack_their_head(name, missing):
    optimizer = getattr(optimizers, name)()
    trained(optimizer)
    state = optimizer.get_weights()
    optimizer.set_weights(state[:missing] + state[missing + 1 :])
    state[missing] = np.array(missing)
    assert [a.tolist() for a in optimizer.get_weights()] == [a.tolist() for a in state]


def test_lists_before_amsgrad_lack_vhat():
    optimizer = optimizers.Adam()
    trained(optimizer)
    state = optimizer.get_weights()
    optimizer.set_weights(state[:5])
    assert [a.tolist() for a in optimizer.get_weights()] == [a.tolist() for a in state]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s[:-1], r"weight list \(6\) does not match the number of weights of the optimizer \(7\)"),
        (lambda s: [*s[:-1], np.zeros(9)], r"training/Adam/vhat_1 has shape \(1,\).*\(9,\)"),
    ],
)
def test_state_that_does_not_fit_changes_nothing(change, message):
    optimizer = optimizers.Adam()
    trained(optimizer)
    before = [a.tolist() for a in optimizer.get_weights()]
    with pytest.raises(ValueError, match=message):
        optimizer.set_weights(change([a + 1 for a in optimizer.get_weights()]))
    assert [a.tolist() for a in optimizer.get_weights()] == before


def test_state_before_training_cannot_be_set():
    with pytest.raises(ValueError, match="made when a model is first trained"):
        optimizers.Adam().set_weights([np.zeros(())])


def test_each_set_of_weights_has_its_own_state_and_the_counter_is_shared():
    """One optimizer that compiles two models, as in a GAN."""
    optimizer = optimizers.Adam()
    first, second = weights((2,)), weights((3,))
    a = optimizer.update_rule(first)
    b = optimizer.update_rule(second)
    assert a.iterations is b.iterations
    assert optimizer.update_rule(first).slots["m"][0] is a.slots["m"][0] is not b.slots["m"][0]


def test_state_of_weights_that_are_gone_is_dropped():
    optimizer = optimizers.Adam()
    for _ in range(5):
        optimizer.update_rule(weights((2,)))
    assert len(optimizer._made) <= 2


def test_slots_lie_in_memory_as_their_weights_do():
    from kcompile.ir import Storage

    kernel = Parameter(Storage(np.zeros((3, 3, 2, 4), np.float32), (3, 2, 0, 1)), "kernel")
    slot = optimizers.RMSprop().update_rule([kernel]).slots["accumulator"][0]
    assert slot.storage.array.strides == kernel.storage.array.strides


KERNEL, BIAS = np.full((2, 3), 1.0), np.full(3, 2.0)
LAYOUTS = {
    "tf.keras legacy": (
        ["Adam/iter:0", "Adam/d/kernel/m:0", "Adam/d/bias/m:0", "Adam/d/kernel/v:0", "Adam/d/bias/v:0"],
        [9, KERNEL, BIAS, KERNEL * 3, BIAS * 3],
    ),
    "tf.keras": (
        ["iteration:0", "Adam/m/d/kernel:0", "Adam/v/d/kernel:0", "Adam/m/d/bias:0", "Adam/v/d/bias:0"],
        [9, KERNEL, KERNEL * 3, BIAS, BIAS * 3],
    ),
    "Keras 3": (
        [
            "adam/iteration",
            "adam/learning_rate",
            "adam/s_d_kernel_momentum",
            "adam/s_d_kernel_velocity",
            "adam/s_d_bias_momentum",
            "adam/s_d_bias_velocity",
        ],
        [9, 0.1, KERNEL, KERNEL * 3, BIAS, BIAS * 3],
    ),
    "Keras 2.3": (
        ["Adam/iterations:0", *(f"training/Adam/{s}_{i}_1:0" for s in ("m", "v", "vhat") for i in (0, 1))],
        [9, KERNEL, BIAS, KERNEL * 3, BIAS * 3, np.zeros(1), np.zeros(1)],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_state_in_files_of_any_keras_is_restored(layout):
    names, arrays = LAYOUTS[layout]
    optimizer = optimizers.Adam()
    optimizer.restore(names, arrays, weights((2, 3), (3,)))
    found = [a.tolist() for a in optimizer.get_weights()]
    assert found == [np.asarray(a).tolist() for a in [9, KERNEL, BIAS, KERNEL * 3, BIAS * 3, [0.0], [0.0]]]


def test_amsgrad_of_keras_3_and_layers_named_like_slots():
    names = [
        "adam/iteration",
        "adam/learning_rate",
        "adam/m_velocity",
        "adam/m_momentum",
        "adam/m_velocity_hat",
    ]
    optimizer = optimizers.Adam(amsgrad=True)
    optimizer.restore(names, [1, 0.1, BIAS, BIAS * 2, BIAS * 3], weights((3,)))
    assert [a.tolist() for a in optimizer.get_weights()[1:]] == [(BIAS * k).tolist() for k in (2, 1, 3)]
    legacy = optimizers.Adam()
    legacy.restore(["Adam/iter:0", "Adam/m/v/m:0", "Adam/m/v/v:0"], [1, BIAS, BIAS * 2], weights((3,)))
    assert [a.tolist() for a in legacy.get_weights()[1:3]] == [BIAS.tolist(), (BIAS * 2).tolist()]


def test_plain_sgd_of_tf_keras_has_no_velocity_and_momentum_needs_it():
    optimizer = optimizers.SGD()
    optimizer.restore(["SGD/iter:0"], [4], weights((3,)))
    assert K.get_value(optimizer.iterations) == 4
    with pytest.raises(
        ValueError, match="SGD: the file has 0 arrays named momentum or m; the model trains 1"
    ):
        optimizers.SGD(momentum=0.9).restore(["SGD/iter:0"], [4], weights((3,)))


def test_schedule_of_nadam_is_computed_where_the_file_lacks_it():
    whole = optimizers.Nadam()
    trained(whole, 3)
    count, schedule, *slots = whole.get_weights()
    names = ["iteration:0", *(f"Nadam/{s}/{v}:0" for s in ("m", "v") for v in ("kernel", "bias"))]
    optimizer = optimizers.Nadam()
    optimizer.restore(names, [count, *slots], weights((2, 3), (3,)))
    assert optimizer.get_weights()[1] == pytest.approx(schedule, rel=1e-6)


# --- users' own -------------------------------------------------------------------------------------------


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
