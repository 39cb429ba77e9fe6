"""Updates by gradients of a scaled loss that somebody else computed: none is made of gradients that are not
finite, and the scale follows them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import LossScale, Value, interpreter, op
from ..backend import loops
from ..backend.tensors import tensor


def update_if_finite(scaling: LossScale, grads: Sequence[Value | None], update: Callable[[], Any]) -> None:
    """Calls ``update`` if all gradients are finite, or the scale is fixed.

    While a step is traced, what the update assigns is assigned where they are finite. A scale that is not
    fixed halves where they are not, and doubles after ``growth_steps`` updates.
    """
    if scaling.growth_steps is None:
        update()
        return
    finite = _all_finite([grad for grad in grads if grad is not None])
    if loops.is_symbolic(finite):
        loops.cond(finite, lambda: _nothing(update()), lambda: None, tensor)
    elif bool(finite):
        update()
    _follow(scaling, finite, scaling.growth_steps)


def _nothing(_: Any) -> None:
    return None


def _all_finite(grads: Sequence[Value]) -> Value:
    """Whether a product with 0 is 0 for each element."""
    total: Any = None
    for grad in grads:
        zero = op.ReduceSum(op.Mul(grad, 0), keepdims=0)
        total = zero if total is None else op.Add(total, zero)
    return op.Equal(total, 0)


def _follow(scaling: LossScale, finite: Value, growth_steps: int) -> None:
    value, steps = scaling.value, op.Add(scaling.good_steps, 1)
    doubled = op.Mul(value, 2)
    grows = op.And(finite, op.GreaterOrEqual(steps, growth_steps))
    largest = op.LessOrEqual(doubled, np.float32(np.finfo(np.float32).max))
    grown = op.Where(op.And(grows, largest), doubled, value)
    at_once = interpreter()
    assert at_once is not None
    at_once.assign(
        [
            (value, op.Where(finite, grown, op.Max(op.Div(value, 2), 1.0))),
            (scaling.good_steps, op.Where(op.And(finite, op.Not(grows)), steps, op.Mul(steps, 0))),
        ]
    )
