"""State: hidden from users, carried between calls, cleared by reset_states."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import helper

from kcompile_runtime import Executor, InputError, ModelFileError
from tests.runtime import models

ONES = np.ones((3, 2), np.float32)


def test_states_are_hidden_carried_and_cleared() -> None:
    executor = Executor(models.accumulator())
    assert [info.name for info in executor.inputs] == ["x"]
    assert [info.name for info in executor.outputs] == ["y"]
    assert [(s.input, s.output, s.dtype, s.shape) for s in executor.states] == [
        ("sum_in", "sum_out", "float32", (None, 2))
    ]
    assert [executor.predict(ONES)[0, 0] for _ in range(3)] == [1, 2, 3]
    assert executor.run({"x": ONES})[0][2, 1] == 4
    executor.reset_states()
    assert executor.predict(ONES)[0, 0] == 1


def test_batches_run_in_order_each_going_on_from_the_one_before() -> None:
    executor = Executor(models.accumulator())
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    y = executor.predict(x, batch_size=2)
    np.testing.assert_array_equal(y.reshape(3, 2, 2), np.cumsum(x.reshape(3, 2, 2), axis=0))


def test_states_start_from_their_initial_value() -> None:
    executor = Executor(models.accumulator(initial=[10.0, 20.0]))
    for _ in range(2):
        np.testing.assert_array_equal(executor.predict(ONES), [[11, 21]] * 3)
        executor.reset_states()


def test_a_state_takes_the_size_of_the_axis_of_its_name() -> None:
    executor = Executor(models.accumulator(state_shape=("batch", 2)))
    assert executor.predict(ONES).shape == (3, 2)


def test_a_state_without_samples_goes_through_every_batch() -> None:
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Add", ["seen", "total"], ["seen_out"]),
        helper.make_node("Add", ["x", "seen"], ["y"]),
    ]
    state = {"input": "seen", "output": "seen_out", "shape": [], "dtype": "float32"}
    model = models.build(
        nodes,
        [("x", models.FLOAT, ["batch", 1]), ("seen", models.FLOAT, [])],
        [("y", models.FLOAT, ["batch", 1]), ("seen_out", models.FLOAT, [])],
        metadata={"kcompile.states": json.dumps([state])},
    )
    executor = Executor(model)
    assert executor.predict(np.ones((4, 1)), batch_size=1).ravel().tolist() == [1, 2, 3, 4]
    assert executor.predict(np.ones((2, 1))).ravel().tolist() == [5, 5]


def test_an_lstm_in_pieces_answers_as_in_one() -> None:
    model, _ = models.lstm()
    executor = Executor(model)
    x = np.random.default_rng(0).standard_normal((4, 12, 3)).astype(np.float32)
    whole = executor.predict(x)
    executor.reset_states()
    pieces = [executor.predict(part) for part in np.split(x, [1, 5, 9], axis=1)]
    np.testing.assert_allclose(pieces[-1], whole, rtol=1e-5, atol=1e-6)


def test_no_samples_leave_the_states_alone() -> None:
    executor = Executor(models.accumulator())
    executor.predict(ONES)
    assert executor.predict(ONES[:0]).shape == (0, 2)
    assert executor.predict(ONES)[0, 0] == 2


@pytest.mark.parametrize("batch", ["batch", 3])
def test_another_number_of_samples_is_refused_and_changes_nothing(batch: object) -> None:
    executor = Executor(models.accumulator(batch=batch))
    executor.predict(ONES)
    with pytest.raises(InputError, match="3 samples|multiple of the 3"):
        executor.predict(np.ones((4, 2)))
    assert executor.predict(ONES)[0, 0] == 2
    executor.reset_states()
    assert executor.predict(ONES)[0, 0] == 1


def test_another_number_of_samples_is_refused_where_states_count_them_on_an_inner_axis() -> None:
    executor = Executor(models.lstm()[0])
    x = np.random.default_rng(1).standard_normal((2, 6, 3)).astype(np.float32)
    whole = executor.predict(x)
    executor.reset_states()
    executor.predict(x[:, :2])
    for call in (executor.predict, executor.run):
        with pytest.raises(InputError, match="state for 2 samples, this call has 3"):
            call(np.ones((3, 2, 3), np.float32))
    np.testing.assert_allclose(executor.predict(x[:, 2:]), whole, rtol=1e-5, atol=1e-6)


def test_a_last_batch_that_is_smaller_is_refused_before_anything_runs() -> None:
    executor = Executor(models.accumulator())
    with pytest.raises(InputError, match="multiple of the 2 of one run, found 3"):
        executor.predict(ONES, batch_size=2)
    assert executor.predict(ONES)[0, 0] == 1


def test_bad_input_leaves_the_states_alone() -> None:
    executor = Executor(models.accumulator())
    executor.predict(ONES)
    with pytest.raises(InputError):
        executor.predict(np.ones((3, 5)))
    assert executor.predict(ONES)[0, 0] == 2


def test_threads_lose_no_update() -> None:
    executor = Executor(models.accumulator())
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: executor.predict(ONES)[0, 0], range(200)))
    assert sorted(results) == list(range(1, 201))


def entry(**change: object) -> str:
    state = {"input": "sum_in", "output": "sum_out", "shape": [None, 2], "dtype": "float32", **change}
    return json.dumps([state])


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"input": "sum_in"}', "expected a list, found dict"),
        ("[1]", "each state needs"),
        ('[{"input": "sum_in"}]', "each state needs"),
        (entry(input="nowhere"), "no input 'nowhere'"),
        (entry(output=3), "no output 3"),
        (entry(dtype="int32"), "expected the graph's dtype float32, found 'int32'"),
        (entry(shape="2"), "shape must be a list"),
        (entry(shape=[None, True]), "shape must be a list"),
        (entry(shape=[None, 3]), "does not fit the graph's"),
        (entry(shape=[2]), "does not fit the graph's"),
        (entry(shape=[10**12, 2]), "impossible size"),
        (entry(shape=[-1, 2]), "impossible size"),
        (entry(initial={"a": 1}), "no float32 array"),
        (entry(initial=[[1], [1, 2]]), "no float32 array"),
        (entry()[:-1] + "," + entry()[1:], "names a tensor twice"),
    ],
)
def test_states_that_the_graph_does_not_have_are_refused(declared: str, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        Executor(models.accumulator(declared=declared))


def test_an_initial_value_of_another_shape_is_refused() -> None:
    executor = Executor(models.accumulator(initial=[1.0, 2.0, 3.0]))
    with pytest.raises(ModelFileError, match=r"fits \[3, 2\], found \[3\]"):
        executor.predict(ONES)


def test_sessions_of_one_model_have_states_of_their_own() -> None:
    executor = Executor(models.accumulator())
    one, other = executor.new_session(), executor.new_session()
    assert [one.predict(ONES)[0, 0], one.predict(ONES)[0, 0], other.predict(ONES)[0, 0]] == [1, 2, 1]
    assert executor.get_states() == {} and executor.predict(ONES)[0, 0] == 1


def test_states_that_were_taken_are_gone_on_from_elsewhere() -> None:
    model = models.lstm()[0]
    x = np.random.default_rng(0).random((2, 6, 3), np.float32)
    whole = Executor(model).predict(x)
    first, second = Executor(model), Executor(model)
    first.predict(x[:, :4])
    second.set_states(first.get_states())
    np.testing.assert_allclose(second.predict(x[:, 4:]), whole, rtol=1e-5)
    second.set_states({})
    assert second.get_states() == {}


@pytest.mark.parametrize(
    "values",
    [
        {"other": np.zeros((3, 2), np.float32)},
        {"sum_in": np.zeros((3, 2))},
        {"sum_in": np.zeros((3, 4), np.float32)},
        {"sum_in": np.zeros(2, np.float32)},
    ],
)
def test_states_that_are_none_of_the_model_are_refused(values: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match="expected"):
        Executor(models.accumulator()).set_states(values)
