"""TensorFlow's functions of tensors, of ragged ones: element by element, along rows, and what joins rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...ir import Value
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor
from .errors import InvalidArgumentError

#: Functions that look at one element of each argument.
_BY_ELEMENT = frozenset(
    "cast saturate_cast identity stop_gradient zeros_like ones_like where clip_by_value truncatediv "
    "truncatemod nn.relu nn.relu6 nn.elu nn.selu nn.gelu nn.silu nn.swish nn.leaky_relu nn.softplus "
    "nn.softsign nn.sigmoid nn.tanh nn.dropout".split()
) | {
    f"math.{name}"
    for name in "abs acos acosh add angle asin asinh atan atan2 atanh ceil cos cosh digamma divide "
    "divide_no_nan equal erf erfc exp expm1 floor floordiv floormod greater greater_equal is_finite is_inf "
    "is_nan less less_equal lgamma log log1p log_sigmoid logical_and logical_not logical_or logical_xor "
    "maximum minimum mod multiply multiply_no_nan negative not_equal pow reciprocal reciprocal_no_nan "
    "rint round rsqrt sigmoid sign sin sinh softplus softsign sqrt square squared_difference subtract "
    "tan tanh truediv xdivy xlogy".split()
}


def called(ragged: Any, name: str, function: Callable[..., Any], given: dict[str, Any]) -> Any:
    """See ``Composite.called_in``."""
    if name in _BY_ELEMENT:
        return _by_element(ragged, function, given)
    if name.startswith("math.reduce_") and _is_ragged(given.get("input_tensor")):
        return _reduced(name, function, **given)
    own = _OWN.get(name)
    if own is None:
        raise NotImplementedError(f"tf.{name} takes no ragged tensor here: to_tensor() fills its rows up.")
    return own(function, **given)


def _is_ragged(x: Any) -> bool:
    return hasattr(x, "flat_values")


def _of(name: str) -> Callable[..., Any]:
    found = function_of(name)
    assert found is not None
    return found


def _by_element(ragged: Any, function: Callable[..., Any], given: dict[str, Any]) -> Any:
    flat = {key: _flat(x, ragged) for key, x in given.items()}
    return ragged.with_flat_values(function(**flat))


def _flat(x: Any, like: Any) -> Any:
    """The entries of a ragged tensor; of another tensor with an entry for each row those of the rows."""
    if _is_ragged(x):
        own, wanted = x.nested_row_splits, like.nested_row_splits
        same = len(own) == len(wanted) and all(map(np.array_equal, own, wanted))
        if not same:
            raise InvalidArgumentError(f"Ragged tensors of other rows do not go together: {x!r}, {like!r}.")
        return x.flat_values
    if isinstance(x, Value | np.ndarray) and tuple(x.shape or ())[1:] == (1,):
        by_row = _of("gather")(convert_to_tensor(x)[:, 0], like.value_rowids())
        return by_row if not _is_ragged(like.values) else _flat(by_row[:, None], like.values)
    return x


# --- along axes ---------------------------------------------------------------------------------------------


def _reduced(
    name: str, function: Callable[..., Any], input_tensor: Any, axis: Any = None, keepdims: Any = False
) -> Any:
    """A reduction: of all, of each row, of each column, or of what is dense within."""
    x = input_tensor
    if axis is None:
        return function(x.flat_values)
    if isinstance(axis, list | tuple):
        for one in sorted((_axis(x, one) for one in axis), reverse=True):
            x = _of(name)(x, one, keepdims=keepdims) if one or not _is_ragged(x) else function(x, 0)
        return x
    axis = _axis(x, axis)
    if axis > 1:
        return type(x)(_of(name)(x.values, axis - 1, keepdims=bool(keepdims)), x.row_splits)
    if _is_ragged(x.values):
        raise NotImplementedError(
            f"tf.{name} takes the axes of the innermost rows of a ragged tensor, and all."
        )
    places = x.value_rowids() if axis == 1 else _columns(x)
    count = len(x) if axis == 1 else int(np.diff(x.row_splits).max(initial=0))
    found = _by_place(name.removeprefix("math.reduce_"), x.values, places, count)
    return _of("expand_dims")(found, axis) if keepdims else found


def _axis(x: Any, axis: int) -> int:
    return int(axis) + (x.ragged_rank + len(x.flat_values.shape) if axis < 0 else 0)


def _columns(x: Any) -> Value:
    """For each entry its place in the row."""
    splits = np.asarray(x.row_splits)
    return convert_to_tensor(np.arange(splits[-1]) - np.repeat(splits[:-1], np.diff(splits)))


def _by_place(kind: str, values: Any, places: Any, count: int) -> Any:
    def segments(how: str, entries: Any) -> Any:
        return _of(f"math.unsorted_segment_{how}")(entries, places, count)

    if kind in ("any", "all"):  # how many are true, or are not
        truths = values if kind == "any" else _of("math.logical_not")(values)
        counted = segments("sum", _of("cast")(truths, "int32"))
        return counted > 0 if kind == "any" else _of("math.equal")(counted, 0)
    if kind == "mean":
        ones = segments("sum", _of("ones_like")(values))
        return segments("sum", values) / ones
    if kind not in ("sum", "prod", "max", "min"):
        raise NotImplementedError(
            f"tf.reduce_{kind} takes no ragged tensor here: to_tensor() fills its rows up."
        )
    return segments(kind, values)


# --- rows ---------------------------------------------------------------------------------------------------


def _concat(function: Callable[..., Any], values: Any, axis: Any) -> Any:
    kind = type(next(x for x in values if _is_ragged(x)))
    parts = [x if _is_ragged(x) else kind.from_tensor(x) for x in values]
    axis = _axis(parts[0], axis)
    if axis > 1:
        return kind(_of("concat")([x.values for x in parts], axis - 1), parts[0].row_splits)
    joined = _of("concat")([x.values for x in parts], 0)
    lengths = [np.diff(x.row_splits) for x in parts]
    if axis == 0:
        return kind.from_row_lengths(joined, np.concatenate(lengths))
    # the entries of the first row of each part, of the second, and so on
    rows = np.concatenate([np.repeat(np.arange(len(n)), n) for n in lengths])
    order = np.argsort(rows, kind="stable")
    return kind.from_row_lengths(_of("gather")(joined, order), sum(lengths))


def _gathered(
    function: Callable[..., Any], params: Any, indices: Any = None, ids: Any = None, **options: Any
) -> Any:
    indices = ids if indices is None else indices
    if _is_ragged(params):
        rows = [params[int(i)] for i in np.asarray(indices).reshape(-1)]
        lengths = [len(row) for row in rows]
        return type(params).from_row_lengths(_of("concat")(rows, 0), lengths)
    return indices.with_flat_values(_of("gather")(params, indices.flat_values))


def _expanded(function: Callable[..., Any], input: Any, axis: Any = -1) -> Any:
    axis = _axis(input, axis) + (axis < 0)
    if axis == 0:
        return type(input)(input, [0, len(input)])
    if axis == 1:
        return type(input)(input, np.arange(len(input) + 1))
    return type(input)(_of("expand_dims")(input.values, axis - 1), input.row_splits)


_OWN: dict[str, Callable[..., Any]] = {
    "concat": _concat,
    "expand_dims": _expanded,
    "gather": _gathered,
    "nn.embedding_lookup": _gathered,
    "rank": lambda _, input: convert_to_tensor(input.ragged_rank + len(input.flat_values.shape)),
    "size": lambda function, input, **options: function(input.flat_values, **options),
}
