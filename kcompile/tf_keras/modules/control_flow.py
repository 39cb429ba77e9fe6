"""Loops and branches: ``tf.cond``, ``tf.while_loop``, ``tf.map_fn``, ``tf.scan``.

On numbers they are loops and branches of Python; on symbolic tensors they emit Scan and If.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...ir import NotInGraphError, Value
from ...keras import backend as K
from ...keras.backend import loops
from ..tensorflow.functions import function_of
from ..tensorflow.tensors import convert_to_tensor, values_in
from . import nest
from .tensor_arrays import TensorArray, stacked


def _is_symbolic(value: Any) -> bool:
    return any(loops.is_symbolic(x) for x in values_in(value))


def _stacked(rows: Sequence[Any]) -> Any:
    """Results of one structure each as one structure of tensors with a first axis more."""
    columns = zip(*(nest.flatten(row) for row in rows), strict=True)
    return nest.pack_sequence_as(rows[0], [stacked(column) for column in columns])


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
    steps that a number counts are emitted one by one. A TensorArray among the variables is carried as one
    tensor.
    """
    many = isinstance(loop_vars, list | tuple)
    variables = list(loop_vars) if many else [loop_vars]

    def next_ones(values: Any) -> Any:
        made = body(*values)
        return list(made) if isinstance(made, list | tuple) and (many or len(made) == 1) else [made]

    found = loops.repeated(
        lambda values: cond(*values),
        next_ones,
        variables,
        convert_to_tensor,
        maximum_iterations,
        emit=_loop_with_arrays,
    )
    return type(loop_vars)(found) if type(loop_vars) is tuple else found


def _loop_with_arrays(
    cond: Callable[[Any], Any], body: Callable[[Any], Any], variables: Any, convert: Any, maximum: Any
) -> Any:
    """``loops.while_loop`` of variables among which there may be TensorArrays.

    What their elements are like is learnt from a first turn, of which nothing else is kept.
    """
    flat = nest.flatten(variables)
    if not any(isinstance(x, TensorArray) for x in flat):
        return loops.while_loop(cond, body, variables, convert, maximum)
    flat = [x.in_rows() if isinstance(x, TensorArray) else convert(x) for x in flat]
    tried, _ = loops.apart(lambda: nest.flatten(body(nest.pack_sequence_as(variables, flat))))
    places = [i for i, x in enumerate(flat) if isinstance(x, TensorArray)]
    first = [
        x.before(after) if isinstance(x, TensorArray) else x for x, after in zip(flat, tried, strict=True)
    ]
    carried = [i for i, x in enumerate(first) if x is not None]  # all but arrays that nobody writes to

    def whole(values: Any) -> Any:
        found = dict(zip(carried, values, strict=True))
        arrays = {i: flat[i].in_rows(found[i]) if i in found else flat[i] for i in places}
        return nest.pack_sequence_as(variables, [arrays.get(i, found.get(i)) for i in range(len(flat))])

    def tensors(values: Any) -> list[Any]:
        listed = nest.flatten(values)
        return [listed[i].in_rows().rows if i in places else listed[i] for i in carried]

    found = loops.while_loop(
        lambda values: cond(whole(values)),
        lambda values: tensors(body(whole(values))),
        [first[i] for i in carried],
        convert,
        maximum,
    )
    return whole(found)


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


def numpy_function(
    func: Callable[..., Any], inp: Any, Tout: Any, stateful: bool = True, name: Any = None
) -> Any:
    """A function of arrays, called at once.

    Raises:
        NotInGraphError: for symbolic tensors.
    """
    return _called(func, [x.numpy() if isinstance(x, Value) else x for x in _given(inp)], Tout)


def py_function(func: Callable[..., Any], inp: Any, Tout: Any, name: Any = None) -> Any:
    """A function of tensors, called at once; see ``numpy_function``."""
    return _called(func, [convert_to_tensor(x) for x in _given(inp)], Tout)


def _given(inp: Any) -> list[Any]:
    given = list(inp) if isinstance(inp, list | tuple) else [inp]
    if _is_symbolic(given):
        raise NotInGraphError(
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
    "case", "cond", "foldl", "foldr", "map_fn", "numpy_function", "py_function", "scan",
    "switch_case", "vectorized_map", "while_loop",
]  # fmt: skip
