"""Python operators and indexing on values, as backend tensors have them; importing this installs them on
Value."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .eager import EagerTensor
from .emission import as_value, op
from .errors import OperatorError
from .values import Constant, Parameter, Value

Bound = int | Value

_END = np.iinfo(np.int64).max
_BEGIN = np.iinfo(np.int64).min


_rules: ContextVar[Callable[[str, Any, Any], Any] | None] = ContextVar("kcompile_operators", default=None)


@contextmanager
def operators_by(rules: Callable[[str, Any, Any], Any]) -> Iterator[None]:
    """Within, Python's operators of two operands mean what somebody else says: ``rules("add", a, b)``, where
    it does not give None. Front ends have rules of their own for operands of different types."""
    token = _rules.set(rules)
    try:
        yield
    finally:
        _rules.reset(token)


def _is_of_pytorch(x: Value, other: Any) -> bool:
    """Whether the other operand is to compute it: a tensor of PyTorch, through which a gradient may flow."""
    return (
        isinstance(x, EagerTensor)
        and not isinstance(other, Value)
        and hasattr(type(other), "__torch_function__")
    )


def _binary(name: str, function: Callable[[Value, Any], Value]) -> tuple[Callable, Callable]:
    """The method and its reflected twin; the other operand takes the dtype of self."""

    def method(self: Value, other: Any) -> Value:
        rules = _rules.get()
        found = None if rules is None else rules(name, self, other)
        if found is None and _is_of_pytorch(self, other):
            return NotImplemented
        return function(self, as_value(other, like=self)) if found is None else found

    def reflected(self: Value, other: Any) -> Value:
        rules = _rules.get()
        found = None if rules is None else rules(name, other, self)
        if found is None and _is_of_pytorch(self, other):
            return NotImplemented
        return function(as_value(other, like=self), self) if found is None else found

    return method, reflected


def _truediv(a: Value, b: Value) -> Value:
    if a.dtype.kind in "iub":  # ONNX's Div on integers truncates; Python's / does not
        a, b = op.Cast(a, to=_FLOAT), op.Cast(b, to=_FLOAT)
    return op.Div(a, b)


def _floordiv(a: Value, b: Value) -> Value:
    if a.dtype.kind in "iub":
        return op.Div(op.Sub(a, op.Mod(a, b)), b)  # Mod takes the divisor's sign, so this rounds down
    return op.Floor(op.Div(a, b))


def _mod(a: Value, b: Value) -> Value:
    if a.dtype.kind in "iub":
        return op.Mod(a, b)
    return op.Sub(a, op.Mul(op.Floor(op.Div(a, b)), b))


def _logical(bool_op: str, bit_op: str) -> Callable[[Value, Value], Value]:
    return lambda a, b: getattr(op, bool_op if a.dtype == bool else bit_op)(a, b)


_FLOAT, _INT64 = 1, 7  # of TensorProto

_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "add": lambda a, b: op.Add(a, b),
    "sub": lambda a, b: op.Sub(a, b),
    "mul": lambda a, b: op.Mul(a, b),
    "truediv": _truediv,
    "floordiv": _floordiv,
    "mod": _mod,
    "pow": lambda a, b: op.Pow(a, b),
    "matmul": lambda a, b: op.MatMul(a, b),
    "and": _logical("And", "BitwiseAnd"),
    "or": _logical("Or", "BitwiseOr"),
    "xor": _logical("Xor", "BitwiseXor"),
}
_COMPARISONS: dict[str, Callable[[Value, Value], Value]] = {
    "lt": lambda a, b: op.Less(a, b),
    "le": lambda a, b: op.LessOrEqual(a, b),
    "gt": lambda a, b: op.Greater(a, b),
    "ge": lambda a, b: op.GreaterOrEqual(a, b),
}


def index(x: Value, key: Any) -> Value:
    """``x[key]`` for ints, slices, None, Ellipsis, and one list, array or Value of indices. Integers, also
    the bounds and steps of slices, may be symbolic.

    Emits at most one Slice, one Squeeze, one Unsqueeze, and a Gather per index tensor.

    Raises:
        OperatorError: for more indices than axes, or a boolean mask (its result has no static rank to
            train on; use K.switch or tf-style masking by multiplication).
    """
    if isinstance(x, EagerTensor) and not isinstance(key, tuple) and key is not None and _is_mask(key):
        return _chosen(x, as_value(key))
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = _expand_ellipsis(x, keys)
    found = _Indexing.of(x, keys)
    for axis, indices in found.gathers:
        x = op.Gather(x, _index_vector(indices, alone=len(keys) == 1), axis=axis)
    if found.slices:
        axes, starts, ends, steps = zip(*found.slices, strict=True)
        x = op.Slice(x, _vector(starts), _vector(ends), list(axes), _vector(steps))
    if found.squeezed:
        x = op.Squeeze(x, found.squeezed)
    if found.inserted:
        x = op.Unsqueeze(x, found.inserted)
    return x


@dataclass
class _Indexing:
    """What keys ask of the axes of a value.

    Attributes:
        slices: (axis, start, end, step). gathers: (axis, indices).
        squeezed: axes that are left out at the end. inserted: where new ones come then.
    """

    slices: list[tuple[int, Bound, Bound, Bound]] = field(default_factory=list)
    gathers: list[tuple[int, Any]] = field(default_factory=list)
    squeezed: list[int] = field(default_factory=list)
    inserted: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, x: Value, keys: list[Any]) -> _Indexing:
        found, axis = cls(), 0
        for key in keys:
            if key is None:
                found.inserted.append(axis - len(found.squeezed) + len(found.inserted))
                continue
            if _is_mask(key):
                raise OperatorError(
                    f"{x!r} cannot be indexed by a boolean mask; multiply by it, or use K.switch."
                )
            found._add(axis, key)
            axis += 1
        return found

    def _add(self, axis: int, key: Any) -> None:
        if isinstance(key, slice):
            if key != slice(None):
                self.slices.append((axis, *_slice_bounds(key)))
        elif isinstance(key, int | np.integer):
            self.slices.append((axis, int(key), int(key) + 1 if key != -1 else _END, 1))
            self.squeezed.append(axis)
        else:
            self.gathers.append((axis, key))
            if _rank_of_index(key) == 0:
                self.squeezed.append(axis)


def _index_vector(indices: Any, alone: bool) -> Value:
    """Indices as Gather takes them: of one axis, or of more where they are the only index."""
    value = Constant(np.asarray(indices, np.int64)) if isinstance(indices, list) else as_value(indices)
    rank = _rank_of_index(value)
    if rank == 0:
        return op.Unsqueeze(value, [0])
    if rank != 1 and not alone:
        raise OperatorError("an index tensor of more than one axis must be the only index; use K.gather.")
    return value


def _chosen(x: EagerTensor, mask: Value) -> Value:
    """The entries where a mask over the first axes is true; these axes become one."""
    rank = len(mask.dims or ())
    flat = op.Reshape(x, [-1, *x.array.shape[rank:]])
    return op.Compress(flat, op.Reshape(mask, [-1]), axis=0)


def _is_mask(k: Any) -> bool:
    if isinstance(k, slice) or k is Ellipsis:
        return False
    dtype = k.dtype if isinstance(k, Value) else np.asarray(k).dtype
    return dtype.kind == "b"


def _expand_ellipsis(x: Value, keys: list[Any]) -> list[Any]:
    used = sum(k is not None and k is not Ellipsis for k in keys)
    if x.rank is not None and used > x.rank:
        raise OperatorError(f"{x!r} has {x.rank} axes; {used} indices were given.")
    places = [i for i, k in enumerate(keys) if k is Ellipsis]
    if not places:
        return keys
    if len(places) > 1 or x.rank is None:
        raise OperatorError(f"{x!r}: one Ellipsis at most, and only where the rank is known.")
    at = places[0]
    return keys[:at] + [slice(None)] * (x.rank - used) + keys[at + 1 :]


def _slice_bounds(s: slice) -> tuple[Bound, Bound, Bound]:
    start, stop, step = _bound(s.start), _bound(s.stop), 1 if s.step is None else _bound(s.step)
    if isinstance(step, Value):
        forward = op.Greater(step, np.int64(0))
        start = op.Where(forward, np.int64(0), np.int64(_END)) if start is None else start
        stop = op.Where(forward, np.int64(_END), np.int64(_BEGIN)) if stop is None else stop
        return start, stop, step
    if not step:
        raise OperatorError("the step of a slice must not be 0.")
    assert step is not None
    start = (0 if step > 0 else _END) if start is None else start
    return start, (_END if step > 0 else _BEGIN) if stop is None else stop, step


def _bound(bound: Any) -> Bound | None:
    """A bound or step as a number where it is known, as an int64 scalar where not."""
    if isinstance(bound, Constant) and bound.array.size == 1:
        bound = bound.array.reshape(()).item()
    if bound is None:
        return None
    if not isinstance(bound, Value):
        return operator.index(bound)
    if bound.dtype.kind not in "iu" or bound.rank not in (0, None) and bound.shape != (1,):
        raise OperatorError(
            f"the bounds and the step of a slice must be single integers; found {bound!r}. "
            "K.cast(n, 'int32') makes one of a number."
        )
    bound = bound if bound.dtype == np.int64 else op.Cast(bound, to=_INT64)
    return op.Squeeze(bound) if bound.rank else bound


def _vector(bounds: Sequence[Bound]) -> Any:
    """Bounds of several axes as one operand."""
    if not any(isinstance(bound, Value) for bound in bounds):
        return list(bounds)
    parts = [op.Unsqueeze(as_value(np.int64(b) if isinstance(b, int) else b), [0]) for b in bounds]
    return parts[0] if len(parts) == 1 else op.Concat(*parts, axis=0)


def _rank_of_index(k: Any) -> int | None:
    return k.rank if isinstance(k, Value) else np.ndim(k)


def _pow_method(self: Value, other: Any) -> Value:
    rules = _rules.get()
    found = None if rules is None else rules("pow", self, other)
    if found is not None:
        return found  # type: ignore[no-any-return]
    # the exponent of Pow has a type of its own, and squares are common enough to be worth Mul
    if isinstance(other, int | float) and other == 2:
        return op.Mul(self, self)
    return op.Pow(self, as_value(other, like=self))


def _equality(negated: bool) -> Callable[[Value, Any], Any]:
    """``==`` and ``!=`` go element by element, as in TensorFlow 2.

    A result that has no truth value, as it is symbolic or has several elements, stands for identity where
    Python asks for one (``x in list``); only among what was computed at once it is refused.
    """

    def method(self: Value, other: Any) -> Any:
        if other is None or isinstance(self, Parameter) and isinstance(other, Parameter):
            return (self is other) is not negated
        try:
            equal = op.Equal(self, as_value(other, like=self))
        except (OperatorError, TypeError, ValueError):
            return NotImplemented
        found = op.Not(equal) if negated else equal
        if not isinstance(found, EagerTensor):
            found.annotations["_truth"] = (self is other) is not negated
        return found

    return method


def install() -> None:
    """Puts the methods on Value; done once, when kcompile.ir is imported."""
    for name, function in _ARITHMETIC.items():
        method, reflected = _binary(name, function)
        setattr(Value, f"__{name}__", method)
        setattr(Value, f"__r{name}__", reflected)
    for name, function in _COMPARISONS.items():
        setattr(Value, f"__{name}__", _binary(name, function)[0])
    others: dict[str, Callable] = {
        "__pow__": _pow_method,
        "__neg__": lambda self: op.Neg(self),
        "__abs__": lambda self: op.Abs(self),
        "__invert__": lambda self: op.Not(self) if self.dtype == bool else op.BitwiseNot(self),
        "__getitem__": index,
    }
    for name, method in others.items():
        setattr(Value, name, method)
    Value.__eq__ = _equality(negated=False)  # type: ignore[method-assign, assignment]
    Value.__ne__ = _equality(negated=True)  # type: ignore[method-assign, assignment]
