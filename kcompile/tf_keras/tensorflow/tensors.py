"""Numbers as eager tensors, and who computes with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from ...ir import (
    Depends,
    EagerTensor,
    Parameter,
    Value,
    depends,
    eagerly,
    interpreter,
    is_emitting,
    tensor_for,
)
from ...ir import as_dtype as numpy_dtype
from ...keras import backend as K
from ...keras.operations.complex_numbers import ComplexTensor, as_complex
from .dtypes import DType, as_dtype
from .interpreter import eager_interpreter
from .text import is_text, text_interpreter, text_of


def computing(arguments: Any) -> AbstractContextManager[Any]:
    """Within, functions of these arguments compute at once if all tensors among them have numbers."""
    tensors = values_in(arguments)
    fixed = Depends.ON_NOTHING if is_emitting() and interpreter() is None else Depends.ON_WEIGHTS
    if any(depends(x) > fixed for x in tensors):
        return nullcontext()
    if any(is_text(x) for x in tensors):
        return eagerly(text_interpreter())
    return nullcontext() if interpreter() is not None else eagerly(eager_interpreter())


def computes_at_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of tensors that is written in operators: of numbers it computes at once."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with computing([args, kwargs]):
            return function(*args, **kwargs)

    return called


def values_in(nest: Any) -> list[Value]:
    """The tensors in lists, tuples and dicts of any depth."""
    if isinstance(nest, Value):
        return [nest]
    if isinstance(nest, Mapping):
        nest = list(nest.values())
    if isinstance(nest, ComplexTensor):
        return [nest.real, nest.imag]
    return [x for entry in nest for x in values_in(entry)] if isinstance(nest, list | tuple) else []


def constant(
    value: Any, dtype: Any = None, shape: Sequence[int] | None = None, name: str | None = None
) -> Value:
    """``tf.constant``: numbers as a tensor; whole numbers of Python are int32, others float32.

    Args:
        value: number, nested list, array or tensor.
        dtype: element type; None for that of the value.
        shape: of the result: the elements are reshaped, a single one fills it.

    Raises:
        TypeError: for values that a tensor of this type does not hold.
    """
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    with computing(tensor):
        array = tensor.numpy()
        filled = np.broadcast_to(array, shape) if array.size == 1 else array.reshape(shape)
        return _eager(filled)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Value:
    """``tf.convert_to_tensor``: a tensor as it is; numbers, lists (of tensors, too) and arrays as one.

    Raises:
        ValueError: for a tensor of another element type, and lists of unequal lengths.
        TypeError: for numbers that the element type does not hold, such as 1.5 in int32.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    value = tensor_for(value)
    if isinstance(value, ComplexTensor) or isinstance(value, np.ndarray) and value.dtype.kind == "c":
        return as_complex(value)  # type: ignore[return-value]
    if isinstance(value, Parameter):
        value = _read(value)
    if isinstance(value, Value):
        if wanted is not None and value.dtype != wanted:
            raise ValueError(
                f"Tensor conversion requested dtype {wanted}, found a tensor of {value.dtype.name}: {value!r}"
            )
        return value
    if isinstance(value, list | tuple) and values_in(value):
        rows = [convert_to_tensor(_as_listed(entry, wanted), dtype) for entry in value]
        with computing(rows):
            return K.stack(rows, axis=0)
    if hasattr(value, "detach"):  # PyTorch's
        if value.requires_grad:
            return convert_to_tensor(eager_interpreter().eager(value), dtype)
        value = value.detach().cpu().numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"Cannot make a tensor of {value!r}: lists of unequal lengths.") from error
    if array.dtype.kind in "OSU" and wanted in (None, "string"):
        return _text(value)
    if array.dtype.kind not in "fiubcV":
        raise ValueError(f"Cannot make a tensor of {value!r}: numbers, truth values and text can be.")
    if wanted is None and not isinstance(value, np.ndarray | np.generic):
        return _eager(_by_default(array))
    return _eager(array if wanted is None else _cast(array, wanted))


def _as_listed(entry: Any, wanted: DType | None) -> Any:
    """A tensor of numbers within a list, of floats in the type that is wanted."""
    is_float = isinstance(entry, EagerTensor) and entry.dtype.kind == "f"
    return K.cast(entry, str(wanted)) if is_float and wanted is not None and wanted.is_floating else entry


def _text(value: Any) -> Value:
    try:
        return text_of(value)
    except TypeError:
        raise ValueError(
            f"Cannot make a tensor of {value!r}: numbers, truth values and text can be."
        ) from None


def _by_default(array: np.ndarray) -> np.ndarray:
    """Numbers of Python in TensorFlow's types: whole ones that do not fit into int32 are int64."""
    if array.dtype.kind == "i":
        small = array.astype(np.int32)
        return small if np.array_equal(small, array) else array
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _cast(array: np.ndarray, dtype: DType) -> np.ndarray:
    """Numbers in another type; TypeError where a whole type does not hold them."""
    cast = array.astype(numpy_dtype(str(dtype)))
    if dtype.is_integer and not np.array_equal(cast, array):
        raise TypeError(f"Cannot convert {array!r} to an {dtype!r} tensor: it does not hold these numbers.")
    return cast


def _read(variable: Parameter) -> Value:
    """The number of a variable as it is now, through which gradients reach it."""
    with computing(variable):
        return K.identity(variable)


def _eager(array: np.ndarray) -> EagerTensor:
    return eager_interpreter().eager_array(np.array(array))
