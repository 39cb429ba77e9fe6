"""The state of optimizers: in memory, as lists of arrays, and in files of any Keras."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile.ir import Parameter
from kcompile.keras import backend as K
from kcompile.keras import optimizers

from .small import BUILT_IN, trained, weights


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
