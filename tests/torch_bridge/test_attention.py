"""Attention that a graph writes out is one kernel of torch in a step, with the same numbers and gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from kcompile.ir import Graph, Parameter, Storage, Trace, Value, op, tracing
from kcompile.torch_bridge import lower
from kcompile.torch_bridge.attention import attention_at_once

RANDOM = np.random.RandomState(0)
LOWEST = np.float32(-0.7 * np.finfo(np.float32).max)
BATCH, HEADS, TARGETS, SOURCES, SIZE = 2, 3, 4, 5, 6
MASK = RANDOM.rand(BATCH, 1, TARGETS, SOURCES) > 0.4
MASK[..., 0] = True
BIAS = RANDOM.normal(size=(HEADS, TARGETS, SOURCES)).astype("float32")
Scores = Callable[[Value], Value]


def kept(scores: Value, mask: np.ndarray, lowest: np.float32 = LOWEST) -> Value:
    return op.Where(mask, scores, lowest)


TAKEN: dict[str, Scores] = {
    "plain": lambda s: s,
    "a mask": lambda s: kept(s, MASK),
    "causal": lambda s: kept(s, np.tril(np.ones((TARGETS, SOURCES), bool))),
    "a bias": lambda s: op.Add(s, BIAS),
    "a bias on the left": lambda s: op.Add(BIAS, s),
    "two biases": lambda s: op.Add(op.Add(s, BIAS), BIAS[:1]),
    "a bias, then masks": lambda s: kept(kept(op.Add(s, BIAS), MASK), MASK[:1]),
    "a mask, then a bias": lambda s: op.Add(kept(s, MASK), BIAS),
}
LEFT: dict[str, Scores] = {
    "a mask that leaves a little": lambda s: kept(s, MASK, np.float32(-5)),
    "a cap": lambda s: op.Mul(op.Tanh(op.Div(s, np.float32(3))), np.float32(3)),
    "more heads by the bias": lambda s: op.Add(op.ReduceMean(s, np.array([1])), BIAS),
}


def parameter(*shape: int) -> Parameter:
    return Parameter(Storage(RANDOM.normal(size=shape).astype("float32")), "weight")


def traced(change: Scores, read: bool = False) -> tuple[list[Parameter], Graph]:
    """The graph of a loss, the weights that attention gives, and gradients of its operands."""
    operands = [parameter(BATCH, HEADS, n, SIZE) for n in (TARGETS, SOURCES, SOURCES)]
    with tracing(Trace([])) as trace:
        q, k, v = operands
        scores = change(op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])))
        weights = op.Softmax(scores, axis=-1)
        y = op.MatMul(weights, v)
        loss = op.ReduceSum(op.Mul(y, y), keepdims=0)
        found = trace.gradients([loss], operands)
    return operands, trace.graph([loss, y, *([weights] if read else []), *found], "train")


def functions(module: torch.fx.GraphModule) -> set[str]:
    return {node.target.__name__ for node in module.graph.nodes if node.op == "call_function"}


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_a_step_computes_it_by_one_kernel(name: str) -> None:
    _, graph = traced(TAKEN[name])
    step, plain = lower(graph, in_half=True), lower(graph)
    assert "attention" in functions(step) and not {"matmul", "Softmax"} & functions(step)
    assert {"matmul", "Softmax"} <= functions(plain)
    torch.testing.assert_close(step(), plain(), rtol=1e-4, atol=1e-5)


def test_a_target_that_may_look_at_nothing_looks_at_all_alike() -> None:
    mask = MASK.copy()
    mask[0, 0, 1] = False
    _, graph = traced(lambda s: op.Add(kept(s, mask), BIAS))
    torch.testing.assert_close(lower(graph, in_half=True)()[1], lower(graph)()[1])


@pytest.mark.parametrize("name", sorted(LEFT))
def test_other_scores_stay_written_out(name: str) -> None:
    _, graph = traced(LEFT[name])
    assert "attention" not in functions(lower(graph, in_half=True))


def test_weights_that_somebody_reads_are_computed() -> None:
    _, graph = traced(TAKEN["a mask"], read=True)
    assert "attention" not in functions(lower(graph, in_half=True))


def test_a_bias_that_is_trained_has_its_gradient() -> None:
    bias = Parameter(Storage(BIAS), "bias")
    operands = [parameter(1, HEADS, n, SIZE) for n in (TARGETS, SOURCES, SOURCES)]
    with tracing(Trace([])) as trace:
        q, k, v = operands
        scores = op.Add(op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])), bias)
        loss = op.ReduceSum(op.Sin(op.MatMul(op.Softmax(scores, axis=-1), v)), keepdims=0)
        found = trace.gradients([loss], [bias])
    graph = trace.graph(found, "train")
    step = lower(graph, in_half=True)
    assert "attention" in functions(step)
    torch.testing.assert_close(step(), lower(graph)(), rtol=1e-4, atol=1e-6)


def test_gradients_of_gradients_are_there() -> None:
    (q, k, v), _ = traced(TAKEN["a mask"])
    with tracing(Trace([])) as trace:
        scores = kept(op.MatMul(q, op.Transpose(k, perm=[0, 1, 3, 2])), MASK)
        loss = op.ReduceSum(op.Sin(op.MatMul(op.Softmax(scores, axis=-1), v)), keepdims=0)
        (first,) = trace.gradients([loss], [q])
        found = trace.gradients([op.ReduceSum(op.Mul(first, first), keepdims=0)], [q, k, v])
    graph = trace.graph(found, "train")
    step = lower(graph, in_half=True)
    assert "attention" in functions(step)
    torch.testing.assert_close(step(), lower(graph)(), rtol=1e-4, atol=1e-5)


AT_ONCE = {
    "plain": ({}, HEADS),
    "a scale": ({"scale": 0.3}, HEADS),
    "causal": ({"is_causal": True}, HEADS),
    "a mask": ({"mask": torch.from_numpy(np.where(MASK, 0, LOWEST))}, HEADS),
    "a bias": ({"mask": torch.from_numpy(BIAS)}, HEADS),
    "heads that share keys": ({}, 1),
}


def by_definition(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> torch.Tensor:
    shared = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(shared, 1) for x in (key, value))
    scores = query @ key.transpose(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores.masked_fill(~torch.ones(TARGETS, SOURCES, dtype=torch.bool).tril(), LOWEST)
    return torch.softmax(scores if mask is None else scores + mask, -1) @ value


@pytest.mark.parametrize("name", sorted(AT_ONCE))
def test_at_once_it_is_its_definition_with_both_gradients(name: str) -> None:
    options, heads = AT_ONCE[name]
    sizes = (HEADS, TARGETS), (heads, SOURCES), (heads, SOURCES)
    given = [torch.randn(BATCH, *size, SIZE, requires_grad=True) for size in sizes]
    found = []
    for function in (attention_at_once, by_definition):
        y = function(*given, **options)
        first = torch.autograd.grad(y.square().sum(), given, retain_graph=True)
        again = torch.autograd.grad(y.square().sum(), given, create_graph=True)
        second = torch.autograd.grad(sum(x.square().sum() for x in again), given)
        found.append([y, *first, *again, *second])
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-4)
