"""Variables, conversion, shape inference and control flow of the backend."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from keras.src import tree
from keras.src.backend.common import KerasVariable
from keras.src.backend.common.backend_utils import slice_along_axis
from keras.src.backend.common.keras_tensor import KerasTensor
from keras.src.backend.common.stateless_scope import (
    StatelessScope,
    get_stateless_scope,
    in_stateless_scope,
)
from keras.src.backend.common.symbolic_scope import SymbolicScope, in_symbolic_scope
from keras.src.backend.common.variables import standardize_dtype

from kcompile.ir import EagerTensor, Parameter, Storage, Trace, Value, as_dtype, interpreter, op
from kcompile.keras import backend as K
from kcompile.keras.backend import loops
from kcompile.torch_bridge import weights

from .tensors import (
    NotTraceable,
    as_torch,
    as_value,
    computing,
    device_scope,
    dtype_of,
    eager_only,
    get_device,
    holds_value,
    is_symbolic,
    is_tracing,
    is_within,
    numpy_of,
    operation,
    packed,
    text_of,
    to_torch_dtype,
)
from .tracing import traced

__all__ = [
    "IS_THREAD_SAFE",
    "SUPPORTS_COMPLEX_DTYPES",
    "SUPPORTS_RAGGED_TENSORS",
    "SUPPORTS_SPARSE_TENSORS",
    "Variable",
    "device_scope",
    "get_device",
    "to_torch_dtype",
]

SUPPORTS_SPARSE_TENSORS = False
SUPPORTS_RAGGED_TENSORS = False
SUPPORTS_COMPLEX_DTYPES = True
IS_THREAD_SAFE = True


_KEPT = "keras3_variable"  # annotation of a variable of the small tensorflow


class Variable(KerasVariable):
    """A weight or state of Keras over a parameter of the IR, whose memory graphs and tensors share.

    Attributes:
        parameter: what graphs read and write; None until the variable has a value.
        order: the axes from outermost to innermost in memory; None for C order.
    """

    parameter: Parameter | None = None
    order: Sequence[int] | None = None

    @classmethod
    def of(cls, parameter: Parameter) -> Variable:
        """The variable of Keras, one for each, that stands for a variable of the small tensorflow."""
        kept = parameter.annotations.get(_KEPT)
        if kept is None:
            name = parameter.name.replace("/", "_")
            kept = cls(parameter.storage.array, trainable=parameter.trainable, name=name)
            kept.parameter = parameter
            parameter.annotations[_KEPT] = kept
        return kept  # type: ignore[no-any-return]

    def _initialize(self, value: Any) -> None:
        tensor = as_torch(value, self._dtype).detach()
        storage = Storage(numpy_of(tensor), self.order)
        self.parameter = Parameter(storage, self._path, self._trainable)
        if isinstance(value, torch.nn.Parameter):  # of a module of PyTorch, whose weight it stays
            weights.share(self.parameter, value)

    def lay_out(self, order: Sequence[int]) -> None:
        """Keeps the numbers with their axes in this order in memory; for who has just made the variable."""
        self.order = order
        if self.parameter is not None:
            self._initialize(self.parameter.storage.array)

    @property
    def _value(self) -> Any:
        if self.parameter is None:
            return None
        return weights.parameter_of(self.parameter, get_device(), self._trainable)

    @_value.setter
    def _value(self, value: Any) -> None:
        if value is None:
            self.parameter = None
        elif self.parameter is None:
            self._initialize(value)
        else:
            self._direct_assign(value)

    def _direct_assign(self, value: Any) -> None:
        here = interpreter()
        assert self.parameter is not None
        if isinstance(here, Trace):
            here.assign([(self.parameter, as_value(value, self._dtype))])
            return
        with torch.no_grad():
            weights.tensor_of(self.parameter, get_device()).copy_(as_torch(value))
        weights.written([self.parameter], get_device())

    def assign(self, value: Any) -> Any:
        """As ``keras.Variable``; a number that is written to a scalar, as metrics do before each batch, is
        no tensor before."""
        is_plain = type(value) in (int, float) and self._shape == () and self.parameter is not None
        if not is_plain or in_stateless_scope() or interpreter() is not None:
            return super().assign(value)
        device = get_device()
        with torch.no_grad():
            found = weights.tensor_of(self.parameter, device).fill_(value)  # type: ignore[arg-type]
            weights.written([self.parameter], device)  # type: ignore[list-item]
            return found.clone()

    def _convert_to_tensor(self, value: Any, dtype: Any = None) -> Any:
        return convert_to_tensor(value, dtype=dtype)

    @property
    def value(self) -> Any:
        """The tensor of PyTorch; while a step is traced, the parameter of the graph."""
        if in_stateless_scope():
            value = get_stateless_scope().get_current_value(self)
            if value is not None:
                return self._maybe_autocast(value)
        if self.parameter is None:
            if is_tracing() or in_symbolic_scope():
                return self._maybe_autocast(Value(as_dtype(self._dtype), self._shape, self._path))
            return self._maybe_autocast(self._initializer(self._shape, dtype=self._dtype))
        return self._maybe_autocast(self.parameter if is_tracing() else self._value)

    @property
    def trainable(self) -> bool:
        """Whether gradients update it."""
        return self._trainable  # type: ignore[no-any-return]

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        if self.parameter is not None:
            self.parameter.trainable = self._trainable

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = [x.value if isinstance(x, Variable) else x for x in args]
        named = {key: x.value if isinstance(x, Variable) else x for key, x in (kwargs or {}).items()}
        return func(*given, **named)

    def __ir_value__(self) -> Value:
        """What functions of the small tensorflow compute with: the weight itself, so that it is trained."""
        return as_value(self.value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        numbers = numpy_of(self.value)
        return numbers if dtype is None else numbers.astype(dtype)

    def __eq__(self, other: object) -> Any:
        try:
            return super().__eq__(other)
        except Exception:
            return False

    __hash__ = KerasVariable.__hash__


# --- conversion ---------------------------------------------------------------------------------------------


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """``x`` as a tensor, a symbolic value as it is, in an element type if one is named.

    Arrays are copied, so that a tensor that is written to leaves them alone.
    """
    if sparse or ragged:
        kind = "sparse" if sparse else "ragged"
        raise ValueError(f"`{kind}=True` is not supported with the kcompile backend")
    x = x.value if isinstance(x, Variable) else x
    is_computed = isinstance(x, EagerTensor) and not (is_tracing() or is_within())  # by the small tensorflow
    if not is_computed and (isinstance(x, Value) or holds_value(x)):
        x = x if isinstance(x, Value) else packed(x)
        return x if dtype is None else cast(x, dtype)
    if not isinstance(x, torch.Tensor) and (text := text_of(x)) is not None:
        return text
    return as_torch(x.copy() if isinstance(x, np.ndarray) else x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """The numbers of a tensor as an array."""
    return numpy_of(x)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor, computed or symbolic."""
    return isinstance(x, torch.Tensor | Value)


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes: integers, and scalar values where a graph leaves one open."""
    if not isinstance(x, Value):
        return tuple(x.shape)
    sizes = tuple(x.shape or ())
    return tuple(op.Gather(op.Shape(x), i) if n is None else n for i, n in enumerate(sizes))


def cast(x: Any, dtype: Any) -> Any:
    """``x`` in another element type."""
    x = x.value if isinstance(x, Variable) else x
    if isinstance(x, Value):
        name = standardize_dtype(dtype)
        return x if dtype_of(x) == name else K.cast(x, name)
    if isinstance(x, torch.Tensor):
        return x.to(to_torch_dtype(dtype))
    return convert_to_tensor(x, dtype)


def random_seed_dtype() -> str:
    """The element type of the states of seed generators."""
    return "int32"


# --- shape inference ----------------------------------------------------------------------------------------


def compute_output_spec(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What ``fn`` gives for symbolic tensors, by writing its operators down.

    What cannot be traced is called on tensors, of two sizes for each open axis, to see which sizes follow.
    If that fails, too, the error is the first one, unless that is about symbolic tensors (a TypeError: code
    that asks for numbers, or gives them to another library).
    """
    try:
        with StatelessScope(), SymbolicScope():
            return _traced_spec(fn, args, kwargs)
    except Exception as error:
        try:
            with StatelessScope():  # not symbolic: variables that are not there yet have numbers, too
                return _spec_by_numbers(fn, args, kwargs)
        except Exception as second:
            is_of_numbers = isinstance(error, TypeError) and not isinstance(second, NotTraceable)
            raise (second if is_of_numbers else error) from None


def _is_open(args: Any, kwargs: Any) -> bool:
    return any(isinstance(x, KerasTensor) and None in x.shape for x in tree.flatten((args, kwargs)))


def _traced_spec(fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    placeholders: list[Value] = []

    def placeholder(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        placeholders.append(Value(as_dtype(x.dtype), x.shape, x.name))
        return placeholders[-1]

    given, named = tree.map_structure(placeholder, (args, kwargs))
    with traced(Trace(placeholders)):
        found = fn(*given, **named)
    return tree.map_structure(_spec, found)


def _spec(x: Any) -> Any:
    x = x.value if isinstance(x, Variable) else x
    return KerasTensor(tuple(x.shape), dtype_of(x)) if is_tensor(x) else x


def _spec_by_numbers(fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    first = _on_ones(fn, args, kwargs, 83)
    if not _is_open(args, kwargs):
        return tree.map_structure(_spec, first)
    second = _on_ones(fn, args, kwargs, 89)

    def joined(x: Any, y: Any) -> Any:
        if not is_tensor(x):
            return x
        sizes = [m if m == n else None for m, n in zip(x.shape, y.shape, strict=True)]
        return KerasTensor(sizes, dtype_of(x))

    return tree.map_structure(joined, first, second)


def _on_ones(fn: Callable[..., Any], args: Any, kwargs: Any, size: int) -> Any:
    def ones(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return x
        sizes = [size if n is None else n for n in x.shape]
        if x.dtype == "string":
            return text_of(np.full(sizes, b"1", object))
        return torch.ones(sizes, dtype=to_torch_dtype(x.dtype), device=get_device())

    given, named = tree.map_structure(ones, (args, kwargs))
    with torch.no_grad():
        return fn(*given, **named)


# --- control flow -------------------------------------------------------------------------------------------


def cond(pred: Any, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """What one of two functions gives, by a truth value; in a graph ONNX's If chooses."""
    if not is_symbolic(pred):
        return true_fn() if pred else false_fn()
    if not is_tracing():
        raise NotTraceable("A `cond` depends on numbers that a graph has only when it runs.")
    return loops.cond(pred, true_fn, false_fn, as_value)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """What the function of that number gives for the operands."""
    index = convert_to_tensor(index, "int32")
    last = len(branches) - 1
    if not is_symbolic(index):
        return branches[builtins.min(builtins.max(int(index), 0), last)](*operands)
    found = partial(branches[last], *operands)
    for i in range(last - 1, -1, -1):
        found = partial(
            cond, op.LessOrEqual(index, as_value(i, "int32")), partial(branches[i], *operands), found
        )
    return found()


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """``body`` on the variables as long as ``cond`` holds for them; in a graph, ONNX's Loop."""
    is_tuple = isinstance(loop_vars, tuple | list)
    state = tuple(loop_vars) if is_tuple else (loop_vars,)
    state = tree.map_structure(convert_to_tensor, state)

    def next_one(state: Any) -> Any:
        found = body(*state)
        return tuple(found) if isinstance(found, list | tuple) else (found,)

    if is_tracing():
        state = loops.repeated(lambda given: cond(*given), next_one, state, as_value, maximum_iterations)
        return state if is_tuple else state[0]
    count = 0
    while (maximum_iterations is None or count < maximum_iterations) and cond(*state):
        state = next_one(state)
        count += 1
    return state if is_tuple else state[0]


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """``val = body_fun(i, val)`` for i from ``lower`` to below ``upper``."""
    if is_tracing():
        first = convert_to_tensor(lower, "int32"), tree.map_structure(convert_to_tensor, init_val)
        limit = convert_to_tensor(upper, "int32")
        return while_loop(lambda i, _: i < limit, lambda i, value: (i + 1, body_fun(i, value)), first)[1]
    value = init_val
    for i in range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def vectorized_map(function: Callable[..., Any], elements: Any) -> Any:
    """``function`` on each entry along the first axis, stacked."""
    if is_tracing():
        return map(function, elements)
    flat = tree.flatten(elements)
    count = flat[0].shape[0]
    rows = [function(tree.map_structure(lambda x, i=i: x[i], elements)) for i in range(count)]
    return tree.map_structure(lambda *each: _stacked(each), *rows)


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f`` on each entry along the first axis, stacked."""
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@operation
def _stacked(entries: Any, axis: int = 0) -> Any:
    return K.stack([as_value(x) for x in entries], axis=axis)


def scan(
    f: Callable[[Any, Any], Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> Any:
    """``carry, y = f(carry, x)`` along the first axis; the last carry and the stacked ys (jax.lax.scan)."""
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}")
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    xs = tree.map_structure(convert_to_tensor, xs) if xs is not None else None
    carry = tree.map_structure(convert_to_tensor, init)
    if is_tracing():
        return loops.scanned(_with_result(f), carry, xs, as_value, length, reverse)
    count = int(length) if length is not None else tree.flatten(xs)[0].shape[0]
    nothing = tree.map_structure(lambda x: x * 0, carry)
    ys = []
    steps = range(count)
    for i in reversed(steps) if reverse else steps:
        entry = None if xs is None else tree.map_structure(lambda x, i=i: x[i], xs)
        carry, y = f(carry, entry)
        ys.append(nothing if y is None else y)
    if reverse:
        ys.reverse()
    return carry, tree.map_structure(lambda *each: _stacked(each), *ys)


def _with_result(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A function of `scan`, with zeros where it has no result for a step."""

    def step(carry: Any, entry: Any) -> Any:
        carry, y = f(carry, entry)
        return carry, tree.map_structure(lambda x: x * 0, carry) if y is None else y

    return step


def associative_scan(f: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """All partial results of an associative function along an axis (jax.lax.associative_scan)."""
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    flat = [convert_to_tensor(x) for x in tree.flatten(elems)]
    counts = {x.shape[axis] for x in flat}
    if len(counts) != 1:
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. (saw: "
            f"{[tuple(x.shape) for x in flat]})"
        )
    (count,) = counts
    if is_tracing():
        return loops.accumulated(f, elems, as_value, reverse, axis)
    parts = [
        tree.pack_sequence_as(elems, [slice_along_axis(x, i, i + 1, axis=axis) for x in flat])
        for i in range(count)
    ]
    parts = parts[::-1] if reverse else parts
    for step in _doubling(count):
        parts = parts[:step] + [f(parts[i - step], parts[i]) for i in range(step, count)]
    parts = parts[::-1] if reverse else parts
    return tree.map_structure(lambda *each: _joined(each, axis), *parts)


def _doubling(count: int) -> list[int]:
    steps = [1]
    while steps[-1] * 2 < count:
        steps.append(steps[-1] * 2)
    return steps if count > 1 else []


@operation
def _joined(parts: Any, axis: int) -> Any:
    return op.Concat(*(as_value(x) for x in parts), axis=axis)


# --- reading and writing parts ------------------------------------------------------------------------------

_REDUCTIONS = {None: "none", "add": "add", "max": "max", "min": "min", "mul": "mul"}


@operation
def scatter(indices: Any, values: Any, shape: Any) -> Any:
    """Zeros of that shape with the values added up at the indices (their last axis says where)."""
    values = as_value(values)
    zeros = op.Expand(as_value(0, dtype_of(values)), np.asarray(shape, np.int64))
    return op.ScatterND(zeros, as_value(indices, "int64"), values, reduction="add")


@operation
def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Any:
    """``inputs`` with the updates put, added, ... at the indices (the last axis says where)."""
    if reduction not in _REDUCTIONS:
        raise ValueError(f"Unsupported reduction: {reduction}")
    inputs = as_value(inputs)
    updates = as_value(updates, dtype_of(inputs))
    return op.ScatterND(inputs, as_value(indices, "int64"), updates, reduction=_REDUCTIONS[reduction])


@operation
def slice(inputs: Any, start_indices: Any, shape: Any) -> Any:
    """The part of that shape from the start on."""
    starts = _positions(start_indices)
    ends = op.Add(starts, _positions(shape))
    return op.Slice(as_value(inputs), starts, ends, np.arange(len(inputs.shape)))


def _positions(indices: Any) -> Value:
    if isinstance(indices, list | tuple) and not holds_value(indices):
        return as_value(np.asarray(indices, np.int64))
    return as_value(convert_to_tensor(indices), "int64")


@operation
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """``inputs`` with the updates from the start on."""
    inputs, updates = as_value(inputs), as_value(updates)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in updates.shape), indexing="ij"), axis=-1)
    places = op.Add(as_value(grid.astype(np.int64)), _positions(start_indices))
    return op.ScatterND(inputs, places, K.cast(updates, dtype_of(inputs)))


@operation
def stop_gradient(variable: Any) -> Any:
    """The same numbers, through which no gradient flows."""
    return op.StopGradient(as_value(variable))


@operation
def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """The entries along an axis."""
    x = as_value(x)
    count = x.shape[axis] if num is None else num
    if count is None:
        raise NotTraceable("`unstack` of an axis of open size needs `num`.")
    parts = op.Split(x, np.ones(count, np.int64), axis=axis, outputs=count)
    return [op.Squeeze(part, [axis]) for part in (parts if isinstance(parts, list | tuple) else [parts])]


# --- gradients ----------------------------------------------------------------------------------------------


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """``f``, computed once more where its gradient is asked for, to keep less in memory."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            return f(*args, **kwargs)
        return torch.utils.checkpoint.checkpoint(f, *args, use_reentrant=False, **kwargs)

    return wrapped


class custom_gradient:
    """A function that gives its result and what its gradient is."""

    def __init__(self, fun: Callable[..., Any]) -> None:
        self.fun = fun

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_tracing():
            return _traced_with_own_gradient(self.fun, *args, **kwargs)
        return _with_own_gradient(self.fun, *args, **kwargs)


def _traced_with_own_gradient(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The results with a gradient that a graph computes where it trains."""
    values = [as_value(x) for x in args]

    def function(*given: Any) -> Any:
        found = fun(*given, **kwargs)
        if not (isinstance(found, tuple) and len(found) == 2 and callable(found[1])):
            return found, lambda *_: [None] * len(given)
        return found[0], lambda *upstream: found[1](*given, upstream=upstream[0])

    return loops.with_gradient(function, values, as_value)


@eager_only
def _with_own_gradient(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return _OwnGradient.apply(fun, kwargs, *args)


class _OwnGradient(torch.autograd.Function):
    """A user's function as one step of autograd."""

    @staticmethod
    def forward(ctx: Any, fun: Callable[..., Any], kwargs: Any, *args: Any) -> Any:
        found = fun(*args, **kwargs)
        ctx.gradient = None
        if isinstance(found, tuple) and len(found) == 2 and callable(found[1]):
            found, ctx.gradient = found
        ctx.save_for_backward(*(x for x in args if isinstance(x, torch.Tensor)))
        ctx.args = [None if isinstance(x, torch.Tensor) else x for x in args]
        return found

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        saved = iter(ctx.saved_tensors)
        args = [next(saved) if x is None else x for x in ctx.args]
        if ctx.gradient is None:
            nan = torch.full((), float("nan"))
            return (None, None, *(nan for _ in args))
        found = ctx.gradient(*args, upstream=upstream[0])
        found = found if isinstance(found, tuple) else (found,)
        return (None, None, *found)


def eager_tensor(x: Any) -> EagerTensor:
    """A tensor as a value with numbers."""
    return computing().eager(as_torch(x))
