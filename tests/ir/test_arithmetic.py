"""Python's operators and indexing on values mean what they mean on numpy arrays."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kcompile.ir import OperatorError, Value

FLOATS = np.array([[1.5, -2.0, 0.5], [-4.0, 3.0, 2.5]], "float32")
OTHERS = np.array([[2.0, 0.5, -3.0], [1.0, -2.0, 4.0]], "float32")
INTS = np.array([7, -7, 9, -9, 1], "int64")
DIVISORS = np.array([2, 2, -4, -4, 3], "int64")
BOOLS = np.array([True, True, False, False])

BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


def symbol(array):
    return Value(array.dtype, array.shape)


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.shape == np.shape(expected)


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("a, b", [(FLOATS, OTHERS), (INTS, DIVISORS)], ids=["floats", "ints"])
def test_two_values(run, function, a, b):
    x, y = symbol(a), symbol(b)
    same(run([function(x, y)], {x: a, y: b})[0], function(a, b))


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "other", [2, 3.5, OTHERS[0], np.float32(1.25)], ids=["int", "float", "array", "scalar"]
)
def test_numbers_and_arrays_on_either_side(run, function, other):
    x = symbol(FLOATS)
    forward, reflected = run([function(x, other), function(other, x)], {x: FLOATS})
    same(forward, function(FLOATS, other))
    same(reflected, function(other, FLOATS))


@pytest.mark.parametrize("function", [operator.pow, operator.matmul], ids=lambda f: f.__name__)
def test_powers_and_products(run, function):
    a, b = np.abs(FLOATS), np.abs(OTHERS).T if function is operator.matmul else np.abs(OTHERS)
    x, y = symbol(a), symbol(b)
    found = run([function(x, y), function(x, b), function(a, y)], {x: a, y: b})
    for value in found:
        same(value, function(a, b))


def test_powers_of_numbers(run):
    x = symbol(FLOATS)
    found = run([x**2, x**3, 2.0**x, x**2.0], {x: FLOATS})
    for value, expected in zip(found, [FLOATS**2, FLOATS**3, 2.0**FLOATS, FLOATS**2], strict=True):
        same(value, expected)


def test_a_square_is_a_product():
    assert (symbol(FLOATS) ** 2).node.op_type == "Mul"


@pytest.mark.parametrize("function", [operator.and_, operator.or_, operator.xor], ids=lambda f: f.__name__)
@pytest.mark.parametrize("a, b", [(BOOLS, ~BOOLS[::-1]), (INTS, DIVISORS)], ids=["bools", "ints"])
def test_logic_and_bits(run, function, a, b):
    x, y = symbol(a), symbol(b)
    found = run([function(x, y), function(a, y)], {x: a, y: b})
    same(found[0], function(a, b))
    same(found[1], function(a, b))


@pytest.mark.parametrize(
    "function, array",
    [
        (operator.neg, FLOATS),
        (abs, FLOATS),
        (operator.neg, INTS),
        (operator.invert, BOOLS),
        (operator.invert, INTS),
    ],
    ids=["neg", "abs", "neg ints", "not", "invert ints"],
)
def test_one_value(run, function, array):
    x = symbol(array)
    same(run([function(x)], {x: array})[0], function(array))


def test_numpy_leaves_mixed_arithmetic_to_the_value():
    x = symbol(FLOATS)
    for mixed in (OTHERS + x, np.float32(2) * x, OTHERS > x):
        assert isinstance(mixed, Value)


def test_division_of_integers_is_true_division(run):
    x = symbol(INTS)
    (found,) = run([x / 2], {x: INTS})
    assert found.dtype == np.float32
    same(found, (INTS / 2).astype("float32"))


# --- indexing ---

CUBE = np.arange(60, dtype="float32").reshape(3, 4, 5)


def computed(value, feeds):
    """What the fixture ``run`` does, for tests by hypothesis."""
    from kcompile.ir import Graph
    from kcompile.onnx_io import build_session_model
    from kcompile_runtime import Executor

    graph = Graph([value], list(feeds))
    names = [f"in{i}" for i in range(len(feeds))]
    made = build_session_model(graph, weights="external", input_names=names)
    return Executor.from_model(made.model, made.initializers).run(list(feeds.values()))[0]


@settings(max_examples=60)
@given(index=hnp.basic_indices(CUBE.shape, allow_newaxis=True, max_dims=6))
def test_basic_indexing_agrees_with_numpy(index):
    x = symbol(CUBE)
    indexed = x[index]
    expected = CUBE[index]
    assert indexed.shape == expected.shape
    np.testing.assert_array_equal(computed(indexed, {x: CUBE}), expected)


INDICES = {
    "a list": np.s_[[2, 0, 0]],
    "an array": np.s_[np.array([1, 2])],
    "a list on a later axis": np.s_[:, [3, 1]],
    "a list after an int": np.s_[1, [3, 1]],
    "a matrix of indices": np.s_[np.array([[0, 1], [2, 2]])],
    "negative": np.s_[-1, ..., -2:],
    "reversed": np.s_[::-1, :, ::-2],
    "new axes around an int": np.s_[None, 1, None],
    "numpy integer": np.s_[np.int64(2)],
    "empty": np.s_[2:1],
}


@pytest.mark.parametrize("name", INDICES)
def test_indexing_agrees_with_numpy(run, name):
    x = symbol(CUBE)
    np.testing.assert_array_equal(run([x[INDICES[name]]], {x: CUBE})[0], CUBE[INDICES[name]])


@settings(max_examples=80)
@given(index=hnp.basic_indices(CUBE.shape, allow_newaxis=True, max_dims=6), data=st.data())
def test_numbers_of_an_index_may_be_known_only_when_the_graph_runs(index, data):
    x, feeds = Value("float32", ("a", "b", "c")), {}

    def drawn(number, shapes):
        if number is None or not data.draw(st.booleans()):
            return number
        array = np.full(data.draw(st.sampled_from(shapes)), number, data.draw(st.sampled_from(["i4", "i8"])))
        feeds[value := symbol(array)] = array
        return value

    def drawn_key(key):
        if isinstance(key, slice):
            return slice(*(drawn(n, [(), (1,)]) for n in (key.start, key.stop, key.step)))
        return drawn(key, [()]) if isinstance(key, int) else key

    keys = index if isinstance(index, tuple) else (index,)
    indexed = x[tuple(drawn_key(key) for key in keys)]
    np.testing.assert_array_equal(computed(indexed, {x: CUBE, **feeds}), CUBE[index])


def test_symbolic_index(run):
    x, i = symbol(CUBE), Value("int64", ())
    feeds = {x: CUBE, i: np.array(2)}
    np.testing.assert_array_equal(run([x[i]], feeds)[0], CUBE[2])
    np.testing.assert_array_equal(run([x[:, i]], feeds)[0], CUBE[:, 2])
    np.testing.assert_array_equal(run([x[0, i]], feeds)[0], CUBE[0, 2])


@pytest.mark.parametrize(
    "index, message",
    [
        ((0, 0, 0, 0), "3 axes; 4 indices"),
        ((..., 0, ...), "one Ellipsis"),
        (True, "boolean mask"),
        (slice(0, Value("float32", ())), "single integers; found .*float32"),
        (slice(0, Value("int64", (2,))), "single integers"),
        (slice(0, 2, 0), "step of a slice must not be 0"),
    ],
    ids=["too many", "two ellipses", "mask", "float bound", "vector as a bound", "no step"],
)
def test_indices_that_cannot_be(index, message):
    with pytest.raises(OperatorError, match=message):
        symbol(CUBE)[index]


def test_boolean_mask_array_is_refused():
    with pytest.raises(OperatorError, match="boolean mask"):
        symbol(CUBE)[np.array([True, False, True])]


def test_negative_index_on_a_dynamic_axis(run):
    x = Value("float32", ("batch", 4, 5))
    last = x[-1]
    assert last.shape == (4, 5)
    np.testing.assert_array_equal(run([last], {x: CUBE})[0], CUBE[-1])
