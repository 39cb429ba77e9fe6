"""Convolutions of enlarged images, computed where the images are small: the same numbers and gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from kcompile.ir import Graph, Parameter, Storage, Trace, Value, op, tracing
from kcompile.torch_bridge import enlarging, lower

RANDOM = np.random.RandomState(0)
BATCH, CHANNELS, ROWS, COLUMNS, OUTPUTS = 2, 3, 4, 5, 6


def parameter(*shape: int) -> Parameter:
    return Parameter(Storage(RANDOM.normal(size=shape).astype("float32")), "weight")


def enlarged(x: Value, scales: tuple[int, ...], **options: str) -> Value:
    modes = {
        "mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor", **options
    }  # fmt: skip
    return op.Resize(x, None, np.array([1, 1, *scales], np.float32), **modes)


def last(x: Value) -> Value:
    return op.Transpose(x, perm=[0, 2, 3, 1])


def first(x: Value) -> Value:
    return op.Transpose(x, perm=[0, 3, 1, 2])


def step(kind: str, scales=(2, 2), kernel=(3, 3), bias=True, read=False, **conv) -> Graph:
    """The graph of a loss, its image and gradients; what is enlarged is joined as ``kind`` says."""
    small = parameter(BATCH, ROWS, COLUMNS, CHANNELS)
    others = [parameter(BATCH, ROWS * scales[0], COLUMNS * scales[1], 2) for _ in range(2)]
    with tracing(Trace([])) as trace:
        large = last(enlarged(first(small), scales))
        joined = {
            "alone": lambda: first(large),
            "first": lambda: first(op.Concat(large, others[0], axis=3)),
            "last": lambda: first(op.Concat(others[0], large, axis=-1)),
            "between": lambda: op.Concat(first(others[0]), first(large), first(others[1]), axis=1),
        }[kind]()
        weights = [parameter(*kernel, joined.dims[1], OUTPUTS), *([parameter(OUTPUTS)] if bias else [])]
        pads = [k // 2 for k in kernel] * 2
        y = op.Conv(
            joined, op.Transpose(weights[0], perm=[3, 2, 0, 1]), *weights[1:], **{"pads": pads, **conv}
        )
        y = op.Relu(y)  # which writes over it
        loss = op.ReduceSum(op.Mul(y, op.Sigmoid(y)), keepdims=0)
        given = [small, *weights, *({"alone": [], "between": others}.get(kind, others[:1]))]
        found = trace.gradients([loss], given)
    return trace.graph([loss, y, *found, *([large] if read else [])], "train")


def run(module: torch.fx.GraphModule) -> tuple[torch.Tensor, ...]:
    with torch.no_grad():  # as steps do, whose gradients are part of the graph
        return module()


def calls(module: torch.fx.GraphModule) -> set[str]:
    return {node.target.__name__ for node in module.graph.nodes if node.op == "call_function"}


@pytest.fixture(autouse=True)
def any_size_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enlarging, "_MIN_PRODUCTS", 0)


@pytest.mark.parametrize("kind", ["alone", "first", "last", "between"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"scales": (3, 2)},
        {"scales": (2, 4), "kernel": (5, 3)},
        {"scales": (2, 1), "kernel": (7, 3)},
        {"scales": (1, 2), "kernel": (3, 5)},
        {"scales": (3, 3), "kernel": (5, 5)},  # whose last places need outputs beyond the others
        {"scales": (4, 6), "kernel": (7, 11)},
    ],
    ids=str,
)
def test_a_step_computes_them_small(kind, options, monkeypatch) -> None:
    graph, sizes = step(kind, **options), []
    conv = F.conv2d
    monkeypatch.setattr(
        F, "conv2d", lambda x, *rest, **named: sizes.append(x.shape) or conv(x, *rest, **named)
    )
    module = lower(graph, in_half=True)
    assert "enlarged_conv" in calls(module) and not {"Resize", "Concat", "Conv"} & calls(module)
    found, expected = run(module), run(lower(graph))
    assert (BATCH, CHANNELS, ROWS, COLUMNS) in sizes
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"pads": [0, 0, 0, 0]},
        {"strides": [2, 2]},
        {"kernel": (1, 1)},
        {"dilations": [2, 2], "pads": [2, 2, 2, 2]},
        {"read": True},
    ],
    ids=str,
)
def test_others_stay_as_they_are(options) -> None:
    graph = step("first", **options)
    module = lower(graph, in_half=True)
    assert {"Resize", "Conv"} <= calls(module)
    torch.testing.assert_close(run(module), run(lower(graph)), rtol=1e-4, atol=1e-4)


def test_few_products_are_not_worth_it(monkeypatch) -> None:
    monkeypatch.setattr(enlarging, "_MIN_PRODUCTS", 1 << 40)
    monkeypatch.setattr(enlarging, "_Spread", None)
    graph = step("between")
    torch.testing.assert_close(run(lower(graph, in_half=True)), run(lower(graph)), rtol=1e-4, atol=1e-4)


def test_gradients_that_are_differentiated_are_there() -> None:
    small, kernel = parameter(BATCH, ROWS, COLUMNS, CHANNELS), parameter(3, 3, CHANNELS, OUTPUTS)
    with tracing(Trace([])) as trace:
        y = op.Conv(enlarged(first(small), (2, 2)), op.Transpose(kernel, perm=[3, 2, 0, 1]), pads=[1] * 4)
        (slope,) = trace.gradients([op.ReduceSum(op.Mul(y, y), keepdims=0)], [small])
        found = trace.gradients([op.ReduceSum(op.Mul(slope, slope), keepdims=0)], [kernel])
    graph = trace.graph(found, "train")
    torch.testing.assert_close(run(lower(graph, in_half=True)), run(lower(graph)), rtol=1e-4, atol=1e-3)
