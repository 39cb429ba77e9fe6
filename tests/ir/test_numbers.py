"""Values that depend on no input have numbers, in every way of asking; symbolic ones refuse, by name."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import kcompile.keras.backend  # noqa: F401  # computes them
from kcompile.ir import LEARNING_PHASE, Body, Constant, Depends, Parameter, Value, depends, emitting, op

A = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")
X = Value("float32", ("batch", 3), "my_input")


def known() -> Value:
    """A value that a node computes from a weight and a constant."""
    return Parameter(A, "w") * 1.0


#: Ways to ask a value (2, 3) for its numbers, with what NumPy says of the array in its place.
WAYS = {
    "numpy()": (lambda v: v.numpy(), A),
    "np.asarray": (np.asarray, A),
    "np.array of another type": (lambda v: np.array(v, "float64"), A.astype("float64")),
    "a list of values": (lambda v: np.array([v, v]), np.array([A, A])),
    "np.stack": (lambda v: np.stack([v, v], axis=1), np.stack([A, A], axis=1)),
    "np.concatenate": (lambda v: np.concatenate([v, A]), np.concatenate([A, A])),
    "np.mean": (np.mean, A.mean()),
    "np.argmax": (lambda v: np.argmax(v, axis=1), [2, 2]),
    "a function of NumPy": (np.exp, np.exp(A)),
    "a function that writes": (lambda v: np.sqrt(v, out=np.empty_like(A)), np.sqrt(A)),
    "a function of two": (lambda v: np.maximum(A * 0 + 3, v), np.maximum(3, A)),
    "a reduction": (np.add.reduce, A.sum(axis=0)),
    "equality with an array": (lambda v: v.numpy() == A, np.ones((2, 3), bool)),
    "an array's equality": (lambda v: A == v, np.ones((2, 3), bool)),
    "list": (lambda v: np.array(list(v)), A),
    "np.testing": (lambda v: np.testing.assert_allclose(v, A) or 0, 0),
    "float": (lambda v: float(v[1, 2]), 6.0),
    "float of one element": (lambda v: float(v[1:, 2:]), 6.0),
    "int": (lambda v: int(v[1, 2] + 0.5), 6),
    "complex": (lambda v: complex(v[1, 2]), 6 + 0j),
    "bool": (lambda v: bool(v[0, 0] > 5.0), False),
    "round": (lambda v: round(float(v[0, 1] / 3.0), 2), 0.67),
    "len": (len, 2),
    "format": (lambda v: f"{v[0, 1]:.2f}", "2.00"),
    "an index": (lambda v: "abcdef"[op.Cast(v[0, 1], to=7)], "c"),
    "range": (lambda v: list(range(op.Cast(v[0, 1], to=7))), [0, 1]),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_depends_on_no_input_gives_numbers(way):
    ask, expected = WAYS[way]
    found = ask(known())
    np.testing.assert_array_equal(found, expected)
    assert np.asarray(found).dtype == np.asarray(expected).dtype != object


@pytest.mark.parametrize("way", sorted(set(WAYS) - {"an array's equality"}))
def test_a_symbolic_value_refuses_by_name_and_never_becomes_objects(way):
    ask, _ = WAYS[way]
    with pytest.raises(TypeError, match="is symbolic"):
        ask(Value("float32", (2, 3), "my_input"))
    with pytest.raises(TypeError, match="my_input"):
        np.asarray(X)


@pytest.mark.parametrize(
    "function",
    [
        operator.add,
        operator.sub,
        operator.mul,
        operator.truediv,
        operator.floordiv,
        operator.mod,
        operator.pow,
        operator.lt,
        operator.le,
        operator.gt,
        operator.ge,
    ],
)
def test_operators_between_arrays_and_values_emit_in_either_order(function):
    """The graph goes on, where it is symbolic too, and gives what NumPy gives."""
    other = A[::-1] + 1
    for left, right in ((known(), other), (other, known()), (np.float32(2), known())):
        made = function(left, right)
        assert isinstance(made, Value)
        numbers = [x.numpy() if isinstance(x, Value) else x for x in (left, right)]
        np.testing.assert_allclose(made, function(*numbers), rtol=1e-6)
    assert isinstance(function(A[:1], X), Value) and isinstance(function(X, A[:1]), Value)


def test_functions_of_one_operand_emit():
    for function in (np.negative, np.absolute):
        assert isinstance(function(X), Value)
        np.testing.assert_array_equal(function(known()), function(A))


def test_numbers_are_those_of_the_weights_at_that_moment():
    w = Parameter(np.float32([1.0, 2.0]), "w")
    doubled = w * 2.0
    for step in range(40):  # across all ways in which a session keeps its weights
        w.assign([step, step + 1.0])
        np.testing.assert_array_equal(doubled, [2.0 * step, 2.0 * step + 2])
    found = doubled.numpy()
    found[:] = 7  # the caller's own
    np.testing.assert_array_equal(doubled, [2.0 * step, 2.0 * step + 2])


def test_what_a_value_depends_on():
    deep = Constant(A)
    for _ in range(5000):  # without recursion
        deep = deep + 1.0
    assert depends(deep) is Depends.ON_NOTHING
    assert depends(deep + X) is Depends.ON_INPUTS
    assert depends(deep + Parameter(A, "w")) is Depends.ON_WEIGHTS
    assert depends(LEARNING_PHASE) is depends(LEARNING_PHASE + 1) is Depends.ON_THE_PHASE
    assert depends(op.Phase(deep, deep)) is Depends.ON_NOTHING
    assert depends(X) is Depends.ON_INPUTS and depends(Parameter(A, "w")) is Depends.ON_WEIGHTS


def test_what_a_body_reads_counts():
    for captured, expected in ((known(), Depends.ON_WEIGHTS), (X, Depends.ON_INPUTS)):
        branches = Body([captured * 2.0]), Body([captured * 3.0])
        chosen = op.If(Constant(True), then_branch=branches[0], else_branch=branches[1], outputs=1)
        assert depends(chosen) is expected


def test_the_learning_phase_is_no_condition_and_its_numbers_are_those_of_test_mode():
    chosen = op.Where(op.Cast(LEARNING_PHASE, to=9), np.float32(1), np.float32(2))
    assert float(chosen) == 2.0
    with pytest.raises(TypeError, match="no truth value.*K.switch"):
        bool(LEARNING_PHASE)
    with pytest.raises(TypeError, match="no truth value.*K.switch"):
        bool(chosen > 1.0)
    with pytest.raises(TypeError, match="keras_learning_phase"):
        np.asarray(LEARNING_PHASE)


def test_only_values_that_have_numbers_have_a_length():
    """Programs tell tensors from arrays and lists by hasattr(x, "__len__")."""
    for symbolic in (X, Value("float32", (3, 2))):
        assert not hasattr(symbolic, "__len__")
        with pytest.raises(TypeError, match=r"symbolic and has no len\(\); K.shape"):
            len(symbolic)
    for numbers in (Constant([1.0, 2.0, 3.0]), Parameter(np.zeros((3, 2)), "w"), Parameter(A.T, "w") * 2.0):
        assert hasattr(numbers, "__len__") and len(numbers) == 3
    open_size = op.NonZero(Constant(A))[0]
    assert open_size.shape != (6,) and len(open_size) == len(list(open_size)) == 6
    with pytest.raises(TypeError, match="scalar"):
        len(Constant(1.0))
    assert not hasattr(Constant(1.0), "__len__")


def test_what_is_no_single_number_is_said():
    for ask in (float, int, complex, operator.index, "{:.2f}".format):
        with pytest.raises(TypeError, match="6 elements|whole numbers"):
            ask(known())
    with pytest.raises(ValueError, match="6 elements and no truth value.*K.any"):
        bool(known())
    with pytest.raises(TypeError, match="scalar and cannot be iterated"):
        list(known()[0, 0])
    if not np.__version__.startswith("1."):  # there it means "if possible"
        with pytest.raises(ValueError, match="without a copy"):
            np.array(known(), copy=False)


def test_text_is_no_computation():
    assert str(known()) == f"{known()}" and "Mul" in repr(known()) and "my_input" in f"{X}"


def test_weights_decide_nothing_in_a_graph_that_outlives_them():
    weight, constant = Parameter(np.float32(2), "w"), Constant(np.float32(2))
    for ask in (bool, float, int, complex, "{:.1f}".format, lambda v: bool(v * 1.0 > 1.0)):
        with emitting(symbolic=True), emitting(symbolic=False):
            with pytest.raises(TypeError, match=r"depends on weights.*for good.*K\.switch.*K\.get_value"):
                ask(weight)
            ask(constant)
        ask(weight)
    with emitting(symbolic=True):
        assert np.asarray(weight) == 2.0  # said in so many words
