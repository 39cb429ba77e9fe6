"""NaN through a model, where onnxruntime's kernels lose it.

Its kernels of MaxPool, ReduceMax, LSTM and others (``SWALLOWING``) skip a NaN: what a sensor failed to
measure comes out as a plausible number. Operators that keep it would cost every prediction; a look at the
inputs costs about a microsecond for small ones. So a model that has such operators has a second form, made
when it is first needed, in which each is followed by what puts the NaN back.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import mmap
import os
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .bfloat16 import BFLOAT16, to_float32
from .errors import ExecutionError, ModelFileError
from .graphs import (
    FLOAT,
    Node,
    Span,
    constant,
    declared,
    float_values,
    function_nodes,
    graph_span,
    integers,
    make,
    nodes_of,
    opset_of,
    with_nodes,
)
from .header import inspect
from .session import create_session, load_onnxruntime, older
from .wire import Buffer, Truncated

_WINDOWS = frozenset(("MaxPool", "GlobalMaxPool", "MaxRoiPool", "RoiAlign", "ReduceMax", "ReduceMin"))
_ELEMENTWISE = frozenset(("Erf", "Shrink", "Sign", "ThresholdedRelu"))
_EXTREMES = frozenset(("Max", "Min"))
_ROWS = frozenset(("Hardmax", "LogSoftmax"))
_ARGUMENTS = frozenset(("ArgMax", "ArgMin"))
_RECURRENT = frozenset(("GRU", "LSTM", "RNN"))
_SCATTERS = frozenset(("ScatterElements", "ScatterND"))
SWALLOWING = _WINDOWS | (_ELEMENTWISE - {"Erf"}) | _ROWS | _ARGUMENTS | _RECURRENT | _SCATTERS | {"TopK"}
"""Operators whose kernels give a number for a NaN (tests/runtime/test_nans.py asks the one installed)."""
MENDED = {"Erf": (1, 27), "Max": (1, 19), "Min": (1, 19)}
"""Operators whose kernels did so before a release."""

# What can be NaN although no input is: the logarithm and the root of a negative number, 0/0.
_MAKING = frozenset(("Acos", "Acosh", "Asin", "Atanh", "Div", "Log", "Mod", "Pow", "Sqrt"))
# Divisors that somebody has kept from zero, and roots of what cannot be negative.
_KEPT_POSITIVE = frozenset(
    ("Abs", "Add", "Clip", "Exp", "Max", "ReduceSumSquare", "Relu", "Sqrt", "Constant")
)
_MIN_OPSET = 9  # IsNaN and Where came with it
_INF = float("inf")


def swallows(node: Node) -> bool:
    """Whether a node can turn a NaN into a number."""
    if node.domain not in ("", "ai.onnx") or node.op not in _swallowing():
        return False
    return node.op not in _SCATTERS or node.text("reduction") in ("max", "min")


@functools.cache
def _swallowing() -> frozenset[str]:
    """Those of the onnxruntime that is installed."""
    ort = load_onnxruntime()
    return SWALLOWING | {op for op, release in MENDED.items() if older(ort, *release)}


@dataclass(frozen=True)
class Nature:
    """What a model does with NaN.

    Attributes:
        swallows: whether one given to it can be lost.
        makes: whether one that arises inside, from numbers, or lies in a weight, can be lost.
    """

    swallows: bool
    makes: bool


def nature_of(model: Buffer) -> Nature:
    """What the nodes of a model say of it."""
    if opset_of(model) < _MIN_OPSET:
        return Nature(False, False)
    span = graph_span(model)
    nodes = nodes_of(model, span)
    if not _any_swallows(nodes) and not any(map(_any_swallows, function_nodes(model))):
        return Nature(False, False)
    constants = {value.name for value in declared(model, span)[1]}
    return Nature(True, _loses_its_own(nodes, constants) or not _has_finite_weights(model, span))


def _has_finite_weights(model: Buffer, span: Span) -> bool:
    for dtype, first, last in float_values(model, span):
        kind = np.dtype("<f4" if dtype == FLOAT else "<f8")
        if not is_finite(np.frombuffer(model, kind, (last - first) // kind.itemsize, first)):
            return False
    return True


def _any_swallows(nodes: Iterable[Node]) -> bool:
    return any(
        swallows(node) or any(_any_swallows(nodes_of(body)) for body in node.bodies()) for node in nodes
    )


def _loses_its_own(nodes: Iterable[Node], constants: set[str]) -> bool:
    """Whether something that can make a NaN comes before something that loses it."""
    makers: dict[str, str] = {}
    doubtful: set[str] = set()
    for node in nodes:
        inner = [n for body in node.bodies() for n in nodes_of(body)]
        arriving = bool(doubtful.intersection(node.inputs))
        if inner and _any_swallows(inner):
            arriving = arriving or any(n.op in _MAKING for n in inner)
            if arriving:
                return True
        if arriving and swallows(node):
            return True
        if arriving or (node.op in _MAKING and not _is_kept(node, makers, constants)):
            doubtful.update(node.outputs)
        makers.update(dict.fromkeys(node.outputs, node.op))
    return False


def _is_kept(node: Node, makers: dict[str, str], constants: set[str]) -> bool:
    """Whether the operand that decides is a constant, or computed so that it does no harm."""
    decisive = node.inputs[-1] if node.op in ("Div", "Mod", "Pow") else node.inputs[0]
    return decisive in constants or makers.get(decisive) in _KEPT_POSITIVE


def is_finite(array: np.ndarray) -> bool:
    """Whether all elements are finite numbers; made so that it costs next to nothing for small arrays."""
    kind = array.dtype.char
    if kind in "fd":
        # a sum of squares is NaN only where an element is, and infinite for what is large or infinite
        if np.vdot(array, array) < _INF:
            return True
    elif array.dtype == BFLOAT16:
        array = to_float32(array)
    elif kind != "e":
        return True
    return bool(np.isfinite(array).all())


def exact(model: Buffer) -> bytes:
    """The model with nodes behind each swallowing one that put the NaN back.

    Raises:
        ValueError: for an operator set older than 9.
    """
    opset = opset_of(model)
    if opset < _MIN_OPSET:
        raise ValueError(f"opset {opset} has no operators that find a NaN")
    inputs, initializers = declared(model, graph_span(model))
    floats = {value.dtype for value in (*inputs, *initializers)} & {FLOAT, 10, 11}
    numbers = itertools.count()
    dtype = floats.pop() if len(floats) == 1 else FLOAT
    return with_nodes(model, lambda nodes: _Rewriting(opset, dtype, numbers).of(nodes))


@dataclass
class _Rewriting:
    """Rewrites the nodes of one graph."""

    opset: int
    dtype: int  # of floats, where the operator set has no CastLike
    numbers: Iterator[int]
    made: list[Node] = field(default_factory=list)

    def of(self, nodes: list[Node]) -> list[Node]:
        for node in nodes:
            if swallows(node):
                self._rewrite(node)
            else:
                self.made.append(node)
        return self.made

    def _rewrite(self, node: Node) -> None:
        if node.op in _WINDOWS:
            self._windows(node)
        elif node.op in _ELEMENTWISE:
            self._put_back(node, self._is_nan(node.inputs[0]))
        elif node.op in _EXTREMES:
            self._put_back(node, self._over(self._new("Sum", [self._mark(x) for x in node.inputs])))
        elif node.op in _ROWS:
            axis = {k: v for k, v in node.attributes.items() if k == "axis"}
            self._put_back(
                node, self._is_nan(self._like(node, "Softmax", [self._float(node.inputs[0])], axis))
            )
        elif node.op in _ARGUMENTS:
            self._arguments(node)
        elif node.op == "TopK":
            self._largest(node)
        elif node.op in _RECURRENT:
            self._recurrent(node)
        else:
            data, indices, updates = node.inputs
            marks = [self._mark(data), indices, self._mark(updates)]
            kept = {**node.attributes, "reduction": make("", [], [], reduction="max").attributes["reduction"]}
            self._put_back(node, self._over(self._like(node, node.op, marks, kept)))

    def _windows(self, node: Node) -> None:
        op = "ReduceMax" if node.op == "ReduceMin" else node.op
        marks = self._like(node, op, [self._mark(node.inputs[0]), *node.inputs[1:]], node.attributes)
        self._put_back(node, self._over(marks))

    def _arguments(self, node: Node) -> None:
        """numpy takes the first NaN for the largest and for the smallest."""
        extreme = self._above(node.inputs[0], _INF if node.op == "ArgMax" else -_INF)
        node.inputs[0] = extreme
        self.made.append(node)

    def _largest(self, node: Node) -> None:
        """numpy and torch sort NaN as the largest."""
        source = node.inputs[0]
        node.inputs[0] = self._above(source, _INF)
        values = node.outputs[0]
        node.outputs = [
            self._name(),
            node.outputs[1] if len(node.outputs) > 1 and node.outputs[1] else self._name(),
        ]
        self.made.append(node)
        if values:
            gathered = make(
                "GatherElements", [source, node.outputs[1]], [values], axis=node.integer("axis", -1)
            )
            self.made.append(gathered)

    def _recurrent(self, node: Node) -> None:
        """A NaN stays in the state for good: a network of one unit that counts them says from when on."""
        inputs = [*node.inputs, *[""] * (8 - len(node.inputs))]
        x, weights, recurrent, bias, lengths, *starts = inputs
        directions = 2 if node.text("direction") == "bidirectional" else 1
        marks = self._reduce(self._mark(x), [2])
        start = self._new("Mul", [self._reduce(marks, [0]), self._constant(0.0)])
        for weight in filter(None, (weights, recurrent)):
            start = self._new("Add", [start, self._reduce(self._mark(weight), [1, 2])])
        if bias:
            row = self._reduce(self._mark(bias), [1])
            start = self._new("Add", [start, self._new("Reshape", [row, self._integers([directions, 1, 1])])])
        for state in filter(None, starts[:2] if node.op == "LSTM" else starts[:1]):
            start = self._new("Add", [start, self._reduce(self._mark(state), [2])])
        ones = self._constant(1.0, [directions, 1, 1])
        counts, last = self._name(), self._name()
        attributes = {"direction": node.attributes["direction"]} if "direction" in node.attributes else {}
        counter = make("RNN", [marks, ones, ones, "", lengths, start], [counts, last], hidden_size=1)
        counter.attributes |= make("", [], [], activations=["Relu"] * directions).attributes | attributes
        self.made.append(counter)
        wanted = [name for name in node.outputs if name]
        lost = {}
        if node.outputs[0]:
            lost[node.outputs[0]] = self._over(counts)
        if len(wanted) > len(lost):
            lost |= dict.fromkeys((n for n in node.outputs[1:] if n), self._over(last))
        self._put_all_back(node, lost)

    # pieces

    def _name(self) -> str:
        return f"kcompile.nan/{next(self.numbers)}"

    def _new(self, op: str, inputs: Sequence[str], **attributes: object) -> str:
        output = self._name()
        self.made.append(make(op, inputs, [output], **attributes))
        return output

    def _like(self, node: Node, op: str, inputs: list[str], attributes: dict[str, bytes]) -> str:
        output = self._name()
        self.made.append(Node(op, inputs, [output], dict(attributes), node.domain))
        return output

    def _constant(self, value: float, shape: Sequence[int] = ()) -> str:
        output = self._name()
        self.made.append(constant(output, value, shape))
        return output

    def _integers(self, values: Sequence[int]) -> str:
        output = self._name()
        self.made.append(integers(output, values))
        return output

    def _float(self, x: str) -> str:
        return self._new("Cast", [x], to=FLOAT)

    def _is_nan(self, x: str) -> str:
        return self._new("IsNaN", [self._float(x)])  # of integers too: it is no harm

    def _mark(self, x: str) -> str:
        """1 where a NaN is, else 0."""
        return self._new("Cast", [self._is_nan(x)], to=FLOAT)

    def _over(self, marks: str) -> str:
        return self._new("Greater", [marks, self._constant(0.5)])

    def _reduce(self, x: str, axes: list[int]) -> str:
        if self.opset < 18:
            return self._new("ReduceMax", [x], axes=axes, keepdims=1)
        return self._new("ReduceMax", [x, self._integers(axes)], keepdims=1)

    def _typed(self, value: float, like: str) -> str:
        scalar = self._constant(value)
        if self.opset >= 15:
            return self._new("CastLike", [scalar, like])
        return scalar if self.dtype == FLOAT else self._new("Cast", [scalar], to=self.dtype)

    def _above(self, x: str, value: float) -> str:
        """x with a value in place of NaN."""
        return self._new("Where", [self._is_nan(x), self._typed(value, x), x])

    def _put_back(self, node: Node, lost: str) -> None:
        self._put_all_back(node, {node.outputs[0]: lost} if node.outputs[0] else {})

    def _put_all_back(self, node: Node, lost: dict[str, str]) -> None:
        """The node, and NaN in its outputs where they were lost."""
        raw = {name: self._name() for name in lost}
        node.outputs = [raw.get(name, name) for name in node.outputs]
        self.made.append(node)
        for name, mask in lost.items():
            nan = self._typed(float("nan"), raw[name])
            self.made.append(make("Where", [mask, nan, raw[name]], [name]))


class Guard:
    """The second form of a model that would lose a NaN.

    Attributes:
        always: whether the first form is never right: the model can make a NaN itself, or has one among its
            weights.
    """

    def __init__(self, model: str | os.PathLike[str] | bytes, options: Mapping[str, Any], where: str) -> None:
        self.always = False
        self._model = model
        self._options = options
        self._where = where
        self._lock = threading.Lock()
        self._made: tuple[Any, Any] | None = None
        self._version = _version(model)
        self._held: int | None = None
        self._release: Any = None

    def hold(self) -> None:
        """Keeps the file open until the second form is made from it, even if another has taken its name.

        Nothing is kept of files that name others for their weights, whose contents may be the new ones, and
        where the system lets no open file be replaced.
        """
        if self._held is not None or self._made is not None or isinstance(self._model, bytes):
            return
        with contextlib.suppress(OSError, ModelFileError):  # it has gone meanwhile
            if os.name != "nt" and not inspect(self._model, self._where)[0]:
                self._held = os.open(self._model, os.O_RDONLY)
                self._release = weakref.finalize(self, os.close, self._held)

    @classmethod
    def of(
        cls, model: str | os.PathLike[str] | bytes, options: Mapping[str, Any], where: str
    ) -> Guard | None:
        """The guard of a model; None where it loses no NaN, or cannot be read (the session says why)."""
        try:
            with _opened(model) as content:
                nature = nature_of(content)
        except (OSError, ValueError, TypeError, AttributeError, IndexError, RecursionError, Truncated):
            return None
        if not nature.swallows:
            return None
        guard = cls(model, options, where)
        weights = options.get("initializers") or {}
        guard.always = nature.makes or not all(is_finite(array) for array in weights.values())
        return guard

    def session(self) -> Any:
        """The session of the second form, made at the first call.

        Raises:
            ExecutionError: the file has changed since the model was loaded.
        """
        with self._lock:
            if self._made is None:
                source = self._model if self._held is None else self._held
                if _version(source) != self._version:
                    raise ExecutionError(
                        f"{self._where} has changed since it was loaded, and inputs that hold NaN ask for "
                        "it again: load it anew"
                    )
                try:
                    self._made = self.create()
                    self._held, release = None, self._release
                    if release is not None:
                        release()
                except (ModelFileError, ValueError, RecursionError) as error:
                    raise ExecutionError(
                        f"{self._where}: the inputs hold NaN or infinities, and the operators of this model "
                        f"cannot be made to keep them ({error})"
                    ) from error
            return self._made[0]

    def create(self) -> tuple[Any, Any]:
        """A session of the second form, and what must live as long as it."""
        folder = None
        if not isinstance(self._model, bytes):
            folder = os.path.dirname(os.path.abspath(os.fspath(self._model)))
        with _opened(self._model if self._held is None else self._held) as content:
            try:
                model = exact(content)
            except (LookupError, TypeError, AttributeError, Truncated) as error:  # nodes without their inputs
                raise ModelFileError(f"{self._where} has nodes that are not as ONNX defines them") from error
        return create_session(model, folder=folder, **self._options)


def _version(model: str | os.PathLike[str] | bytes | int) -> Any:
    if isinstance(model, bytes) or not os.path.exists(model):
        return None
    found = os.stat(model)
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextlib.contextmanager
def _opened(model: str | os.PathLike[str] | bytes | int) -> Iterator[Buffer]:
    """The contents of bytes, a file's name, or an open file."""
    if isinstance(model, bytes):
        yield model
        return
    with (
        open(model, "rb", closefd=not isinstance(model, int)) as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        yield content


__all__ = ["SWALLOWING", "Guard", "exact", "is_finite", "nature_of", "swallows"]
