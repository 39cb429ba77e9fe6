"""Axes, joining, splitting, repeating and padding."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompile.ir import Constant, EagerTensor, Value, op
from kcompile.keras import backend as K
from kcompile.keras.backend.tensors import known_shape, shape_vector
from kcompile.keras.operations.slices import sliced

from ..promotion import in_type, promoted
from ..tensors import NotTraceable, as_value, numpy_of, operation, publish
from .reductions import axes_of


def rank_of(x: Value) -> int:
    """The number of axes."""
    return len(x.shape or ())


def axis_of(x: Value, axis: int) -> int:
    """An axis counted from the front."""
    return (axes_of(x, axis) or [0])[0]


def known_size(x: Value, axis: int, what: str) -> int:
    """The size of an axis.

    Raises:
        NotTraceable: where a graph leaves it open.
    """
    size = (x.shape or ())[axis]
    if size is None:
        raise NotTraceable(
            f"`{what}` needs the size of axis {axis}, which is open. Received: x.shape={x.shape}"
        )
    return int(size)


def as_list(x: Any) -> list[Any]:
    """What is given as one or as several, as several."""
    return list(x) if isinstance(x, list | tuple) else [x]


def numbers(x: Any) -> Any:
    """Numbers, given as tensors or as they are; a vector that a graph computes as its scalars."""
    if isinstance(x, Constant | EagerTensor):
        return numpy_of(x).tolist()
    if isinstance(x, Value) and x.rank == 1:
        (count,) = known_shape(x)
        return [op.Gather(x, np.int64(i)) for i in range(count)] if isinstance(count, int) else x
    if isinstance(x, np.ndarray | np.generic):
        return x.tolist()
    return [numbers(y) for y in x] if isinstance(x, list | tuple) else x


# --- axes ---------------------------------------------------------------------------------------------------


@operation
def reshape(x: Any, newshape: Any) -> Value:
    """Other axes, the same elements in the same order; one size may be -1."""
    x, sizes = as_value(x), _sizes(newshape)
    if isinstance(sizes, list) and len(sizes) > 1 and _keeps_batch(x, sizes):
        sizes[0] = -1  # which a file says by a number
    return K.reshape(x, sizes)


def _keeps_batch(x: Value, sizes: Sequence[Any]) -> bool:
    """Whether the first size is that of ``x`` itself, open until a graph runs, and the others hold as many
    elements as the other axes of ``x``, so that it can be no other."""
    first, count = sizes[0], _elements(sizes[1:])
    node = first.node if isinstance(first, Value) else None
    if node is None or node.op_type != "Gather" or not count or count != _elements((x.dims or ())[1:]):
        return False
    taken, index = node.inputs
    shape = taken.node if taken is not None else None
    is_own = shape is not None and shape.op_type == "Shape" and not shape.attributes and shape.inputs[0] is x
    return is_own and isinstance(index, Constant) and index.array.item() == 0


def _elements(sizes: Sequence[Any]) -> int | None:
    """How many elements axes of these sizes hold; None where one is open or to be worked out."""
    return math.prod(sizes) if builtins.all(isinstance(n, int) and n > 0 for n in sizes) else None


def _sizes(shape: Any) -> Any:
    if isinstance(shape, Constant | EagerTensor):
        return [int(n) for n in numpy_of(shape).reshape(-1)]
    if isinstance(shape, Value):
        return shape
    return [n if isinstance(n, Value) else -1 if n is None else int(n) for n in as_list(shape)]


@operation
def ravel(x: Any) -> Value:
    """All elements along one axis."""
    return op.Reshape(as_value(x), [-1])


@operation
def transpose(x: Any, axes: Any = None) -> Value:
    """The axes in another order, or reversed."""
    x = as_value(x)
    order = list(range(rank_of(x)))[::-1] if axes is None else axes_of(x, list(axes))
    return op.Transpose(x, perm=order) if order != list(range(rank_of(x))) else op.Identity(x)


@operation
def swapaxes(x: Any, axis1: int, axis2: int) -> Value:
    """Two axes in each other's place."""
    x = as_value(x)
    order, a, b = list(range(rank_of(x))), axis_of(x, axis1), axis_of(x, axis2)
    order[a], order[b] = b, a
    return op.Transpose(x, perm=order)


@operation
def moveaxis(x: Any, source: Any, destination: Any) -> Value:
    """Axes at other places, the others in their order."""
    x = as_value(x)
    sources, targets = (axes_of(x, as_list(given)) or [] for given in (source, destination))
    order = [i for i in range(rank_of(x)) if i not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return op.Transpose(x, perm=order)


@operation
def squeeze(x: Any, axis: Any = None) -> Value:
    """Without axes of size 1.

    Raises:
        ValueError: for an axis of another size.
    """
    x = as_value(x)
    shape = x.shape or ()
    if axis is None:
        axes = [i for i, n in enumerate(shape) if n == 1]
    else:
        axes = axes_of(x, axis) or []
        if builtins.any(shape[a] not in (1, None) for a in axes):
            raise ValueError(f"Cannot squeeze axis={axis}, because the dimension is not 1. x.shape={shape}")
    return op.Squeeze(x, axes) if axes else op.Identity(x)


@operation
def expand_dims(x: Any, axis: Any) -> Value:
    """With new axes of size 1."""
    return op.Unsqueeze(as_value(x), [int(a) for a in as_list(axis)])


@operation
def broadcast_to(x: Any, shape: Any) -> Value:
    """The same elements along further and longer axes."""
    x, sizes = as_value(x), _sizes(shape)
    if isinstance(sizes, list):
        sizes = [1 if isinstance(n, int) and n == -1 else n for n in sizes]
    return op.Expand(x, shape_vector(sizes))


@operation
def ndim(x: Any) -> Any:
    """The number of axes."""
    return rank_of(as_value(x))


@operation
def size(x: Any) -> Any:
    """The number of elements, as int32."""
    return in_type(op.Size(as_value(x)), "int32")


@operation
def flip(x: Any, axis: Any = None) -> Value:
    """Back to front along axes, or along all."""
    x = as_value(x)
    axes = axes_of(x, axis)
    return K.reverse(x, list(range(rank_of(x))) if axes is None else axes)


@operation
def fliplr(x: Any) -> Value:
    """Back to front along the second axis."""
    return flip(x, 1)


@operation
def flipud(x: Any) -> Value:
    """Back to front along the first axis."""
    return flip(x, 0)


@operation
def rot90(array: Any, k: int = 1, axes: Any = (0, 1)) -> Value:
    """Turned by ``k`` right angles from the first of two axes to the second.

    Raises:
        ValueError: where there are no such two axes.
    """
    x = as_value(array)
    rank = rank_of(x)
    if rank < 2:
        raise ValueError(f"Input array must have at least 2 dimensions. Received: array.ndim={rank}")
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions.")
    if builtins.any(not -rank <= a < rank for a in axes):
        raise ValueError(f"Invalid axes {axes} for tensor with {rank} dimensions")
    first, second = (axis_of(x, a) for a in axes)
    turns = k % 4
    if turns in (2, 3):
        x = flip(x, [first, second]) if turns == 2 else flip(x, first)
    elif turns == 1:
        x = flip(x, second)
    return swapaxes(x, first, second) if turns % 2 else op.Identity(x)


# --- joining and splitting ----------------------------------------------------------------------------------


def _joinable(xs: Any) -> list[Value]:
    return promoted(*xs) if isinstance(xs, list | tuple) else promoted(*unstacked(as_value(xs)))


def unstacked(x: Value) -> list[Value]:
    """The entries along the first axis."""
    count = known_size(x, 0, "stack")
    return [op.Gather(x, np.int64(i), axis=0) for i in range(count)]


@operation
def concatenate(xs: Any, axis: int | None = 0) -> Value:
    """Tensors joined along an axis."""
    given = _joinable(xs)
    if axis is None:
        return op.Concat(*(op.Reshape(x, [-1]) for x in given), axis=0)
    return op.Concat(*given, axis=axis_of(given[0], axis)) if len(given) > 1 else op.Identity(given[0])


@operation
def stack(x: Any, axis: int = 0) -> Value:
    """Tensors joined along a new axis."""
    given = _joinable(x)
    at = axis if axis >= 0 else axis + rank_of(given[0]) + 1
    return op.Concat(*(op.Unsqueeze(y, [at]) for y in given), axis=at)


def _at_least(x: Value, rank: int) -> Value:
    """With axes of size 1, as numpy adds them before it stacks."""
    if rank == 1:
        return op.Reshape(x, [1]) if rank_of(x) == 0 else x
    x = op.Unsqueeze(x, [0]) if rank_of(x) == 1 else op.Reshape(x, [1, 1]) if rank_of(x) == 0 else x
    return op.Unsqueeze(x, [2]) if rank == 3 and rank_of(x) == 2 else x


@operation
def hstack(xs: Any) -> Value:
    """Joined along the second axis, vectors along their only one."""
    given = [_at_least(x, 1) for x in _joinable(xs)]
    return op.Concat(*given, axis=0 if rank_of(given[0]) == 1 else 1)


@operation
def vstack(xs: Any) -> Value:
    """Joined along the first axis, vectors as rows."""
    return op.Concat(*(_at_least(x, 2) for x in _joinable(xs)), axis=0)


@operation
def dstack(xs: Any) -> Value:
    """Joined along the third axis."""
    return op.Concat(*(_at_least(x, 3) for x in _joinable(xs)), axis=2)


@operation
def append(x1: Any, x2: Any, axis: int | None = None) -> Value:
    """Two joined along an axis, or all elements of both along one."""
    return concatenate([x1, x2], axis)


def _parts(x: Value, bounds: Sequence[int], axis: int) -> list[Value]:
    """The parts between bounds; a bound that lies before the one before makes an empty part."""
    before: list[Any] = [slice(None)] * axis
    total = bounds[-1]
    if builtins.all(a <= b for a, b in itertools.pairwise(bounds)) and len(bounds) > 2:
        found = op.Split(x, np.diff(bounds), axis=axis, outputs=len(bounds) - 1)
        return list(found) if isinstance(found, list | tuple) else [found]
    places = [builtins.min(n, total) for n in bounds]
    return [sliced(x, [*before, slice(a, b)]) for a, b in itertools.pairwise(places)]


@operation
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    """Equal parts, or those between bounds.

    Raises:
        ValueError: if that many equal parts cannot be made.
    """
    x = as_value(x)
    at = axis_of(x, axis)
    total, given = known_size(x, at, "split"), numbers(indices_or_sections)
    if not isinstance(given, int):
        places = [n + total if n < 0 else builtins.min(n, total) for n in given]
        return _parts(x, [0, *places, total], at)
    if total % given:
        raise ValueError(
            f"Received indices_or_sections={given} (interpreted as a number of sections) and axis={axis}, "
            f"but input dimension x.shape[{axis}]={total} is not divisible by {given}. "
            f"Full input shape: x.shape={x.shape}"
        )
    return _parts(x, [total // given * i for i in range(given + 1)], at)


@operation
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    """Parts as equal as can be, or those between bounds."""
    given = numbers(indices_or_sections)
    if not isinstance(given, int):
        return split(x, given, axis)
    x = as_value(x)
    at = axis_of(x, axis)
    each, more = divmod(known_size(x, at, "array_split"), given)
    return _parts(x, [0, *np.cumsum([each + (i < more) for i in range(given)]).tolist()], at)


@operation
def hsplit(x: Any, indices_or_sections: Any) -> list[Value]:
    """Parts along the second axis, of vectors along their only one."""
    return split(x, indices_or_sections, 0 if rank_of(as_value(x)) == 1 else 1)


@operation
def vsplit(x: Any, indices_or_sections: Any) -> list[Value]:
    """Parts along the first axis."""
    return split(x, indices_or_sections, 0)


@operation
def dsplit(x: Any, indices_or_sections: Any) -> list[Value]:
    """Parts along the third axis."""
    return split(x, indices_or_sections, 2)


# --- repeating ----------------------------------------------------------------------------------------------


@operation
def tile(x: Any, repeats: Any) -> Value:
    """Side by side along axes, and along new ones in front."""
    x, times = as_value(x), as_list(numbers(repeats))
    if len(times) > rank_of(x):
        x = op.Unsqueeze(x, list(range(len(times) - rank_of(x))))
    return K.tile(x, times)


@operation
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Value:
    """Each entry so many times in a row."""
    x, times = as_value(x), as_list(numbers(repeats))
    x, at = (op.Reshape(x, [-1]), 0) if axis is None else (x, axis_of(x, axis))
    if len(times) == 1 and isinstance(times[0], int):
        return K.repeat_elements(x, times[0], at)
    if isinstance(times[0], Value):
        raise NotTraceable("`repeat` by counts that a graph has only when it runs.")
    return op.Gather(x, np.repeat(np.arange(known_size(x, at, "repeat")), times), axis=at)


@operation
def roll(x: Any, shift: Any, axis: Any = None) -> Value:
    """Moved along axes, what leaves at one end coming in at the other."""
    x, shifts = as_value(x), as_list(numbers(shift))
    if axis is None:
        flat = _rolled(op.Reshape(x, [-1]), builtins.sum(shifts), 0)
        return op.Reshape(flat, op.Shape(x))
    axes = axes_of(x, as_list(axis)) or []
    shifts = shifts * len(axes) if len(shifts) == 1 else shifts
    for by, at in zip(shifts, axes, strict=True):
        x = _rolled(x, by, at)
    return x


def _rolled(x: Value, by: int, axis: int) -> Value:
    size = (x.shape or ())[axis]
    place = -by if size is None else -by % builtins.max(size, 1)
    if not place:
        return op.Identity(x)
    before: list[Any] = [slice(None)] * axis
    parts = (sliced(x, [*before, slice(place, None)]), sliced(x, [*before, slice(0, place)]))
    return op.Concat(*parts, axis=axis)


# --- padding ------------------------------------------------------------------------------------------------

_BY_ONNX = {"constant": "constant", "reflect": "reflect", "edge": "edge", "wrap": "wrap", "circular": "wrap"}


@operation
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Value:
    """More elements before and after each axis.

    Args:
        pad_width: (before, after) for each axis, for all axes, or one number.
        mode: "constant", "edge", "reflect", "symmetric" or "wrap".

    Raises:
        ValueError: for another mode, or for ``constant_values`` with one that takes none.
    """
    x = as_value(x)
    if constant_values is not None and mode != "constant":
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    widths = np.broadcast_to(np.array(numbers(pad_width), np.int64), (rank_of(x), 2)).tolist()
    if mode == "symmetric":
        for axis, sides in enumerate(widths):
            if builtins.any(sides):
                places = np.pad(np.arange(known_size(x, axis, "pad")), sides, mode="symmetric")
                x = op.Gather(x, places, axis=axis)
        return x
    if mode not in _BY_ONNX:
        raise ValueError(f"`mode` should be one of {[*_BY_ONNX, 'symmetric']}. Received: mode={mode}")
    pads = [before for before, _ in widths] + [after for _, after in widths]
    fill = None if constant_values is None else in_type(constant_values, x.dtype.name)
    if x.dtype.kind == "b":
        return in_type(
            op.Pad(in_type(x, "uint8"), pads, fill and in_type(fill, "uint8"), mode=_BY_ONNX[mode]), "bool"
        )
    return op.Pad(x, pads, fill, mode=_BY_ONNX[mode])


publish(globals())
