"""Loops and branches: ``tf.cond``, ``tf.while_loop``, ``tf.map_fn``, ``tf.scan``, ``tf.TensorArray``.

On numbers they are loops and branches of Python; on symbolic tensors they emit Scan and If.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...ir import Value
from ...keras import backend as K
from ...keras.backend import loops
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor, values_in
from . import nest


def _is_symbolic(value: Any) -> bool:
    return any(loops.is_symbolic(x) for x in values_in(value))


def _stacked(rows: Sequence[Any]) -> Any:
    """Results of one structure each as one structure of tensors with a first axis more."""
    columns = zip(*(nest.flatten(row) for row in rows), strict=True)
    stack = function_of("stack")
    assert stack is not None
    return nest.pack_sequence_as(
        rows[0], [stack([convert_to_tensor(x) for x in column]) for column in columns]
    )


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: Any = None,
) -> Any:
    """What one of two functions without arguments gives: of a symbolic condition both are traced (ONNX If).

    Raises:
        ValueError: where a symbolic condition has branches of different numbers of tensors.
    """
    if true_fn is None or false_fn is None:
        raise TypeError("tf.cond needs true_fn and false_fn.")
    if not _is_symbolic(pred):
        return true_fn() if bool(pred) else false_fn()
    return loops.cond(pred, true_fn, false_fn, convert_to_tensor)


def case(
    pred_fn_pairs: Any, default: Callable[[], Any] | None = None, exclusive: bool = False,
    strict: bool = False, name: str = "case",
) -> Any:  # fmt: skip
    """What the function behind the first condition that holds gives.

    Raises:
        ValueError: where none holds and there is no ``default``.
    """
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, Mapping) else pred_fn_pairs)
    if not pairs:
        if default is None:
            raise ValueError("tf.case: no condition holds, and there is no default.")
        return default()
    (pred, function), *rest = pairs
    if _is_symbolic(pred) and default is None and not rest:
        return function()
    return cond(pred, function, lambda: case(rest, default))


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable[[], Any] | None = None, name: str = "switch_case"
) -> Any:
    """What the function of a number gives; of other numbers ``default``, or the last function."""
    given = branch_fns.items() if isinstance(branch_fns, Mapping) else branch_fns
    functions = dict(enumerate(given) if callable(next(iter(given), None)) else given)
    last = default or functions[max(functions)]
    if not _is_symbolic(branch_index):
        return functions.get(int(branch_index), last)()
    equal = function_of("equal")
    assert equal is not None
    return case([(equal(branch_index, n), function) for n, function in functions.items()], last)


def while_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, shape_invariants: Any = None,
    parallel_iterations: int = 10, back_prop: bool = True, swap_memory: bool = False,
    maximum_iterations: Any = None, name: Any = None,
) -> Any:  # fmt: skip
    """Repeats a function of the variables while a condition of them holds.

    In a graph it is ONNX's Loop where the condition depends on what the graph computes, or holds often; a few
    steps that a number counts are emitted one by one.
    """
    many = isinstance(loop_vars, list | tuple)
    variables = list(loop_vars) if many else [loop_vars]

    def next_ones(values: Any) -> Any:
        made = body(*values)
        return list(made) if isinstance(made, list | tuple) and (many or len(made) == 1) else [made]

    found = loops.repeated(
        lambda values: cond(*values), next_ones, variables, convert_to_tensor, maximum_iterations
    )
    return type(loop_vars)(found) if type(loop_vars) is tuple else found


def map_fn(
    fn: Callable[[Any], Any], elems: Any, dtype: Any = None, parallel_iterations: Any = None,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, name: Any = None,
    fn_output_signature: Any = None,
) -> Any:  # fmt: skip
    """A function of each entry along the first axis, the results along a new first axis.

    Args:
        fn: takes one entry, or a structure of them, and gives a tensor or a structure.
        elems: tensor or structure of tensors.
        fn_output_signature: accepted; results have the types that ``fn`` gives.
    """
    flat = [convert_to_tensor(x) for x in nest.flatten(elems)]
    if not flat:
        raise ValueError("tf.map_fn needs a tensor at least.")
    if _is_symbolic(flat):
        given: Any = tuple(flat) if nest.is_nested(elems) else flat[0]
        return K.map_fn(lambda x: fn(_repacked(elems, x)), given)
    rows = zip(*(list(x) for x in flat), strict=True)
    return _stacked([fn(nest.pack_sequence_as(elems, row)) for row in rows])


def _repacked(like: Any, entries: Any) -> Any:
    return nest.pack_sequence_as(like, entries) if nest.is_nested(like) else entries


def vectorized_map(
    fn: Callable[[Any], Any], elems: Any, fallback_to_while_loop: bool = True, warn: bool = True
) -> Any:
    """``tf.map_fn``; entries are computed one by one."""
    return map_fn(fn, elems)


def scan(
    fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, parallel_iterations: int = 10,
    back_prop: bool = True, swap_memory: bool = False, infer_shape: bool = True, reverse: bool = False,
    name: Any = None,
) -> Any:  # fmt: skip
    """All values of ``fn(value so far, entry)`` along the first axis; in a graph ONNX's Scan."""
    flat = [convert_to_tensor(x) for x in nest.flatten(elems)]
    first, entries = initializer, nest.pack_sequence_as(elems, flat)
    if initializer is None:
        first = nest.map_structure(lambda x: x[-1] if reverse else x[0], entries)
        entries = nest.map_structure(lambda x: x[:-1] if reverse else x[1:], entries)
    first = nest.map_structure(convert_to_tensor, first)

    def step(total: Any, entry: Any) -> Any:
        made = fn(total, entry)
        return made, made

    _, rows = loops.scanned(step, first, entries, convert_to_tensor, reverse=reverse)
    if initializer is not None:
        return rows
    places = (1, 0) if reverse else (0, 1)

    def joined(start: Any, others: Any) -> Any:
        parts = K.expand_dims(start, 0), others
        return K.concatenate([parts[i] for i in places], axis=0)

    return nest.map_structure(joined, first, rows)


def foldl(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **options: Any) -> Any:
    """The last value of ``fn(value so far, entry)`` along the first axis."""
    return _folded(fn, elems, initializer, 1)


def foldr(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any = None, **options: Any) -> Any:
    """The last value of ``fn(value so far, entry)``, from the last entry to the first."""
    return _folded(fn, elems, initializer, -1)


def _folded(fn: Callable[[Any, Any], Any], elems: Any, initializer: Any, step: int) -> Any:
    if _is_symbolic([elems, initializer]):
        return (K.foldl if step > 0 else K.foldr)(fn, elems, initializer)
    flat = [convert_to_tensor(x) for x in nest.flatten(elems)]
    rows = [nest.pack_sequence_as(elems, row) for row in zip(*(list(x) for x in flat), strict=True)][::step]
    total, rows = (rows[0], rows[1:]) if initializer is None else (initializer, rows)
    for row in rows:
        total = fn(total, row)
    return total


class TensorArray:
    """Tensors by number, written one by one.

    Args:
        dtype: of the elements; tensors keep theirs.
        size: how many there are at first.
        dynamic_size: whether there may be more.
    """

    def __init__(
        self, dtype: Any, size: Any = None, dynamic_size: bool | None = None,
        clear_after_read: bool | None = None, tensor_array_name: Any = None, handle: Any = None,
        flow: Any = None, infer_shape: bool = True, element_shape: Any = None,
        colocate_with_first_write_call: bool = True, name: Any = None,
    ) -> None:  # fmt: skip
        self.dtype = dtype
        self.dynamic_size = bool(dynamic_size)
        self._tensors: list[Any] = [None] * int(size or 0)

    def write(self, index: Any, value: Any, name: Any = None) -> TensorArray:
        """Puts a tensor at a place; returns the array, which goes on to be used.

        Raises:
            IndexError: for a place beyond the size, unless ``dynamic_size`` was said.
        """
        place = int(index)
        if place >= len(self._tensors):
            if not self.dynamic_size:
                raise IndexError(
                    f"The TensorArray has {len(self._tensors)} places; {place} is beyond. "
                    "dynamic_size=True grows it."
                )
            self._tensors += [None] * (place + 1 - len(self._tensors))
        self._tensors[place] = convert_to_tensor(value) if not isinstance(value, Value) else value
        return self

    def read(self, index: Any, name: Any = None) -> Any:
        """The tensor at a place."""
        found = self._tensors[int(index)]
        if found is None:
            raise IndexError(f"Nothing was written at {int(index)} of the TensorArray.")
        return found

    def stack(self, name: Any = None) -> Any:
        """All of them along a new first axis; zeros where nothing was written."""
        like = next((x for x in self._tensors if x is not None), None)
        if like is None:
            raise ValueError("Nothing was written to the TensorArray.")
        return _stacked([K.zeros_like(like) if x is None else x for x in self._tensors])

    def concat(self, name: Any = None) -> Any:
        """All of them along their first axis."""
        join = function_of("concat")
        assert join is not None
        return join([self.read(i) for i in range(len(self._tensors))], axis=0)

    def gather(self, indices: Any, name: Any = None) -> Any:
        """Those at places, along a new first axis."""
        return _stacked([self.read(i) for i in np.asarray(indices)])

    def unstack(self, value: Any, name: Any = None) -> TensorArray:
        """Writes the entries along the first axis of a tensor."""
        self._tensors = list(convert_to_tensor(value))
        return self

    def scatter(self, indices: Any, value: Any, name: Any = None) -> TensorArray:
        """Writes the entries along the first axis of a tensor to places."""
        for place, entry in zip(np.asarray(indices), convert_to_tensor(value), strict=True):
            self.write(place, entry)
        return self

    def size(self, name: Any = None) -> Any:
        """Number of places: int32."""
        return convert_to_tensor(len(self._tensors))

    def identity(self) -> TensorArray:
        """The array."""
        return self

    def close(self, name: Any = None) -> None:
        """Forgets the tensors."""
        self._tensors = []


def numpy_function(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: Any = None
) -> Any:
    """A function of arrays, called at once.

    Raises:
        NotImplementedError: for symbolic tensors.
    """
    return _called(func, [x.numpy() if isinstance(x, Value) else x for x in _given(inp)], Tout)


def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: Any = None) -> Any:
    """A function of tensors, called at once; see ``numpy_function``."""
    return _called(func, [convert_to_tensor(x) for x in _given(inp)], Tout)


def _given(inp: Any) -> list[Any]:
    given = list(inp) if isinstance(inp, list | tuple) else [inp]
    if _is_symbolic(given):
        raise NotImplementedError(
            "A function of Python cannot be part of a graph: write it with functions of tf, or compute with "
            "run_eagerly=True."
        )
    return given


def _called(func: Callable[..., Any], given: list[Any], types: Any) -> Any:
    found = func(*given)
    if isinstance(types, list | tuple):
        found = list(found) if isinstance(found, list | tuple) else [] if found is None else [found]
        return [_typed(x, t) for x, t in zip(found, types, strict=True)]
    return None if found is None else _typed(found, types)


def _typed(value: Any, dtype: Any) -> Value:
    cast = function_of("cast")
    assert cast is not None
    dtype = getattr(dtype, "dtype", dtype)
    tensor = convert_to_tensor(value)
    return (
        tensor if dtype is None or tensor.dtype == dtype or tensor.dtype.kind == "O" else cast(tensor, dtype)
    )


__all__ = [
    "TensorArray", "case", "cond", "foldl", "foldr", "map_fn", "numpy_function", "py_function", "scan",
    "switch_case", "vectorized_map", "while_loop",
]  # fmt: skip
