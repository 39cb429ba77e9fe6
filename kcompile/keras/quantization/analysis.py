"""Where a model is to be rounded: by the operators of its layers, whatever their classes.

Each tensor is rounded at most once, where the kernel ends that computes it: a convolution, the batch
normalisation behind it and a ReLU behind that are one. Dropout, flattening and largest-pooling pass on what
is rounded. A layer that multiplies what nobody has rounded, rounds it itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from ...ir import Graph, Value
from ..core.node import Node, tensors_in
from ..training.model import Model
from .products import MOVING, PRODUCTS, in_float, operands_to_round


class Kind(Enum):
    """What a layer is to a kernel of integers."""

    PRODUCT = auto()  # of weights
    TABLE = auto()  # rows of weights
    CONFIGURED = auto()  # rounded as its user says
    STORED = auto()  # of weights that are rounded, computed in float
    NORMALIZATION = auto()  # part of the product before it
    ACTIVATION = auto()  # part of what is before it
    JOINT = auto()  # a sum, a mean, several tensors as one
    MOVING = auto()  # numbers stay what they are
    INPUT = auto()
    OTHER = auto()  # computed in float


_ROUNDED = (Kind.PRODUCT, Kind.TABLE, Kind.STORED, Kind.CONFIGURED)
_CLIPPING = {"Relu", "Clip", "Max", "Min"}
_JOINING = {"Add", "AveragePool", "Concat", "GlobalAveragePool", "ReduceMean", "Sum"}


class Place(NamedTuple):
    """How a layer is to be rounded: which of its inputs, and whether its outputs."""

    inputs: tuple[int, ...]
    outputs: bool


def places(
    model: Model, keep: Collection[str], configured: Mapping[str, bool] | None = None
) -> dict[Any, Place]:
    """The layers of a model that are rounded, and how.

    Args:
        model: built, of layers.
        keep: names of layers that stay float.
        configured: those of layers whose user says how, and whether that rounds what they give.
    """
    return _Analysis(model, keep, configured or {}).places()


class _Analysis:
    def __init__(self, model: Model, keep: Collection[str], configured: Mapping[str, bool]) -> None:
        self.configured = configured
        self.nodes: list[Node] = model._network_nodes
        self.outputs = set(model.outputs)
        self.kinds = {
            node: Kind.CONFIGURED if _name(node) in configured else _kind(node, keep) for node in self.nodes
        }
        self.maker: dict[Value, Node] = {x: node for node in self.nodes for x in node.output_tensors}
        self.rounded: dict[Node, bool] = {}
        self.readers: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for x in dict.fromkeys(node.input_tensors):
                self.readers.setdefault(x, []).append(node)

    def places(self) -> dict[Any, Place]:
        found: dict[Any, Place] = {}
        for node in self.nodes:
            place = self._place(node)
            if place is None:
                continue
            known = found.get(node.outbound_layer, Place((), False))
            both = tuple(sorted({*known.inputs, *place.inputs}))
            found[node.outbound_layer] = Place(both, known.outputs or place.outputs)
        return found

    def _place(self, node: Node) -> Place | None:
        kind, outputs = self.kinds[node], self._rounds_its_outputs(node)
        inputs: tuple[int, ...] = ()
        joins = kind is Kind.JOINT and self._begins_kernel(node) and not self._is_result(node)
        if kind in (Kind.PRODUCT, Kind.CONFIGURED) or joins:
            inputs = tuple(i for i, x in enumerate(node.input_tensors) if not self._is_rounded(x))
        rounds = kind in _ROUNDED or inputs or outputs
        return Place(inputs, outputs) if rounds else None

    def _rounds_its_outputs(self, node: Node) -> bool:
        if node not in self.rounded:
            self.rounded[node] = (
                self._begins_kernel(node) and not self._goes_on(node) and not self._is_result(node)
            )
        return self.rounded[node]

    def _begins_kernel(self, node: Node) -> bool:
        """Whether a product or a joint computes what the node gives, by the node or before it."""
        kind = self.kinds[node]
        if kind is Kind.JOINT:
            return any(map(self._is_rounded, node.input_tensors))
        if kind not in (Kind.NORMALIZATION, Kind.ACTIVATION):
            return kind is Kind.PRODUCT
        before = self.maker.get(node.input_tensors[0])
        return before is not None and self._goes_on(before) and self._begins_kernel(before)

    def _goes_on(self, node: Node) -> bool:
        """Whether the kernel that computes a node computes the one that reads it, too."""
        if len(node.output_tensors) != 1 or node.output_tensors[0] in self.outputs:
            return False
        readers = self.readers.get(node.output_tensors[0], [])
        if len(readers) != 1 or not _ends_linear(node):
            return False
        kind, following = self.kinds[node], self.kinds[readers[0]]
        if following is Kind.NORMALIZATION:
            return kind is Kind.PRODUCT
        return following is Kind.ACTIVATION and kind in (Kind.PRODUCT, Kind.NORMALIZATION, Kind.JOINT)

    def _is_result(self, node: Node) -> bool:
        """Whether what a node gives is a result of the model, and nothing else reads it, or it is only moved
        on to one."""
        for x in node.output_tensors:
            readers = self.readers.get(x, [])
            if x in self.outputs and not readers:
                continue
            if not readers or not all(
                self.kinds[reader] is Kind.MOVING and self._is_result(reader) for reader in readers
            ):
                return False
        return True

    def _is_rounded(self, x: Value) -> bool:
        node = self.maker.get(x)
        if node is None:
            return False
        if self.kinds[node] is Kind.MOVING:
            return all(map(self._is_rounded, node.input_tensors))
        if self.kinds[node] is Kind.TABLE:
            return True
        if self.kinds[node] is Kind.CONFIGURED:
            return self.configured[_name(node)]
        return self._rounds_its_outputs(node)


def _name(node: Node) -> str:
    return str(node.outbound_layer.name)


def _kind(node: Node, keep: Collection[str]) -> Kind:
    layer: Any = node.outbound_layer
    if not node.inbound_layers:
        return Kind.INPUT
    if layer.name in keep or isinstance(layer, Model):
        return Kind.OTHER
    graph = _graph(node)
    if any(each.op_type in ("QuantizeLinear", "DequantizeLinear") for each in graph.nodes):
        return Kind.OTHER  # a graph that rounds by itself
    if in_float(each.op_type for each in graph.nodes):
        return Kind.STORED if any(map(_is_of_weights, _with_bodies(graph))) else Kind.OTHER
    emitted = [each for each in graph.nodes if each.outputs[0].dtype.kind == "f"]
    of_weights = [each.op_type for each in emitted if _is_of_weights(each)]
    if any(op_type in PRODUCTS for op_type in of_weights):
        return Kind.PRODUCT
    kinds = {each.op_type for each in emitted} - MOVING
    if of_weights:
        return Kind.STORED if kinds else Kind.TABLE
    if not kinds:
        return Kind.MOVING if all(x.dtype.kind == "f" for x in node.input_tensors) else Kind.OTHER
    for named, kind in (
        ({"BatchNormalization"}, Kind.NORMALIZATION),
        (_CLIPPING, Kind.ACTIVATION),
        (_JOINING, Kind.JOINT),
    ):
        if kinds <= named:
            return kind
    return Kind.OTHER


def _graph(node: Node) -> Graph:
    """What a call computes, in prediction."""
    given = [*node.input_tensors, *node.input_masks, *tensors_in(node.arguments)]
    return Graph(node.output_tensors, [x for x in given if x is not None], phase="inference")


def _with_bodies(graph: Graph) -> Iterator[Any]:
    """The nodes of a graph, and of graphs within."""
    for node in graph.nodes:
        yield node
        for body in graph.bodies(node).values():
            yield from _with_bodies(body)


def _is_of_weights(node: Any) -> bool:
    return bool(operands_to_round(node.op_type, node.inputs, node.attributes)) and not node.domain


def _ends_linear(node: Node) -> bool:
    """Whether nothing but a product, a sum or a normalisation comes last in a call."""
    emitted = [each for each in _graph(node).nodes if each.outputs[0].dtype.kind == "f"]
    kinds = [each.op_type for each in emitted if each.op_type not in MOVING]
    return bool(kinds) and kinds[-1] in PRODUCTS | {"Add", "BatchNormalization"}
