"""Repetition along all spatial axes becomes one Resize, where that means the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kcompile.ir import Graph, Parameter, Storage, Trace, Value, op, tracing
from kcompile.ir.repeats import with_resizes
from kcompile.keras.backend import repeat_elements
from kcompile.torch_bridge import lower, run

RANDOM = np.random.RandomState(0)


def images(dtype: str = "float32", batch: int | str = "batch") -> Value:
    return Value(dtype, (batch, 3, 4, 5), "x")


def volumes() -> Value:
    return Value("float32", ("batch", 3, 4, 2, 5), "x")


def repeated(x: Value, factors: dict[int, int]) -> Value:
    for axis, factor in factors.items():
        x = repeat_elements(x, factor, axis)
    return x


TAKEN: dict[str, tuple[Callable[[], Value], dict[int, int]]] = {
    "channels_last": (images, {1: 2, 2: 2}),
    "channels_first": (images, {2: 2, 3: 2}),
    "other factors": (images, {1: 3, 2: 1}),
    "batch of a size": (lambda: images(batch=2), {1: 2, 2: 2}),
    "float16": (lambda: images("float16"), {1: 2, 2: 2}),
    "volumes": (volumes, {1: 2, 2: 3, 3: 2}),
    "volumes, channels_first": (volumes, {2: 2, 3: 3, 4: 2}),
}
LEFT: dict[str, tuple[Callable[[], Value], dict[int, int]]] = {
    "one axis": (images, {1: 2}),
    "the batch": (images, {0: 2, 1: 2}),
    "columns first": (images, {2: 2, 1: 2}),
    "two axes of volumes": (volumes, {1: 2, 2: 2}),
    "channels as well": (volumes, {3: 2, 4: 2}),
    "whole numbers": (lambda: images("int32"), {1: 2, 2: 2}),
    "float64": (lambda: images("float64"), {1: 2, 2: 2}),
}


@pytest.mark.parametrize(("case", "taken"), [(c, True) for c in TAKEN] + [(c, False) for c in LEFT])
def test_one_resize_gives_what_was_repeated(case: str, taken: bool) -> None:
    make, factors = {**TAKEN, **LEFT}[case]
    x = make()
    graph = Graph([repeated(x, factors)], [x])
    found = with_resizes(graph)
    counted = [node.op_type for node in found.nodes]
    assert (counted.count("Resize"), "Tile" in counted) == ((1, False) if taken else (0, True))
    given = RANDOM.normal(size=[2 if isinstance(n, str) else n for n in x.dims or ()]).astype(x.dtype)
    expected = given
    for axis, factor in factors.items():
        expected = expected.repeat(factor, axis)
    np.testing.assert_array_equal(run(lower(found), given)[0], expected)


def test_twice_enlarged_is_resized_twice() -> None:
    x = images()
    found = with_resizes(Graph([repeated(repeated(x, {1: 2, 2: 2}), {1: 2, 2: 2})], [x]))
    assert [node.op_type for node in found.nodes].count("Resize") == 2


def test_rows_that_somebody_else_reads_stay() -> None:
    x = images()
    rows = repeat_elements(x, 2, 1)
    found = with_resizes(Graph([repeat_elements(rows, 2, 2), op.Relu(rows)], [x]))
    assert "Resize" not in [node.op_type for node in found.nodes]


def test_a_traced_step_differentiates_through_it() -> None:
    x = Value("float32", (2, 3, 4, 5), "x")
    weight = Parameter(Storage(RANDOM.normal(size=(5,)).astype("float32")), "weight")
    factors = RANDOM.normal(size=(2, 6, 8, 5)).astype("float32")
    with tracing(Trace([x])) as trace:
        loss = op.ReduceSum(op.Mul(repeated(op.Mul(x, weight), {1: 2, 2: 2}), factors), keepdims=0)
        (gradient,) = trace.gradients([loss], [weight])
    graph = trace.graph([gradient], "train")
    assert "Resize" in [node.op_type for node in graph.nodes]
    given = RANDOM.normal(size=(2, 3, 4, 5)).astype("float32")
    expected = (given.repeat(2, 1).repeat(2, 2) * factors).sum((0, 1, 2))
    np.testing.assert_allclose(run(lower(graph), given)[0], expected, rtol=1e-4, atol=1e-5)
