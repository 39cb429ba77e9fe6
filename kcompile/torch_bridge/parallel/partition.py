"""Where processes that compute one graph, each on its shard of a batch, have to put results together.

A step that users write takes its gradients itself and goes on with them: it clips them, hands them to
several optimizers, differentiates them again. ``Partition`` walks its graph and finds which values each
process has for its shard alone, and before which nodes they must be those of the whole batch. Linear
operators wait: the sum of means is put together, not the means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from ...ir import KCOMPILE_DOMAIN, Graph, Node, Parameter, Value
from .combining import Combination, Kind

Way = Literal["sum", "mean"]
_PARTIAL = frozenset({"sum", "count", "mean", "mixed", "other"})
# what makes as many rows as it is told
_MAKING_ROWS = frozenset({"ConstantOfShape", "Expand", "Range", "Tile"})
_NUMBERS = frozenset({"Cast", "Mul", "Neg", "Squeeze", "Unsqueeze", "Gather"})


def divides(value: Value) -> bool:
    """Whether an input of a graph is divided over processes."""
    return bool(value.dims) and value.dims is not None and value.dims[0] == "batch"


@dataclass
class Joint:
    """What is put together at one place.

    Attributes:
        values: of each process.
        ways: how each is combined: added up, or as a mean weighted by the processes' shares of the batch.
    """

    values: list[Value] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)


class Partition(Combination):
    """How processes share the work of a graph.

    Args:
        graph: of a whole step; inputs whose first axis is "batch" are divided by it, every process has the
            others as a whole.

    Attributes:
        before: what is put together before a node, and is read in that form from there on.
        last: what is put together at the end: outputs and new values of parameters.
        weighted: gradients with respect to rows of what is a mean over all: each process has them as of its
            own mean, and multiplies them by its share.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.before: dict[Node, Joint] = {}
        self.last = Joint()
        self.weighted: set[Value] = set()
        self._kinds: dict[Value, Kind] = {x: "rows" if divides(x) else "same" for x in graph.inputs}
        for node in graph.nodes:
            for output, kind in zip(node.outputs, self._placed(node), strict=True):
                self._kinds[output] = kind
        ends = [*graph.outputs, *(new for _, new in graph.updates)]
        for i, value in enumerate(map(graph.resolve, ends)):
            self._put_together([value], self.last, also_rows=i >= len(graph.outputs))

    def is_divided(self, output: Value) -> bool:
        """Whether each process has its own rows of an output."""
        return self[output] in ("rows", "shape")

    def _placed(self, node: Node) -> list[Kind]:
        """The kinds of a node's outputs, once what has to be put together before it is."""
        if node.domain == KCOMPILE_DOMAIN and node.op_type == "Update":
            self._join(node, list(self.graph.dependencies(node)))
            return ["same"] * len(node.outputs)
        if node.domain == KCOMPILE_DOMAIN and node.op_type == "Gradient":
            return self._differentiated(node)
        kind = self._kind(node)
        operands = [x for x in self.graph.dependencies(node) if self[x] in _PARTIAL]
        if kind in ("other", "mixed") and operands and not self._has_rows(node):
            self._join(node, operands)
            kind = self._kind(node)
        return [self._of_output(kind, x) for x in node.outputs]

    def _differentiated(self, node: Node) -> list[Kind]:
        target, *sources = self.graph.dependencies(node)
        if self[target] in ("other", "mixed", "rows"):
            self._join(node, [target])
        adds_up = self[target] in ("sum", "count")
        found: list[Kind] = []
        for source, gradient in zip(sources, node.outputs, strict=True):
            of_rows = self[source] in ("rows", "shape")
            if of_rows and not adds_up:
                self.weighted.add(gradient)
            found.append("rows" if of_rows else "sum" if adds_up else "mean")
        return found

    def _kind(self, node: Node) -> Kind:
        kinds = [self[x] for x in self.graph.dependencies(node)]
        counts = [x for x in self.graph.dependencies(node) if self[x] == "count"]
        sizes = "shape" in kinds or any(x.dtype.kind in "iu" for x in counts)
        if sizes and node.op_type in _MAKING_ROWS:
            return "rows"
        if counts and node.outputs[0].dtype.kind in "iub" and "rows" not in kinds:
            linear = node.op_type in _NUMBERS and kinds.count("count") == 1
            return "count" if linear and "shape" not in kinds else "shape"
        if "rows" in kinds and any(x.dtype.kind == "f" for x in counts):  # a number, not a size
            self._join(node, [x for x in counts if x.dtype.kind == "f"])
        if node.op_type == "Add" and not node.domain and "other" in kinds:
            operands = self.graph.dependencies(node)
            if any(isinstance(x, Parameter) for x in operands):  # what metrics count
                self._join(node, [x for x in operands if self[x] == "other"], "sum")
        return super()._kind(node)

    def _has_rows(self, node: Node) -> bool:
        return any(self[x] in ("rows", "shape") for x in self.graph.dependencies(node))

    def _of_output(self, kind: Kind, output: Value) -> Kind:
        """Rows have an axis of unknown length; what has none was made of rows in a way nobody knows."""
        dims = output.dims
        known = kind == "rows" and dims is not None and all(isinstance(d, int) for d in dims)
        return "other" if known else kind

    def _join(self, node: Node, values: Sequence[Value], unknown: Way = "mean") -> None:
        if any(self[x] in _PARTIAL or self[x] == "rows" for x in values):
            self._put_together(values, self.before.setdefault(node, Joint()), True, unknown)

    def _put_together(
        self, values: Sequence[Value], joint: Joint, also_rows: bool = False, unknown: Way = "mean"
    ) -> None:
        for value in dict.fromkeys(values):
            kind = self[value]
            adds_up = kind in ("sum", "count")
            can_be = adds_up or value.dtype.kind == "f"
            if (kind in _PARTIAL or (also_rows and kind == "rows")) and can_be:
                joint.values.append(value)
                joint.ways.append("sum" if adds_up or (kind == "other" and unknown == "sum") else "mean")
            if kind in _PARTIAL:
                self._kinds[value] = "same"
