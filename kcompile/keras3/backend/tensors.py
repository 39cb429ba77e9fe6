"""Tensors of PyTorch as values of the IR and back: how one text over ``op`` serves both.

A function of the backend is written over values. Called on tensors it computes at once and returns tensors;
called while a step is traced, on values, it emits operators and returns values.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from functools import cache, wraps
from types import FunctionType
from typing import Any, TypeVar

import numpy as np
import torch
from keras.src.backend.common import KerasVariable, dtypes, global_state, standardize_dtype
from keras.src.backend.config import floatx

from kcompile.devices import DeviceNotFoundError
from kcompile.ir import Constant, EagerTensor, StringTensor, Trace, Value, eagerly, interpreter, op
from kcompile.keras import backend as K
from kcompile.torch_bridge.arrays import as_array, as_tensor, torch_dtype
from kcompile.torch_bridge.devices import default_device
from kcompile.torch_bridge.eager_text import TextInterpreter

F = TypeVar("F", bound=Callable[..., Any])


class NotTraceable(TypeError):
    """Something that ONNX has no operators for was asked of symbolic tensors."""


# --- devices ------------------------------------------------------------------------------------------------


@contextmanager
def device_scope(device_name: str) -> Any:
    """Within, tensors are made on this device: ``"cpu"``, ``"gpu:1"``."""
    if not isinstance(device_name, str):
        raise ValueError(
            "Invalid value for argument `device_name`. Expected a string like 'gpu:0' or 'cpu'. "
            f"Received: device_name='{device_name}'"
        )
    device = torch.device(device_name.lower().replace("gpu", "cuda"))
    if device.type == "cuda" and not torch.cuda.is_available():
        raise DeviceNotFoundError(f"There is no device {device_name!r} here.")
    previous = global_state.get_global_attribute("torch_device", None)
    global_state.set_global_attribute("torch_device", device)
    try:
        yield device
    finally:
        global_state.set_global_attribute("torch_device", previous)


def get_device() -> torch.device:
    """Where tensors are made."""
    found = global_state.get_global_attribute("torch_device", None)
    if found is not None:
        return found  # type: ignore[no-any-return]
    return default_device() if _has_gpu() else _CPU


_CPU = torch.device("cpu")
_has_gpu = cache(torch.cuda.is_available)  # which takes longer than a small operator


@cache
def _interpreter_on(device: torch.device) -> TextInterpreter:
    return TextInterpreter(device)


def computing() -> TextInterpreter:
    """What computes at once, on the device of the scope."""
    return _interpreter_on(get_device())


def is_tracing() -> bool:
    """Whether operators are written down here, not computed."""
    return isinstance(interpreter(), Trace)


def is_symbolic(x: Any) -> bool:
    """Whether ``x`` is a value without numbers."""
    return isinstance(x, Value) and not isinstance(x, Constant)


# --- conversion ---------------------------------------------------------------------------------------------


def to_torch_dtype(dtype: Any) -> torch.dtype:
    """The element type of PyTorch by the name that Keras has for it.

    Raises:
        ValueError: for a type that PyTorch lacks.
    """
    name = standardize_dtype(dtype)
    if name == "complex32":
        return torch.complex32
    try:
        return torch_dtype(name)
    except Exception as error:
        raise ValueError(f"Unsupported dtype for PyTorch: {dtype}") from error


def dtype_of(x: Any) -> str:
    """The name that Keras has for the element type of a tensor or value."""
    name: str = standardize_dtype(x.dtype)
    return name


def differ(shape: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether two shapes are certainly not the same; sizes that are open may be any."""
    return len(shape) != len(other) or any(
        isinstance(m, int) and isinstance(n, int) and m != n for m, n in zip(shape, other, strict=True)
    )


_WIDE = {"int32": "int64", "uint32": "uint64", "float32": "float64", "complex64": "complex128"}


@cache
def joined_type(types: tuple[Any, ...], default: str) -> str:
    """The type of what has elements of these, ``int`` and ``float`` being weak; ``default`` is ``floatx``."""
    names = [kind if kind in (int, float) else standardize_dtype(kind) for kind in types]
    found: str = dtypes.result_type(*names)
    wide = _WIDE.get(found)
    return wide if wide is not None and wide in names else found


def holds_value(x: Any) -> bool:
    """Whether there is a value in nested lists."""
    if isinstance(x, list | tuple):
        return any(isinstance(_inner(y), Value) or holds_value(y) for y in x)
    return False


def packed(x: Any) -> Value:
    """Nested lists with values in them as one value."""
    entries = [packed(y) if isinstance(y, list | tuple) else _inner(y) for y in x]
    name = joined_type(
        tuple(type(y) if type(y) in (bool, int, float) else y.dtype for y in entries), floatx()
    )
    return op.Concat(*(op.Unsqueeze(as_value(y, name), [0]) for y in entries), axis=0)


def as_value(x: Any, dtype: Any = None) -> Value:
    """Anything that Keras takes for a tensor as a value of the IR.

    Numbers of Python have the types that Keras gives them: int32 (int64 where they need it), ``floatx``.
    """
    x = _inner(x)
    if isinstance(x, list | tuple) and holds_value(x):
        x = packed(x)
    elif not isinstance(x, Value):
        text = text_of(x)
        x = computing().eager(as_torch(x, dtype)) if text is None else text
    return (
        x if dtype is None or dtype_of(x) == standardize_dtype(dtype) else K.cast(x, standardize_dtype(dtype))
    )


def text_of(x: Any) -> StringTensor | None:
    """Text of any form (``str``, ``bytes``, lists or arrays of them) as a tensor; None for anything else."""
    if isinstance(x, StringTensor):
        return x
    first = x
    while isinstance(first, list | tuple) and first:
        first = first[0]
    is_array = isinstance(first, np.ndarray | np.generic) and first.dtype.kind in "OSU"
    if not is_array and not isinstance(first, str | bytes | StringTensor):
        return None
    try:
        return StringTensor(x, computing())
    except TypeError:  # objects that are no text
        return None


def as_torch(x: Any, dtype: Any = None) -> torch.Tensor:
    """Numbers, nested lists, arrays or tensors as a tensor on the device of the scope.

    Raises:
        TypeError: for symbolic values.
    """
    device = get_device()
    wanted = None if dtype is None else to_torch_dtype(dtype)
    x = _inner(x)
    if isinstance(x, torch.Tensor):
        return x.to(device=device, dtype=wanted or x.dtype)
    if isinstance(x, Value):
        found = computing().tensor(x)
        return found if wanted is None else found.to(wanted)
    if isinstance(x, bool | int | float | complex):
        return torch.as_tensor(x, dtype=wanted or _type_of_number(x), device=device)
    if isinstance(x, list | tuple):
        return _of_list(x, wanted)
    return _of_array(np.asarray(x), wanted).to(device)


def _type_of_number(x: Any) -> torch.dtype:
    if isinstance(x, bool):
        return torch.bool
    if isinstance(x, int):
        return torch.int32 if -(2**31) <= x < 2**31 else torch.int64
    return to_torch_dtype(floatx()) if isinstance(x, float) else torch.complex64


def _of_list(x: Any, wanted: torch.dtype | None) -> torch.Tensor:
    entries = [_inner(entry) for entry in x]
    if any(isinstance(entry, torch.Tensor | EagerTensor) for entry in entries):
        stacked = torch.stack([as_torch(entry) for entry in entries])
        return stacked if wanted is None else stacked.to(wanted)
    if any(isinstance(entry, list | tuple) and _has_tensor(entry) for entry in entries):
        stacked = torch.stack([_of_list(entry, wanted) for entry in entries])
        return stacked if wanted is None else stacked.to(wanted)
    array = np.asarray(entries)
    if wanted is None and array.dtype == np.int64 and array.size:
        small = array.min() >= -(2**31) and array.max() < 2**31
        wanted = torch.int32 if small else torch.int64
    if wanted is None and array.dtype == np.float64 and not _of_float64(entries):
        wanted = to_torch_dtype(floatx())
    return _of_array(array, wanted).to(get_device())


def _has_tensor(x: Any) -> bool:
    if isinstance(x, list | tuple):
        return any(_has_tensor(entry) for entry in x)
    return isinstance(_inner(x), torch.Tensor | EagerTensor)


def _of_float64(entries: Any) -> bool:
    """Whether numbers are numpy's, which have said their type."""
    while isinstance(entries, list | tuple) and entries:
        entries = entries[0]
    return isinstance(entries, np.ndarray | np.generic)


def _of_array(array: np.ndarray, wanted: torch.dtype | None) -> torch.Tensor:
    tensor = as_tensor(array if array.flags.writeable else array.copy())
    return tensor if wanted is None else tensor.to(wanted)


def _inner(x: Any) -> Any:
    """The tensor in a variable; all else as it is."""
    return x.value if isinstance(x, KerasVariable) else x


def numpy_of(x: Any) -> np.ndarray:
    """The numbers of a tensor or value as an array of the caller's own.

    Raises:
        TypeError: for a symbolic one.
    """
    x = _inner(x)
    if isinstance(x, torch.Tensor):
        return np.array(as_array(x))
    if isinstance(x, list | tuple):
        return np.array([numpy_of(entry) for entry in x])
    return np.array(x)


# --- functions ----------------------------------------------------------------------------------------------


class _Depth(threading.local):
    """How deep we are in functions of the backend: only the outermost gives tensors back."""

    inside = False


_depth = _Depth()


def is_within() -> bool:
    """Whether a function of the backend is at work: only values are about."""
    return _depth.inside


def operation(function: F, directly: Callable[..., Any] | None = None) -> F:
    """A function over values as one of the backend: tensors in, tensors out; values in, values out.

    Args:
        directly: computes the same of plain operands, sooner; returns NotImplemented for others.
    """

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _depth.inside:
            return function(*args, **kwargs)
        if directly is not None and interpreter() is None:
            found = directly(*args, **kwargs)
            if found is not NotImplemented:
                return found
        at_once = computing()
        given = [_lifted(x, at_once) for x in args]
        named = {key: _lifted(x, at_once) for key, x in kwargs.items()}
        _depth.inside = True
        try:
            if interpreter() is None:
                with eagerly(at_once):
                    return _lowered(function(*given, **named))
            return function(*given, **named)
        finally:
            _depth.inside = False

    return call  # type: ignore[return-value]


_WHOLE = (torch.float32, torch.float64)


def of_plain(compute: Callable[..., torch.Tensor], numbers: bool = False) -> Callable[..., Any]:
    """PyTorch's own function, of tensors of one type, float32 or float64; its numbers are the operator's.

    Args:
        numbers: whether it takes numbers of Python beside a tensor.
    """

    def call(*given: Any, **named: Any) -> Any:
        if named:
            return NotImplemented
        tensors = [_inner(x) for x in given]
        kind, device = None, computing().device
        for x in tensors:
            if not isinstance(x, torch.Tensor):
                if not numbers or type(x) not in (int, float):
                    return NotImplemented
            elif x.device != device or x.dtype not in _WHOLE or x.dtype is not (kind or x.dtype):
                return NotImplemented
            else:
                kind = x.dtype
        if kind is None:
            return NotImplemented
        try:
            return compute(*tensors)
        except RuntimeError:
            return NotImplemented  # the operator says what is wrong

    return call


def calling_back(function: Callable[..., Any]) -> Callable[..., Any]:
    """A user's function as one of values, to be called from within a function of the backend."""

    def call(*args: Any, **kwargs: Any) -> Any:
        _depth.inside = False
        try:
            with eagerly(interpreter() if is_tracing() else None):
                symbolic = is_tracing()
                given = args if symbolic else [_lowered(x) for x in args]
                found = function(*given, **kwargs)
            return _lifted(found, computing())
        finally:
            _depth.inside = True

    return call


_PLAIN = frozenset((int, float, bool, str, type(None)))


def _lifted(x: Any, at_once: TextInterpreter) -> Any:
    """Tensors and variables as values, in lists, tuples and dicts too."""
    if isinstance(x, torch.Tensor):
        return at_once.eager(x if x.device == at_once.device else x.to(at_once.device))
    if type(x) in _PLAIN:
        return x
    if isinstance(x, list):
        return [_lifted(entry, at_once) for entry in x]
    if type(x) is tuple:
        return tuple([_lifted(entry, at_once) for entry in x])
    if isinstance(x, dict):
        return {key: _lifted(entry, at_once) for key, entry in x.items()}
    inner = _inner(x)
    return x if inner is x else _lifted(inner, at_once)


def _lowered(x: Any) -> Any:
    """Values that were computed as tensors, in lists, tuples and dicts too."""
    if isinstance(x, EagerTensor):
        return _writable(x.tensor)
    if isinstance(x, StringTensor):
        return x
    if isinstance(x, Value):
        return computing().tensor(x)
    if isinstance(x, list):
        return [_lowered(entry) for entry in x]
    if type(x) is tuple:
        return tuple(_lowered(entry) for entry in x)
    if isinstance(x, tuple):  # a namedtuple
        return type(x)(*(_lowered(entry) for entry in x))
    if isinstance(x, dict):
        return {key: _lowered(entry) for key, entry in x.items()}
    return x


def _writable(x: torch.Tensor) -> torch.Tensor:
    """With memory for each element: those of what was expanded share theirs."""
    return x.contiguous() if 0 in x.stride() else x


def eager_only(function: F) -> F:
    """A function of tensors of PyTorch that ONNX cannot say: it refuses to be traced, by name."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            raise NotTraceable(
                f"`{function.__name__}` has no counterpart among ONNX's operators, so it computes at once "
                "and cannot be part of a graph. Compile with run_eagerly=True, or do it outside the model."
            )
        return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def publish(namespace: dict[str, Any], *others: str, imported: bool = False) -> None:
    """Gives a module its ``__all__``: the functions of the backend that it makes, by all their public names.

    Args:
        namespace: ``globals()`` of the module, at its end.
        others: further names.
        imported: whether those count that it imports, or makes of functions of other modules.
    """
    public = {n: f for n, f in namespace.items() if isinstance(f, FunctionType) and not n.startswith("_")}
    made = {n: f for n, f in public.items() if hasattr(f, "__wrapped__")}
    own = {n for n, f in made.items() if imported or f.__module__ == namespace["__name__"]}
    namespace["__all__"] = sorted({*own, *others})


# --- complex numbers ----------------------------------------------------------------------------------------


def is_complex(x: Value) -> bool:
    """Whether a value has complex numbers, which the operators of ONNX do not take."""
    return x.dtype.kind == "c"


@eager_only
def of_complex(function: Callable[..., torch.Tensor], x: Value) -> Value:
    """What a function of PyTorch gives of complex numbers."""
    return as_value(function(as_torch_tensor(x)))


def as_torch_tensor(x: Value) -> torch.Tensor:
    """The numbers of a value that has some."""
    found: torch.Tensor = x.interpreter.tensor(x)  # type: ignore[attr-defined]
    return found
