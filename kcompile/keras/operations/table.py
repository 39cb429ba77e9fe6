"""Functions that files call as layers: ``keras.ops`` (Keras 3) and TensorFlow's (tf.keras 2), and what
each emits.

One row per operation, under the name of its class in Keras 3; ``tf_functions`` says which of TensorFlow's
are the same. Names in files are looked up in these two tables and nowhere else.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...ir import Value, claim_steps, op
from .. import activations
from .. import backend as K
from ..backend.einsum import einsum
from ..backend.tensors import shape_vector, static_sizes
from .slices import sliced

_REQUIRED = object()


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        module: that of ``keras.src.ops`` which has it.
        emit: function of the operands and settings, by name.
        operands: names of the arguments of the call, in their order.
        settings: arguments of the constructor, which Keras 3 writes into the config, with their defaults.
    """

    module: str
    emit: Callable[..., Any]
    operands: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


# --- helpers ------------------------------------------------------------------------------------------------


def _tensor(value: Any, like: Any = None) -> Value:
    """A number or nested list as a constant, of the type of ``like`` where that can hold it; whole numbers
    without one are int32, as in both programs."""
    if isinstance(value, Value):
        return value
    if isinstance(value, list | tuple) and any(isinstance(entry, Value) for entry in value):
        return K.stack([_tensor(entry) for entry in value], axis=0)
    array = np.asarray(value)
    if (
        isinstance(value, int | list | tuple)
        and array.dtype == np.int64
        and np.array_equal(array.astype("int32"), array)
    ):
        array = array.astype("int32")
    if isinstance(like, Value) and (like.dtype.kind == "f" or array.dtype.kind in "iub" or not array.size):
        return K.constant(array, dtype=like.dtype.name)
    return K.constant(array, dtype=K.floatx() if array.dtype.kind == "f" else array.dtype.name)


def _unit(rows: int, columns: int) -> np.ndarray:
    """The unit matrix, if a file may ask for one of that size."""
    claim_steps(builtins.max(int(rows), 0) * builtins.max(int(columns), 0), f"a matrix of {rows}x{columns}")
    return np.eye(rows, columns)


def _up_to(count: int) -> np.ndarray:
    """The numbers from 0 on, if a file may ask for so many."""
    claim_steps(builtins.max(int(count), 0), f"{count} numbers")
    return np.arange(count)


def _alike(x: Any, y: Any) -> tuple[Value, Value]:
    """Both operands in one type: numbers in that of the tensor, else the wider one, floats before
    integers."""
    given = x if isinstance(x, Value) else y
    x, y = _tensor(x, given), _tensor(y, given)
    if x.dtype == y.dtype:
        return x, y
    if x.dtype.kind == y.dtype.kind == "f":
        wide = max(x.dtype, y.dtype, key=lambda dtype: dtype.itemsize)
    elif "f" in (x.dtype.kind, y.dtype.kind):
        wide = x.dtype if x.dtype.kind == "f" else y.dtype
    else:
        wide = np.result_type(x.dtype, y.dtype)
    return K.cast(x, wide.name), K.cast(y, wide.name)


def _float(x: Any) -> Value:
    x = _tensor(x)
    return x if x.dtype.kind == "f" else K.cast(x, K.floatx())


def _number(x: Any) -> Value:
    """Truth values as integers, to be added up."""
    x = _tensor(x)
    return K.cast(x, "int32") if x.dtype.kind == "b" else x


def _bool(x: Any) -> Value:
    x = _tensor(x)
    return x if x.dtype.kind == "b" else K.cast(x, "bool")


def _binary(function: Callable[[Any, Any], Any], kind: Callable[[Any], Value] | None = None) -> Operation:
    def emit(x1: Any, x2: Any) -> Any:
        x1, x2 = _alike(x1, x2)
        return function(x1, x2) if kind is None else function(kind(x1), kind(x2))

    return Operation("numpy", emit, ("x1", "x2"))


def _unary(
    function: Callable[..., Any],
    module: str = "numpy",
    kind: Callable[[Any], Value] = _float,
    **settings: Any,
) -> Operation:
    return Operation(module, lambda x, **given: function(kind(x), **given), ("x",), settings)


def _reduction(
    function: Callable[..., Any],
    kind: Callable[[Any], Value] = _float,
    module: str = "numpy",
    join: Callable[[Value, Any], Value] | None = None,
) -> Operation:
    """A reduction; with ``join``, an initial value and a type take part in it."""

    def emit(x: Any, axis: Any = None, keepdims: Any = False, initial: Any = None, dtype: Any = None) -> Any:
        if join is None and (initial is not None or dtype is not None):
            raise ValueError("A reduction has an initial value or a type, which is not here.")
        x = kind(x if dtype is None else K.cast(_tensor(x), dtype))
        found = function(x, axis=axis, keepdims=bool(keepdims))
        return found if join is None or initial is None else join(found, _tensor(initial, found))

    return Operation(module, emit, ("x",), {"axis": None, "keepdims": False, "initial": None, "dtype": None})


def _rank(x: Value) -> int:
    return len(static_sizes(x))


def _axis(x: Value, axis: int) -> int:
    rank = _rank(x)
    if not isinstance(axis, int) or not -rank <= axis < rank:
        raise ValueError(f"The axis {axis!r} is none of a tensor of {rank} axes.")
    return axis % rank


def _size(x: Value, axis: int) -> int:
    size = x.shape[_axis(x, axis)] if x.shape is not None else None
    if not isinstance(size, int):
        raise ValueError(f"The size of axis {axis} must be known here; found the shape {x.shape}.")
    return size


# --- what needs more than an expression ---------------------------------------------------------------------


def _get_item(x: Value, key: Any) -> Value:
    entries = key if isinstance(key, list | tuple) else [key]
    return sliced(x, [_index(entry) for entry in entries])


def _index(entry: Any) -> Any:
    if isinstance(entry, Mapping) and "ellipsis" in entry:
        return Ellipsis
    if isinstance(entry, Mapping) and set(entry) <= {"start", "stop", "step"}:
        limits = [entry.get(name) for name in ("start", "stop", "step")]
        if builtins.all(limit is None or isinstance(limit, int | Value) for limit in limits):
            return slice(*limits)
    if entry is None or isinstance(entry, int | Value):
        return entry
    raise ValueError(f"The index {entry!r} of a slice is not read; whole numbers and slices are.")


def _cast(x: Any, dtype: Any) -> Value:
    return K.cast(_tensor(x), dtype)


def _where(condition: Any, x1: Any = None, x2: Any = None) -> Value:
    if x1 is None or x2 is None:
        raise ValueError("A `where` has no values to choose from (x1, x2), which is not here.")
    return op.Where(_bool(condition), *_alike(x1, x2))


def _reshape(x: Value, newshape: Any) -> Value:
    return K.reshape(x, [newshape] if isinstance(newshape, int) else newshape)


def _transpose(x: Value, axes: Any = None) -> Value:
    return K.permute_dimensions(x, axes if axes is not None else list(range(_rank(x)))[::-1])


def _swap_axes(x: Value, axis1: int, axis2: int) -> Value:
    order = list(range(_rank(x)))
    a, b = _axis(x, axis1), _axis(x, axis2)
    order[a], order[b] = b, a
    return K.permute_dimensions(x, order)


def _move_axis(x: Value, source: Any, destination: Any) -> Value:
    sources = [_axis(x, a) for a in (source if isinstance(source, list) else [source])]
    targets = [_axis(x, a) for a in (destination if isinstance(destination, list) else [destination])]
    order = [i for i in range(_rank(x)) if i not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return K.permute_dimensions(x, order)


def _squeeze(x: Value, axis: Any = None) -> Value:
    if axis is None or axis == []:
        axis = [i for i, size in enumerate(x.shape or ()) if size == 1]
    return K.squeeze(x, axis)


def _expand_dims(x: Value, axis: Any) -> Value:
    return op.Unsqueeze(x, axis if isinstance(axis, list) else [axis])


def _concatenate(xs: Sequence[Any], axis: int = 0) -> Value:
    given = next((x for x in xs if isinstance(x, Value)), None)
    return K.concatenate([_tensor(x, given) for x in xs], axis)


def _stack(xs: Sequence[Any], axis: int = 0) -> Value:
    given = next((x for x in xs if isinstance(x, Value)), None)
    return K.stack([_tensor(x, given) for x in xs], axis)


def _split(x: Value, indices_or_sections: Any, axis: int = 0) -> list[Value]:
    size = _size(x, axis)
    if isinstance(indices_or_sections, int):
        count = indices_or_sections
        if count < 1 or size % count:
            raise ValueError(f"A split makes {count} parts of {size}.")
        bounds = list(range(0, size + 1, size // count))
    else:
        bounds = [0, *indices_or_sections, size]
        if sorted(bounds) != bounds:
            raise ValueError(f"A split has the bounds {indices_or_sections} of {size}.")
    outputs = op.Split(x, np.diff(bounds), axis=axis, outputs=len(bounds) - 1)
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def _unstack(x: Value, num: int | None = None, axis: int = 0) -> list[Value]:
    return [op.Squeeze(part, [axis]) for part in _split(x, num or _size(x, axis), axis)]


def _flip(x: Value, axis: Any = None) -> Value:
    return K.reverse(x, list(range(_rank(x))) if axis is None else axis)


def _tile(x: Value, repeats: Any) -> Value:
    repeats = [repeats] if isinstance(repeats, int) else list(repeats)
    return K.tile(x, [1] * (_rank(x) - len(repeats)) + repeats)


def _take(x: Any, indices: Any, axis: int | None = None) -> Value:
    x = op.Reshape(_tensor(x), [-1]) if axis is None else _tensor(x)
    indices = indices if isinstance(indices, Value) else K.constant(np.asarray(indices), dtype="int64")
    return op.Gather(x, indices if indices.dtype.kind == "i" else K.cast(indices, "int64"), axis=axis or 0)


def _arg(reduce: Callable[..., Value]) -> Operation:
    def emit(x: Any, axis: int | None = None, keepdims: bool = False) -> Value:
        x = _float(x) if axis is not None else op.Reshape(_float(x), [-1])
        found = K.cast(reduce(x, axis=0 if axis is None else axis), "int32")
        return op.Unsqueeze(found, [axis]) if keepdims and axis is not None else found

    return Operation("numpy", emit, ("x",), {"axis": None, "keepdims": False})


def _cumulative(function: Callable[..., Value]) -> Operation:
    def emit(x: Any, axis: int | None = None, dtype: Any = None) -> Value:
        if dtype is not None:
            x = K.cast(x, dtype)
        return function(op.Reshape(x, [-1]) if axis is None else x, axis=axis or 0)

    return Operation("numpy", emit, ("x",), {"axis": None, "dtype": None})


def _clip(x: Value, x_min: Any, x_max: Any) -> Value:
    return K.minimum(K.maximum(*_alike(x, x_min)), _alike(x, x_max)[1])


def _round(x: Value, decimals: int = 0) -> Value:
    return op.Round(x) if not decimals else op.Round(x * 10.0**decimals) / 10.0**decimals


def _matmul(x1: Any, x2: Any) -> Value:
    x1, x2 = _alike(x1, x2)
    return op.MatMulInteger(x1, x2) if x1.dtype.name in ("int8", "uint8") else op.MatMul(x1, x2)


def _dot(x1: Any, x2: Any) -> Value:
    x1, x2 = _alike(x1, x2)
    if _rank(x1) == 0 or _rank(x2) == 0:
        return x1 * x2
    return op.MatMul(x1, x2) if _rank(x2) <= 2 else K.dot(x1, x2)


def _einsum(subscripts: str, operands: Sequence[Any]) -> Value:
    given = next(x for x in operands if isinstance(x, Value))
    tensors, equation = [_tensor(x, given) for x in operands], subscripts.replace(" ", "")
    kind = given.dtype
    if kind.kind not in "iu" or kind.itemsize >= 4:
        return einsum(equation, *tensors)
    found = einsum(equation, *(K.cast(x, "int32") for x in tensors))  # nobody sums smaller ones
    return found if kind.name == "int8" else K.cast(found, kind.name)


def _power(x1: Any, x2: Any) -> Value:
    x1, x2 = _alike(x1, x2)
    return K.pow(x1, x2)


def _full_like(x: Value, fill_value: Any, dtype: Any = None) -> Value:
    kind = str(dtype) if dtype else x.dtype.name
    return op.Expand(K.cast(_tensor(fill_value), kind), op.Shape(x))


def _broadcast_to(x: Value, shape: Sequence[Any]) -> Value:
    return op.Expand(x, shape_vector([1 if size in (None, -1) else size for size in shape]))


def _one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Value:
    encoded = K.one_hot(x, num_classes)
    if axis != -1:
        encoded = _move_axis(encoded, -1, axis)
    return K.cast(encoded, dtype) if dtype else encoded


def _top_k(x: Value, k: int | Value, sorted: bool = True) -> list[Value]:
    count = op.Reshape(K.cast(k, "int64"), [1]) if isinstance(k, Value) else [k]
    values, indices = op.TopK(x, count, axis=-1, largest=1, sorted=int(sorted), outputs=2)
    return [values, K.cast(indices, "int32")]


def _normalize(x: Value, axis: Any = -1, order: Any = 2, epsilon: float | None = None) -> Value:
    axes = axis if isinstance(axis, list) else [axis]
    if order != 2:
        norm = K.pow(K.sum(K.pow(K.abs(x), float(order)), axis=axes, keepdims=True), 1.0 / order)
        return x / K.maximum(norm, epsilon if epsilon is not None else K.epsilon())
    smallest = (epsilon if epsilon is not None else K.epsilon()) ** 2
    return x / K.sqrt(K.maximum(K.sum(x * x, axis=axes, keepdims=True), smallest))


def _moments(x: Value, axes: Any, keepdims: bool = False, synchronized: bool = False) -> list[Value]:
    return [K.mean(x, axis=axes, keepdims=bool(keepdims)), K.var(x, axis=axes, keepdims=bool(keepdims))]


def _gelu(x: Value, approximate: bool = True) -> Value:
    return activations.gelu(x, approximate)


def _onnx(op_type: str) -> Callable[[Value], Value]:
    return lambda x: getattr(op, op_type)(x)


def _any(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    return K.any(_bool(x), axis=axis, keepdims=bool(keepdims))


def _all(x: Any, axis: Any = None, keepdims: bool = False) -> Value:
    return K.all(_bool(x), axis=axis, keepdims=bool(keepdims))


def _average(x: Any, weights: Any = None, axis: Any = None) -> Value:
    x = _float(x)
    if weights is None:
        return K.mean(x, axis=axis)
    weights = _tensor(weights, x)
    if _rank(weights) == 1 and isinstance(axis, int):
        weights = op.Reshape(weights, [-1 if i == _axis(x, axis) else 1 for i in range(_rank(x))])
    return K.sum(x * weights, axis=axis) / K.sum(op.Expand(weights, op.Shape(x)), axis=axis)


def _long_division(x: Value, y: Value) -> Value:
    zero = _tensor(0.0, y)
    return op.Where(op.Equal(y, zero), zero, x / op.Where(op.Equal(y, zero), _tensor(1.0, y), y))


def _triangle(upper: int) -> Callable[..., Value]:
    return lambda x, k=0: op.Trilu(x, int(k), upper=upper)


# --- the table ----------------------------------------------------------------------------------------------

_AXIS, _KEEP = {"axis": None}, {"axis": None, "keepdims": False}

OPERATIONS: dict[str, Operation] = {
    "Add": _binary(lambda x, y: x + y),
    "Subtract": _binary(lambda x, y: x - y),
    "Multiply": _binary(lambda x, y: x * y),
    "Divide": _binary(lambda x, y: x / y, _float),
    "TrueDivide": _binary(lambda x, y: x / y, _float),
    "DivideNoNan": _binary(_long_division, _float),
    "FloorDivide": _binary(lambda x, y: x // y),
    "Mod": _binary(lambda x, y: x % y),
    "Power": Operation("numpy", _power, ("x1", "x2")),
    "Maximum": _binary(K.maximum),
    "Minimum": _binary(K.minimum),
    "Hypot": _binary(lambda x, y: K.sqrt(x * x + y * y), _float),
    "Logaddexp": _binary(lambda x, y: K.maximum(x, y) + K.softplus(-K.abs(x - y)), _float),
    "Equal": _binary(op.Equal),
    "NotEqual": _binary(lambda x, y: op.Not(op.Equal(x, y))),
    "Greater": _binary(op.Greater),
    "GreaterEqual": _binary(op.GreaterOrEqual),
    "Less": _binary(op.Less),
    "LessEqual": _binary(op.LessOrEqual),
    "LogicalAnd": _binary(op.And, _bool),
    "LogicalOr": _binary(op.Or, _bool),
    "LogicalXor": _binary(op.Xor, _bool),
    "LogicalNot": _unary(op.Not, kind=_bool),
    "Matmul": Operation("numpy", _matmul, ("x1", "x2")),
    "Dot": Operation("numpy", _dot, ("x1", "x2")),
    "Einsum": Operation("numpy", _einsum, ("operands",), {"subscripts": _REQUIRED}),
    "Where": Operation("numpy", _where, ("condition", "x1", "x2")),
    "Negative": _unary(lambda x: -x, kind=_number),
    "Absolute": _unary(K.abs, kind=_number),
    "Abs": _unary(K.abs, kind=_number),
    "Sign": _unary(K.sign, kind=_number),
    "Square": _unary(lambda x: x * x, kind=_number),
    "Sqrt": _unary(_onnx("Sqrt")),
    "Rsqrt": _unary(lambda x: 1.0 / op.Sqrt(x), "math"),
    "Reciprocal": _unary(lambda x: 1.0 / x),
    "Exp": _unary(K.exp),
    "Exp2": _unary(lambda x: K.exp(x * math.log(2.0))),
    "Expm1": _unary(lambda x: K.exp(x) - 1.0),
    "Log": _unary(K.log),
    "Log1p": _unary(lambda x: K.log(1.0 + x)),
    "Log2": _unary(lambda x: K.log(x) / math.log(2.0)),
    "Log10": _unary(lambda x: K.log(x) / math.log(10.0)),
    "Erf": _unary(_onnx("Erf"), "math"),
    "Sin": _unary(K.sin),
    "Cos": _unary(K.cos),
    "Tan": _unary(_onnx("Tan")),
    "Arcsin": _unary(_onnx("Asin")),
    "Arccos": _unary(_onnx("Acos")),
    "Arctan": _unary(_onnx("Atan")),
    "Sinh": _unary(_onnx("Sinh")),
    "Cosh": _unary(_onnx("Cosh")),
    "Tanh": _unary(K.tanh),
    "Arcsinh": _unary(_onnx("Asinh")),
    "Arccosh": _unary(_onnx("Acosh")),
    "Arctanh": _unary(_onnx("Atanh")),
    "Ceil": _unary(_onnx("Ceil")),
    "Floor": _unary(_onnx("Floor")),
    "Round": _unary(_round, decimals=0),
    "Isnan": _unary(_onnx("IsNaN")),
    "Isinf": _unary(_onnx("IsInf")),
    "Isfinite": _unary(lambda x: op.Not(op.Or(op.IsNaN(x), op.IsInf(x)))),
    "Sum": _reduction(K.sum, _number, join=op.Add),
    "Prod": _reduction(K.prod, _number, join=op.Mul),
    "Mean": _reduction(K.mean),
    "Std": _reduction(K.std),
    "Var": _reduction(K.var),
    "Max": _reduction(K.max, _number, join=K.maximum),
    "Min": _reduction(K.min, _number, join=K.minimum),
    "Amax": _reduction(K.max, _number),
    "Amin": _reduction(K.min, _number),
    "Logsumexp": _reduction(K.logsumexp, module="math"),
    "Any": Operation("numpy", _any, ("x",), _KEEP),
    "All": Operation("numpy", _all, ("x",), _KEEP),
    "CountNonzero": Operation(
        "numpy", lambda x, axis=None: K.sum(K.cast(_bool(x), "int32"), axis=axis), ("x",), _AXIS
    ),
    "Average": Operation("numpy", _average, ("x", "weights"), _AXIS),
    "Argmax": _arg(K.argmax),
    "Argmin": _arg(K.argmin),
    "Cumsum": _cumulative(K.cumsum),
    "Cumprod": _cumulative(K.cumprod),
    "Normalize": _unary(_normalize, "nn", axis=-1, order=2, epsilon=None),
    "Moments": _unary(_moments, "nn", axes=_REQUIRED, keepdims=False, synchronized=False),
    "TopK": _unary(_top_k, "math", k=_REQUIRED, sorted=True),
    "Reshape": _unary(_reshape, kind=_tensor, newshape=_REQUIRED),
    "Ravel": _unary(K.flatten, kind=_tensor),
    "Transpose": _unary(_transpose, kind=_tensor, axes=None),
    "Swapaxes": _unary(_swap_axes, kind=_tensor, axis1=_REQUIRED, axis2=_REQUIRED),
    "Moveaxis": _unary(_move_axis, kind=_tensor, source=_REQUIRED, destination=_REQUIRED),
    "ExpandDims": _unary(_expand_dims, kind=_tensor, axis=_REQUIRED),
    "Squeeze": _unary(_squeeze, kind=_tensor, axis=None),
    "BroadcastTo": _unary(_broadcast_to, kind=_tensor, shape=_REQUIRED),
    "Concatenate": Operation("numpy", _concatenate, ("xs",), {"axis": 0}),
    "Stack": Operation("numpy", _stack, ("xs",), {"axis": 0}),
    "Hstack": Operation("numpy", lambda xs: _concatenate(xs, 1), ("xs",)),
    "Vstack": Operation("numpy", lambda xs: _concatenate(xs, 0), ("xs",)),
    "Split": _unary(_split, kind=_tensor, indices_or_sections=_REQUIRED, axis=0),
    "Unstack": _unary(_unstack, "core", kind=_tensor, num=None, axis=0),
    "Flip": _unary(_flip, kind=_tensor, axis=None),
    "Tile": _unary(_tile, kind=_tensor, repeats=_REQUIRED),
    "Take": Operation("numpy", _take, ("x", "indices"), _AXIS),
    "GetItem": Operation("numpy", _get_item, ("x", "key")),
    "Tril": _unary(_triangle(0), kind=_tensor, k=0),
    "Triu": _unary(_triangle(1), kind=_tensor, k=0),
    "Clip": _unary(_clip, kind=_number, x_min=_REQUIRED, x_max=_REQUIRED),
    "Cast": _unary(_cast, "core", kind=_tensor, dtype=_REQUIRED),
    "Copy": _unary(op.Identity, kind=_tensor),
    "ConvertToTensor": _unary(
        lambda x, dtype=None, sparse=None, ragged=None: _cast(x, dtype) if dtype else op.Identity(x),
        "core",
        kind=_tensor,
        dtype=None,
        sparse=None,
        ragged=None,
    ),
    "StopGradient": Operation("core", lambda variable: K.stop_gradient(variable), ("variable",)),
    "ZerosLike": _unary(lambda x, dtype=None: _full_like(x, 0, dtype), kind=_tensor, dtype=None),
    "OnesLike": _unary(lambda x, dtype=None: _full_like(x, 1, dtype), kind=_tensor, dtype=None),
    "FullLike": Operation("numpy", _full_like, ("x", "fill_value"), {"dtype": None}),
    "OneHot": _unary(_one_hot, "nn", kind=_tensor, num_classes=_REQUIRED, axis=-1, dtype=None, sparse=False),
    "Relu": _unary(K.relu, "nn", kind=_number),
    "Relu6": _unary(activations.relu6, "nn"),
    "Sigmoid": _unary(K.sigmoid, "nn"),
    "LogSigmoid": _unary(activations.log_sigmoid, "nn"),
    "Softplus": _unary(K.softplus, "nn"),
    "Softsign": _unary(K.softsign, "nn"),
    "Silu": _unary(activations.silu, "nn"),
    "LeakyRelu": _unary(activations.leaky_relu, "nn", negative_slope=0.2),
    "HardSigmoid": _unary(activations.hard_sigmoid_3, "nn"),
    "HardSilu": _unary(activations.hard_silu, "nn"),
    "HardTanh": _unary(activations.hard_tanh, "nn"),
    "HardShrink": _unary(activations.hard_shrink, "nn", threshold=0.5),
    "SoftShrink": _unary(activations.soft_shrink, "nn", threshold=0.5),
    "TanhShrink": _unary(activations.tanh_shrink, "nn"),
    "Threshold": _unary(activations.threshold, "nn", threshold=_REQUIRED, default_value=_REQUIRED),
    "Squareplus": _unary(activations.squareplus, "nn", b=4),
    "SparsePlus": _unary(activations.sparse_plus, "nn"),
    "SparseSigmoid": _unary(activations.sparse_sigmoid, "nn"),
    "Sparsemax": _unary(activations.sparsemax, "nn", axis=-1),
    "Elu": _unary(activations.elu, "nn", alpha=1.0),
    "Selu": _unary(activations.selu, "nn"),
    "Celu": _unary(activations.celu, "nn", alpha=1.0),
    "Glu": _unary(activations.glu, "nn", axis=-1),
    "Gelu": _unary(_gelu, "nn", approximate=True),
    "Softmax": _unary(K.softmax, "nn", axis=-1),
    "LogSoftmax": _unary(activations.log_softmax, "nn", axis=-1),
}
