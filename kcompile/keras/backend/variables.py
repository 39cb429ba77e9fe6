"""Variables, constants, placeholders; their shapes, types and values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...ir import Constant, Parameter, Value, as_dtype, changing, op, sizes_of, unchanging
from .. import registry, rules
from . import config
from .assignments import Update, Variable
from .execution import as_numbers, numbers
from .tensors import cast_value, claim_elements, filled, refine, static_dims, tensor


def _dtype(dtype: Any) -> np.dtype:
    return as_dtype(config.floatx() if dtype is None else dtype)


def _unique(name: str | None, default: str) -> str:
    if name is not None:
        return name
    number = config.get_uid(f"backend/{default}")
    return default if number == 1 else f"{default}_{number - 1}"


def variable(value: Any, dtype: Any = None, name: str | None = None, constraint: Any = None) -> Parameter:
    """A variable with a first value.

    Args:
        value: number, array, scipy sparse matrix, or a value without free inputs (it is evaluated).
        dtype: element type, floatx by default.
        name: optional name.
        constraint: optional function applied to the variable after each optimizer step.
    """
    if isinstance(value, Value):
        value = get_value(value)
    elif hasattr(value, "toarray"):
        value = value.toarray()
    made = Variable(np.asarray(value, dtype=_dtype(dtype)), _unique(name, "Variable"))
    made.constraint = constraint  # type: ignore[attr-defined]
    return made


def is_variable(x: Any) -> bool:
    """Whether ``x`` is a variable."""
    return isinstance(x, Parameter)


def constant(
    value: Any, dtype: Any = None, shape: Sequence[int] | None = None, name: str | None = None
) -> Constant:
    """A constant of type ``dtype``, floatx by default; its last element fills it up to ``shape``."""
    array = np.asarray(value, dtype=_dtype(dtype))
    if shape is not None:
        array = _filled(array, tuple(int(d) for d in shape))
    return Constant(array, name=name)


def _filled(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if array.shape == shape:
        return array
    count = math.prod(shape)
    claim_elements(shape)
    if array.size > count or not array.size:
        raise ValueError(f"Too many elements provided: {array.size} for a constant of shape {shape}.")
    flat = array.reshape(-1)
    out = np.full(count, flat[-1], array.dtype)
    out[: flat.size] = flat
    return out.reshape(shape)


def placeholder(
    shape: Sequence[int | None] | None = None,
    ndim: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    name: str | None = None,
    ragged: bool | None = False,
) -> Value:
    """A graph input.

    Args:
        shape: sizes, None where dynamic. A dynamic first axis is called ``batch``, so that all inputs of a
            model share it; every other one gets a name of its own.
        ndim: number of axes, where ``shape`` is not given.
        dtype: element type, floatx by default.
        sparse: whether scipy sparse matrices will be fed; they are made dense at the border.
        name: optional name.
        ragged: must be False.

    Raises:
        ValueError: for a ragged one, or a size below 0.
    """
    name = _unique(name, "Placeholder")
    if ragged:
        raise ValueError(f"Placeholder {name!r} cannot be ragged: pad sequences to one length, with a mask.")
    if shape is None and ndim is not None:
        shape = (None,) * ndim
    dims: list[Any] | None = None
    if shape is not None:
        dims = [d if d is None or isinstance(d, str) else int(d) for d in shape]
        if any(isinstance(d, int) and not 0 <= d < 2**63 for d in dims):
            raise ValueError(f"Placeholder {name!r}: a size must be None or from 0 on; found {tuple(shape)}.")
        dims = [("batch" if i == 0 else f"{name}_dim{i}") if d is None else d for i, d in enumerate(dims)]
    made = Value(_dtype(dtype), dims, name)
    if dims is not None:
        made.annotations["_keras_shape"] = tuple(d if isinstance(d, int) else None for d in dims)
    made.annotations["_placeholder"] = True
    made.annotations["_sparse"] = bool(sparse)
    return made


def is_placeholder(x: Any) -> bool:
    """Whether ``x`` was made by K.placeholder or Input."""
    return isinstance(x, Value) and "_placeholder" in x.annotations


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is symbolic: a value, a constant or a variable."""
    return isinstance(x, Value)


def is_symbolic(x: Any) -> bool:
    """Whether ``x`` is a value that depends on something not known yet."""
    return isinstance(x, Value) and not isinstance(x, Constant | Parameter)


def is_keras_tensor(x: Any) -> bool:
    """Whether ``x`` came out of a layer or Input.

    Raises:
        ValueError: if ``x`` is not symbolic at all.
    """
    if not isinstance(x, Value):
        raise ValueError(
            f"Unexpectedly found an instance of type `{type(x)}`. Expected a symbolic tensor instance."
        )
    return "_keras_history" in x.annotations


def is_sparse(tensor: Any) -> bool:
    """Whether ``tensor`` is fed with sparse matrices."""
    return isinstance(tensor, Value) and bool(tensor.annotations.get("_sparse"))


def to_dense(tensor: Any) -> Any:
    """``tensor`` itself: inside a graph everything is dense."""
    if hasattr(tensor, "toarray"):
        return tensor.toarray()
    return op.Identity(tensor) if is_sparse(tensor) else tensor


def shape(x: Any) -> Value:
    """The shape as an int32 vector, computed at run time where it is not known."""
    x = tensor(x)
    if x.dims is not None and all(isinstance(d, int) for d in x.dims):
        return Constant(np.array(x.shape, np.int32))
    return cast_value(op.Shape(sizes_of(x)), np.dtype(np.int32))


def int_shape(x: Any) -> tuple[int | None, ...] | None:
    """The shape as a tuple, None per dynamic axis; None if the number of axes is not known."""
    return x.shape if isinstance(x, Value) else tuple(np.shape(x))


def get_variable_shape(x: Any) -> tuple[int | None, ...] | None:
    """The shape of a variable as a tuple."""
    return int_shape(x)


def ndim(x: Any) -> int | None:
    """The number of axes, None if not known."""
    return x.rank if isinstance(x, Value) else np.ndim(x)


def size(x: Any, name: str | None = None) -> Value:
    """The number of elements, an int32 scalar."""
    x = tensor(x)
    if x.dims is not None and all(isinstance(d, int) for d in x.dims):
        return Constant(np.array(np.prod(x.shape, dtype=np.int64), np.int32))
    return cast_value(op.Size(x), np.dtype(np.int32))


def dtype(x: Any) -> str:
    """The name of the element type."""
    found = x.dtype if isinstance(x, Value) else np.asarray(x).dtype
    return "string" if found.kind == "O" else found.name


def count_params(x: Any) -> int:
    """The number of elements of a variable.

    Raises:
        ValueError: if the shape is not known.
    """
    dims = int_shape(x)
    if dims is None or None in dims:
        raise ValueError(f"K.count_params takes a tensor of known shape; found {x!r}.")
    return int(np.prod([d or 0 for d in dims], dtype=np.int64))


def cast(x: Any, dtype: Any) -> Value:
    """``x`` with another element type."""
    x = tensor(x)
    target = as_dtype(dtype)
    return x if x.dtype == target else cast_value(x, target)


def identity(x: Any, name: str | None = None) -> Value:
    """A new value equal to ``x``. It has the shape and type of ``x``."""
    made = op.Identity(tensor(x))
    made._name = name
    return made


def zeros(shape: Any, dtype: Any = None, name: str | None = None) -> Value:
    """A variable of zeros; a value where the shape is dynamic."""
    return _full(0, shape, dtype, name)


def ones(shape: Any, dtype: Any = None, name: str | None = None) -> Value:
    """A variable of ones; a value where the shape is dynamic."""
    return _full(1, shape, dtype, name)


def _full(value: int, shape: Any, dtype: Any, name: str | None) -> Value:
    dims = static_dims(shape)
    if dims is not None and None not in dims:
        claim_elements(dims)
        return variable(np.full(dims, value, _dtype(dtype)), dtype, name)
    return filled(value, shape, _dtype(dtype))


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Value:
    """Zeros in the shape of ``x``."""
    return _full_like(0, x, dtype)


def ones_like(x: Any, dtype: Any = None, name: str | None = None) -> Value:
    """Ones in the shape of ``x``."""
    return _full_like(1, x, dtype)


def _full_like(value: int, x: Any, dtype: Any) -> Value:
    x = tensor(x)
    target = x.dtype if dtype is None else as_dtype(dtype)
    if x.dims is not None and all(isinstance(d, int) for d in x.dims):
        claim_elements(x.dims)
        return Constant(np.full(x.shape, value, target))
    return refine(filled(value, op.Shape(x), target), x.dims)


def eye(size: Any, dtype: Any = None, name: str | None = None) -> Parameter:
    """A variable: the identity matrix of ``size`` rows, or of (rows, columns)."""
    rows, columns = size if isinstance(size, list | tuple) else (size, size)
    claim_elements((rows, columns))
    return variable(np.eye(rows, columns, dtype=_dtype(dtype)), dtype, name)


def update(x: Parameter, new_x: Any) -> tuple[Parameter, Value]:
    """The update that sets ``x`` to ``new_x``, as the pair that add_update and K.function take.

    In a call of a user's layer by the rules of tf.keras it is done with each call, as ``x.assign`` is.

    ``new_x`` has the shape of ``x``.
    """
    new_x = tensor(new_x, x.dtype)
    return (
        x.assign(new_x) if isinstance(x, Variable) and rules.in_call_told_of_phase() else Update((x, new_x))
    )


def update_add(x: Parameter, increment: Any) -> tuple[Parameter, Value]:
    """The update that adds ``increment`` to ``x``; see ``update``."""
    return update(x, x + increment)


def update_sub(x: Parameter, decrement: Any) -> tuple[Parameter, Value]:
    """The update that subtracts ``decrement`` from ``x``; see ``update``."""
    return update(x, x - decrement)


def moving_average_update(x: Parameter, value: Any, momentum: Any) -> tuple[Parameter, Value]:
    """The update that moves ``x`` towards ``value``: ``x - (x - value) * (1 - momentum)``; see ``update``."""
    value = tensor(value)
    if value.dtype != x.dtype:
        value = cast(value, x.dtype)
    return update(x, x - (x - value) * (1.0 - momentum))


def get_value(x: Any) -> Any:
    """The value of a variable (a copy), or of anything that has no free inputs: an array, or one of numpy's
    scalars."""
    if isinstance(x, Parameter):
        return as_numbers(x.numpy())
    if isinstance(x, Constant):
        return as_numbers(np.array(x.array))
    if isinstance(x, Value):
        return as_numbers(numbers(x))
    return as_numbers(np.asarray(x))


@rules.with_arguments
def batch_get_value(ops: Iterable[Any]) -> list[Any]:
    """The values of several variables."""
    with unchanging():
        return [get_value(x) for x in ops]


def set_value(x: Parameter, value: Any) -> None:
    """Sets a variable.

    Raises:
        ValueError: if the shape differs.
    """
    if not isinstance(x, Parameter):
        raise TypeError(f"K.set_value sets variables; found {x!r}.")
    x.assign(value)


def batch_set_value(tuples: Iterable[tuple[Parameter, Any]]) -> None:
    """Sets several variables, given as pairs (variable, value)."""
    with changing():
        for x, value in tuples:
            set_value(x, value)


registry.publish(globals())
