"""What is known of integers that a graph computes of sizes, such as ``tf.shape(x)[2] * 4``.

ONNX's inference of one node sees constants alone, so a shape that is computed would leave every axis open.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .values import Constant, Node, Shape, Value

Numbers = list[Any]
"""Of a scalar or a vector; None for each number that is not known."""

_MOST = 64  # numbers of a vector that are looked at
_DEEPEST = 24


def known_numbers(value: Value | None, depth: int = 0) -> Numbers | None:
    """What is known of a scalar or a vector of numbers before a run; None if not even how many there are."""
    if value is None or depth > _DEEPEST or value.dims is None or len(value.dims) > 1:
        return None
    if isinstance(value, Constant):
        return (
            value.array.reshape(-1).tolist() if value.array.size <= _MOST and value.dtype != object else None
        )
    node = value.node
    rule = None if node is None else _RULES.get(node.op_type)
    found = None
    if node is not None and rule is not None and node.outputs[0] is value:
        found = rule(
            node, lambda i: known_numbers(node.inputs[i], depth + 1) if i < len(node.inputs) else None
        )
    return _unknown(value) if found is None else found


def refined(op_type: str, inputs: Any, shape: Shape) -> Shape:
    """A shape that inference left open, as far as the numbers tell that it was computed by."""
    place = _SHAPE_INPUTS.get(op_type)
    if shape is None or place is None or place >= len(inputs) or isinstance(inputs[place], Constant):
        return shape
    numbers = known_numbers(inputs[place])
    if numbers is None or len(numbers) != len(shape):
        return shape
    return tuple(
        n if size is None and isinstance(n, int) and n > least else size
        for size, n in zip(shape, numbers, strict=True)
        for least in [1 if op_type == "Expand" else 0]
    )


#: Where an operator reads the shape of what it gives. Expand keeps an axis where the number is 1.
_SHAPE_INPUTS = {"Reshape": 1, "Expand": 1, "ConstantOfShape": 0}


def _unknown(value: Value) -> Numbers | None:
    """As many numbers as there are."""
    count: Any = value.dims[0] if value.dims else 1
    return [None] * count if isinstance(count, int) and count <= _MOST else None


_Known = Callable[[int], Numbers | None]


def _shape(node: Node, known: _Known) -> Numbers | None:
    x = node.inputs[0]
    if x is None or x.dims is None:
        return None
    dims = x.dims[node.attributes.get("start", 0) : node.attributes.get("end")]
    return [size if isinstance(size, int) else None for size in dims]


def _size(node: Node, known: _Known) -> Numbers | None:
    x = node.inputs[0]
    sizes = None if x is None or x.dims is None else [n if isinstance(n, int) else None for n in x.dims]
    return None if sizes is None or None in sizes else [math.prod(sizes)]


def _same(node: Node, known: _Known) -> Numbers | None:
    return known(0)


def _cast(node: Node, known: _Known) -> Numbers | None:
    numbers, kind = known(0), node.outputs[0].dtype.kind
    if numbers is None or kind not in "iuf":
        return None
    return [None if n is None else float(n) if kind == "f" else int(n) for n in numbers]


def _gather(node: Node, known: _Known) -> Numbers | None:
    numbers, places = known(0), known(1)
    if numbers is None or places is None or node.inputs[0].dims == ():  # type: ignore[union-attr]
        return None
    inside = all(isinstance(n, int) and -len(numbers) <= n < len(numbers) for n in places)
    return [numbers[n] for n in places] if inside else None


def _slice(node: Node, known: _Known) -> Numbers | None:
    numbers, bounds = known(0), [known(i) for i in range(1, len(node.inputs)) if node.inputs[i] is not None]
    if numbers is None or any(b is None or len(b) != 1 or b[0] is None for b in bounds):
        return None
    starts, ends, _, steps = ([b[0] for b in bounds if b] + [0, 1][len(bounds) - 2 :])[:4]
    return numbers[_bound(starts) : _bound(ends) : steps]


def _bound(n: int) -> int:
    return int(np.clip(n, -(2**31), 2**31))


def _concat(node: Node, known: _Known) -> Numbers | None:
    found: Numbers = []
    for i in range(len(node.inputs)):
        part = known(i)
        if part is None:
            return None
        found += part
    return found


def _each(function: Callable[[Any, Any], Any]) -> Callable[[Node, _Known], Numbers | None]:
    def rule(node: Node, known: _Known) -> Numbers | None:
        a, b = known(0), known(1)
        if a is None or b is None or len(node.inputs) != 2 or 1 not in (len(a), len(b)) and len(a) != len(b):
            return None
        count = max(len(a), len(b)) if a and b else 0
        pairs = [(a[i % len(a)], b[i % len(b)]) for i in range(count)]
        return [None if x is None or y is None else function(x, y) for x, y in pairs]

    return rule


def _divide(a: Any, b: Any) -> Any:
    if not b:
        return None
    return int(a / b) if isinstance(a, int) and isinstance(b, int) else a / b


def _reduce(function: Callable[[Numbers], Any]) -> Callable[[Node, _Known], Numbers | None]:
    def rule(node: Node, known: _Known) -> Numbers | None:
        numbers = known(0)
        return None if numbers is None or None in numbers else [function(numbers)]

    return rule


_RULES: dict[str, Callable[[Node, _Known], Numbers | None]] = {
    "Shape": _shape,
    "Size": _size,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Cast": _cast,
    **dict.fromkeys(("Identity", "Squeeze", "Unsqueeze", "Reshape"), _same),
    "Add": _each(lambda a, b: a + b),
    "Sub": _each(lambda a, b: a - b),
    "Mul": _each(lambda a, b: a * b),
    "Div": _each(_divide),
    "Mod": _each(lambda a, b: a % b if b else None),
    "Max": _each(max),
    "Min": _each(min),
    "ReduceProd": _reduce(math.prod),
    "ReduceSum": _reduce(sum),
    "Neg": lambda node, known: (n := known(0)) and [None if x is None else -x for x in n],
    "Floor": lambda node, known: (n := known(0)) and [None if x is None else float(math.floor(x)) for x in n],
    "Ceil": lambda node, known: (n := known(0)) and [None if x is None else float(math.ceil(x)) for x in n],
}
