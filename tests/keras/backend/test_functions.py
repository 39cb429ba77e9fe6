"""K.function, gradients, phases, updates, and the policy by which graphs are run."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from kcompile.ir import Graph, Parameter, Storage
from kcompile.keras import backend as K
from kcompile.keras import layers
from kcompile.keras.backend.execution import CALLS_TO_FREEZE, compile_graph
from kcompile.keras.models import Model

ONES = np.ones((2, 3), "float32")


def test_outputs_come_as_they_were_asked_for() -> None:
    x = K.placeholder((None, 3))
    assert isinstance(K.function([x], [x * 2])([ONES]), list)
    np.testing.assert_array_equal(K.function([x], x * 2)([ONES]), 2)
    np.testing.assert_array_equal(K.function(x, x * 2)(ONES), 2)
    assert K.function([x], [])([ONES]) == []


def test_any_value_may_be_an_input() -> None:
    x = K.placeholder((None, 3))
    hidden = x * 2
    np.testing.assert_array_equal(K.function([hidden], [hidden + 1])([ONES])[0], 2)


def test_numbers_and_doubles_are_cast_to_the_input_type() -> None:
    x = K.placeholder((None, 3))
    np.testing.assert_array_equal(K.function([x], [x + 1])([[[1, 2, 3]]])[0], [[2, 3, 4]])
    assert K.function([x], [x + 1])([np.ones((2, 3))])[0].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x: K.function([x], [x])([]), ValueError, "1 inputs expected"),
        (lambda x: K.function([x], [x])(ONES), TypeError, "list or tuple"),
        (lambda x: K.function([x], [x])([np.ones((2, 4))]), ValueError, "pixels"),
        (lambda x: K.function(3, [x]), TypeError, "inputs"),
        (lambda x: K.function([3], [x]), TypeError, "no tensor of the graph"),
        (lambda x: K.function([x], [x], updates=[x]), TypeError, "pair"),
        (lambda x: K.function([], [x])([]), ValueError, "pixels"),
        (lambda x: K.gradients(3.0, [x]), TypeError, "differentiates"),
    ],
)
def test_what_cannot_be_called_is_named(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call(K.placeholder((None, 3), name="pixels"))


def test_session_arguments_are_ignored_with_a_warning() -> None:
    x = K.placeholder((None, 3))
    with pytest.warns(UserWarning, match="fetches"):
        K.function([x], [x], fetches=[], name="f")


def test_learning_phase_chooses_the_branch() -> None:
    x = K.placeholder((None, 3))
    value = K.in_train_phase(lambda: x * 10, x)
    f = K.function([x, K.learning_phase()], [value, K.in_test_phase(x, -x)])
    for phase, expected in ((0, [1, 1]), (1, [10, -1]), (True, [10, -1]), (np.int32(0), [1, 1])):
        for found, number in zip(f([ONES, phase]), expected, strict=True):
            np.testing.assert_array_equal(found, number)
    np.testing.assert_array_equal(K.function([x], [value])([ONES])[0], 1)


def test_training_argument_decides_at_once_or_at_run_time() -> None:
    x, flag = K.placeholder((None, 3)), K.placeholder((), dtype="bool")
    a, b = x + 1, x + 2
    for training in (True, 1, np.bool_(True)):
        assert K.in_train_phase(a, b, training=training) is a
    for training in (False, 0):
        assert K.in_train_phase(a, lambda: b, training=training) is b
    f = K.function([x, flag], [K.in_train_phase(a, b, training=flag)])
    np.testing.assert_array_equal(f([ONES, True])[0], 2)
    np.testing.assert_array_equal(f([ONES, False])[0], 3)
    assert K.in_train_phase(a, a) is a


def test_updates_are_applied_after_the_outputs() -> None:
    x, total, count = K.placeholder((None, 3)), K.variable(np.zeros(3)), K.variable(0.0)
    f = K.function([x], [total * 1], updates=[K.update_add(total, K.sum(x, axis=0)), (count, count + 1)])
    for i in range(4):
        np.testing.assert_array_equal(f([ONES])[0], 2 * i)
    np.testing.assert_array_equal(K.get_value(total), 8)
    assert K.get_value(count) == 4
    K.set_value(total, np.full(3, 100.0))
    np.testing.assert_array_equal(f([ONES])[0], 100)


def test_updates_read_the_old_values_of_one_another() -> None:
    a, b = K.variable(1.0), K.variable(2.0)
    K.function([], [], updates=[(a, b * 1), (b, a * 1)])([])
    assert (K.get_value(a), K.get_value(b)) == (2, 1)


def test_gradients_train_and_follow_the_weights() -> None:
    pytest.importorskip("torch")
    x, w = K.placeholder((None, 3)), K.variable(np.zeros((3, 1)))
    loss = K.mean(K.square(K.dot(x, w) - 1.0))
    (gradient,) = K.gradients(loss, [w])
    step = K.function([x], [loss], updates=[K.update_sub(w, 0.1 * gradient)])
    losses = [float(step([ONES])[0]) for _ in range(20)]
    assert losses[0] == 1.0
    assert losses[-1] < 1e-6
    np.testing.assert_allclose(K.get_value(w), 1 / 3, rtol=1e-3)


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU, layers.SimpleRNN, layers.CuDNNLSTM])
def test_gradients_of_gradients_pass_through_recurrent_layers(layer) -> None:
    x = layers.Input((5, 3))
    hidden = layer(4, **({} if layer is layers.CuDNNLSTM else {"activation": "tanh"}))(x)
    (first,) = K.gradients(K.sum(hidden), x)
    (second,) = K.gradients(K.sum(K.square(first)), x)
    assert np.abs(K.function([x], [second])([np.ones((2, 5, 3))])[0]).max() > 0
    model = Model(x, hidden)
    model.add_loss(K.mean(K.square(first)))
    model.compile("sgd")
    before = model.get_weights()[0]
    model.train_on_batch(np.ones((2, 5, 3)), None)
    assert np.abs(model.get_weights()[0] - before).max() > 0


def test_gradients_with_respect_to_inputs_and_of_gradients() -> None:
    pytest.importorskip("torch")
    x = K.placeholder((None, 3))
    (first,) = K.gradients(K.sum(x**3), x)
    (second,) = K.gradients(K.sum(first), [x])
    found = K.function([x], [first, second])([2 * ONES])
    np.testing.assert_allclose(found[0], 12)
    np.testing.assert_allclose(found[1], 12)


def test_stop_gradient() -> None:
    pytest.importorskip("torch")
    x = K.placeholder((None, 3))
    (g,) = K.gradients(K.sum(x * K.stop_gradient(x)), [x])
    np.testing.assert_allclose(K.function([x], [g])([3 * ONES])[0], 3)
    assert len(K.stop_gradient([x, x])) == 2


def test_normalisation_by_batch_statistics_runs_where_onnxruntime_lacks_it() -> None:
    pytest.importorskip("torch")
    x = K.placeholder((None, 3))
    array = np.random.RandomState(0).normal(size=(8, 3)).astype("f")
    normed, mean, var = K.function([x], list(K.normalize_batch_in_training(x, None, None, [0])))([array])
    np.testing.assert_allclose(mean, array.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(var, array.var(0), rtol=1e-5)
    np.testing.assert_allclose(normed, (array - mean) / np.sqrt(var + 1e-3), rtol=1e-4, atol=1e-5)


def test_print_tensor_prints_in_each_run_and_passes_on(capsys) -> None:
    pytest.importorskip("torch")
    x = K.placeholder((None,))
    double = K.function([x], [K.print_tensor(x, message="x is") * 2])
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(double([np.array([1.0, 2.0], "f")])[0], [2, 4])
    double([np.arange(8, dtype="f")])
    assert capsys.readouterr().out == "x is [1. 2.]\nx is [0. 1. 2. ... 5. 6. 7.]\n"


def test_print_tensor_prints_in_each_step_of_rnn(capsys) -> None:
    pytest.importorskip("torch")
    x = K.placeholder((1, 3, 1))

    def step(inputs, states):
        total = K.print_tensor(states[0] + inputs, "sum")
        return total, [total]

    last, _, _ = K.rnn(step, x, [K.zeros((1, 1))])
    assert K.function([x], [last])([np.ones((1, 3, 1), "f")])[0] == 3
    assert capsys.readouterr().out == "sum [[1.]]\nsum [[2.]]\nsum [[3.]]\n"


@pytest.mark.parametrize("n, shape", [(2, (3, 8)), ((2,), (3, 8)), ((2, 1), (6, 4)), ([1, 3], (3, 12))])
def test_tile_pads_short_counts_in_front(n, shape) -> None:
    x = np.arange(12, dtype="f").reshape(3, 4)
    np.testing.assert_array_equal(K.eval(K.tile(K.variable(x), n)), np.tile(x, n))
    assert K.int_shape(K.tile(K.variable(x), n)) == shape


# The policy of compile_graph


def _product(weights: Parameter):
    x = K.placeholder((None, 3))
    return compile_graph(Graph([K.dot(x, weights)], [x]))


def test_session_is_frozen_then_rebuilt_then_live_then_frozen_again() -> None:
    w = K.variable(np.zeros((3, 40)))  # above the size below which weights stand in the model itself
    f = _product(w)
    modes = []
    for value in range(5):
        K.set_value(w, np.full((3, 40), value))
        np.testing.assert_array_equal(f([ONES])[0], 3 * value)
        modes.append(f.mode)
    assert modes == ["frozen", "frozen", "live", "live", "live"]
    for _ in range(CALLS_TO_FREEZE):
        np.testing.assert_array_equal(f([ONES])[0], 12)
    assert f.mode == "frozen"


def test_rare_changes_keep_the_session_frozen() -> None:
    w = K.variable(np.zeros((3, 4)))
    f = _product(w)
    for value in range(4):
        K.set_value(w, np.full((3, 4), value))
        for _ in range(CALLS_TO_FREEZE + 1):
            np.testing.assert_array_equal(f([ONES])[0], 3 * value)
        assert f.mode == "frozen"


def test_live_session_sees_weights_of_any_memory_order_and_of_a_leading_device() -> None:
    storage = Storage(np.zeros((3, 40), "f"), order=(1, 0))
    f = _product(Parameter(storage, "w"))
    for value in range(6):
        if value % 2:
            storage.assign(np.full((3, 40), value))
        else:
            storage.written(lambda host, value=value: host.fill(value))  # as a device copy that leads does
        np.testing.assert_array_equal(f([ONES])[0], 3 * value)
    assert f.mode == "live"


def test_predict_takes_any_number_of_samples_and_carries_states() -> None:
    w = K.variable(np.ones((3, 2)))
    f = _product(w)
    for samples in (1, 5, 300):
        (found,) = f.predict([np.ones((samples, 3))], batch_size=4)
        np.testing.assert_array_equal(found, np.full((samples, 2), 3))
    x, seen = K.placeholder((None, 3)), K.variable(0.0)
    counting = compile_graph(Graph([x + seen], [x], [(seen, seen + 1)]))
    (found,) = counting.predict([np.zeros((4, 3))], batch_size=2)
    np.testing.assert_array_equal(found[:, 0], [0, 0, 1, 1])
    assert K.get_value(seen) == 2
    with pytest.raises(ValueError, match="1 inputs expected"):
        f.predict([])


def test_threads_share_one_compiled_graph() -> None:
    w = K.variable(np.ones((3, 4)))
    f = _product(w)
    wrong = []

    def work() -> None:
        for _ in range(50):
            if not np.array_equal(f([ONES])[0], np.full((2, 4), 3)):
                wrong.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_numbers_without_axes_are_numpy_scalars():
    x, count = K.placeholder((None, 2)), K.variable(3, dtype="int64")
    one, several = K.function([x], K.sum(x)), K.function([x], [K.sum(x), x, K.shape(x)[0]])
    results = [one([np.ones((3, 2))]), *several([np.ones((3, 2))])]
    assert [type(r) for r in results] == [np.float32, np.float32, np.ndarray, np.int32]
    for value in (
        K.eval(K.sum(K.ones((2,)))),
        K.eval(count),
        K.get_value(count),
        K.eval(K.update_add(count, 1)),
    ):
        assert isinstance(value, np.generic)
    assert K.get_value(count) == 4 and K.batch_get_value([count]) == [4]
    assert isinstance(K.eval(K.constant([1.0])), np.ndarray) and isinstance(K.eval(2.0), np.float64)


def test_the_learning_phase_at_the_end_may_be_left_out():
    """As agents of keras-rl leave it out."""
    x = K.placeholder((None, 2))
    phase = K.function([x, K.learning_phase()], [K.in_train_phase(x * 0, x)])
    assert phase([np.ones((1, 2))])[0].tolist() == [[1.0, 1.0]] != phase([np.ones((1, 2)), 1])[0].tolist()
    with pytest.raises(ValueError, match="2 inputs expected"):
        phase([])


def test_lists_of_arrays_within_the_list_are_taken_as_one():
    """As keract hands on what _standardize_user_data returns."""
    x, y = K.placeholder((None, 2)), K.placeholder((None,))
    both = K.function([x, y], [K.sum(x) + K.sum(y)])
    a, b = np.ones((3, 2)), np.ones(3)
    assert both(([a], [b], []))[0] == both([a, b])[0] == 9
    one = K.function([x], [K.sum(x)])
    assert one(([a], [], []))[0] == one([[[1, 2], [3, -4]]])[0] + 4 == 6


def test_functions_give_arrays_in_lists_as_the_values_were_asked_for():
    x = K.placeholder((None, 2))
    asked = [[x + 1.0, [x * 2.0, None]], x]
    (one, (two,)), three = K.function([x], asked)([np.ones((1, 2))])
    assert one.tolist() == [[2, 2]] and two.tolist() == [[2, 2]] and three.tolist() == [[1, 1]]
    by_name = {"a": x + 1.0, "b": x}
    assert len(K.function([x], by_name.values())([np.ones((1, 2))])) == 2
    gradients = K.gradients(K.sum(x * x), {"x": x}.values())
    assert K.function([x], gradients)([np.ones((1, 2))])[0].tolist() == [[2, 2]]


@pytest.mark.parametrize("size", [2, 5000])
def test_constants_of_any_size_are_there_where_weights_change_at_every_call(size) -> None:
    """A table of positions, say, in a model that trains and predicts in turn."""
    table = np.arange(size, dtype="float32")
    weight = K.variable(np.zeros(size))
    f = K.function([], [weight + K.constant(table)])
    for i in range(2 * CALLS_TO_FREEZE):
        np.testing.assert_array_equal(f([])[0], table + i)
        K.set_value(weight, np.full(size, i + 1.0))
