"""Recorded operations of Keras as operators: by the table of operations, under the names of their classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from keras import KerasTensor, Variable, tree
from keras.src import backend

from ...ir import Value
from ...keras import backend as K
from ...keras import random
from ...keras.core.operation_layers import VARIADIC
from ...keras.operations.rows import OPERATIONS
from ..errors import UnknownOperationError
from .recording import array_of
from .sizes import Size

Convert = Callable[[Any], Any]


def arguments_of(operation: Any, args: Any, kwargs: Mapping[str, Any], convert: Convert) -> dict[str, Any]:
    """The arguments of a call by the names of the table, each as ``convert`` gives it.

    Args:
        operation: an Operation of Keras that the table has.
        args, kwargs: what it was called with.

    Raises:
        UnknownOperationError: for more tensors than the table's has.
    """
    name = type(operation).__name__
    row = OPERATIONS[name]
    given = [args] if name in VARIADIC else list(args)
    if len(given) > len(row.operands):
        raise UnknownOperationError(
            f"keras.ops's {name!r} with {len(given)} tensors; {', '.join(row.operands)} are read"
        )
    arguments = dict(zip(row.operands, given, strict=False))
    arguments |= {key: getattr(operation, key) for key in row.settings if hasattr(operation, key)}
    known = {key: value for key, value in kwargs.items() if key in (*row.operands, *row.settings)}
    return {key: converted(value, convert) for key, value in {**arguments, **known}.items()}


def converted(value: Any, convert: Convert) -> Any:
    """An argument in the form of files: lists, numbers, text, and what ``convert`` makes of tensors and
    sizes."""
    if isinstance(value, KerasTensor | Variable | Size | np.ndarray) or backend.is_tensor(value):
        return convert(value)
    if isinstance(value, list | tuple):
        return [converted(entry, convert) for entry in value]
    if isinstance(value, dict):
        return {key: converted(entry, convert) for key, entry in value.items()}
    if isinstance(value, slice):
        limits = {"start": value.start, "stop": value.stop, "step": value.step}
        return {key: converted(limit, convert) for key, limit in limits.items()}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, np.generic):
        return value.item()
    return value


def emitted(operation: Any, args: Any, kwargs: Mapping[str, Any], convert: Convert, wide: str) -> Any:
    """What an operation gives, as values.

    Args:
        wide: the floating type of the model, which half types are taken for.

    Raises:
        UnknownOperationError: as ``arguments_of``.
    """
    arguments = arguments_of(operation, args, kwargs, convert)
    name = type(operation).__name__
    if arguments.get("dtype") in _HALF:
        arguments["dtype"] = wide
    if name == "Reshape":
        arguments["newshape"] = _one_open(arguments["newshape"])
    return OPERATIONS[name].emit(**arguments)


_HALF = ("float16", "bfloat16")


def _one_open(sizes: Any) -> Any:
    """A shape whose only open size is -1: what can be worked out needs no computing."""
    if not isinstance(sizes, list) or -1 in [n for n in sizes if not isinstance(n, Value)]:
        return sizes
    computed = [i for i, n in enumerate(sizes) if isinstance(n, Value)]
    return [-1 if i in computed else n for i, n in enumerate(sizes)] if len(computed) == 1 else sizes


# --- functions of the backend -------------------------------------------------------------------------------


def _arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Value:
    return K.arange(start, stop, 1 if step is None else step, dtype or "int32")


def _full(shape: Any, fill_value: Any, dtype: Any = None) -> Value:
    kind = str(dtype or K.floatx())
    return K.cast(
        OPERATIONS["BroadcastTo"].emit(x=K.cast(_tensor(fill_value), kind), shape=_shape(shape)), kind
    )


def _shape(shape: Any) -> list[Any]:
    return list(shape) if isinstance(shape, list | tuple) else [shape]


def _tensor(value: Any) -> Value:
    return value if isinstance(value, Value) else K.constant(np.asarray(value))


def _eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Value:
    rows, columns = K.arange(N), K.arange(N if M is None else M)
    same = K.equal(K.expand_dims(rows, 1) + int(k), K.expand_dims(columns, 0))
    return K.cast(same, str(dtype or K.floatx()))


def _tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Value:
    rows, columns = K.arange(N), K.arange(N if M is None else M)
    below = K.greater_equal(K.expand_dims(rows, 1) + int(k), K.expand_dims(columns, 0))
    return K.cast(below, str(dtype or K.floatx()))


def _linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Value:
    if retstep or axis:
        raise UnknownOperationError("keras.ops's linspace with retstep or axis, which is not read here")
    kind = str(dtype or K.floatx())
    parts = K.cast(K.arange(num), kind)
    gaps = K.cast(_tensor(num), kind) - (1.0 if endpoint else 0.0)
    return parts * ((stop - start) / gaps) + start


def _as_tensor(x: Any, dtype: Any = None, **kwargs: Any) -> Value:
    if isinstance(x, list):
        x = K.stack([K.cast(_tensor(entry), "int64") for entry in x])
    tensor = _tensor(x)
    if dtype is None and tensor.dtype == np.int64:
        dtype = "int32"
    return K.cast(tensor, str(dtype)) if dtype else tensor


def _random(name: str) -> Callable[..., Value]:
    def emit(*args: Any, seed: Any = None, **kwargs: Any) -> Value:
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        drawn: Value = getattr(random, name)(*args, seed=_seed(seed), **kwargs)
        return drawn

    return emit


def _seed(seed: Any) -> int | None:
    """The seed that a generator began with; without one, None."""
    seed = getattr(seed, "_initial_seed", seed)
    return int(seed) if isinstance(seed, int | np.integer) else None


_BACKEND: dict[str, Callable[..., Any]] = {
    "numpy.arange": _arange,
    "numpy.zeros": lambda shape, dtype=None: _full(shape, 0, dtype),
    "numpy.ones": lambda shape, dtype=None: _full(shape, 1, dtype),
    "numpy.full": _full,
    "numpy.eye": _eye,
    "numpy.identity": lambda n, dtype=None: _eye(n, None, 0, dtype),
    "numpy.tri": _tri,
    "numpy.linspace": _linspace,
    "numpy.array": _as_tensor,
    "core.convert_to_tensor": _as_tensor,
    "core.cast": lambda x, dtype: K.cast(_as_tensor(x), str(dtype)),
    "numpy.broadcast_to": lambda x, shape: OPERATIONS["BroadcastTo"].emit(x=_tensor(x), shape=_shape(shape)),
    "numpy.tile": lambda x, repeats: OPERATIONS["Tile"].emit(x=_tensor(x), repeats=repeats),
    "numpy.repeat": lambda x, repeats, axis=None: OPERATIONS["Repeat"].emit(
        x=_tensor(x), repeats=repeats, axis=axis
    ),
    "numpy.reshape": lambda x, newshape: OPERATIONS["Reshape"].emit(x=_tensor(x), newshape=_shape(newshape)),
    **{
        f"random.{name}": _random(name)
        for name in ("normal", "uniform", "truncated_normal", "randint", "categorical", "dropout", "shuffle")
    },
}


def emitted_call(function: str, args: Any, kwargs: Mapping[str, Any], convert: Convert) -> Any:
    """What a function of the backend gives, as values.

    Raises:
        UnknownOperationError: if it is not known here.
    """
    if function not in _BACKEND:
        raise UnknownOperationError(f"keras's {function}, which is not read here")
    given = [converted(x, convert) for x in args]
    named = {key: converted(value, convert) for key, value in kwargs.items()}
    return _BACKEND[function](*given, **named)


def constant(value: Any) -> Value:
    """Numbers of Keras's as a constant."""
    return K.constant(*_typed(array_of(value)))


def _typed(array: np.ndarray) -> tuple[np.ndarray, str]:
    return (
        (array.astype("float32"), "float32") if array.dtype.name == "bfloat16" else (array, array.dtype.name)
    )


def flat(outputs: Any) -> list[Any]:
    """Outputs in the order in which Keras counts them."""
    return list(tree.flatten(outputs))
