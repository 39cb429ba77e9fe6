"""Variables of which parts are assigned, by index: ``scatter_nd_update`` and the like of tf.Variable."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Parameter, Value, op
from .tensors import cast_value, tensor


def with_part(variable: Value, key: Any, value: Any, how: str = "assign") -> Value:
    """A tensor with other numbers at an index.

    Args:
        key: of numbers, slices and tensors, as in ``variable[key]``.
        value: numbers, or what is added to those there are; of a shape that can be broadcast.
        how: "assign", "assign_add" or "assign_sub".
    """
    shape = [n for n in variable.shape or () if n is not None]
    places = tensor(np.arange(int(np.prod(shape))).reshape(shape))[key]
    new = tensor(value, variable.dtype)
    if how != "assign":
        part = variable[key]
        new = op.Add(part, new) if how == "assign_add" else op.Sub(part, new)
    new = op.Expand(new, op.Shape(places))
    whole = op.ScatterElements(
        op.Reshape(variable, [-1]),
        op.Reshape(cast_value(places, np.dtype(np.int64)), [-1]),
        op.Reshape(new, [-1]),
    )
    return op.Reshape(whole, shape)


def _at_indices(reduction: str, doc: str, negative: bool = False) -> Callable[..., Any]:
    def scatter(self: Scatters, indices: Any, updates: Any, name: Any = None) -> Any:
        return self._scattered(indices, updates, reduction, negative)

    scatter.__doc__ = f"{doc} at indices, whose last axis says where."
    return scatter


def _of_rows(reduction: str, doc: str, negative: bool = False) -> Callable[..., Any]:
    def scatter(self: Scatters, sparse_delta: Any, use_locking: bool = False, name: Any = None) -> Any:
        indices = op.Unsqueeze(tensor(sparse_delta.indices), [-1])
        return self._scattered(indices, sparse_delta.values, reduction, negative)

    scatter.__doc__ = f"{doc} the rows of ``tf.IndexedSlices``."
    return scatter


class Scatters:
    """The methods of a variable that assign to some of its entries."""

    __slots__ = ()

    scatter_nd_update = _at_indices("none", "Puts updates")
    scatter_nd_add = _at_indices("add", "Adds updates")
    scatter_nd_sub = _at_indices("add", "Subtracts updates", negative=True)
    scatter_nd_max = _at_indices("max", "The larger of what is there and updates")
    scatter_nd_min = _at_indices("min", "The smaller of what is there and updates")
    scatter_update = _of_rows("none", "Puts")
    scatter_add = _of_rows("add", "Adds")
    scatter_sub = _of_rows("add", "Subtracts", negative=True)
    scatter_mul = _of_rows("mul", "Multiplies by")
    scatter_max = _of_rows("max", "The larger of what is there and")
    scatter_min = _of_rows("min", "The smaller of what is there and")

    def sparse_read(self, indices: Any, name: Any = None) -> Value:
        """The rows of these numbers."""
        assert isinstance(self, Parameter)
        return op.Gather(self, cast_value(tensor(indices), np.dtype(np.int64)), axis=0)

    def gather_nd(self, indices: Any, name: Any = None) -> Value:
        """The entries, or parts, at indices, whose last axis says where."""
        assert isinstance(self, Parameter)
        return op.GatherND(self, cast_value(tensor(indices), np.dtype(np.int64)))

    def _scattered(self, indices: Any, updates: Any, reduction: str, negative: bool) -> Any:
        assert isinstance(self, Parameter)
        new = tensor(updates, self.dtype)
        places = cast_value(tensor(indices), np.dtype(np.int64))
        self.assign(op.ScatterND(self, places, op.Neg(new) if negative else new, reduction=reduction))
        return self
