"""``tf.experimental.numpy``: NumPy's functions on tensors, which are those of ``keras.ops``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ...ir import Value, op, tensor_for
from ...keras import backend as K
from ...keras import ops
from ..tensorflow.dtypes import DTYPES
from ..tensorflow.tensors import computing, convert_to_tensor

_OF_OPS = """
abs add all amax amin angle any append arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh
argmax argmin argsort average bitwise_and bitwise_not bitwise_or bitwise_xor broadcast_to cbrt ceil
clip concatenate conj conjugate cos cosh count_nonzero cross cumprod cumsum deg2rad diag diagflat
diagonal diff divide dot dsplit dstack einsum empty empty_like equal exp exp2 expand_dims expm1 eye
flip fliplr flipud floor floor_divide full full_like geomspace greater greater_equal heaviside
hsplit hstack hypot identity imag inner isclose isfinite isinf isnan isneginf isposinf isreal kron
less less_equal linspace log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not
logical_or logical_xor logspace matmul max maximum mean meshgrid min minimum mod moveaxis multiply
nanmean nanprod nansum ndim negative not_equal ones ones_like outer pad power prod ptp rad2deg ravel
real reciprocal repeat reshape roll rot90 round select shape sign signbit sin sinc sinh size sort
split sqrt square squeeze stack std subtract sum swapaxes take take_along_axis tan tanh tensordot
tile trace transpose tri tril triu true_divide vander var vdot vsplit vstack where zeros zeros_like
""".split()
_RENAMED = {"absolute": "abs", "around": "round", "fabs": "abs", "flatten": "ravel", "remainder": "mod"}
#: What NumPy calls a first argument.
_FIRST = ("a", "ary", "m", "z")
_TYPES = """bool_ complex64 complex128 float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32
uint64""".split()


def array(object: Any, dtype: Any = None, copy: bool = True, ndmin: int = 0) -> Value:
    """A tensor of numbers, with axes of size 1 in front where it has fewer than ``ndmin``."""
    found = convert_to_tensor(object)
    with computing(found):
        found = found if dtype is None else K.cast(found, np.dtype(dtype).name)
        for _ in range(ndmin - len(found.shape or ())):
            found = K.expand_dims(found, 0)
    return found


def experimental_enable_numpy_behavior(
    prefer_float32: bool = False, dtype_conversion_mode: Any = None
) -> None:
    """Nothing: tensors behave as they do."""


def _of_tensors(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes arrays and lists as tensors, the first by NumPy's name for it too, and computes
    at once where all have numbers."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if not args:
            args = tuple(kwargs.pop(name) for name in _FIRST if name in kwargs)
        given = [_operand(x) for x in args]
        named = {key: _operand(x) for key, x in kwargs.items()}
        with computing([given, named]):
            return function(*given, **named)

    return called


def _operand(x: Any) -> Any:
    """Arrays, tensors of PyTorch and variables of Keras as tensors, in lists too; all else as it is."""
    if isinstance(x, list | tuple):
        return type(x)(_operand(entry) for entry in x) if type(x) in (list, tuple) else x
    is_array = isinstance(x, np.ndarray) or hasattr(x, "detach")
    return convert_to_tensor(x) if is_array else tensor_for(x)


@_of_tensors
def _normal(*shape: int) -> Value:
    return K.random_normal(shape)


@_of_tensors
def _uniform(low: float = 0.0, high: float = 1.0, size: Any = ()) -> Value:
    return K.random_uniform((size,) if isinstance(size, int) else tuple(size or ()), low, high)


@_of_tensors
def _whole(low: int, high: int | None = None, size: Any = (), dtype: Any = "int64") -> Value:
    low, high = (0, low) if high is None else (low, high)
    shape = (size,) if isinstance(size, int) else tuple(size or ())
    return K.cast(op.Floor(K.random_uniform(shape, low, high)), np.dtype(dtype).name)


def _seed(seed: int) -> None:
    np.random.seed(seed)


random = SimpleNamespace(
    rand=lambda *shape: _uniform(size=shape),
    randint=_whole,
    randn=_normal,
    random=lambda size=(): _uniform(size=size),
    seed=_seed,
    standard_normal=lambda size=(): _normal(*((size,) if isinstance(size, int) else size or ())),
    uniform=_uniform,
)

NUMPY: dict[str, Any] = {
    **{name: _of_tensors(getattr(ops, name)) for name in _OF_OPS},
    **{name: _of_tensors(getattr(ops, other)) for name, other in _RENAMED.items()},
    **{name: DTYPES.get(name, getattr(np, name)) for name in _TYPES},
    **dict.fromkeys(("array", "asarray", "asanyarray", "ascontiguousarray", "copy"), array),
    **{name: getattr(np, name) for name in ("e", "inf", "pi", "newaxis")},
    "experimental_enable_numpy_behavior": experimental_enable_numpy_behavior,
    "ndarray": Value,
    "random": random,
}
