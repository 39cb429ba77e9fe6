"""Products of one tensor with several matrices of weights are one product, and compute and train the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompile import keras
from kcompile.ir import Graph, Parameter, Value, op, with_joined_products
from kcompile.torch_bridge import lower, lowering, run

X = Value("float32", ("batch", 5, 4), "x")
RANDOM = np.random.default_rng(0)


def weight(*shape: int) -> Parameter:
    return Parameter(RANDOM.normal(size=shape).astype(np.float32), f"w{shape}")


def count(graph: Graph, op_type: str) -> int:
    return sum(node.op_type == op_type for node in graph.nodes)


def dense(x: Value, width: int) -> Value:
    return op.Add(op.MatMul(x, weight(4, width)), weight(width))


def heads(x: Value) -> Value:
    kernel, bias = op.Reshape(weight(4, 2, 3), [4, 6]), op.Reshape(weight(2, 3), [6])
    return op.Add(op.MatMul(x, kernel), bias)


JOINED = {
    "with biases": lambda: [dense(X, 3), dense(X, 2)],
    "without biases": lambda: [
        op.MatMul(X, weight(4, 3)),
        op.MatMul(X, weight(4, 3)),
        op.MatMul(X, weight(4, 1)),
    ],
    "of weights in another shape": lambda: [heads(X), heads(X), dense(X, 2)],
    "biases before the product": lambda: [op.Add(weight(3), op.MatMul(X, weight(4, 3))), dense(X, 3)],
}
ALONE = {
    "one product": lambda: [dense(X, 3)],
    "of two tensors": lambda: [dense(X, 3), dense(op.Relu(X), 3)],
    "one has a bias": lambda: [dense(X, 3), op.MatMul(X, weight(4, 3))],
    "of matrices of rank two": lambda: [op.MatMul(op.Reshape(X, [-1, 4]), weight(4, 2)) for _ in range(1)],
    "a matrix that is computed": lambda: [op.MatMul(X, op.Relu(weight(4, 3))), op.MatMul(X, weight(4, 3))],
}


@pytest.mark.parametrize("name", JOINED)
def test_products_with_weights_are_joined_and_give_the_same(name: str) -> None:
    graph = Graph(JOINED[name](), [X])
    joined = with_joined_products(graph)
    assert count(joined, "MatMul") == 1 < count(graph, "MatMul")
    x = RANDOM.normal(size=(3, 5, 4)).astype(np.float32)
    for a, b in zip(run(lower(graph), x), run(lower(joined), x), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ALONE)
def test_others_stay_alone(name: str) -> None:
    graph = Graph(ALONE[name](), [X])
    assert with_joined_products(graph).nodes == graph.nodes


def test_attention_trains_the_same(monkeypatch: Any) -> None:
    x = RANDOM.normal(size=(8, 6, 12)).astype(np.float32)
    found = []
    for joined in (True, False):
        if not joined:
            monkeypatch.setattr(lowering, "with_joined_products", lambda graph: graph)
        keras.utils.set_random_seed(1)
        inputs = keras.Input((6, 12))
        model = keras.Model(inputs, keras.layers.MultiHeadAttention(3, 4)(inputs, inputs))
        model.compile("sgd", "mse")
        losses = [model.train_on_batch(x, x[::-1]) for _ in range(5)]
        found.append([np.array(losses), *model.get_weights()])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
