"""Nodes that only tell axes apart are merged: the same result from as few as can be."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from kcompile.ir import Graph, Parameter, Value, op
from kcompile.onnx_io import build_model, export
from tests.onnx_io.networks import TO_NHWC
from tests.onnx_io.running import feeds_for, run

WEIGHT = np.random.default_rng(1).normal(size=(4, 1, 3)).astype("float32")

# x is (batch, 6, 4, 5); what is made of it, and how many of each operator are left
CASES = {
    "back again": (lambda x: op.Relu(op.Reshape(op.Reshape(x, [0, 2, 3, 20]), [0, 6, 4, 5])), {}),
    "squeezed and back": (
        lambda x: op.Relu(
            op.Unsqueeze(op.Squeeze(op.ReduceMean(x, [2, 3], keepdims=1), [2, 3]), [2, 3])
        ),
        {},
    ),
    "the long way": (
        lambda x: op.Relu(op.Reshape(op.Reshape(op.Flatten(x), [0, 12, 10]), [0, 60, 2])),
        {"Reshape": 1},
    ),
    "the size of another axis": (
        lambda x: op.Relu(op.Reshape(op.Reshape(x, [0, 3, 40]), [0, 0, 8, 5])),
        {"Reshape": 2},
    ),
    "after a Transpose": (
        lambda x: op.Relu(op.Reshape(op.Reshape(op.Transpose(x, perm=TO_NHWC), [0, 20, 2, 3]), [0, 4, 5, 6])),
        {"Transpose": 1},
    ),
    "a Transpose of ones between": (
        lambda x: op.Mul(
            x,
            op.Transpose(
                op.Reshape(op.Flatten(op.ReduceMax(x, [2, 3], keepdims=1)), [0, 1, 1, 6]), perm=[0, 3, 1, 2]
            ),
        ),
        {},
    ),
    "an output": (lambda x: op.Reshape(op.Reshape(x, [0, 2, 60]), [0, 6, 4, 5]), {"Reshape": 1}),
    "a weight": (lambda x: op.Add(op.Reshape(x, [0, 0, 20]), op.Squeeze(op.Reshape(
        Parameter(WEIGHT, "w"), [1, 6, 2]), [0])[:, :1]), {"Reshape": 1}),
    "read in between too": (
        lambda x: op.Concat(
            op.Relu(y := op.Reshape(x, [0, 120])), op.Flatten(op.Tanh(op.Reshape(y, [0, 6, 4, 5]))), axis=1
        ),
        {"Reshape": 1, "Flatten": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_same_result_from_fewer_nodes(name):
    make, left = CASES[name]
    x = Value("float32", ("batch", 6, 4, 5), "x")
    graph = Graph([make(x)], [x])
    model = export(graph)
    feeds = feeds_for(graph)
    (found,), (expected,) = run(model, feeds), run(build_model(graph), feeds, optimized=False)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    counts = Counter(node.op_type for node in model.graph.node)
    found_left = {k: counts[k] for k in ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose")}
    assert {k: n for k, n in found_left.items() if n} == left


def test_sizes_that_nobody_knows_are_not_taken_for_equal():
    x = Value("float32", (None, None, 4), "x")
    y = op.Relu(op.Reshape(op.Reshape(x, [-1, 2]), [-1, 3, 4]))
    graph = Graph([y], [x])
    feeds = {"x": np.arange(48, dtype="float32").reshape(2, 6, 4)}
    (found,) = run(export(graph), feeds)
    np.testing.assert_array_equal(found, feeds["x"].reshape(-1, 3, 4))
