"""TensorFlow's lists of tensors, of which ``TensorArray``, ``tf.map_fn`` and ``tf.scan`` are made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...ir import Value, op
from ...keras import backend as K
from ..errors import LiveModelError


@dataclass(frozen=True)
class TensorList:
    """A list of tensors of one shape, stacked; each change makes another one.

    Attributes:
        items: (count, ...); None before the first is there, while their shape is not known.
        count: how many there are: a scalar.
        dtype: of the items.
        shape: of each, where TensorFlow knows it.
    """

    items: Value | None
    count: Value
    dtype: str
    shape: tuple[int, ...] | None = None

    def stacked(self) -> Value:
        """The items.

        Raises:
            LiveModelError: if it is not known of what shape they are.
        """
        if self.items is not None:
            return self.items
        if self.shape is None:
            raise LiveModelError("for a list of tensors of which none was written")
        return self._zeros(self.shape)

    def _zeros(self, sizes: Any) -> Value:
        """As many tensors of these sizes: numbers, or a vector of them."""
        sizes = np.asarray(sizes, np.int64) if isinstance(sizes, tuple) else sizes
        whole = op.Concat(K.reshape(K.cast(self.count, "int64"), [1]), sizes, axis=0)
        return op.ConstantOfShape(whole, value=np.zeros(1, self.dtype))

    def for_items_like(self, item: Value) -> TensorList:
        """The list with zeros for tensors of the shape that one has."""
        if self.items is not None:
            return self
        dims = item.dims
        is_known = dims is not None and all(isinstance(n, int) for n in dims)
        made = self._zeros(dims if is_known else op.Shape(item))
        if dims is not None:
            made.refine([None, *(n if isinstance(n, int) else None for n in dims)])
        return replace(self, items=made)

    def with_item(self, index: Value, item: Value, grows: bool) -> TensorList:
        """The list with a tensor in that place, which may lie behind the last if it grows."""
        whole = self.for_items_like(item)
        if grows:
            whole = whole.grown(op.Add(K.cast(index, "int64"), np.int64(1)))
        assert whole.items is not None
        place = K.reshape(K.cast(index, "int64"), [1, 1])
        items = op.ScatterND(whole.items, place, op.Unsqueeze(item, [0]))
        return replace(whole, items=items)

    def grown(self, count: Value) -> TensorList:
        """The list with zeros behind its last tensor, of so many at least."""
        assert self.items is not None
        length = K.reshape(op.Shape(self.items, start=0, end=1), [])
        more = op.Max(op.Sub(count, length), np.int64(0))
        ends = op.Concat(K.reshape(more, [1]), np.zeros((self.items.rank or 1) - 1, np.int64), axis=0)
        padding = op.Concat(np.zeros(self.items.rank or 1, np.int64), ends, axis=0)
        return replace(self, items=op.Pad(self.items, padding), count=op.Add(length, more))


def _scalar(x: Any) -> Value:
    return K.reshape(x, [])


def _size(items: Value) -> Value:
    return K.reshape(op.Shape(items, start=0, end=1), [])


def _known_shape(shape: Any) -> tuple[int, ...] | None:
    sizes = shape.tolist() if isinstance(shape, np.ndarray) else shape
    if not isinstance(sizes, list) or any(not isinstance(n, int) or n < 0 for n in sizes):
        return None
    return tuple(sizes)


def _reserved(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    shape, count = inputs
    return [TensorList(None, emission.as_value(count), _dtype(emission, each), _known_shape(shape))]


def _empty(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    nothing = emission.as_value(np.int32(0))
    return [TensorList(None, nothing, _dtype(emission, each), _known_shape(inputs[0]))]


def _dtype(emission: Any, each: Any) -> str:
    return emission.emitter.typed(each.get_attr("element_dtype").name)  # type: ignore[no-any-return]


def _of_tensor(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    items = emission.as_value(inputs[0])
    return [TensorList(items, _size(items), K.dtype(items))]


def _item(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    return [op.Gather(inputs[0].stacked(), K.cast(_scalar(emission.as_value(inputs[1])), "int64"), axis=0)]


def _gathered(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    return [op.Gather(inputs[0].stacked(), K.cast(emission.as_value(inputs[1]), "int64"), axis=0)]


def _written(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    found, index, item = inputs[0], *(emission.as_value(x) for x in inputs[1:3])
    return [found.with_item(_scalar(index), item, bool(each.get_attr("resize_if_index_out_of_bounds")))]


def _pushed(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    found, item = inputs[0], emission.as_value(inputs[1])
    count = found.count if found.items is None else _size(found.items)
    return [found.with_item(_scalar(count), item, grows=True)]


def _stack(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    return [inputs[0].stacked()]


def _length(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    found = inputs[0]
    return [K.cast(found.count if found.items is None else _size(found.items), "int32")]


def _joined(emission: Any, each: Any, inputs: list[Any]) -> list[Any]:
    items = inputs[0].stacked()
    rest = [n if isinstance(n, int) else 0 for n in (items.dims or ())[2:]]
    if 0 in rest:
        sizes = op.Concat(np.array([-1], np.int64), op.Shape(items, start=2), axis=0)
        return [op.Reshape(items, sizes), K.cast(op.Shape(items, start=1, end=2), "int64")]
    return [K.reshape(items, [-1, *rest]), K.cast(op.Shape(items, start=1, end=2), "int64")]


#: Operators of lists, and what they give.
OPERATORS = {
    "EmptyTensorList": _empty,
    "TensorListConcatV2": _joined,
    "TensorListFromTensor": _of_tensor,
    "TensorListGather": _gathered,
    "TensorListGetItem": _item,
    "TensorListLength": _length,
    "TensorListPushBack": _pushed,
    "TensorListReserve": _reserved,
    "TensorListSetItem": _written,
    "TensorListStack": _stack,
}


def wrapped(x: Any, like: Any) -> Any:
    """A tensor that stands for a list, as the list that it is."""
    return replace(like, items=x, count=_size(x)) if isinstance(like, TensorList) else x
