"""Branches, loops and scans: Python's over tensors, ONNX's while a step is traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from keras.src import tree
from keras.src.backend.common.backend_utils import slice_along_axis

from kcompile.ir import op
from kcompile.keras import backend as K
from kcompile.keras.backend import loops

from .tensors import NotTraceable, as_value, is_symbolic, is_tracing, operation
from .variables import convert_to_tensor


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What one of two functions gives, by a truth value; in a graph ONNX's If chooses."""
    if not is_symbolic(pred):
        return true_fn() if pred else false_fn()
    if not is_tracing():
        raise NotTraceable("A `cond` depends on numbers that a graph has only when it runs.")
    return loops.cond(pred, true_fn, false_fn, as_value)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """What the function of that number gives for the operands."""
    index = convert_to_tensor(index, "int32")
    last = len(branches) - 1
    if not is_symbolic(index):
        return branches[min(max(int(index), 0), last)](*operands)
    found = partial(branches[last], *operands)
    for i in range(last - 1, -1, -1):
        found = partial(
            cond, op.LessOrEqual(index, as_value(i, "int32")), partial(branches[i], *operands), found
        )
    return found()


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """``body`` on the variables as long as ``cond`` holds for them; in a graph, ONNX's Loop."""
    is_tuple = isinstance(loop_vars, tuple | list)
    state = tuple(loop_vars) if is_tuple else (loop_vars,)
    state = tree.map_structure(convert_to_tensor, state)

    def next_one(state: Any) -> Any:
        found = body(*state)
        return tuple(found) if isinstance(found, list | tuple) else (found,)

    if is_tracing():
        state = loops.repeated(lambda given: cond(*given), next_one, state, as_value, maximum_iterations)
        return state if is_tuple else state[0]
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and cond(*state):
        state = next_one(state)
        count += 1
    return state if is_tuple else state[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """``val = body_fun(i, val)`` for i from ``lower`` to below ``upper``."""
    if is_tracing():
        first = convert_to_tensor(lower, "int32"), tree.map_structure(convert_to_tensor, init_val)
        limit = convert_to_tensor(upper, "int32")
        return while_loop(lambda i, _: i < limit, lambda i, value: (i + 1, body_fun(i, value)), first)[1]
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def vectorized_map(function: Callable[..., Any], elements: Any) -> Any:
    """``function`` on each entry along the first axis, stacked."""
    if is_tracing():
        return map(function, elements)
    flat = tree.flatten(elements)
    count = flat[0].shape[0]
    rows = [function(tree.map_structure(lambda x, i=i: x[i], elements)) for i in range(count)]
    return tree.map_structure(lambda *each: _stacked(each), *rows)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` on each entry along the first axis, stacked."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@operation
def _stacked(entries: Any, axis: int = 0) -> Any:
    return K.stack([as_value(x) for x in entries], axis=axis)


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> Any:
    """``carry, y = f(carry, x)`` along the first axis; the last carry and the stacked ys (jax.lax.scan)."""
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    xs = tree.map_structure(convert_to_tensor, xs) if xs is not None else None
    carry = tree.map_structure(convert_to_tensor, init)
    if is_tracing():
        return loops.scanned(_with_result(f), carry, xs, as_value, length, reverse)
    count = int(length) if length is not None else tree.flatten(xs)[0].shape[0]
    nothing = tree.map_structure(lambda x: x * 0, carry)
    ys = []
    steps = range(count)
    for i in reversed(steps) if reverse else steps:
        entry = None if xs is None else tree.map_structure(lambda x, i=i: x[i], xs)
        carry, y = f(carry, entry)
        ys.append(nothing if y is None else y)
    if reverse:
        ys.reverse()
    return carry, tree.map_structure(lambda *each: _stacked(each), *ys)


def _with_result(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A function of `scan`, with zeros where it has no result for a step."""

    def step(carry: Any, entry: Any) -> Any:
        carry, y = f(carry, entry)
        return carry, tree.map_structure(lambda x: x * 0, carry) if y is None else y

    return step


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of an associative function along an axis (jax.lax.associative_scan)."""
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    flat = [convert_to_tensor(x) for x in tree.flatten(elems)]
    counts = {x.shape[axis] for x in flat}
    if len(counts) != 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. (saw: "
            f"{[tuple(x.shape) for x in flat]})"
        )
    (count,) = counts
    if is_tracing():
        return loops.accumulated(f, elems, as_value, reverse, axis)
    parts = [
        tree.pack_sequence_as(elems, [slice_along_axis(x, i, i + 1, axis=axis) for x in flat])
        for i in range(count)
    ]
    parts = parts[::-1] if reverse else parts
    for step in _doubling(count):
        parts = parts[:step] + [f(parts[i - step], parts[i]) for i in range(step, count)]
    parts = parts[::-1] if reverse else parts
    return tree.map_structure(lambda *each: _joined(each, axis), *parts)


def _doubling(count: int) -> list[int]:
    steps = [1]
    while steps[-1] * 2 < count:
        steps.append(steps[-1] * 2)
    return steps if count > 1 else []


@operation
def _joined(parts: Any, axis: int) -> Any:
    return op.Concat(*(as_value(x) for x in parts), axis=axis)
