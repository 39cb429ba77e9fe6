"""Inputs to compare two forms of a model on: drawn so that what the operators distinguish is met.

Normal numbers alone never meet a masked step, the padding of a sentence or the upper end of a clip. What to
draw, the graph says: the constants that inputs are compared with, the tables that they index, the bounds at
which values are cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from .. import ir
from .sizes import Sizes, axis_names

# Operators that move values about without changing them.
_KEEPING = frozenset(
    (
        *("Cast", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather"),
        *("Concat", "Expand", "Identity", "Where", "Floor", "Round", "Pad", "Mod"),
    )
)
_COMPARING = frozenset(("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"))
_CUTTING = frozenset(("Clip", "Min", "Max"))
_LARGEST_SCALE = 1e4
_FAR = 1000  # for integers: they may be counts of something


@dataclass
class Hints:
    """What a graph looks for in its inputs, by their position.

    Attributes:
        rows: of the smallest table that an input's values index.
        marks: constants that an input's values are tested for, such as the value of masked steps.
        bounds: magnitudes at which values are cut or change their way, anywhere in the graph.
    """

    rows: dict[int, int] = field(default_factory=dict)
    marks: dict[int, set[float]] = field(default_factory=dict)
    bounds: set[float] = field(default_factory=set)

    @classmethod
    def of(cls, *graphs: ir.Graph) -> Hints:
        """Of graphs that take the same inputs, in the same order."""
        hints = cls()
        for graph in graphs:
            hints._read(graph)
        return hints

    def _read(self, graph: ir.Graph) -> None:
        sources: dict[ir.Value, frozenset[int]] = {v: frozenset([i]) for i, v in enumerate(graph.inputs)}
        for node in graph.nodes:
            operands = graph.operands(node)
            given = [
                sources.get(value, frozenset()) if value is not None else frozenset() for value in operands
            ]
            if node.op_type == "Gather" and _rows(operands[0], node) is not None:
                self._index(given[1], _rows(operands[0], node) or 0)
            elif node.op_type == "OneHot" and (depth := _scalar(operands[1])) is not None:
                self._index(given[0], int(depth))
            elif node.op_type in _COMPARING:
                self._compare(operands, given)
            elif node.op_type in _CUTTING:
                self.bounds.update(_magnitudes(operands[1:] if node.op_type == "Clip" else operands))
            elif node.op_type == "ThresholdedRelu":
                self.bounds.add(abs(float(node.attributes.get("alpha", 1.0))))
            elif node.op_type == "HardSigmoid":
                self.bounds.add(0.5 / (abs(float(node.attributes.get("alpha", 0.2))) or 1.0))
            if node.op_type in _KEEPING:
                found = frozenset().union(*given)
                if found:
                    sources.update((output, found) for output in node.outputs)

    def _index(self, inputs: Iterable[int], rows: int) -> None:
        for i in inputs:
            self.rows[i] = max(1, min(rows, self.rows.get(i, rows)))

    def _compare(self, operands: tuple[ir.Value | None, ...], given: list[frozenset[int]]) -> None:
        for value, inputs in zip(operands[::-1], given, strict=True):
            constant = _scalar(value)
            if constant is not None and np.isfinite(constant):
                for i in inputs:
                    self.marks.setdefault(i, set()).add(constant)
                if abs(constant) <= _LARGEST_SCALE:
                    self.bounds.add(abs(constant))

    @property
    def scale(self) -> float:
        """What makes normal numbers large enough to be cut at the bounds."""
        return 4.0 * max(1.0, *(bound for bound in self.bounds if bound <= _LARGEST_SCALE), 0.0)


def _rows(table: ir.Value | None, node: ir.Node) -> int | None:
    """The rows of a table of weights or constants that a Gather reads, rounded or as they are."""
    if table is None or not table.shape or ir.depends(table) is ir.Depends.ON_INPUTS:
        return None
    size = table.shape[node.attributes.get("axis", 0)]
    return size if isinstance(size, int) else None


def _scalar(value: ir.Value | None) -> float | None:
    if isinstance(value, ir.Constant) and value.array.size == 1 and value.array.dtype.kind in "fiu":
        return float(value.array.reshape(()))
    return None


def _magnitudes(values: Iterable[ir.Value | None]) -> Iterator[float]:
    for value in values:
        constant = _scalar(value)
        if constant is not None and np.isfinite(constant) and abs(constant) <= _LARGEST_SCALE:
            yield abs(constant)


@dataclass(frozen=True)
class Sampler:
    """Draws inputs for a graph of given sizes.

    Attributes:
        graph: says dtypes and axes.
        hints: see ``Hints``.
        sizes: of the open axes.
        seed: of the random numbers.
    """

    graph: ir.Graph
    hints: Hints
    sizes: Sizes
    seed: int = 0

    def plain(self) -> list[np.ndarray]:
        """Normal floats, indices within their tables, other integers 0 or 1."""
        random = np.random.default_rng(self.seed)
        return [self._plain(i, shape, random) for i, shape in enumerate(self._shapes())]

    def further(self) -> Iterator[list[np.ndarray]]:
        """What normal numbers do not meet in this graph: marked steps and padding, large and odd values."""
        if self.hints.marks or self.hints.rows:
            yield self.marked()
        integers = any(v.dtype.kind in "iu" and i not in self.hints.rows for i, v in self._values())
        if any(bound > 0 for bound in self.hints.bounds) or integers:
            yield self.extreme()

    def marked(self) -> list[np.ndarray]:
        """Plain numbers with the values that are tested for in whole steps: at the end of one sample, at the
        start and between of the next. An index that nothing is tested for has zeros there, as padding has."""
        arrays = self.plain()
        for i, array in enumerate(arrays):
            marks = sorted(self.hints.marks.get(i, ())) or ([0.0] if i in self.hints.rows else [])
            for turn, mark in enumerate(m for m in marks if _holds(array.dtype, m)):
                _mark(array, mark, turn)
        return arrays

    def extreme(self) -> list[np.ndarray]:
        """Floats of a scale at which values are cut, integers of both signs where they index nothing."""
        random = np.random.default_rng(self.seed + 1)
        arrays = []
        for i, shape in enumerate(self._shapes()):
            dtype = self.graph.inputs[i].dtype
            if dtype.kind == "f":
                arrays.append((random.standard_normal(shape) * self.hints.scale).astype(dtype))
            elif dtype.kind == "i" and i not in self.hints.rows:
                far = int(min(_FAR, self.hints.scale, np.iinfo(dtype).max))
                arrays.append(random.integers(-far, far + 1, shape).astype(dtype))
            else:
                arrays.append(self._plain(i, shape, random))
        return arrays

    def positive(self) -> list[np.ndarray]:
        """The plain inputs without signs, for what is defined for positive numbers only."""
        return [np.abs(array) if array.dtype.kind == "f" else array for array in self.plain()]

    def _values(self) -> Iterator[tuple[int, ir.Value]]:
        return iter(enumerate(self.graph.inputs))

    def _shapes(self) -> list[tuple[int, ...]]:
        return [
            tuple(dim if isinstance(dim, int) else self.sizes[dim] for dim in shape)
            for shape in axis_names(self.graph)
        ]

    def _plain(self, i: int, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
        dtype = self.graph.inputs[i].dtype
        if i in self.hints.rows:
            return random.integers(0, self.hints.rows[i], shape).astype(dtype)
        if dtype.kind in "biu":
            return random.integers(0, 2, shape).astype(dtype)
        return random.standard_normal(shape).astype(dtype)


def _holds(dtype: np.dtype, value: float) -> bool:
    """Whether a dtype has the value (of floats: to its precision)."""
    if dtype.kind == "f":
        return True
    return (
        dtype.kind in "iu"
        and float(value).is_integer()
        and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
    )


def _mark(array: np.ndarray, mark: float, turn: int) -> None:
    """Writes a value into whole steps, in place: axis 1 counts steps; without one, into single numbers."""
    if array.ndim < 2 or array.shape[1] < 2:
        array.reshape(-1)[turn::3] = mark
        return
    steps = array.shape[1]
    tail = max(1, steps // 3) if turn == 0 else 1
    for sample in range(len(array)):
        if (sample + turn) % 2 == 0:
            array[sample, steps - tail :] = mark
        else:
            array[sample, 0] = array[sample, steps // 2] = mark
