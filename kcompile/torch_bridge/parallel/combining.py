"""How the results of the shards of a batch combine to the result of the whole batch.

A data-parallel step computes a graph on each shard. What it gives for the whole batch is, for a loss that is
a mean over samples, the mean weighted by the shards' shares; for a sum over samples (a count of hits, an
activity regularizer of Keras 2.3), the sum. Which of both a value is, its graph says: ``Combination`` walks
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...ir import Constant, Graph, Node, Parameter, Value, op

#: same: every shard has it alike. rows: one entry a sample. sum, count: the whole batch's is the sum (a count
#: grows with the number of samples). mean: the mean weighted by shares. mixed: terms of several kinds.
#: other: unknown.
Kind = Literal["same", "rows", "shape", "sum", "count", "mean", "mixed", "other"]

_SUMS = frozenset({"ReduceSum", "ReduceL1", "ReduceSumSquare"})
_PASSING = frozenset(
    {"Cast", "Neg", "Squeeze", "Unsqueeze", "Reshape", "Flatten", "Expand", "Transpose", "StopGradient"}
)
_BATCH = "batch"


class Combination:
    """The kinds of the values of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._kinds: dict[Value, Kind] = dict.fromkeys(graph.inputs, "rows")
        for node in graph.nodes:
            kind = self._kind(node)
            for output in node.outputs:
                self._kinds[output] = kind

    def __getitem__(self, value: Value) -> Kind:
        value = self.graph.resolve(value)
        if isinstance(value, Constant | Parameter):
            return "same"
        return self._kinds.get(value, "other")

    def _kind(self, node: Node) -> Kind:
        operands = list(self.graph.dependencies(node))
        kinds = [self[value] for value in operands]
        if node.op_type == "Gradient":  # of a mean it is one, of a sum it is one
            return {"count": "sum", "sum": "sum", "mixed": "mixed"}.get(kinds[0], "mean")  # type: ignore[return-value]
        if all(kind == "same" for kind in kinds):
            return "same"
        if node.op_type in ("Shape", "Size"):
            return _of_sizes(node) if kinds[0] == "rows" else "same"
        if "shape" in kinds:
            return self._of_shape(node, kinds)
        if node.op_type.startswith("Reduce"):
            return self._reduced(node, operands, kinds[0])
        if node.op_type in ("Add", "Sub", "Sum"):
            return _added(kinds)
        if node.op_type == "Where":
            return "rows" if "rows" in kinds else _added(kinds[1:]) if kinds[0] == "same" else "other"
        if node.op_type in ("Mul", "Div"):
            return _multiplied(node.op_type, kinds)
        if node.op_type in _PASSING:
            return kinds[0]
        if (
            node.op_type in ("MatMul", "Einsum")
            and kinds.count("rows") == 2
            and not _has_batch(node.outputs[0])
        ):
            return "sum"
        return "rows" if "rows" in kinds and node.outputs[0].rank != 0 else "other"

    def _of_shape(self, node: Node, kinds: list[Kind]) -> Kind:
        """What is computed from the sizes of rows: the first of them counts the samples."""
        if node.op_type == "Gather":
            index = self.graph.operands(node)[1]
            return (
                "count"
                if isinstance(index, Constant) and index.array.size == 1 and not index.array.any()
                else "same"
            )
        if node.op_type == "ReduceProd":
            return "count"
        if node.op_type == "Slice":
            start = self.graph.operands(node)[1]
            if not isinstance(start, Constant) or start.array.any():
                return "same"
            return "count" if node.outputs[0].shape == (1,) else "shape"
        if node.op_type in ("Cast", "Squeeze", "Unsqueeze", "Concat"):
            return "shape"
        others = [kind for kind in kinds if kind not in ("shape", "same")]
        return others[0] if others else "same"  # Reshape and its like: the kind of the data

    def _reduced(self, node: Node, operands: Sequence[Value], kind: Kind) -> Kind:
        x = operands[0]
        if kind != "rows" or x.rank == 0:
            return kind if node.op_type in ("ReduceSum", "ReduceMean") and kind != "rows" else "other"
        if _has_batch(node.outputs[0]) or not self._open(node, x):
            return "rows"
        return "sum" if node.op_type in _SUMS else "mean" if node.op_type == "ReduceMean" else "other"

    def _open(self, node: Node, x: Value) -> bool:
        """Whether an axis of unknown size, as the samples' is, is among those that are reduced."""
        axes = self.graph.operands(node)[1] if len(node.inputs) > 1 else None
        if x.shape is None or axes is None or not isinstance(axes, Constant) or not axes.array.size:
            return not (axes is not None and node.attributes.get("noop_with_empty_axes"))
        return any(not isinstance(x.shape[axis], int) for axis in axes.array.reshape(-1).tolist())


def _of_sizes(node: Node) -> Kind:
    """What Shape or Size says of rows: of the first axis alone, it counts them."""
    if node.op_type == "Size":
        return "count"
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return "same" if start else "count" if end == 1 else "shape"


def _has_batch(value: Value) -> bool:
    return value.dims is not None and _BATCH in value.dims


def _added(kinds: Sequence[Kind]) -> Kind:
    found = set(kinds)
    if "rows" in found or "other" in found:
        return "rows" if "rows" in found else "other"
    if found <= {"sum", "count"}:
        return "count" if found == {"count"} else "sum"
    if found <= {"same", "mean"}:
        return "mean" if "mean" in found else "same"
    return "mixed"


def _multiplied(op_type: str, kinds: Sequence[Kind]) -> Kind:
    a, b = kinds
    if "rows" in kinds:
        return "rows"
    if b == "same":
        return a
    if op_type == "Mul":
        return b if a == "same" else "other"
    if b == "count" and a in ("sum", "count"):
        return "mean" if a == "sum" else "same"
    return "other"


@dataclass(frozen=True)
class Piece:
    """One value that the shards' results are combined to.

    Attributes:
        parameter: whom it is for; None for the loss and other outputs.
        kind: "sum", "mean" (weighted by shares) or "same" (each rank has it already).
        increment: it is added to the parameter; otherwise it replaces the value.
    """

    parameter: Parameter | None
    kind: Literal["sum", "mean", "same"]
    increment: bool = False


@dataclass(frozen=True)
class Plan:
    """A graph rewritten so that the results of shards can be combined.

    Attributes:
        graph: its outputs are the mean part of the loss, the sum part if there is one, and one value for each
            of ``pieces``; it has no updates.
        has_sum: whether there is a sum part.
        pieces: what the further outputs are: outputs of the original graph, then its updates.
        outputs: how many of the pieces are outputs.
    """

    graph: Graph
    has_sum: bool
    pieces: tuple[Piece, ...]
    outputs: int


def plan(graph: Graph) -> Plan:
    """Rewrites a graph whose first output is the loss (see ``Plan``).

    A value of unknown kind counts as a mean where it is a loss or replaces a parameter's value, and as a sum
    where it is added to one: that is what accumulators of metrics are.
    """
    kinds = Combination(graph)
    loss, *others = (graph.resolve(value) for value in graph.outputs)
    means, sums = _split(loss, graph, kinds)
    values: list[Value] = [_total(means) if means else Constant(np.zeros((), loss.dtype))]
    if sums:
        values.append(_total(sums))
    pieces = [Piece(None, _output_kind(kinds[value], value)) for value in others]
    values += others
    for parameter, new in graph.updates:
        piece, value = _update(parameter, graph.resolve(new), graph, kinds)
        pieces.append(piece)
        values.append(value)
    made = Graph(values, graph.inputs, (), graph.phase, graph.frozen)
    return Plan(made, bool(sums), tuple(pieces), len(others))


def _output_kind(kind: Kind, value: Value) -> Literal["sum", "mean", "same"]:
    if kind in ("sum", "count"):
        return "sum"
    return "mean" if value.dtype.kind == "f" and kind != "same" else "same"


def split(value: Value, graph: Graph, kinds: Combination) -> list[Value]:
    """The part of a loss that is a mean over samples, and the part that is a sum; without those it lacks."""
    return [_total(terms) for terms in _split(value, graph, kinds) if terms]


def _split(value: Value, graph: Graph, kinds: Combination) -> tuple[list[Value], list[Value]]:
    """The terms of a loss that are means, and those that are sums over samples."""
    value = graph.resolve(value)
    kind = kinds[value]
    if kind in ("sum", "count"):
        return [], [value]
    node = value.node
    if kind != "mixed" or node is None:
        return [value], []
    operands = [x for x in graph.operands(node) if x is not None]
    if node.op_type in ("Mul", "Div"):
        terms, factor = (operands[1], operands[0]) if kinds[operands[0]] == "same" else operands
        means, sums = _split(terms, graph, kinds)
        if node.op_type == "Mul":
            return [x * factor for x in means], [x * factor for x in sums]
        return [x / factor for x in means], [x / factor for x in sums]
    if node.op_type not in ("Add", "Sub", "Sum", "Neg", "Cast"):
        return [value], []
    means, sums = [], []
    for i, x in enumerate(operands):
        more_means, more_sums = _split(x, graph, kinds)
        negative = node.op_type == "Neg" or (node.op_type == "Sub" and i == 1)
        means += [-term for term in more_means] if negative else more_means
        sums += [-term for term in more_sums] if negative else more_sums
    return means, sums


def _total(terms: list[Value]) -> Value:
    total = terms[0]
    for term in terms[1:]:
        total = op.Add(total, term)
    return total


def _update(parameter: Parameter, new: Value, graph: Graph, kinds: Combination) -> tuple[Piece, Value]:
    node = new.node
    if node is not None and node.op_type == "Add" and not node.domain:
        a, b = (value for value in graph.operands(node) if value is not None)
        for old, increment in ((a, b), (b, a)):
            if old is parameter:
                kind = kinds[increment]
                combined = kind if kind in ("same", "mean") else "sum"
                return Piece(parameter, combined, True), increment  # type: ignore[arg-type]
    same = kinds[new] == "same" or new.dtype.kind != "f"
    return Piece(parameter, "same" if same else "mean"), new
