"""Sizes of open axes: found for every kind of demand, shared by name, and different where they may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kcompile.ir import Constant, Graph, Value, op
from kcompile.onnx_io import sizes as sizes_of_axes
from kcompile.onnx_io.sizes import axis_names, propose_sizes


def c(*values, dtype="int64"):
    return Constant(np.array(values, dtype))


def inputs_of(*shapes):
    return [Value("float32", shape, f"x{i}") for i, shape in enumerate(shapes)]


def first_sizes(build, *shapes, samples=2):
    inputs = inputs_of(*shapes)
    return next(propose_sizes(Graph([build(*inputs)], inputs), samples))


def conv(x, size, dilation=1):
    kernel = Constant(np.ones((x.shape[1], x.shape[1], size), np.float32))
    return op.Conv(x, kernel, dilations=[dilation])


def levels(x, factor, count):
    """Pooled and enlarged again: back to the length of x only if it is a multiple."""
    y = x
    for _ in range(count):
        y = op.MaxPool(y, kernel_shape=[factor], strides=[factor])
    scales = Constant(np.array([1, 1, factor**count], np.float32))
    return op.Add(x, op.Resize(y, None, scales))


def chunks(x, size):
    return op.Reshape(x, c(-1, size, 3))


#: build, shapes, what must be true of the sizes found
DEMANDS = {
    "long kernel": (lambda x: conv(x, 99), [("b", 3, "t")], lambda s: s["t"] >= 99),
    "dilated": (lambda x: conv(x, 11, 400), [("b", 3, "t")], lambda s: s["t"] > 4000),
    "cropped": (lambda x: op.Slice(x, c(5000), c(-5000), c(2)), [("b", 3, "t")], lambda s: s["t"] > 10000),
    "multiples of 128": (lambda x: levels(x, 2, 7), [("b", 3, "t")], lambda s: s["t"] % 128 == 0),
    "multiples of 81": (lambda x: levels(x, 3, 4), [("b", 3, "t")], lambda s: s["t"] % 81 == 0),
    "multiples of 49": (lambda x: levels(x, 7, 2), [("b", 3, "t")], lambda s: s["t"] % 49 == 0),
    "a rest of 3": (lambda x: levels(conv(x, 4), 2, 4), [("b", 3, "t")], lambda s: s["t"] % 16 == 3),
    "chunks": (lambda x: chunks(x, 11), [(2, "t", 3)], lambda s: s["t"] * 2 % 11 == 0),
    "equal": (op.Add, [("b", "s", 3), ("b", "t", 3)], lambda s: s["s"] == s["t"]),
    "three equal": (
        lambda x, y, z: op.Add(op.Add(x, y), z),
        [("b", "s", 3), ("b", "t", 3), ("b", "u", 3)],
        lambda s: s["s"] == s["t"] == s["u"],
    ),
    "twice": (
        lambda x, y: op.Add(op.Concat(x, x, axis=1), y),
        [("b", "s", 3), ("b", "t", 3)],
        lambda s: s["t"] == 2 * s["s"],
    ),
    "shorter by 20": (
        lambda x, y: op.Add(op.Slice(x, c(10), c(-10), c(1)), y),
        [("b", "s", 3), ("b", "t", 3)],
        lambda s: s["t"] == s["s"] - 20,
    ),
    "as another fixes": (op.Add, [("b", "t", 3), ("b", 7, 3)], lambda s: s["t"] == 7),
    "batch as another fixes": (op.Add, [("b", 3), (5, 3)], lambda s: s["b"] == 5),
    "batch on another axis": (op.Add, [("b", 5), (2, "n", 5)], lambda s: s["n"] == s["b"]),
    "shared by name": (
        lambda x, keep: op.Mul(x, op.Unsqueeze(keep, c(-1))),
        [("b", "t", 4), ("b", "t")],
        lambda s: set(s) == {"b", "t"},
    ),
}


@pytest.mark.parametrize("name", DEMANDS)
def test_the_first_sizes_fit(name):
    build, shapes, holds = DEMANDS[name]
    sizes = first_sizes(build, *shapes)
    assert holds(sizes), sizes


def test_axes_that_may_differ_do():
    """Else a form that swaps height and width is taken for right."""
    sizes = first_sizes(op.Relu, ("b", "height", "width", 3))
    assert sizes["height"] != sizes["width"] and sizes["b"] == 2


def test_unnamed_axes_are_told_apart_and_the_batch_is_not_taken_for_one():
    inputs = inputs_of((None, None, 3), (None, None, 3))
    names = axis_names(Graph([op.Concat(*inputs, axis=1)], inputs))
    assert len({dim for shape in names for dim in shape if isinstance(dim, str)}) == 4
    sizes = first_sizes(lambda x, y: op.Concat(x, y, axis=1), (None, None, 3), (None, None, 3), samples=4)
    assert [sizes[name[0]] for name in names] == [4, 4]


def test_proposals_end_and_none_comes_twice():
    inputs = inputs_of(("b", "t", 3))
    proposed = list(propose_sizes(Graph([chunks(inputs[0], 10007)], inputs), 2))
    assert 0 < len(proposed) < 50
    assert len({tuple(sizes.items()) for sizes in proposed}) == len(proposed)


def test_an_input_of_unknown_rank_is_refused():
    value = Value("float32", None, "x")
    with pytest.raises(ValueError, match="'x' has no known rank"):
        next(propose_sizes(Graph([op.Relu(value)], [value]), 2))


@pytest.mark.parametrize(
    "shape", [("b", 3, "t"), ("b", "h", "w", 3), ("b", "h", "h", 3), ("b", "d", "h", "w", 1), ("b", "t", 0)]
)
def test_no_input_is_longer_than_inference_can_follow(shape, monkeypatch):
    """A grid of anchors is computed from sizes alone, and inference follows its numbers one by one."""
    asked = []
    infer = sizes_of_axes.shape_inference.infer_shapes

    def noting(proto, **kwargs):
        dims = proto.graph.input[0].type.tensor_type.shape.dim
        asked.append(math.prod(dim.dim_value for dim in dims))
        return infer(proto, **kwargs)

    monkeypatch.setattr(sizes_of_axes.shape_inference, "infer_shapes", noting)
    x = Value("float32", shape, "x")
    next(propose_sizes(Graph([op.Relu(x)], [x]), 2))
    assert 2 <= len(asked) and max(asked) <= 2 * sizes_of_axes._MOST_ELEMENTS
