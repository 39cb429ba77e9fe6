"""TensorFlow's functions of tensors, from the table of operations that files are read with.

Each is one text for two uses: of tensors with numbers it computes at once, of symbolic ones it emits.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ir import Constant, OperatorError, Value, eagerly, format_type, op, tensor_for
from ...keras import backend as K
from ...keras.operations.complex_numbers import (
    COMPLEX,
    PART_BY_PART,
    ComplexTensor,
    as_complex,
    parts_of,
)
from ...keras.operations.rows import ROWS
from ...keras.operations.tensorflow import FUNCTIONS
from ...keras.operations.tensorflow_names import TF_FUNCTIONS
from .api_names import ALIASES
from .composites import composite_in
from .dtypes import as_dtype
from .old_names import with_arguments_of_today
from .tensors import computing, convert_to_tensor
from .text import is_text, text_interpreter, text_of

_REQUIRED = inspect.Parameter.empty


@functools.cache
def function_of(name: str) -> Callable[..., Any] | None:
    """TensorFlow's function of a dotted name without ``tf.``, such as ``math.reduce_sum``; None if it is not
    here.
    """
    name = ALIASES.get(name, name)
    if name in COMPLEX:
        return _at_once(name, COMPLEX[name], inspect.signature(COMPLEX[name]))
    if name in _OWN:
        return _at_once(name, _OWN[name], inspect.signature(_OWN[name]))
    if name in FUNCTIONS:
        return _at_once(name, FUNCTIONS[name], inspect.signature(FUNCTIONS[name]))
    if name in TF_FUNCTIONS:
        return _row(name)
    return None


def names() -> list[str]:
    """The dotted names of all functions of the tables."""
    return sorted({*FUNCTIONS, *TF_FUNCTIONS, *ALIASES, *COMPLEX, *_OWN})


def _row(name: str) -> Callable[..., Any]:
    """A function that is a row of the table under other names of its arguments."""
    operation, arguments = TF_FUNCTIONS[name]
    row = ROWS[operation]
    renamed, parameters = {}, []
    for argument in arguments.split():
        own, _, other = argument.partition("=")
        other, _, stated = other.partition("!")
        default = {"False": False, "True": True}.get(
            stated, int(stated) if stated.lstrip("-").isdigit() else None
        )
        renamed[own] = other
        value = default if stated else row.settings.get(other, _REQUIRED)
        parameters.append(inspect.Parameter(own, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value))

    def function(**given: Any) -> Any:
        return row.emit(**{renamed[key]: value for key, value in given.items()})

    return _at_once(name, function, inspect.Signature(_defaults_last(parameters)))


def _defaults_last(parameters: list[inspect.Parameter]) -> list[inspect.Parameter]:
    """Parameters without a default behind one with a default get None."""
    seen = False
    made = []
    for p in parameters:
        seen = seen or p.default is not _REQUIRED
        made.append(p.replace(default=None) if seen and p.default is _REQUIRED else p)
    return made


def _at_once(name: str, function: Callable[..., Any], signature: inspect.Signature) -> Callable[..., Any]:
    parameters = signature.parameters.values()
    lead = next(iter(signature.parameters), "")
    spread = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "")
    before = list(signature.parameters)[: list(signature.parameters).index(spread)] if spread else []
    defaults = {p.name: p.default for p in parameters if p.default not in (None, _REQUIRED)}

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        kwargs.pop("name", None)
        kwargs = with_arguments_of_today(name, kwargs)
        bound = {**defaults, **signature.bind(*args, **kwargs).arguments}
        if (composite := composite_in(bound.values())) is not None:
            return composite.called_in(name, called, bound)
        like = _leading_type(bound) if name in _OF_ONE_TYPE or name in _AS_THE_FIRST else None
        given = {key: _operand(key, value, like) for key, value in bound.items()}
        if name in PART_BY_PART and (pair := parts_of(given.get(lead))):
            real, imag = (called(**{**given, lead: part}) for part in pair)
            several = isinstance(real, list | tuple)
            return list(map(ComplexTensor, real, imag)) if several else ComplexTensor(real, imag)
        if any(_has_text(value) for key, value in given.items() if key not in _SETTINGS):
            given = {key: value if key in _SETTINGS else _as_text(value) for key, value in given.items()}
        if name in _OF_ONE_TYPE:
            _check_types(name, [given.get(key) for key in list(signature.parameters)[:2]])
        with computing(given):
            return function(*(given.pop(key) for key in before), *given.pop(spread, ()), **given)

    called.__name__ = called.__qualname__ = name.rpartition(".")[2]
    called.__signature__ = signature  # type: ignore[attr-defined]
    return called


#: Functions of two tensors, which TensorFlow takes of one element type alone.
_OF_ONE_TYPE = frozenset(
    f"math.{name}"
    for name in "add subtract multiply truediv divide divide_no_nan floordiv floormod pow maximum minimum "
    "equal not_equal greater greater_equal less less_equal squared_difference atan2 xlogy xdivy".split()
) | {"linalg.matmul", "linalg.matvec", "tensordot"}


#: Others in which arrays of numpy, of 64 bits where nobody said otherwise, take the type of the tensors.
_AS_THE_FIRST = frozenset("concat stack where einsum clip_by_value tensor_scatter_nd_update".split())


def _leading_type(given: dict[str, Any]) -> np.dtype | None:
    """The element type of the first tensor of numbers among the arguments."""
    for key, value in given.items():
        for entry in value if isinstance(value, list | tuple) else [value]:
            numbers = isinstance(entry, Value) and entry.dtype.kind in "iuf"
            if numbers and key not in ("condition", "indices"):
                return np.dtype(entry.dtype)
    return None


def _check_types(name: str, pair: list[Any]) -> None:
    tensors = [x for x in pair if isinstance(x, Value)]
    if len(tensors) == 2 and tensors[0].dtype != tensors[1].dtype:
        raise OperatorError(
            f"tf.{name} takes tensors of one element type; found {format_type(tensors[0])} and "
            f"{format_type(tensors[1])}. tf.cast changes one of them."
        )


class TopK(NamedTuple):
    """What ``tf.math.top_k`` returns."""

    values: Value
    indices: Value


def _top_k(input: Any, k: Any = 1, sorted: bool = True, index_type: Any = "int32") -> TopK:
    values, indices = ROWS["TopK"].emit(x=input, k=k, sorted=sorted)
    return TopK(values, K.cast(indices, str(index_type)))


def _split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None) -> list[Value]:
    """Into so many equal parts, or into parts of these sizes, of which one may be -1 for the rest."""
    tensor = K.constant(value) if not isinstance(value, Value) else value
    if not isinstance(num_or_size_splits, list | tuple):
        return list(ROWS["Split"].emit(x=tensor, indices_or_sections=int(num_or_size_splits), axis=axis))
    sizes = [int(size) for size in num_or_size_splits]
    whole = tensor.shape[axis] if tensor.shape else None
    if -1 in sizes:
        if whole is None:
            raise ValueError("tf.split: the size -1 needs an axis of known size.")
        sizes[sizes.index(-1)] = whole - (sum(sizes) + 1)
    parts = op.Split(tensor, np.array(sizes), axis=axis, outputs=len(sizes))
    return list(parts) if isinstance(parts, tuple) else [parts]


def _abs(x: Any) -> Value:
    return abs(x) if isinstance(x, ComplexTensor) else ROWS["Absolute"].emit(x=x)


def _cast(x: Any, dtype: Any) -> Any:
    if isinstance(x, ComplexTensor):
        part = "float64" if dtype == "complex128" else "float32" if "complex" in str(dtype) else None
        return x.each(lambda y: K.cast(y, part)) if part else K.cast(x.real, str(dtype))
    return as_complex(x) if "complex" in str(dtype) else ROWS["Cast"].emit(x=x, dtype=dtype)


def _fill(dims: Any, value: Any, layout: Any = None) -> Value:
    """A tensor of one number or text."""
    if not isinstance(value, str | bytes):
        return FUNCTIONS["fill"](dims, value)
    with eagerly(text_interpreter()):
        return FUNCTIONS["fill"](dims, text_of(value))


def _zeros(shape: Any, dtype: Any = "float32", layout: Any = None) -> Value:
    """Zeros, or empty texts."""
    if as_dtype(dtype).name == "string":
        return _fill(shape, "")
    return FUNCTIONS["zeros"](shape, dtype)


def _zeros_like(input: Any, dtype: Any = None, layout: Any = None) -> Value:
    """Zeros of the sizes and the type of a tensor; empty texts of text."""
    if dtype is None and isinstance(input, Value) and is_text(input):
        return _fill(op.Shape(input), "")
    return ROWS["ZerosLike"].emit(x=input, dtype=dtype)


#: What TensorFlow has in another form than files.
_OWN: dict[str, Callable[..., Any]] = {
    "cast": _cast,
    "math.abs": _abs,
    "math.top_k": _top_k,
    "split": _split,
    "fill": _fill,
    "zeros": _zeros,
    "zeros_like": _zeros_like,
}

#: Arguments that say how, not what: lists of numbers stay lists.
_SETTINGS = frozenset(
    "axis axes perm shape size num_or_size_splits multiples paddings strides dilations ksize window_shape "
    "dtype out_type out_idx output_type mode side direction method padding data_format output_shape num k "
    "begin repeats shift sizes rates depth target_height "
    "target_width".split()
)


def _has_text(value: Any) -> bool:
    """Whether there are texts in an argument: tensors, or lists of strings."""
    if isinstance(value, list | tuple):
        return any(isinstance(x, str | bytes) or _has_text(x) for x in value)
    return isinstance(value, Value) and is_text(value)


def _is_plain(value: Any) -> bool:
    """Whether it is a list of strings alone."""
    return isinstance(value, list | tuple) and all(isinstance(x, str | bytes) for x in value)


def _as_text(value: Any) -> Any:
    """Strings among text as tensors."""
    if isinstance(value, list | tuple):
        return text_of(value) if _is_plain(value) else [_as_text(entry) for entry in value]
    return text_of(value) if isinstance(value, str | bytes) else value


def _operand(key: str, value: Any, like: np.dtype | None = None) -> Any:
    """An argument as the functions take them: arrays as tensors, or as lists where they are settings.

    Args:
        like: the element type that arrays of numbers take, where it can hold them.
    """
    value = tensor_for(value)
    if key in _SETTINGS and isinstance(value, Constant) and value.dtype.kind in "biu":
        return value.array.tolist()
    if isinstance(value, np.ndarray | np.generic) or hasattr(value, "detach"):
        if key in _SETTINGS:
            return np.asarray(value).tolist()
        kind = getattr(value, "dtype", np.dtype(object))
        taken = (
            like is not None
            and isinstance(kind, np.dtype)
            and kind.kind in ("iuf" if like.kind == "f" else "iu")
        )
        return (
            convert_to_tensor(value, str(like)) if taken and key != "condition" else convert_to_tensor(value)
        )
    if isinstance(value, list | tuple):
        return [_operand(key, entry, like) for entry in value]
    return value
