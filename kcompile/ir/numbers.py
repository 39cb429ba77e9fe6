"""The numbers of values that depend on no input, for whoever asks: ``value.numpy()``, ``np.asarray(value)``,
``float(value)``, ``bool(value)``, ``len(value)``, a loop over it, NumPy's functions of it.

They are computed then, with the weights as they are. A value that depends on an input refuses, by name.
Importing this installs the methods on Value; whoever can compute says so by ``evaluate_with``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

import numpy as np

from .computed_sizes import known_numbers
from .eager import is_emitting
from .errors import NoTruthError
from .graph import LEARNING_PHASE, Body
from .values import Constant, Node, Parameter, Value


class Depends(IntEnum):
    """What the numbers of a value depend on, at most."""

    ON_NOTHING = 0
    ON_WEIGHTS = 1
    ON_THE_PHASE = 2
    ON_INPUTS = 3


class _NoLength(TypeError, AttributeError):
    """What ``len`` of a symbolic value raises, and ``hasattr(value, "__len__")`` takes for a no."""


class _Length:
    """``__len__`` for values that have numbers alone: programs ask for it to tell tensors from arrays."""

    def __get__(self, value: Value | None, owner: type) -> Any:
        if value is None:
            return self
        if value.shape == ():
            raise _NoLength(f"{value!r} is a scalar and has no len().")
        if depends(value) is Depends.ON_INPUTS:
            raise _NoLength(f"{value!r} is symbolic and has no len(); K.shape(x)[0] is its size.")
        return lambda: (
            value.shape[0] if value.shape and isinstance(value.shape[0], int) else len(numpy(value))
        )


def depends(value: Value) -> Depends:
    """What the numbers of a value depend on: an input, else the learning phase, else weights, or constants.

    Each node is looked at once; without recursion, as graphs are thousands of nodes deep.
    """
    if value.node is None:
        return _of_leaf(value)
    stack: list[Node] = [value.node]
    while stack:
        node = stack[-1]
        if node.depends is not None:
            stack.pop()
            continue
        read = read_by(node)
        unknown = [v.node for v in read if v.node is not None and v.node.depends is None]
        if unknown:
            stack.extend(unknown)
            continue
        node.depends = max((_found(v) for v in read), default=Depends.ON_NOTHING)
        stack.pop()
    return _found(value)


def _found(value: Value) -> Depends:
    """What is known of a value whose node has been looked at."""
    if value.node is None:
        return _of_leaf(value)
    assert value.node.depends is not None
    return Depends(value.node.depends)


def _of_leaf(value: Value) -> Depends:
    if value is LEARNING_PHASE:
        return Depends.ON_THE_PHASE
    if isinstance(value, Parameter):
        return Depends.ON_WEIGHTS
    return Depends.ON_NOTHING if isinstance(value, Constant) else Depends.ON_INPUTS


def read_by(node: Node) -> list[Value]:
    """The values that a node reads, by its bodies too."""
    read = [value for value in node.inputs if value is not None]
    for body in node.attributes.values():
        if isinstance(body, Body):
            read.extend(body.sliced("inference").captures)
    return read


Evaluator = Callable[[Value], np.ndarray]


def _nobody(value: Value) -> np.ndarray:
    raise TypeError(f"{value!r} has to be computed; import kcompile.keras, which can.")


_evaluate: Evaluator = _nobody


def evaluate_with(evaluator: Evaluator) -> None:
    """Says what computes values that depend on no input."""
    global _evaluate
    _evaluate = evaluator


def numpy(self: Value) -> np.ndarray:
    """The numbers, as an array of the caller's own; in test mode, as ``predict`` computes.

    Raises:
        TypeError: if the value depends on an input.
    """
    if isinstance(self, Constant):
        return np.array(self.array)
    if self is LEARNING_PHASE or depends(self) is Depends.ON_INPUTS:
        if (known := _known(self)) is not None:
            return known
        raise TypeError(
            f"{self!r} is symbolic and has no numbers: it depends on an input of the graph. Feed it one: "
            "model.predict(x), model(x) or K.function(inputs, outputs)(arrays)."
        )
    return _evaluate(self)


def _known(value: Value) -> np.ndarray | None:
    """Sizes of axes that are fixed, and what is computed of them alone."""
    numbers = known_numbers(value)
    if numbers is None or None in numbers or value is LEARNING_PHASE:
        return None
    return np.array(numbers, value.dtype).reshape([len(numbers)] * len(value.dims or ()))


def _array(self: Value, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    if copy is False:
        raise ValueError(f"The numbers of {self!r} cannot be had without a copy; use np.asarray.")
    found = np.asarray(self.numpy())
    return found if dtype is None else found.astype(dtype, copy=False)


def _single(self: Value, what: str) -> Any:
    """The one number of a value of one element."""
    _refuse_while_emitting(self)
    found = self.numpy()
    if found.size != 1:
        raise TypeError(f"{self!r} has {found.size} elements; {what}() takes values of one.")
    return found.reshape(()).item()


def _refuse_while_emitting(value: Value) -> None:
    if is_emitting() and depends(value) is Depends.ON_WEIGHTS:
        raise TypeError(
            f"{value!r} depends on weights, and a layer is being called on symbolic inputs: the number that "
            "it has now would stay in the graph for good. Compute with it by K's functions; "
            "K.switch(condition, a, b) stands for `if`. K.get_value(x) gives the number, if it is meant to "
            "stay."
        )


def _bool(self: Value) -> bool:
    symbolic = depends(self) > Depends.ON_WEIGHTS
    single = self.dims is not None and all(dim == 1 for dim in self.dims)
    if "_truth" in self.annotations and (symbolic or not single):
        return self.annotations["_truth"]  # of ``==``, see ir.arithmetic
    if symbolic and _known(self) is None:
        raise NoTruthError(
            f"{self!r} is symbolic and has no truth value while the graph is built; use K.switch(condition, "
            "a, b) instead of `if`, and `is None` to test for a missing value.",
            self,
        )
    _refuse_while_emitting(self)
    found = self.numpy()
    if found.size != 1:
        raise ValueError(f"{self!r} has {found.size} elements and no truth value; use K.any(x) or K.all(x).")
    return bool(found.reshape(())[()])


def _index(self: Value) -> int:
    if self.dtype.kind not in "iu":
        raise TypeError(f"{self!r} cannot be used as an index; only whole numbers can.")
    return operator.index(_single(self, "int"))


def _iter(self: Value) -> Iterator[Value]:
    if self.shape == ():
        raise TypeError(f"{self!r} is a scalar and cannot be iterated.")
    size = self.shape[0] if self.shape else None
    if not isinstance(size, int):
        if depends(self) > Depends.ON_WEIGHTS:
            raise TypeError(f"{self!r} cannot be iterated: the size of its first axis is not known.")
        size = len(self.numpy())
    return (self[i] for i in range(size))


def _format(self: Value, spec: str) -> str:
    return format(_single(self, "format"), spec) if spec else str(self)


_AS_OPERATORS: dict[np.ufunc, str] = {
    np.add: "add",
    np.subtract: "sub",
    np.multiply: "mul",
    np.true_divide: "truediv",
    np.floor_divide: "floordiv",
    np.remainder: "mod",
    np.power: "pow",
    np.matmul: "matmul",
    np.bitwise_and: "and",
    np.bitwise_or: "or",
    np.bitwise_xor: "xor",
    np.less: "lt",
    np.less_equal: "le",
    np.greater: "gt",
    np.greater_equal: "ge",
    np.negative: "neg",
    np.absolute: "abs",
    np.invert: "invert",
}
_REFLECTED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}


def _ufunc(self: Value, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """NumPy's functions of values: the operators of Python emit, others compute with the numbers."""
    name = _AS_OPERATORS.get(ufunc)
    if ufunc in (np.equal, np.not_equal) and depends(self) is Depends.ON_INPUTS and len(inputs) == 2:
        other = inputs[1] if inputs[0] is self else inputs[0]
        return self == other if ufunc is np.equal else self != other
    if name is None or method != "__call__" or kwargs:
        given = [x.numpy() if isinstance(x, Value) else x for x in inputs]
        return getattr(ufunc, method)(*given, **kwargs)
    first, *others = inputs
    if not others:
        return getattr(first, f"__{name}__")()
    if isinstance(first, Value):
        return getattr(first, f"__{name}__")(others[0])
    return getattr(others[0], f"__{_REFLECTED.get(name, 'r' + name)}__")(first)


def install() -> None:
    """Puts the methods on Value; done once, when kcompile.ir is imported."""
    methods: dict[str, Any] = {
        "numpy": numpy,
        "__array__": _array,
        "__array_ufunc__": _ufunc,
        "__bool__": _bool,
        "__float__": lambda self: float(_single(self, "float")),
        "__int__": lambda self: int(_single(self, "int")),
        "__index__": _index,
        "__complex__": lambda self: complex(_single(self, "complex")),
        "__len__": _Length(),
        "__iter__": _iter,
        "__format__": _format,
    }
    for name, method in methods.items():
        setattr(Value, name, method)
