"""What the forward pass kept is given back while a step computes its gradients, where nobody else asks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from kcompile.ir import Graph, Trace, Value, op, tracing
from kcompile.torch_bridge import lower

X = np.linspace(-1, 1, 4).astype(np.float32)


def once(trace: Trace, x: Value, y: Value) -> list[Value]:
    return trace.gradients([y], [x])


def two_at_a_time(trace: Trace, x: Value, y: Value) -> list[Value]:
    return [*trace.gradients([y], [x]), *trace.gradients([op.Mul(y, y)], [x])]


def of_gradients(trace: Trace, x: Value, y: Value) -> list[Value]:
    (first,) = trace.gradients([y], [x])
    return trace.gradients([op.ReduceSum(first, keepdims=0)], [x])


CASES: dict[str, tuple[Callable[[Trace, Value, Value], list[Value]], list[np.ndarray], bool]] = {
    "once": (once, [2 * X * np.exp(X * X)], True),
    "two of one forward pass": (
        two_at_a_time,
        [2 * X * np.exp(X * X), 2 * np.exp(X * X).sum() * 2 * X * np.exp(X * X)],
        False,
    ),
    "gradients of gradients": (of_gradients, [(2 + 4 * X * X) * np.exp(X * X)], False),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_was_kept_is_given_back_if_nobody_else_asks(name: str) -> None:
    make, expected, is_only = CASES[name]
    x = Value("float32", (4,), "x")
    with tracing(Trace([x])) as trace:
        found = make(trace, x, op.ReduceSum(op.Exp(op.Mul(x, x)), keepdims=0))
    module = lower(Graph(found, [x], phase="train"), in_half=True)
    assert ("only = True" in module.code) == is_only
    with torch.no_grad():
        results = module(torch.from_numpy(X))
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)


def test_whoever_trains_around_a_gradient_can_differentiate_it() -> None:
    x = Value("float32", (4,), "x")
    with tracing(Trace([x])) as trace:
        found = once(trace, x, op.ReduceSum(op.Exp(op.Mul(x, x)), keepdims=0))
    module = lower(Graph(found, [x], phase="train"), in_half=True)
    given = torch.from_numpy(X).requires_grad_()
    (result,) = module(given)
    result.sum().backward()
    np.testing.assert_allclose(given.grad, (2 + 4 * X * X) * np.exp(X * X), rtol=1e-5)
