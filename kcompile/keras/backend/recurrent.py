"""Loops: K.rnn over any step function, foldl, foldr and map_fn, each as one ONNX Scan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...ir import Body, Constant, Value, op
from ..utils.nested import leaves, mapped, packed
from .manipulation import reverse
from .tensors import cast_value, dims_of, filled, known_shape, rank, refine, shape_vector, tensor
from .variables import cast

__all__ = ["foldl", "foldr", "map_fn", "rnn"]

Step = Callable[[Any, list[Any]], tuple[Any, Any]]


def rnn(
    step_function: Step,
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, list[Any]]:
    """Applies a step along the time axis.

    Args:
        step_function: takes (input of one time (batch, ...), states + constants) and returns (output (batch,
            ...), new states).
        inputs: (batch, time, ...), or a nest of such tensors (lists, tuples, dicts), of which a step gets an
            equal nest.
        initial_states: the states before the first step; each a tensor or a nest of tensors.
        go_backwards: take the last time first; outputs are in the order in which they were computed.
        mask: (batch, time) or (batch, time, 1); where it is false, the output of the time before is repeated
            (zeros at first) and states stay as they are.
        constants: handed to each step behind the states.
        unroll: emit each step instead of a Scan; the number of times must be known.
        input_length: number of times, for inputs that do not tell (used by ``unroll`` only).
        time_major: whether inputs, mask and outputs are (time, batch, ...).
        zero_output_for_mask: whether outputs are zero where the mask is false.
        return_all_outputs: whether outputs are those of all times; else they are the last one alone, along a
            time axis of size 1.

    Returns:
        (last output (batch, ...), outputs (batch, time, ...), states after the last step). Where a step
        returns a nest of outputs, the first two are such nests.

    Raises:
        ValueError: if the inputs have less than two axes, or if ``unroll`` is asked for times without a known
            number.
    """
    sequences = [tensor(x) for x in leaves(inputs)]
    if any(rank(x, "K.rnn") < 2 for x in sequences):
        raise ValueError(f"K.rnn: inputs need the axes (batch, time, ...); found {sequences}.")
    nest_of_states = list(initial_states)
    states = [tensor(s) for s in leaves(nest_of_states)]
    extra = list(constants or [])
    gate = None if mask is None else _as_mask(mask)
    if time_major:
        sequences = [_time_and_batch_swapped(x) for x in sequences]
        gate = None if gate is None else _time_and_batch_swapped(gate)
    nest_of_outputs: Any = None

    def step(items: Sequence[Value], current: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        nonlocal nest_of_outputs
        own = packed(nest_of_states, iter(current))
        output, new = step_function(packed(inputs, iter(items)), [*own, *extra])
        new = [tensor(s) for s in leaves(new)]
        if len(new) < len(states):
            raise ValueError(f"K.rnn: the step returned {len(new)} states; expected {len(states)}.")
        nest_of_outputs = mapped(output, lambda _: None)
        return [tensor(o) for o in leaves(output)], new[: len(states)]

    if unroll:
        last, outputs, finals = _unrolled(step, sequences, states, go_backwards, gate, input_length)
    else:
        last, outputs, finals = _scanned(step, sequences, states, go_backwards, gate)
    if zero_output_for_mask and gate is not None:
        pairs = zip(last, outputs, strict=True)
        zeroed = [zeroed_where_masked(*pair, gate, go_backwards) for pair in pairs]
        last, outputs = [x for x, _ in zeroed], [x for _, x in zeroed]
    if not return_all_outputs:
        outputs = [op.Unsqueeze(x, [1]) for x in last]
    if time_major:
        outputs = [_time_and_batch_swapped(x) for x in outputs]
    nested = [packed(nest_of_outputs, iter(flat)) for flat in (last, outputs)]
    return nested[0], nested[1], packed(nest_of_states, iter(finals))


def _as_mask(mask: Any) -> Value:
    """(batch, time) bool."""
    mask = cast(mask, "bool")
    return op.Squeeze(mask, [2]) if mask.rank == 3 else mask


def _time_and_batch_swapped(x: Value) -> Value:
    return op.Transpose(x, perm=[1, 0, *range(2, rank(x, "K.rnn"))])


def zeroed_where_masked(last: Value, outputs: Value, mask: Value, go_backwards: bool) -> tuple[Value, Value]:
    """The last output (batch, ...) and all (batch, time, ...), zero at times that the mask leaves out.

    Args:
        mask: (batch, time) or (batch, time, 1), in the order of the inputs.
        go_backwards: whether outputs come in the opposite order.
    """
    keep = _as_mask(mask)
    keep = reverse(keep, 1) if go_backwards else keep
    zero = np.array(0, outputs.dtype)
    rest = list(range(2, rank(outputs, "K.rnn")))
    zeroed = op.Where(op.Unsqueeze(keep, rest) if rest else keep, outputs, zero)
    newest = _at(keep, -1)
    newest = op.Unsqueeze(newest, [axis - 1 for axis in rest]) if rest else newest
    return refine(op.Where(newest, last, zero), last.dims), refine(zeroed, outputs.dims)


def _select(keep: Value, new: Value, old: Value) -> Value:
    """``new`` where the (batch,) ``keep`` is true, else ``old``."""
    if new.rank and new.rank > 1:
        keep = op.Unsqueeze(keep, list(range(1, new.rank)))
    return refine(op.Where(keep, new, old), new.dims)


def _without_time(x: Value) -> list[Any]:
    return [known_shape(x)[0], *known_shape(x)[2:]]


def _scanned(
    step: Any, sequences: list[Value], states: list[Value], go_backwards: bool, gate: Value | None
) -> tuple[list[Value], list[Value], list[Value]]:
    items = [Value(x.dtype, _without_time(x), f"step_input_{i}") for i, x in enumerate(sequences)]
    formal = [Value(s.dtype, s.dims, f"state_{i}") for i, s in enumerate(states)]
    produced, new = step(items, formal)
    scanned = [*sequences]
    carried, results = list(states), list(new)
    if gate is not None:
        keep = Value(bool, (known_shape(gate)[0],), "keep")
        previous = [Value(o.dtype, o.dims, f"previous_output_{i}") for i, o in enumerate(produced)]
        carried.extend(_zero_output(step, sequences, states, o, i) for i, o in enumerate(produced))
        produced = [_select(keep, o, p) for o, p in zip(produced, previous, strict=True)]
        results = [*(_select(keep, n, o) for n, o in zip(new, formal, strict=True)), *produced]
        formal, items, scanned = [*formal, *previous], [*items, keep], [*scanned, gate]
    count = len(scanned)
    found = op.Scan(
        *carried,
        *scanned,
        body=Body([*results, *produced], [*formal, *items]),
        num_scan_inputs=count,
        scan_input_axes=[1] * count,
        scan_input_directions=[int(go_backwards)] * count,
        scan_output_axes=[1] * len(produced),
        outputs=len(carried) + len(produced),
    )
    found = found if isinstance(found, tuple) else (found,)
    ends, outputs = found[: len(carried)], list(found[len(carried) :])
    for every, one in zip(outputs, produced, strict=True):
        if one.dims is not None:
            refine(every, [known_shape(one)[0], known_shape(sequences[0])[1], *known_shape(one)[1:]])
    finals = [refine(f, s.dims) for f, s in zip(ends[: len(states)], states, strict=True)]
    carried_as = dict(zip(map(id, reversed(results)), reversed(ends), strict=True))
    last = [
        refine(carried_as[id(one)] if id(one) in carried_as else _at(every, -1), one.dims)
        for every, one in zip(outputs, produced, strict=True)
    ]
    return last, outputs, finals


def _zero_output(step: Any, sequences: list[Value], states: list[Value], output: Value, number: int) -> Value:
    """What a masked first step gives."""
    x = sequences[0]
    if output.dims is not None and all(isinstance(d, int) for d in output.dims[1:]):
        return (
            filled(0, shape_vector([dims_of(x)[0], *output.dims[1:]]), output.dtype)
            if output.dims
            else output
        )
    for state in states:
        if state.dims is not None and state.dims == output.dims and state.dtype == output.dtype:
            return filled(0, op.Shape(state), state.dtype)
    first = step([_at(s, 0) for s in sequences], states)[0][number]
    return filled(0, op.Shape(first), first.dtype)


def _at(x: Value, time: int) -> Value:
    return op.Gather(x, Constant(np.array(time, np.int64)), axis=1)


def _unrolled(
    step: Any,
    sequences: list[Value],
    states: list[Value],
    go_backwards: bool,
    gate: Value | None,
    input_length: int | None,
) -> tuple[list[Value], list[Value], list[Value]]:
    times = known_shape(sequences[0])[1]
    times = times if isinstance(times, int) else input_length
    if not isinstance(times, int) or times < 1:
        raise ValueError(
            f"Unrolling requires a fixed number of timesteps; found {sequences[0]!r}. Give the input a fixed "
            "length, or use unroll=False."
        )
    rows: list[list[Value]] = []  # the outputs of each time
    for time in reversed(range(times)) if go_backwards else range(times):
        produced, new = step([_at(x, time) for x in sequences], states)
        if gate is not None:
            keep = _at(gate, time)
            before = (
                rows[-1]
                if rows
                else [_zero_output(step, sequences, states, o, i) for i, o in enumerate(produced)]
            )
            produced = [_select(keep, o, b) for o, b in zip(produced, before, strict=True)]
            new = [_select(keep, n, o) for n, o in zip(new, states, strict=True)]
        states = new
        rows.append(produced)
    stacked = [
        op.Concat(*(op.Unsqueeze(o, [1]) for o in column), axis=1) for column in zip(*rows, strict=True)
    ]
    return rows[-1], stacked, list(states)


def foldl(
    fn: Callable[[Value, Any], Value], elems: Any, initializer: Any = None, name: str | None = None
) -> Value:
    """``fn(... fn(fn(initializer, elems[0]), elems[1]) ..., elems[-1])``.

    Args:
        fn: takes the value so far and one element.
        elems: a tensor, cut along its first axis, or a tuple of such.
        initializer: the first value; the first element by default.
    """
    return _fold(fn, elems, initializer, backwards=False)


def foldr(
    fn: Callable[[Value, Any], Value], elems: Any, initializer: Any = None, name: str | None = None
) -> Value:
    """``fn(... fn(fn(initializer, elems[-1]), elems[-2]) ..., elems[0])``; see foldl."""
    return _fold(fn, elems, initializer, backwards=True)


def _fold(fn: Any, elems: Any, initializer: Any, backwards: bool) -> Value:
    several, sequences = _elements(elems)
    if initializer is None:
        if several:
            raise ValueError("folding over several tensors needs an initializer.")
        end = int(np.iinfo(np.int64).max)
        x = sequences[0]
        initializer = op.Gather(x, Constant(np.array(-1 if backwards else 0, np.int64)), axis=0)
        sequences = [op.Slice(x, [0], [-1], [0]) if backwards else op.Slice(x, [1], [end], [0])]
    first = tensor(initializer)
    items = _items(sequences)
    total = Value(first.dtype, first.dims, "total")
    result = tensor(fn(total, tuple(items) if several else items[0]))
    if result.dtype != first.dtype:
        first = cast_value(first, result.dtype)
        total = Value(first.dtype, first.dims, "total")
        result = tensor(fn(total, tuple(items) if several else items[0]))
    out = op.Scan(
        first,
        *sequences,
        body=Body([result], [total, *items]),
        num_scan_inputs=len(sequences),
        scan_input_directions=[int(backwards)] * len(sequences),
        outputs=1,
    )
    return refine(out, result.dims)


def map_fn(fn: Callable[[Any], Any], elems: Any, name: str | None = None, dtype: Any = None) -> Any:
    """``fn`` applied to each element along the first axis, the results joined along a new first axis.

    Args:
        fn: takes one element (a tuple of them, where ``elems`` is one) and returns a value, or a tuple of
            values.
        dtype: dtype of the results; that of ``fn``'s result by default.
    """
    several, sequences = _elements(elems)
    items = _items(sequences)
    made = fn(tuple(items) if several else items[0])
    results = [tensor(r) for r in (made if isinstance(made, list | tuple) else [made])]
    if dtype is not None:
        dtypes = dtype if isinstance(dtype, list | tuple) else [dtype] * len(results)
        results = [cast(r, d) for r, d in zip(results, dtypes, strict=True)]
    out = op.Scan(*sequences, body=Body(results, items), num_scan_inputs=len(sequences), outputs=len(results))
    outs = out if isinstance(out, tuple) else (out,)
    for o, r in zip(outs, results, strict=True):
        refine(o, None if r.dims is None else [known_shape(sequences[0])[0], *r.dims])
    return type(made)(outs) if isinstance(made, list | tuple) else outs[0]


def _elements(elems: Any) -> tuple[bool, list[Value]]:
    several = isinstance(elems, tuple) or isinstance(elems, list) and any(isinstance(e, Value) for e in elems)
    return several, [tensor(e) for e in (elems if several else [elems])]


def _items(sequences: list[Value]) -> list[Value]:
    return [Value(x.dtype, known_shape(x)[1:], f"element_{i}") for i, x in enumerate(sequences)]
