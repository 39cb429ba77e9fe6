"""What the modules of the backend share: anything as a Value, static shapes, and shape arithmetic.

Sizes are worked out in Python wherever they are known; Shape, Gather and Concat nodes appear only for the
rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...ir import (
    Constant,
    Node,
    Value,
    as_dtype,
    as_value,
    claim_steps,
    declared_type,
    known_numbers,
    op,
    to_onnx,
)
from . import config


def tensor(x: Any, dtype: Any = None) -> Value:
    """``x`` as a Value.

    Python floats take the default float type, Python ints int32, arrays keep their dtype; ``dtype`` overrides
    all of these. Sparse matrices (scipy) become dense.
    """
    if isinstance(x, Value):
        return x if dtype is None or x.dtype == as_dtype(dtype) else cast_value(x, as_dtype(dtype))
    if isinstance(x, list | tuple) and any(isinstance(item, Value) for item in x):
        return stack_values([tensor(item, dtype) for item in x])
    if hasattr(x, "toarray"):
        x = x.toarray()
    if hasattr(x, "__array__") and not isinstance(x, np.ndarray | np.generic):
        x = np.asarray(x)
    array = np.asarray(x)
    if dtype is not None:
        return Constant(array.astype(as_dtype(dtype)))
    if not isinstance(x, np.ndarray | np.generic):
        default = {"f": config.floatx(), "i": "int32"}.get(array.dtype.kind)
        array = array if default is None else array.astype(default)
    return Constant(array)


def pair(x: Any, y: Any) -> tuple[Value, Value]:
    """Two operands as values; what is no Value yet takes the dtype of the other, symbolic, one."""
    if isinstance(x, Value):
        return x, y if isinstance(y, Value) else _like(y, x)
    if isinstance(y, Value):
        return _like(x, y), y
    x = tensor(x)
    return x, _like(y, x)


def _like(x: Any, other: Value) -> Value:
    if isinstance(x, list | tuple) and any(isinstance(item, Value) for item in x):
        return tensor(x, other.dtype)
    return as_value(x, like=other)


def same_type(xs: Sequence[Any]) -> list[Value]:
    """Values of one dtype: that of the first symbolic one."""
    first = next((x for x in xs if isinstance(x, Value)), None)
    if first is None:
        first = tensor(xs[0])
    return [x if isinstance(x, Value) else _like(x, first) for x in xs]


def cast_value(x: Value, dtype: np.dtype) -> Value:
    """A Cast, computed at once for constants through which no gradient flows."""
    dtype = declared_type(dtype)
    if type(x) is Constant:
        return Constant(x.array.astype(dtype))
    return op.Cast(x, to=to_onnx(dtype))


def stack_values(xs: Sequence[Value], axis: int = 0) -> Value:
    """The values joined along a new axis."""
    return op.Concat(*(op.Unsqueeze(x, [axis]) for x in xs), axis=axis)


def rank(x: Value, what: str) -> int:
    """The number of axes.

    Raises:
        ValueError: if it is not known; ``what`` says who asks.
    """
    if x.dims is None:
        raise ValueError(f"{what} needs the number of axes of {x!r}, which is not known.")
    return len(x.dims)


def static_sizes(x: Any) -> tuple[int | None, ...]:
    """The shape of a tensor or an array, None where a size is open.

    Raises:
        ValueError: if not even the number of axes is known.
    """
    shape = x.shape if isinstance(x, Value) else np.shape(x)
    if shape is None:
        raise ValueError(f"the number of axes of {x!r} must be known here; give its placeholder a shape.")
    return shape


def known_shape(x: Value) -> tuple[Any, ...]:
    """The shape.

    Raises:
        ValueError: if not even the number of axes is known.
    """
    if x.dims is None:
        raise ValueError(f"the number of axes of {x!r} must be known here; give its placeholder a shape.")
    return x.dims


def axis_index(x: Value, axis: int, what: str) -> int:
    """``axis`` counted from the front.

    Raises:
        ValueError: if ``x`` has no such axis.
    """
    count = rank(x, what)
    if not -count <= axis < count:
        raise ValueError(f"{what}: axis {axis} is out of range for {x!r}, which has {count} axes.")
    return int(axis) % count


def dims_of(x: Value) -> list[Any]:
    """Per axis the size as an int, or as a one-element int64 vector computed at run time."""
    shape = known_shape(x)
    return [d if isinstance(d, int) else op.Shape(x, start=i, end=i + 1) for i, d in enumerate(shape)]


def shape_vector(dims: Any) -> Value:
    """An int64 vector from a vector, or from a sequence of ints and integer values (scalars or vectors)."""
    if isinstance(dims, Value):
        return as_int64(dims)
    if isinstance(dims, np.ndarray):
        dims = dims.tolist()
    if isinstance(dims, int | np.integer):
        dims = [dims]
    if any(d is None for d in dims):
        raise ValueError(
            f"a size in the shape {tuple(dims)} is None: it is open until the model runs. Use K.shape(x)[i] "
            "for the size of an axis, or -1 for one of them in K.reshape."
        )
    if not any(isinstance(d, Value) for d in dims):
        return Constant(np.array([int(d) for d in dims], np.int64))
    parts: list[Value] = []
    run: list[int] = []
    for d in dims:
        if isinstance(d, Constant):
            run += [int(n) for n in d.array.reshape(-1)]
        elif isinstance(d, Value):
            if run:
                parts.append(Constant(np.array(run, np.int64)))
                run = []
            d = as_int64(d)
            parts.append(op.Unsqueeze(d, [0]) if d.rank == 0 else d)
        else:
            run.append(int(d))
    if run:
        parts.append(Constant(np.array(run, np.int64)))
    return parts[0] if len(parts) == 1 else op.Concat(*parts, axis=0)


def as_int64(x: Value) -> Value:
    """``x`` as int64; a cast down from int64 (as K.shape makes it) is looked through."""
    if x.dtype == np.int64:
        return x
    source = x.node.inputs[0] if x.node is not None and x.node.op_type == "Cast" else None
    if source is not None and source.dtype == np.int64:
        return source
    return cast_value(x, np.dtype(np.int64))


def as_number(x: Any) -> Any:
    """A float of what is a single number while the graph is built; tensors, arrays and None as they are."""
    if isinstance(x, Constant):
        x = x.array
    return float(x) if not isinstance(x, Value) and x is not None and np.ndim(x) == 0 else x


def is_number(x: Any) -> bool:
    """Whether ``as_number`` found a number."""
    return isinstance(x, float)


def static_dims(dims: Any) -> list[int | None] | None:
    """The sizes that a shape argument fixes, None per unknown one; None if not even their number is known."""
    if isinstance(dims, Constant):
        return [int(d) for d in dims.array.reshape(-1)]
    if isinstance(dims, Value):
        return known_numbers(dims) if dims.rank == 1 else None
    if isinstance(dims, int | np.integer):
        return [int(dims)]
    found: list[int | None] = []
    for d in dims:
        if isinstance(d, Constant):
            found += [int(n) for n in d.array.reshape(-1)]
        elif isinstance(d, Value):
            found += known_numbers(d) or [None]
        else:
            found.append(None if d is None else int(d))
    return found


def refine(x: Value, shape: Sequence[Any] | None) -> Value:
    """``x``, just emitted, with what is known of its shape besides what ONNX inferred."""
    if shape is None:
        return x
    shape = tuple(shape)
    if x.dims is None:
        x.dims = shape
    elif len(x.dims) == len(shape):
        x.dims = tuple(
            new if old is None or (isinstance(new, int) and not isinstance(old, int)) else old
            for old, new in zip(x.dims, shape, strict=True)
        )
    return x


def expanded(x: Value, shape: Any) -> Value:
    """``x`` broadcast to exactly a shape: a vector, or ints and integer values."""
    return refine(op.Expand(x, shape_vector(shape)), static_dims(shape))


def producer(x: Value | None) -> Node | None:
    """The node that computed ``x``, looking past Identity; None for inputs, weights and what is left out."""
    node = None if x is None else x.node
    while node is not None and node.op_type == "Identity" and node.inputs[0] is not None:
        node = node.inputs[0].node
    return node


def filled(value: float, shape: Any, dtype: np.dtype) -> Value:
    """A value of one number throughout: a constant where ``shape`` is known, else ConstantOfShape."""
    dims = static_dims(shape)
    if dims is not None and None not in dims:
        claim_elements(dims)
        return Constant(np.full(dims, value, dtype))
    return refine(op.ConstantOfShape(shape_vector(shape), value=np.array([value], dtype)), dims)


def claim_elements(shape: Sequence[Any]) -> None:
    """Counts a constant of this shape as work."""
    claim_steps(math.prod(int(size) for size in shape), f"a constant of the shape {tuple(shape)}")
