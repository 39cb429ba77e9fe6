"""Branches and loops of ``keras.ops`` whose functions are recorded, each once, as part of the call around."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import KerasTensor, Operation, tree
from keras.src import backend

from ...ir import Value
from ...keras import backend as K
from ...keras.backend import loops
from ..errors import LiveModelError
from .sizes import Size

if TYPE_CHECKING:
    from .recording import Call, Recorder


@dataclass
class Function:
    """What a function does with symbolic tensors.

    Attributes:
        inputs: the symbolic tensors that it was called on, flat.
        calls: what it called, in their order.
        outputs: in the form in which it returned them.
    """

    inputs: list[Any]
    calls: list[Call]
    outputs: Any

    def read(self) -> list[Any]:
        """What it reads from outside: symbolic tensors, and sizes."""
        own = {id(x) for call in self.calls for x in call.outputs} | {id(x) for x in self.inputs}
        given = [self.outputs, *((c.args, c.kwargs, vars(c.operation)) for c in self.calls)]
        found = [x for x in tree.flatten(given) if isinstance(x, KerasTensor | Size)]
        return [x for x in found if id(x) not in own]


class ControlFlow(Operation):
    """A branch or loop whose functions are recorded.

    Args:
        kind: the function of ``keras.ops``.
        functions: in the order of its arguments.
        settings: numbers that go with it.
    """

    def __init__(self, kind: str, functions: list[Function], **settings: Any) -> None:
        super().__init__()
        self.function = f"core.{kind}"
        self.reads = [x for function in functions for x in function.read()]
        self.__dict__.update(_kind=kind, _functions=functions, _settings=settings)

    def emit(self, emitted: Callable[[Function], Callable[..., Any]], args: list[Any]) -> Any:
        """What it gives for values.

        Args:
            emitted: a recorded function as one of values, which it takes flat.
            args: what it is called on, as values.
        """
        return _EMIT[self.__dict__["_kind"]](self, [emitted(f) for f in self.__dict__["_functions"]], *args)

    def setting(self, name: str) -> Any:
        """One of the numbers that go with it."""
        return self.__dict__["_settings"].get(name)


def _tensor(x: Any) -> Value:
    return x if isinstance(x, Value) else K.constant(x)


def _branched(own: ControlFlow, functions: list[Any], condition: Any) -> Any:
    then, otherwise = functions
    return loops.cond(condition, then, otherwise, _tensor)


def _repeated(own: ControlFlow, functions: list[Any], variables: Any) -> Any:
    goes_on, body = ((lambda state, f=f: f(*tree.flatten(state))) for f in functions)
    return loops.while_loop(goes_on, body, variables, _tensor, own.setting("maximum_iterations"))


def _counted(own: ControlFlow, functions: list[Any], lower: Any, upper: Any, value: Any) -> Any:
    (body,) = functions

    def step(state: Any) -> Any:
        return state[0] + 1, body(state[0], *tree.flatten(state[1]))

    first = (K.cast(_tensor(lower), "int32"), value)
    return loops.while_loop(lambda state: state[0] < upper, step, first, _tensor)[1]


def _scanned(own: ControlFlow, functions: list[Any], carried: Any, entries: Any) -> Any:
    (function,) = functions

    def step(state: Any, entry: Any) -> Any:
        given = [*tree.flatten(state), *(() if entry is None else tree.flatten(entry))]
        return tuple(function(*given))

    return loops.scan(step, carried, entries, _tensor, own.setting("length"), bool(own.setting("reverse")))


def _mapped(own: ControlFlow, functions: list[Any], entries: Any) -> Any:
    (function,) = functions
    return loops.scan(lambda state, x: ((), function(*tree.flatten(x))), (), entries, _tensor)[1]


_EMIT: dict[str, Callable[..., Any]] = {
    "cond": _branched,
    "while_loop": _repeated,
    "fori_loop": _counted,
    "scan": _scanned,
    "map": _mapped,
    "vectorized_map": _mapped,
}
#: Operations that are calls of the functions above.
NAMES = ("Cond", "WhileLoop", "ForiLoop", "Scan", "Map", "VectorizedMap")


# --- recording ----------------------------------------------------------------------------------------------


def _formal(x: Any, shape: Any = None) -> Any:
    """A symbolic tensor for what a function is called on in some step."""
    if isinstance(x, KerasTensor):
        sizes, kind = x.shape, x.dtype
    elif backend.is_tensor(x) or isinstance(x, np.ndarray):
        sizes, kind = tuple(x.shape), backend.standardize_dtype(x.dtype)
    else:
        sizes, kind = (), backend.standardize_dtype(type(x).__name__)
    return KerasTensor(tuple(int(n) for n in (sizes if shape is None else shape(sizes))), kind)


def _entry(x: Any) -> Any:
    return _formal(x, lambda sizes: sizes[1:])


def _stacked(outputs: Any, count: int) -> Any:
    return tree.map_structure(lambda y: _formal(y, lambda sizes: (count, *sizes)), outputs)


def _count(entries: Any) -> int:
    return int(tree.flatten(entries)[0].shape[0])


def record_cond(recorder: Recorder, pred: Any, true_fn: Any, false_fn: Any) -> Any:
    """``keras.ops.cond``; where the truth value is known, the one function."""
    if not isinstance(pred, KerasTensor):
        return (true_fn if pred else false_fn)()
    functions = [recorder.function(f, []) for f in (true_fn, false_fn)]
    made = tree.map_structure(_formal, functions[0].outputs)
    return recorder.record(ControlFlow("cond", functions), [pred], made)


def record_while_loop(
    recorder: Recorder, cond: Any, body: Any, loop_vars: Any, maximum_iterations: Any = None
) -> Any:
    """``keras.ops.while_loop``."""
    several = isinstance(loop_vars, list | tuple)
    state = tuple(loop_vars) if several else (loop_vars,)
    formal = [tree.map_structure(_formal, state) for _ in range(2)]
    functions = [recorder.function(f, x) for f, x in zip((cond, body), formal, strict=True)]
    operation = ControlFlow("while_loop", functions, maximum_iterations=maximum_iterations)
    made = recorder.record(operation, [state], tree.map_structure(_formal, state))
    return made if several else made[0]


def record_fori_loop(recorder: Recorder, lower: Any, upper: Any, body_fun: Any, init_val: Any) -> Any:
    """``keras.ops.fori_loop``."""
    formal = [KerasTensor((), "int32"), tree.map_structure(_formal, init_val)]
    function = recorder.function(body_fun, formal)
    made = tree.map_structure(_formal, init_val)
    return recorder.record(ControlFlow("fori_loop", [function]), [lower, upper, init_val], made)


def record_scan(
    recorder: Recorder,
    f: Any,
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    unroll: Any = 1,
) -> Any:
    """``keras.ops.scan``."""
    if xs is None and reverse:
        raise LiveModelError("keras.ops.scan from the end without entries, which is not read here")
    entry = None if xs is None else tree.map_structure(_entry, xs)
    function = recorder.function(f, [tree.map_structure(_formal, init), entry])
    made = (
        tree.map_structure(_formal, init),
        _stacked(function.outputs[1], int(length) if xs is None else _count(xs)),
    )
    operation = ControlFlow("scan", [function], length=None if xs is not None else length, reverse=reverse)
    return recorder.record(operation, [init, xs], made)


def record_map(recorder: Recorder, f: Any, xs: Any) -> Any:
    """``keras.ops.map`` and ``keras.ops.vectorized_map``."""
    function = recorder.function(f, [tree.map_structure(_entry, xs)])
    made = _stacked(function.outputs, _count(xs))
    return recorder.record(ControlFlow("map", [function]), [xs], made)


#: Functions of the backend's core that are recorded, and how.
RECORDED: dict[str, Callable[..., Any]] = {
    "cond": record_cond,
    "while_loop": record_while_loop,
    "fori_loop": record_fori_loop,
    "scan": record_scan,
    "map": record_map,
    "vectorized_map": record_map,
}
