"""What a step would compute of constants alone is computed when it is lowered, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from onnx import TensorProto

from kcompile.ir import Graph, Parameter, Value, op
from kcompile.torch_bridge import constants, lower

X = np.arange(4, dtype=np.float32)


def functions(value: Value, x: Value) -> list[str]:
    module = lower(Graph([value], [x], phase="train"), in_half=True)
    torch.testing.assert_close(module(torch.from_numpy(X)), lower(Graph([value], [x]))(torch.from_numpy(X)))
    return [node.target.__name__ for node in module.graph.nodes if node.op == "call_function"]


def folded(x: Value) -> Value:
    count = op.Cast(op.ReduceProd(np.array([4, 1], np.int64), keepdims=0), to=TensorProto.FLOAT)
    return op.Div(x, op.Where(op.Equal(count, np.float32(0)), np.float32(1), count))


def read_twice(x: Value) -> Value:
    many = op.Exp(np.linspace(0, 1, 4).astype(np.float32))
    return op.Add(op.Mul(x, many), op.Neg(many))


def where(x: Value, condition: list[bool], other: object = 0.0) -> Value:
    return op.Where(np.array(condition), op.Exp(x), np.asarray(other, np.float32))


CASES: dict[str, tuple[Callable[[Value], Value], list[str]]] = {
    "numbers": (folded, ["Div"]),
    "a known choice": (lambda x: where(x, [True]), ["exp"]),
    "a known choice of the other": (lambda x: op.Where(np.array(False), np.float32(0), op.Exp(x)), ["exp"]),
    "a known choice of each": (lambda x: where(x, [True, True, True, True]), ["exp"]),
    "a choice by element": (lambda x: where(x, [True, False, True, True]), ["exp", "Where"]),
    "a choice that is made wider": (lambda x: where(x, [True], np.zeros((2, 1))), ["exp", "Where"]),
    "a choice of a number": (lambda x: op.Add(where(x, [False]), x), ["exp", "Where", "Add"]),
    "read twice": (read_twice, ["Mul", "Add"]),
    "a weight": (lambda x: op.Add(x, op.Exp(Parameter(X, "weight"))), ["exp", "Add"]),
    "a large one": (
        lambda x: op.Add(x, op.ReduceSum(op.Expand(np.float32(1), np.array([5000])), keepdims=0)),
        ["Expand", "ReduceSum", "Add"],
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_is_known_is_computed_once(name: str) -> None:
    make, expected = CASES[name]
    x = Value("float32", (4,), "x")
    assert functions(make(x), x) == expected


def test_random_numbers_are_drawn_each_time() -> None:
    x = Value("float32", (4,), "x")
    graph = Graph([op.Add(x, op.RandomNormal(shape=[4]))], [x])
    module = lower(graph, in_half=True)
    a, b = (module(torch.from_numpy(X))[0] for _ in range(2))
    assert not torch.equal(a, b)


def test_the_limit_is_one_of_memory() -> None:
    assert constants.MOST_ELEMENTS < 5000
