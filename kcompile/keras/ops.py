"""``keras.ops``: the functions of Keras 3, over the table of operations that files are read with.

Each is one text for three uses: of symbolic tensors it emits operators, of eager ones it computes at once, of
numbers it gives a tensor that has numbers (``np.asarray``). Names that the table lacks are an AttributeError.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np

from ..ir import Value, claim_steps, op
from . import backend as K
from .backend import loops
from .operations.descriptions import descriptions
from .operations.rows import ROWS
from .operations.table import _tensor
from .utils.generic_utils import did_you_mean

#: Functions whose operation is not called as they are, in camel case.
_CLASSES = {
    **{"abs": "Absolute", "batch_normalization": "BatchNorm", "cdist": "CDist", "fft": "FFT", "fft2": "FFT2"},
    **{"hard_swish": "HardSilu", "ifft2": "IFFT2", "irfft": "IRFFT", "isin": "IsIn", "psnr": "PSNR"},
    **{"layer_normalization": "LayerNorm", "rfft": "RFFT", "rms_normalization": "RMSNorm", "stft": "STFT"},
    **{"searchsorted": "SearchSorted", "swish": "Silu"},
    **{"hsv_to_rgb": "HSVToRGB", "rgb_to_grayscale": "RGBToGrayscale", "rgb_to_hsv": "RGBToHSV"},
}
#: Of functions whose arguments do not stand as operands, then settings: their order.
_ORDER = {
    "average": ("x", "axis", "weights"),
    "batch_normalization": ("x", "mean", "variance", "axis", "offset", "scale", "epsilon"),
    "pad": ("x", "pad_width", "mode", "constant_values"),
}
#: What need not be given, or must be where settings of files have a default, by function.
_OPTIONAL: dict[str, dict[str, Any]] = {
    "average": {"weights": None},
    "batch_normalization": {"axis": inspect.Parameter.empty, "offset": None, "scale": None},
    "dot_product_attention": {"bias": None, "mask": None, "scale": None},
    "isclose": {"rtol": 1e-5, "atol": 1e-8},
    "layer_normalization": {"gamma": None, "beta": None},
    "pad": {"constant_values": None},
    "rms_normalization": {"scale": None},
    "select": {"default": 0},
    "where": {"x1": None, "x2": None},
}
#: Settings that files have, and functions do not.
_OF_FILES = {"initial", "rms_scaling", "num_tokens"}
_EMPTY = inspect.Parameter.empty
_IMAGES = "crop_images extract_patches hsv_to_rgb pad_images resize rgb_to_grayscale rgb_to_hsv".split()


# --- functions of the table ---------------------------------------------------------------------------------


def _row_of(name: str) -> Any:
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    row = ROWS.get(_CLASSES.get(name, camel))
    return row if re.fullmatch("[a-z][a-z0-9_]*", name) else None


@cache
def _function(name: str) -> Callable[..., Any] | None:
    """The function of an operation of the table; None if there is none of that name."""
    row = _row_of(name)
    if row is None:
        return None
    defaults = {key: _EMPTY if type(value) is object else value for key, value in row.settings.items()}
    defaults = {**dict.fromkeys(row.operands, _EMPTY), **defaults, **_OPTIONAL.get(name, {})}
    order = _ORDER.get(name, (*row.operands, *row.settings))
    parameters = [
        inspect.Parameter(key, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=defaults[key])
        for key in order
        if key not in _OF_FILES or name in ("max", "min") and key == "initial"
    ]
    kinds = [p.default is _EMPTY for p in parameters]
    if sorted(kinds, reverse=True) != kinds:
        parameters = [
            p.replace(kind=inspect.Parameter.KEYWORD_ONLY) if p.default is _EMPTY else p for p in parameters
        ]
        parameters.sort(key=lambda p: p.kind)
    signature = inspect.Signature(parameters)

    def function(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        given |= {key: _operand(given[key]) for key in row.operands if key in given}
        return row.emit(**given)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = "\n\n".join(
        filter(None, (descriptions().get(name), f"As in Keras 3: ``{name}{signature}``."))
    )
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _operand(value: Any) -> Any:
    """Arrays as tensors, in lists too; numbers stay, to take the type of a tensor beside them."""
    if isinstance(value, np.ndarray | np.generic):
        return _tensor(value)
    if isinstance(value, list | tuple) and any(isinstance(x, Value | np.ndarray) for x in value):
        return [_operand(x) for x in value]
    return value


# --- functions of shapes and types --------------------------------------------------------------------------


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes of a tensor: integers, and scalar tensors where a size is open."""
    x = convert_to_tensor(x)
    sizes = x.shape or ()
    return tuple(K.shape(x)[i] if size is None else size for i, size in enumerate(sizes))


def dtype(x: Any) -> str:
    """The name of a tensor's element type."""
    return str(convert_to_tensor(x).dtype)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor, symbolic or with numbers."""
    return isinstance(x, Value)


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """A tensor of numbers, lists or arrays; a tensor as it is, or cast.

    The shape is that of what is given.
    """
    x = _tensor(x)
    return x if dtype is None else K.cast(x, dtype)


array = convert_to_tensor


def convert_to_numpy(x: Any) -> np.ndarray:
    """The numbers of a tensor.

    An array of the shape of ``x``.

    Raises:
        TypeError: for a symbolic one.
    """
    return np.asarray(x)


def cast(x: Any, dtype: Any) -> Value:
    """``x`` in another element type."""
    return K.cast(_tensor(x), dtype)


def reshape(x: Any, newshape: Any) -> Value:
    """The elements in another shape, whose sizes are integers, scalar tensors or one -1."""
    return K.reshape(_tensor(x), [newshape] if isinstance(newshape, int) else newshape)


def broadcast_to(x: Any, shape: Any) -> Value:
    """``x`` repeated along axes of size 1, and new ones in front, to this shape."""
    return op.Expand(_tensor(x), _sizes(shape))


def _sizes(shape: Any) -> Any:
    sizes = [shape] if isinstance(shape, int | np.integer) else shape
    if isinstance(sizes, Value):
        return K.cast(sizes, "int64")
    if not any(isinstance(size, Value) for size in sizes):
        return np.array([int(size) for size in sizes], np.int64)
    parts = [
        K.cast(K.constant(size, dtype="int32") if not isinstance(size, Value) else size, "int64")
        for size in sizes
    ]
    return op.Concat(*(op.Reshape(part, [1]) for part in parts), axis=0)


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Value:
    """A tensor of this shape with one number, of the default float type unless told."""
    sizes = _sizes(shape)
    if isinstance(sizes, np.ndarray):
        claim_steps(int(np.prod(np.maximum(sizes, 0))), f"a tensor of shape {tuple(sizes)}")
    return op.Expand(K.cast(_tensor(fill_value), dtype or K.floatx()), sizes)


def zeros(shape: Any, dtype: Any = None) -> Value:
    """Zeros."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = None) -> Value:
    """Ones."""
    return full(shape, 1, dtype)


empty = zeros


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Value:
    """Ones on the k-th diagonal of an N x M matrix of zeros."""
    columns = N if M is None else M
    claim_steps(max(N, 0) * max(columns, 0), f"a matrix of {N}x{columns}")
    return K.constant(np.eye(N, columns, k), dtype=dtype or K.floatx())


def identity(n: int, dtype: Any = None) -> Value:
    """The unit matrix."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Value:
    """Ones at and below the k-th diagonal."""
    columns = N if M is None else M
    claim_steps(max(N, 0) * max(columns, 0), f"a matrix of {N}x{columns}")
    return K.constant(np.tri(N, columns, k), dtype=dtype or K.floatx())


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Value:
    """Numbers from ``start`` (0 if only one is given) to below ``stop``; of integers int32."""
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    if not any(isinstance(x, Value) for x in (start, stop, step)):
        claim_steps(max(0, int(np.ceil((stop - start) / step))), "a range of numbers")
        numbers = np.arange(start, stop, step)
        return K.constant(numbers, dtype=dtype or ("int32" if numbers.dtype.kind in "iu" else K.floatx()))
    return op.Range(*(K.cast(_tensor(x), dtype or "int32") for x in (start, stop, step)))


def stack(x: Sequence[Any], axis: int = 0) -> Value:
    """Tensors joined along a new axis."""
    found: Value = ROWS["Stack"].emit(xs=[_operand(entry) for entry in x], axis=axis)
    return found


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Value:
    """Products and sums of tensors by the letters of their axes."""
    found: Value = ROWS["Einsum"].emit(operands=[_tensor(x) for x in operands], subscripts=subscripts)
    return found


# --- control flow -------------------------------------------------------------------------------------------


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What one of two functions gives, by a truth value; of a symbolic one, ONNX's If."""
    if not loops.is_symbolic(pred):
        return true_fn() if pred else false_fn()
    return loops.cond(pred, true_fn, false_fn, _tensor)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """What the function of that number gives for the operands; the nearest one of numbers beyond."""
    last = len(branches) - 1
    if not loops.is_symbolic(index):
        return branches[min(max(int(index), 0), last)](*operands)
    found: Any = lambda: branches[last](*operands)  # noqa: E731
    for i in range(last - 1, -1, -1):
        found = partial(cond, op.LessOrEqual(index, i), partial(branches[i], *operands), found)
    return found()


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: Any = None
) -> Any:
    """``body`` on the variables as long as ``cond`` holds for them; of symbolic ones, ONNX's Loop."""
    several = isinstance(loop_vars, list | tuple)
    variables = tuple(loop_vars) if several else (loop_vars,)
    variables = loops.nest_like(variables, [_tensor(x) for x in loops.leaves_of(variables)])

    def next_ones(values: Any) -> Any:
        made = body(*values)
        return tuple(made) if isinstance(made, list | tuple) else (made,)

    found = loops.repeated(lambda values: cond(*values), next_ones, variables, _tensor, maximum_iterations)
    return found if several else found[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """``value = body_fun(i, value)`` for i from ``lower`` to below ``upper``."""
    limit = K.cast(_tensor(upper), "int32")

    def body(i: Any, value: Any) -> Any:
        return i + 1, body_fun(i, value)

    return while_loop(lambda i, value: i < limit, body, (K.cast(_tensor(lower), "int32"), init_val))[1]


def scan(
    f: Callable[[Any, Any], Any], init: Any, xs: Any = None, length: Any = None, reverse: bool = False,
    unroll: Any = 1,
) -> Any:  # fmt: skip
    """``carry, y = f(carry, x)`` along the first axis: the last carry, and the ys along a new first axis."""
    carried = loops.nest_like(init, [_tensor(x) for x in loops.leaves_of(init)])
    return loops.scanned(f, carried, xs, _tensor, length, reverse)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` on each entry along the first axis, the results along a new first axis."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


def vectorized_map(function: Callable[[Any], Any], elements: Any) -> Any:
    """``function`` of each entry along the first axis, the results along a new first axis."""
    return map(function, elements)


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of an associative function of parts of size 1 along an axis."""
    return loops.accumulated(f, elems, _tensor, reverse, axis)


# --- names --------------------------------------------------------------------------------------------------


def _find(name: str) -> Any:
    if name == "image":
        return _part("image", [*_IMAGES])
    if name in ("numpy", "nn", "linalg"):
        return _part(name, _names())
    return _function(name)


def _part(name: str, names: Sequence[str]) -> ModuleType:
    """``ops.nn`` and its like: the same functions once more."""
    module = ModuleType(f"{__name__}.{name}")
    own = {n: globals().get(n) or _function(n) for n in names}
    vars(module).update({n: function for n, function in own.items() if function is not None})
    return module


@cache
def _names() -> list[str]:
    """All names that are here."""
    of_classes = {of: name for name, of in _CLASSES.items()}
    rows = [of_classes.get(n) or _snake(n) for n in ROWS if n.isidentifier() and n[:1].isupper()]
    own = [n for n, value in globals().items() if inspect.isfunction(value) and not n.startswith("_")]
    own = [n for n in own if globals()[n].__module__ == __name__]
    found = {n for n in rows if _row_of(n) is not None} | {
        *own,
        "array",
        "empty",
        "abs",
        "image",
        "nn",
        "linalg",
    }
    return sorted(found - set(_IMAGES))


def _snake(name: str) -> str:
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def __getattr__(name: str) -> Any:
    found = None if name.startswith("_") else _find(name)
    if found is None or name in _IMAGES:
        near = did_you_mean(name, _names())
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{near}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return _names()
