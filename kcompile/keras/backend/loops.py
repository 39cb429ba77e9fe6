"""Loops and branches of graphs: ONNX's Loop, Scan and If, of functions that are written for tensors.

A function is called once on fresh values that stand for the tensors of any step. What it computes becomes
the body of the operator; variables that it assigns are carried from step to step. Tensors may be nested in
tuples, lists and dicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...ir import (
    Body,
    Constant,
    Depends,
    EagerTensor,
    Node,
    Parameter,
    Trace,
    Value,
    depends,
    interpreter,
    is_emitting,
    noting_nodes,
    op,
)
from .tensors import cast_value, refine, stack_values

Convert = Callable[[Any], Value]
_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_BESIDE = frozenset({"Gradient", "Update"})  # what cannot be part of a branch
_MOST_FORMS = 4
_UNROLLED = 16  # steps that a graph has one by one


# --- nests --------------------------------------------------------------------------------------------------


def leaves_of(nest: Any) -> list[Any]:
    """The leaves of tuples, lists and dicts, from left to right; None is no leaf."""
    if nest is None:
        return []
    if isinstance(nest, Mapping):
        return [leaf for entry in nest.values() for leaf in leaves_of(entry)]
    if isinstance(nest, list | tuple):
        return [leaf for entry in nest for leaf in leaves_of(entry)]
    return [nest]


def nest_like(like: Any, leaves: Sequence[Any]) -> Any:
    """The nest of these leaves that is built as ``like`` is."""
    return _nest_like(like, iter(leaves))


def _nest_like(like: Any, leaves: Iterator[Any]) -> Any:
    if like is None:
        return None
    if isinstance(like, Mapping):
        return {key: _nest_like(entry, leaves) for key, entry in like.items()}
    if isinstance(like, list | tuple):
        entries = [_nest_like(entry, leaves) for entry in like]
        return type(like)(*entries) if hasattr(like, "_fields") else type(like)(entries)
    return next(leaves)


# --- loops --------------------------------------------------------------------------------------------------


def while_loop(
    cond: Callable[[Any], Any],
    body: Callable[[Any], Any],
    variables: Any,
    convert: Convert,
    maximum: Any = None,
) -> Any:
    """Repeats ``body`` as long as ``cond`` holds (ONNX Loop).

    Args:
        cond: of the nest of variables: a truth value.
        body: of the nest of variables: the next ones, in a nest of as many tensors.
        variables: what they are at first. Axes whose size changes are open.
        convert: makes a tensor of what functions return.
        maximum: how often the body is called at most.

    Returns:
        the variables at the end.

    Raises:
        ValueError: if the body gives another number of tensors, or tensors of ranks that change.
    """
    first = [_unbound(convert(x)) for x in leaves_of(variables)]

    def step(formal: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        new = _alike("while_loop", body(nest_like(variables, formal)), formal, convert)
        return new, [_truth(convert(cond(nest_like(variables, new))))]

    going = _truth(convert(cond(nest_like(variables, first))))
    made = _Step.of(step, first)
    limit = None if maximum is None else cast_value(convert(maximum), np.dtype(np.int64))
    counted = Value(np.int64, (), "iteration"), Value(bool, (), "going")
    inner = Body([*made.further, *made.results], [*counted, *made.formal], made.inside)
    found = op.Loop(limit, going, *first, *made.parameters, body=inner, outputs=len(made.formal))
    return nest_like(variables, made.finals(found))


def scan(
    function: Callable[[Any, Any], Any],
    carried: Any,
    entries: Any,
    convert: Convert,
    length: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """``carried, y = function(carried, entry)`` along the first axis (ONNX Scan; Loop where there are no
    entries).

    Args:
        function: of the nest that is carried and that of the entries: the next one, and a nest of results.
        carried: at first; may be empty.
        entries: tensors (steps, ...); None for none.
        length: how many steps there are where there are no entries.
        reverse: go from the last entry to the first; results stand where their entries do.

    Returns:
        what is carried at the end, and the results (steps, ...).
    """
    first = [_unbound(convert(x)) for x in leaves_of(carried)]
    sequences = [_unbound(convert(x)) for x in leaves_of(entries)]
    if not sequences and reverse:
        raise ValueError("A loop without entries has no reverse.")
    items = _standing([Value(x.dtype, x.dims and x.dims[1:], f"entry_{i}") for i, x in enumerate(sequences)])
    results: list[Any] = []

    def step(formal: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        next_one, y = function(nest_like(carried, formal), nest_like(entries, items))
        results[:] = [y]
        return _alike("scan", next_one, formal, convert), [convert(x) for x in leaves_of(y)]

    made = _Step.of(step, first)
    states, ys = [*first, *made.parameters], made.further
    count = len(states) + len(ys)
    if sequences:
        found = op.Scan(
            *states,
            *sequences,
            body=Body([*made.results, *ys], [*made.formal, *items], made.inside),
            num_scan_inputs=len(sequences),
            scan_input_directions=[int(reverse)] * len(sequences),
            scan_output_directions=[int(reverse)] * len(ys) if ys else None,
            outputs=count,
        )
    else:
        going = Value(bool, (), "going")
        inner = Body(
            [going, *made.results, *ys], [Value(np.int64, (), "iteration"), going, *made.formal], made.inside
        )
        steps = cast_value(convert(length), np.dtype(np.int64))
        found = op.Loop(steps, Constant(np.array(True)), *states, body=inner, outputs=count)
    outputs = list(found) if isinstance(found, tuple) else [found]
    size = sequences[0].dims[0] if sequences and sequences[0].dims else None
    stacked = [
        refine(x, None if y.dims is None else [size, *y.dims])
        for x, y in zip(outputs[len(states) :], ys, strict=True)
    ]
    finals = made.finals(tuple(outputs[: len(states)]))
    return nest_like(carried, finals), nest_like(results[0], stacked)


@dataclass
class _Step:
    """What a function of values that stand for any step gave.

    Attributes:
        formal: those values, of tensors, then of variables.
        results: what they are next.
        further: what else the function gave.
        parameters: the variables that it assigned.
        inside: nodes that belong to each step, though they read nothing of it: random numbers.
    """

    formal: list[Value]
    results: list[Value]
    further: list[Value]
    parameters: list[Parameter]
    inside: list[Node]

    @classmethod
    def of(
        cls, function: Callable[[Sequence[Value]], tuple[list[Value], list[Value]]], first: Sequence[Value]
    ) -> _Step:
        """The step of a function of the tensors that are carried, ``first`` being the first ones.

        It is called again where axes turn out to be open, or variables to be assigned.
        """
        dims = [x.dims for x in first]
        parameters: list[Parameter] = []
        for _ in range(_MOST_FORMS):
            pairs = enumerate(zip(first, dims, strict=True))
            formal = _standing([Value(x.dtype, d, f"carried_{i}") for i, (x, d) in pairs])
            states = _standing([Value(p.dtype, p.dims, f"state_{i}") for i, p in enumerate(parameters)])
            with noting_nodes() as made:
                found, changed = apart(partial(function, formal), dict(zip(parameters, states, strict=True)))
            results, further = found
            opened = [_common(a, b.dims) for a, b in zip(dims, results, strict=True)]
            more = [p for p in changed if p not in parameters]
            if opened == dims and not more:
                results = [*results, *(changed[p] for p in parameters)]
                inside = [node for node in made if node.op_type in _RANDOM]
                return cls([*formal, *states], results, further, parameters, inside)
            dims, parameters = opened, [*parameters, *more]
        raise ValueError("The tensors of a loop change their shapes with every step.")

    def finals(self, found: Any) -> list[Value]:
        """The tensors that an operator gives at the end; variables are assigned."""
        outputs = list(found) if isinstance(found, tuple) else [found]
        count = len(self.formal) - len(self.parameters)
        for parameter, value in zip(self.parameters, outputs[count:], strict=True):
            here = interpreter()
            assert isinstance(here, Trace)
            here.assign([(parameter, value)])
        return [refine(x, f.dims) for x, f in zip(outputs[:count], self.formal, strict=False)]


def _standing(values: list[Value]) -> list[Value]:
    """Fresh values that stand for tensors of any step."""
    here = interpreter()
    if isinstance(here, Trace):
        here.stand_for(values)
    return values


def apart(
    function: Callable[[], Any], reading: Mapping[Parameter, Value] | None = None
) -> tuple[Any, dict[Parameter, Value]]:
    """What a function gives and assigns, without its doing so."""
    here = interpreter()
    return here.branch(function, reading) if isinstance(here, Trace) else (function(), {})


def _alike(what: str, found: Any, formal: Sequence[Value], convert: Convert) -> list[Value]:
    """What a body gives for the next step, in the types of this one."""
    given = leaves_of(found)
    if len(given) != len(formal):
        raise ValueError(f"The body of a {what} gives {len(given)} tensors where it takes {len(formal)}.")
    return [cast_value(convert(x), f.dtype) for x, f in zip(given, formal, strict=True)]


def _common(a: Any, b: Any) -> Any:
    """The sizes that two shapes have in common; ValueError where ranks differ."""
    if a is None or b is None:
        return None
    if len(a) != len(b):
        raise ValueError(f"A tensor of a loop has the shape {a} in one step and {b} in the next.")
    return tuple(x if x == y else None for x, y in zip(a, b, strict=True))


def _truth(x: Value) -> Value:
    return cast_value(x, np.dtype(bool)) if x.dtype != bool else x


def _unbound(x: Value) -> Value:
    """A tensor that has numbers as a constant of the graph, which nobody computes at once."""
    return Constant(x.array) if isinstance(x, EagerTensor) and interpreter() is None else x


# --- by Python where that can be ----------------------------------------------------------------------------


def is_symbolic(x: Any) -> bool:
    """Whether a tensor's numbers are not known yet: they depend on an input, or, while a step is traced or a
    graph is emitted that outlives them, on variables."""
    at_once = interpreter()
    outlives = isinstance(at_once, Trace) or (at_once is None and is_emitting())
    least = Depends.ON_WEIGHTS if outlives else Depends.ON_INPUTS
    return isinstance(x, Value) and depends(x) >= least


def repeated(
    cond: Callable[[Any], Any],
    body: Callable[[Any], Any],
    variables: Any,
    convert: Convert,
    maximum: Any = None,
    emit: Callable[..., Any] = while_loop,
) -> Any:
    """``while_loop``, by Python where the condition is known from numbers alone; in a graph, for a few steps.

    Arguments and result are those of ``while_loop``; variables need not be tensors where Python loops.

    Args:
        emit: ``while_loop``, or what does the same for variables of other kinds, too.
    """
    if is_symbolic(maximum):
        return emit(cond, body, variables, convert, maximum)
    values, count, assigned = variables, 0, _assigned()
    while maximum is None or count < int(maximum):
        holds = cond(values)
        if is_symbolic(holds):
            return emit(cond, body, variables, convert, maximum)
        if not bool(holds):
            break
        if count == _UNROLLED and _in_graph(values) and _assigned() == assigned:
            found = _tried(lambda: emit(cond, body, variables, convert, maximum))
            if found is not None:
                return found[0]
        values = body(values)
        count += 1
    return values


def scanned(
    function: Callable[[Any, Any], Any],
    carried: Any,
    entries: Any,
    convert: Convert,
    length: Any = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """``scan``, by Python where there are numbers alone; in a graph, for a few steps."""
    sequences = [convert(x) for x in leaves_of(entries)]
    steps = length if length is not None else sequences[0].shape[0] if sequences[0].shape else None
    known = None if steps is None or is_symbolic(steps) else int(steps)
    whole = carried, nest_like(entries, sequences), convert, known if steps is None else steps, reverse
    if known is None:
        return scan(function, *whole)
    if known > _UNROLLED and _in_graph([carried, sequences]):
        found = _tried(lambda: scan(function, *whole))
        if found is not None:
            return found[0]
    rows: list[Any] = [None] * known
    for i in range(known)[:: -1 if reverse else 1]:
        carried, rows[i] = function(carried, nest_like(entries, [x[i] for x in sequences]))
    if not rows:
        return scan(function, *whole)
    columns = zip(*(map(convert, leaves_of(row)) for row in rows), strict=True)
    return carried, nest_like(rows[0], [stack_values(column) for column in columns])


def accumulated(
    function: Callable[[Any, Any], Any], elements: Any, convert: Convert, reverse: bool = False, axis: int = 0
) -> Any:
    """All partial results of an associative function along an axis.

    Args:
        function: of two nests of parts of size 1 along the axis: the later one second, or first in reverse.
        elements: tensors of one size along the axis.
    """
    leaves = [convert(x) for x in leaves_of(elements)]
    places = [axis % x.rank if x.rank else axis for x in leaves]
    rows = [op.Unsqueeze(_moved(x, place, 0), [place + 1]) for x, place in zip(leaves, places, strict=True)]
    first = nest_like(elements, [x[-1] if reverse else x[0] for x in rows])
    others = [x[:-1] if reverse else x[1:] for x in rows]

    def step(total: Any, entry: Any) -> Any:
        made = function(total, entry)
        return made, made

    _, found = scanned(step, first, others and nest_like(elements, others), convert, None, reverse)
    results = []
    for start, rest, place in zip(leaves_of(first), leaves_of(found), places, strict=True):
        parts = [op.Unsqueeze(start, [0]), rest]
        whole = op.Concat(*(parts[::-1] if reverse else parts), axis=0)
        results.append(_moved(op.Squeeze(whole, [place + 1]), 0, place))
    return nest_like(elements, results)


def _moved(x: Value, axis: int, to: int) -> Value:
    order = [i for i in range(x.rank or 0) if i != axis]
    order.insert(to, axis)
    return x if order == sorted(order) else op.Transpose(x, perm=order)


def _assigned() -> list[Any]:
    here = interpreter()
    return [id(value) for _, value in here.updates] if isinstance(here, Trace) else []


def _in_graph(nest: Any) -> bool:
    """Whether a graph is being made of these tensors, and of nothing else."""
    leaves = leaves_of(nest)
    tensors = all(isinstance(x, Value | int | float | np.ndarray | np.generic) for x in leaves)
    return tensors and (isinstance(interpreter(), Trace) or any(map(is_symbolic, leaves)))


def _tried(make: Callable[[], Any]) -> tuple[Any] | None:
    """What a function gives; None where it asks for numbers that a loop has only when it runs."""
    try:
        return (make(),)
    except (TypeError, ValueError, IndexError):
        return None


# --- branches -----------------------------------------------------------------------------------------------


def cond(condition: Any, then: Callable[[], Any], otherwise: Callable[[], Any], convert: Convert) -> Any:
    """What one of two functions gives (ONNX If).

    Where they assign to variables, or take gradients, both are computed, and what counts is chosen.

    Args:
        condition: one truth value.
        then, otherwise: without arguments; give nests that are built alike, or None.

    Raises:
        ValueError: if they give different numbers of tensors.
    """
    with noting_nodes() as made:
        found, changed = apart(then)
        yes = [convert(x) for x in leaves_of(found)]
    with noting_nodes() as made_else:
        other, changed_else = apart(otherwise)
        no = [convert(x) for x in leaves_of(other)]
        if len(yes) != len(no):
            raise ValueError(f"The branches of a cond give {len(yes)} and {len(no)} tensors.")
        no = [cast_value(b, a.dtype) for a, b in zip(yes, no, strict=True)]
    chosen = _truth(convert(condition))
    beside = any(node.op_type in _BESIDE for node in [*made, *made_else])
    for parameter in dict.fromkeys([*changed, *changed_else]):
        here = interpreter()
        assert isinstance(here, Trace)
        new = op.Where(chosen, changed.get(parameter, parameter), changed_else.get(parameter, parameter))
        here.assign([(parameter, new)])
    if changed or changed_else or beside:
        return nest_like(found, [_chosen(chosen, a, b) for a, b in zip(yes, no, strict=True)])
    if not yes:
        return found
    results = op.If(
        chosen, then_branch=Body(yes, (), made), else_branch=Body(no, (), made_else), outputs=len(yes)
    )
    return nest_like(found, list(results) if isinstance(results, tuple) else [results])


def _chosen(condition: Value, a: Value, b: Value) -> Value:
    if a.dims == b.dims:
        return op.Where(condition, a, b)
    return op.If(condition, then_branch=Body([a]), else_branch=Body([b]), outputs=1)  # type: ignore[return-value]


# --- gradients ----------------------------------------------------------------------------------------------


def with_gradient(function: Callable[..., Any], inputs: Sequence[Value], convert: Convert) -> Any:
    """What a function gives, with a gradient of its own.

    Args:
        function: of tensors: a nest of results, and a function of their gradients that gives those of the
            inputs: one, or a sequence; None for zeros.
        inputs: the tensors.
    """
    found, gradient = function(*inputs)
    ys = [convert(y) for y in leaves_of(found)]
    formal = _standing([Value(y.dtype, y.dims, f"gradient_{i}") for i, y in enumerate(ys)])
    given = gradient(*formal)
    sources = list(inputs)
    wanted = list(given) if isinstance(given, list | tuple) else [given]
    if len(wanted) != len(sources):
        raise ValueError(f"A gradient of {len(sources)} inputs gives {len(wanted)} tensors.")
    gradients = [_gradient_of(x, g, convert) for x, g in zip(sources, wanted, strict=True)]
    results = op.OwnGradient(sources, ys, Body(gradients, formal))
    return nest_like(found, results)


def _gradient_of(x: Value, gradient: Any, convert: Convert) -> Value:
    if gradient is None:
        return op.ConstantOfShape(op.Shape(x), value=np.zeros(1, x.dtype))
    return cast_value(convert(gradient), x.dtype)
