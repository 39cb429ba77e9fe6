"""What a graph reads in place of text: numbers that Python finds before the graph runs.

PyTorch has no text, and ONNX cannot say all that programs do to it. A ``TextNode`` is a function of text in
Python; whoever runs a graph computes those first (``TextStage``) and hands the graph what they give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import helper

from .dtypes import DTypeLike, as_dtype
from .foreign import ForeignNode
from .graph import Body, Graph
from .numbers import read_by
from .scope import current_device, current_scope
from .strings import as_bytes
from .values import Constant, Node, Value

KCOMPILE_TEXT = "kcompile.text"
"""The domain of text nodes; they reach no file."""


class TextNode(Node):
    """A function of text, applied.

    Attributes:
        function: arrays of ``bytes`` in, an array out.
        written: emits the same in ONNX's operators, for a file; raises where they cannot say it.
    """

    __slots__ = ("function", "written")

    def __init__(
        self,
        name: str,
        text: Value,
        function: Callable[[np.ndarray], np.ndarray],
        written: Callable[[Value], Value],
        dtype: DTypeLike,
        shape: Sequence[Any] | None,
    ) -> None:
        """
        Args:
            dtype, shape: of what it gives.
        """
        types = [(as_dtype(dtype), None if shape is None else tuple(shape))]
        super().__init__(name, [text], {}, types, KCOMPILE_TEXT, current_scope(), current_device())
        self.function = function
        self.written = written


class TextStage:
    """What comes before a graph with text in it.

    Attributes:
        outputs: the values that the graph computes.
        inputs: its inputs, text among them.
        nodes: the functions of text that it needs, in order.
        values: what is left as inputs: those that are no text, or that others read, and what the nodes give.
    """

    def __init__(self, outputs: Iterable[Value], inputs: Sequence[Value]) -> None:
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self.nodes, read = _text_nodes(self.outputs)
        given = [node.outputs[0] for node in self.nodes]
        self.values = [value for value in inputs if value.dtype != object or value in read] + given

    def __call__(self, arrays: Sequence[Any]) -> list[Any]:
        """One array for each of ``values``, of one for each input."""
        known: dict[Value, Any] = dict(zip(self.inputs, arrays, strict=True))
        for node in self.nodes:
            (text,) = node.inputs
            assert text is not None
            known[node.outputs[0]] = node.function(as_bytes(self._moved(text, known, node)))
        return [known[value] for value in self.values]

    def _moved(self, value: Value, known: dict[Value, Any], reader: TextNode) -> Any:
        """What a node reads, where operators between the inputs and it move and join text."""
        if value in known:
            return known[value]
        if isinstance(value, Constant):
            return value.array
        node = value.node
        if node is None or node.domain or any(isinstance(x, Body) for x in node.attributes.values()):
            raise ValueError(
                f"{reader.scope or reader.name} reads text that a layer gives ({value!r}); it reads inputs "
                "of the model, and what operators that move or join text make of them. Do what else comes "
                "before it outside of the model."
            )
        given = [None if operand is None else self._moved(operand, known, reader) for operand in node.inputs]
        for output, array in zip(node.outputs, _computed(node, given), strict=True):
            known[output] = as_bytes(array) if output.dtype == object else array
        return known[value]

    def written(self) -> Mapping[Value, Value]:
        """What a file has in the place of the nodes, in ONNX's operators."""
        return {node.outputs[0]: node.written(text) for node in self.nodes for text in read_by(node)}


def before_graph(graph: Graph) -> tuple[Graph, TextStage | None]:
    """What is left of a graph to run once Python has looked at the text that it reads, and what Python does;
    a graph that reads none as it is, and None."""
    if all(value.dtype != object for value in graph.inputs):
        return graph, None
    stage = TextStage([*graph.outputs, *(new for _, new in graph.updates)], graph.inputs)
    rest = graph.updates, graph.phase, graph.frozen, graph.silent, graph.replaced
    return Graph(graph.outputs, stage.values, *rest), stage


def text_labels(text: Value, keys: Sequence[bytes], labels: Sequence[int], other: int) -> Value:
    """For each text the label of the key that it is: the LabelEncoder of ai.onnx.ml.

    Args:
        labels: one for each key.
        other: the label of what is no key.
    """
    attributes = {"keys_strings": list(keys), "values_int64s": list(labels), "default_int64": other}
    protos = {name: helper.make_attribute(name, value) for name, value in attributes.items()}
    node = ForeignNode("LabelEncoder", "ai.onnx.ml", 4, [text], protos, [(np.dtype(np.int64), text.dims)])
    return node.outputs[0]


def sizes_of(x: Value) -> Value:
    """A value whose sizes a graph can be asked for: itself, or for text numbers of its sizes."""
    if x.dtype != object or isinstance(x, Constant):
        return x
    node = TextNode(
        "Sizes",
        x,
        lambda text: np.zeros(text.shape, np.int64),
        lambda text: text_labels(text, [b""], [0], 0),
        np.int64,
        x.dims,
    )
    return node.outputs[0]


def _computed(node: Node, arrays: Sequence[Any]) -> list[np.ndarray]:
    """What one operator gives, by ONNX's own reference, whose arrays may hold text."""
    from onnx.reference import ReferenceEvaluator

    names = ["" if array is None else f"in_{i}" for i, array in enumerate(arrays)]
    outputs = [f"out_{i}" for i in range(len(node.outputs))]
    proto = helper.make_node(node.op_type, names, outputs, **node.attributes)
    feeds = {name: np.asarray(array) for name, array in zip(names, arrays, strict=True) if name}
    try:
        found: list[np.ndarray] = ReferenceEvaluator(proto).run(None, feeds)  # type: ignore[assignment]
    except Exception as error:  # whatever the reference raises for what it cannot do with text
        raise ValueError(
            f"{node.op_type} in {node.scope or 'the model'} cannot take text: {error}"
        ) from error
    return found


def _text_nodes(outputs: Iterable[Value]) -> tuple[list[TextNode], set[Value]]:
    """Those that the outputs depend on, in the order in which they are found, and what others read: not what
    only comes before a text node."""
    outputs = list(outputs)
    found: dict[TextNode, None] = {}
    read = set(outputs)
    seen: set[Node] = set()
    stack = [value.node for value in outputs]
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, TextNode):
            found[node] = None
            continue
        operands = list(read_by(node))
        read.update(operands)
        stack.extend(value.node for value in operands)
    return list(reversed(found)), read
