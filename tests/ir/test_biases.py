"""Biases that are added after a convolution become its third input, where that means the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kcompile.ir import Graph, Parameter, Storage, Trace, Value, op, tracing
from kcompile.ir.biases import with_biases
from kcompile.torch_bridge import lower, run

RANDOM = np.random.RandomState(0)


def parameter(*shape: int) -> Parameter:
    return Parameter(Storage(RANDOM.normal(size=shape).astype("float32")), "weight")


def x() -> Value:
    return Value("float32", ("batch", 3, 6, 6), "x")


def conv(x: Value, channels: int = 4, **attributes: Any) -> Value:
    return op.Conv(x, parameter(channels, 3, 3, 3), **attributes)


def last(x: Value) -> Value:
    return op.Transpose(x, perm=[0, 2, 3, 1])


def bias(*shape: int) -> Value:
    return op.Reshape(parameter(4), np.array(shape))


TAKEN: dict[str, Callable[[Value], Value]] = {
    "channels_first": lambda x: op.Add(conv(x), bias(1, 4, 1, 1)),
    "channels_last": lambda x: op.Add(last(conv(x)), bias(1, 1, 1, 4)),
    "bias on the left": lambda x: op.Add(bias(1, 1, 1, 4), last(conv(x))),
    "a vector": lambda x: op.Add(last(conv(x)), parameter(4)),
    "computed": lambda x: op.Add(last(conv(x)), op.Mul(parameter(4), np.float32(2))),
    "with pads": lambda x: op.Add(last(conv(x, pads=[1, 1, 1, 1], strides=[2, 2])), parameter(4)),
    "transposed": lambda x: op.Add(last(op.ConvTranspose(x, parameter(3, 4, 2, 2))), parameter(4)),
    "two": lambda x: op.Add(
        conv(op.Add(conv(x, 3), op.Reshape(parameter(3), [1, 3, 1, 1]))), bias(1, 4, 1, 1)
    ),
}


def twice_read(x: Value) -> Value:
    y = conv(x)
    return op.Mul(op.Add(y, bias(1, 4, 1, 1)), y)


LEFT: dict[str, Callable[[Value], Value]] = {
    "read twice": twice_read,
    "by row": lambda x: op.Add(last(conv(x)), bias(1, 4, 1, 1)),
    "by column": lambda x: op.Add(conv(x), parameter(4)),
    "wider": lambda x: op.Add(conv(x), parameter(1, 4, 1, 4)),
    "one number": lambda x: op.Add(conv(x), np.float32(2)),
    "has one": lambda x: op.Add(op.Conv(x, parameter(4, 3, 3, 3), parameter(4)), bias(1, 4, 1, 1)),
    "other axes": lambda x: op.Add(op.Transpose(conv(x), perm=[0, 3, 2, 1]), parameter(4)),
    "a matrix product": lambda x: op.Add(op.MatMul(x, parameter(6, 4)), parameter(4)),
}


def operators(graph: Graph) -> list[str]:
    return [node.op_type for node in graph.nodes]


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_a_bias_of_each_channel_goes_into_the_convolution(name: str) -> None:
    given = x()
    graph = Graph([TAKEN[name](given)], [given])
    changed = with_biases(graph)
    assert "Add" in operators(graph) and "Add" not in operators(changed)
    numbers = RANDOM.normal(size=(2, 3, 6, 6)).astype("float32")
    np.testing.assert_allclose(*(run(lower(g), numbers)[0] for g in (changed, graph)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(LEFT))
def test_what_is_no_bias_stays(name: str) -> None:
    given = x()
    graph = Graph([LEFT[name](given)], [given])
    assert with_biases(graph) is graph


def test_a_traced_step_differentiates_the_bias_of_the_convolution() -> None:
    given, kernel, added = x(), parameter(4, 3, 3, 3), parameter(4)
    with tracing(Trace([given])) as trace:
        y = op.ReduceMean(op.Relu(op.Add(last(op.Conv(given, kernel)), op.Reshape(added, [1, 1, 1, 4]))))
        found = trace.gradients([y], [kernel, added])
    graph = trace.graph([y, *found], "train")
    assert "Add" not in operators(graph) and "Reshape" not in operators(graph)
    numbers = RANDOM.normal(size=(2, 3, 6, 6)).astype("float32")
    plain = Graph([y, *found], [given], phase="train")
    for a, b in zip(*(run(lower(g), numbers) for g in (graph, plain)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
