"""Relu moves behind the maximum of windows that nobody else reads; numbers and gradients stay, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kcompile.ir import Graph, Trace, Value, op, tracing, with_relu_last, with_relu_on_results
from kcompile.torch_bridge import lower, run

POOL: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]


def numbers() -> np.ndarray:
    """Whole numbers from -2 to 2: windows with ties, above zero and at it, and windows without a positive."""
    return np.random.RandomState(0).randint(-2, 3, (2, 3, 7, 7)).astype("float32")


def x() -> Value:
    return Value("float32", ("batch", 3, 7, 7), "x")


def layers(x: Value) -> Value:
    """As layers with their channels last write it."""
    last = op.Relu(op.Transpose(x, perm=LAST))
    return op.Transpose(op.MaxPool(op.Transpose(last, perm=FIRST), **POOL), perm=LAST)


TURNED: dict[str, Callable[[Value], Value]] = {
    "at once": lambda x: op.MaxPool(op.Relu(x), **POOL),
    "with layers' transpositions": layers,
    "overlapping": lambda x: op.MaxPool(op.Relu(x), kernel_shape=[3, 3], strides=[1, 1]),
    "padded": lambda x: op.MaxPool(op.Relu(x), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
    "padded on one side": lambda x: op.MaxPool(op.Relu(x), **POOL, pads=[0, 0, 1, 1]),
    "same": lambda x: op.MaxPool(op.Relu(x), **POOL, auto_pad="SAME_UPPER"),
    "dilated": lambda x: op.MaxPool(op.Relu(x), **POOL, dilations=[2, 2]),
    "two": lambda x: op.MaxPool(op.Relu(op.Sub(op.MaxPool(op.Relu(x), **POOL), np.float32(1))), **POOL),
    "of all": lambda x: op.GlobalMaxPool(op.Relu(x)),
    "of axes": lambda x: op.ReduceMax(op.Relu(op.Transpose(x, perm=LAST)), [1, 2], keepdims=0),
}


def read_twice(x: Value) -> Value:
    y = op.Relu(x)
    return op.Add(op.ReduceSum(y), op.MaxPool(y, **POOL))


def transposed_read_twice(x: Value) -> Value:
    y = op.Transpose(op.Relu(x), perm=LAST)
    return op.Add(op.ReduceSum(y), op.MaxPool(op.Transpose(y, perm=FIRST), **POOL))


LEFT: dict[str, Callable[[Value], Value]] = {
    "read twice": read_twice,
    "what lies between read twice": transposed_read_twice,
    "windows of padding": lambda x: op.MaxPool(op.Relu(x), **POOL, pads=[1, 1, 1, 1], dilations=[9, 9]),
    "with places": lambda x: op.Cast(op.MaxPool(op.Relu(x), **POOL, outputs=2)[1], to=1),
    "another activation": lambda x: op.MaxPool(op.LeakyRelu(x), **POOL),
    "mean": lambda x: op.AveragePool(op.Relu(x), **POOL),
    "before": lambda x: op.Relu(op.MaxPool(x, **POOL)),
}


def operators(graph: Graph) -> list[str]:
    return [node.op_type for node in graph.nodes]


def with_gradient(function: Callable[[Value], Value]) -> tuple[Value, list[Value]]:
    """The input, and what the function gives with the gradient of each element weighed on its own."""
    given = x()
    with tracing(Trace([given])) as trace:
        y = function(given)
        weighed = op.ReduceSum(op.Mul(y, op.Cos(op.CumSum(op.Add(op.Mul(y, y), np.float32(1)), 0))))
        return given, [y, *trace.gradients([weighed], [given])]


@pytest.mark.parametrize("name", sorted(TURNED))
def test_relu_follows_the_maximum_with_the_same_bits(name: str) -> None:
    given, outputs = with_gradient(TURNED[name])
    graph = Graph(outputs, [given], phase="train")
    changed = with_relu_last(graph)
    order = [
        op_type
        for op_type in operators(changed)
        if op_type in ("Relu", "MaxPool", "GlobalMaxPool", "ReduceMax")
    ]
    assert order[0] != "Relu" and order[1] == "Relu"
    for a, b in zip(*(run(lower(g), numbers()) for g in (changed, graph)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", sorted(LEFT))
def test_what_means_something_else_stays(name: str) -> None:
    given = x()
    graph = Graph([LEFT[name](given)], [given])
    assert with_relu_last(graph) is graph


def test_a_relu_that_gradients_are_asked_for_stays() -> None:
    given = x()
    with tracing(Trace([given])) as trace:
        y = op.Relu(given)
        found = trace.gradients([op.ReduceSum(op.MaxPool(y, **POOL))], [y])
    graph = Graph(found, [given], phase="train")
    assert with_relu_last(graph) is graph


def test_steps_are_lowered_so_and_other_modules_read_as_the_graph() -> None:
    given = x()
    graph = Graph([TURNED["at once"](given)], [given])
    step, plain = (lower(graph, in_half=in_half).code for in_half in (True, False))
    assert step.index("MaxPool(") < step.index("relu")
    assert plain.index("relu(") < plain.index("MaxPool(")


KERNEL = np.random.RandomState(1).normal(size=(3, 3, 2, 2)).astype("float32")
VECTOR = np.array([0.5, 1.5, 2.0], "float32")


def normalized(x: Value) -> Value:
    return op.BatchNormalization(x, VECTOR, VECTOR, VECTOR, VECTOR, training_mode=1, outputs=3)[0]


#: What a Relu reads, with channels last, and whether it writes over it.
MADE: dict[str, tuple[Callable[[Value], Value], bool]] = {
    "Conv": (lambda x: op.Conv(x, KERNEL), True),
    "ConvTranspose": (lambda x: op.ConvTranspose(x, KERNEL), True),
    "BatchNormalization": (normalized, True),
    "MaxPool": (lambda x: op.MaxPool(x, **POOL), True),
    "AveragePool": (lambda x: op.AveragePool(x, **POOL), False),
    "Sigmoid": (op.Sigmoid, False),
    "GlobalMaxPool": (op.GlobalMaxPool, False),
}


@pytest.mark.parametrize("name", sorted(MADE))
def test_relu_of_what_layers_put_last_writes_over_it_with_the_same_bits(name: str) -> None:
    make, over = MADE[name]
    given, outputs = with_gradient(lambda x: op.Relu(op.Transpose(make(x), perm=LAST)))
    graph = Graph(outputs, [given], phase="train")
    step, plain = (lower(graph, in_half=in_half) for in_half in (True, False))
    assert ("relu_(" in step.code) is over and "relu_(" not in plain.code
    for a, b in zip(run(step, numbers()), run(plain, numbers()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_sum_and_a_dense_layer_are_written_over() -> None:
    def layers(x: Value) -> Value:
        y = op.Relu(op.Add(x, op.Sigmoid(x)))
        return op.Relu(
            op.Add(op.MatMul(op.Flatten(y, axis=1), np.ones((147, 4), "float32")), np.ones(4, "f"))
        )

    given, outputs = with_gradient(layers)
    graph = Graph(outputs, [given], phase="train")
    step, plain = (lower(graph, in_half=in_half) for in_half in (True, False))
    assert step.code.count("relu_(") == 2
    for a, b in zip(run(step, numbers()), run(plain, numbers()), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_others_read_as_well_is_not_written_over() -> None:
    given = x()
    y = op.Conv(given, KERNEL)
    sums = [op.ReduceSum(op.Relu(op.Transpose(y, perm=LAST))), op.ReduceSum(op.Abs(y))]
    graph = Graph(sums, [given])
    assert with_relu_on_results(graph) is graph
    assert "relu_(" not in lower(graph, in_half=True).code


def test_a_signal_is_not_written_over_as_it_is_a_view() -> None:
    given = Value("float32", ("batch", 7, 3), "x")
    y = op.Conv(op.Transpose(given, perm=[0, 2, 1]), KERNEL[..., 0])
    assert "relu_(" not in lower(Graph([op.Relu(y)], [given]), in_half=True).code
