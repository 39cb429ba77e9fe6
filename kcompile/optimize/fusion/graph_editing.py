"""Reading and changing a graph of onnx_ir: constants, who makes a value, nodes in place of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as oir

from ...ir import Names

Sizes = oir.Shape | Sequence[int | oir.SymbolicDim | str | None]


def numbers(value: oir.Value | None) -> np.ndarray | None:
    """What an initializer holds; None for anything else."""
    return None if value is None or value.const_value is None else value.const_value.numpy()


def scalar(value: oir.Value | None) -> float | None:
    """The one number of an initializer; None for anything else."""
    array = numbers(value)
    return (
        float(array.reshape(()))
        if array is not None and array.size == 1 and array.dtype.kind in "fiuV"
        else None
    )


def made_by(value: oir.Value | None, *op_types: str) -> oir.Node | None:
    """The node of the standard that computes a value, if it is of one of these operators."""
    node = None if value is None else value.producer()
    return node if node is not None and node.domain == "" and node.op_type in op_types else None


def only_reader(value: oir.Value, *op_types: str) -> oir.Node | None:
    """The one node that reads a value, if it is of one of these operators and nobody else reads the value."""
    if value.is_graph_output() or len(value.uses()) != 1:
        return None
    (use,) = value.uses()
    node = use.node
    return node if node.domain == "" and node.op_type in op_types else None


def next_but_sizes(value: oir.Value, op_type: str) -> oir.Node | None:
    """The one node that reads more of a value than its sizes, if it is of this operator."""
    nodes = [use.node for use in value.uses() if use.node.op_type != "Shape"]
    if value.is_graph_output() or len(nodes) != 1:
        return None
    return nodes[0] if nodes[0].domain == "" and nodes[0].op_type == op_type else None


def is_read_once(value: oir.Value) -> bool:
    """Whether one node reads the value, and the graph does not return it."""
    return not value.is_graph_output() and len(value.uses()) == 1


def is_weight(value: oir.Value | None) -> bool:
    """Whether a value is an initializer, or one in another layout."""
    while value is not None and numbers(value) is None:
        node = made_by(value, "Reshape", "Transpose", "Unsqueeze", "Squeeze")
        value = None if node is None else node.inputs[0]
    return value is not None


def attribute(node: oir.Node, name: str, default: Any = None) -> Any:
    """The attribute's number, text or list; ``default`` where the node does not say it."""
    found = node.attributes.get(name)
    return default if found is None else found.value


def sizes(value: oir.Value | None) -> list[int | None] | None:
    """The size of each axis, None where it is open; None for an unknown rank."""
    if value is None or value.shape is None:
        return None
    return [size if isinstance(size, int) else None for size in value.shape]


def same_size(a: int | oir.SymbolicDim, b: int | oir.SymbolicDim) -> bool:
    """Whether two sizes are known to be equal, by number or by symbol."""
    return a == b and (isinstance(a, int) or a.value is not None)


class Editor:
    """Puts nodes into a graph, before the node that they are to replace.

    Args:
        graph: the main graph of a model.
    """

    def __init__(self, graph: oir.Graph) -> None:
        self.graph = graph
        values = {value.name for node in graph.all_nodes() for value in node.outputs}
        nodes = {node.name for node in graph.all_nodes()}
        names = values | nodes | set(graph.initializers) | {value.name for value in graph.inputs}
        self._unique = Names(name for name in names if name is not None).unique

    def node(
        self,
        at: oir.Node,
        op_type: str,
        inputs: Sequence[oir.Value | None],
        shape: Sizes | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> oir.Value:
        """Adds a node before ``at``, as part of the layer that ``at`` is of; returns its output.

        Args:
            shape: of the output; its type is that of the first input.
        """
        made = oir.node(op_type, inputs, attributes, domain=domain, name=self._unique(f"{at.name}/{op_type}"))
        made.metadata_props.update(at.metadata_props)
        output = made.outputs[0]
        output.name = made.name
        output.type = next(value.type for value in inputs if value is not None)
        output.shape = None if shape is None else oir.Shape(shape)
        self.graph.insert_before(at, made)
        return output

    def place(self, made: oir.Node, at: oir.Node) -> None:
        """Puts a node of several outputs before ``at``, with names, as part of the layer of ``at``."""
        made.name = self._unique(f"{at.name}/{made.op_type}")
        made.metadata_props.update(at.metadata_props)
        for i, output in enumerate(made.outputs):
            output.name = self._unique(f"{made.name}/{i}")
        self.graph.insert_before(at, made)

    def constant(self, array: np.ndarray | Sequence[int], name: str) -> oir.Value:
        """A new initializer; lists are int64."""
        array = array if isinstance(array, np.ndarray) else np.array(array, np.int64)
        tensor = oir.Tensor(array, name=self._unique(name))
        value = oir.Value(
            name=tensor.name, type=oir.TensorType(tensor.dtype), shape=tensor.shape, const_value=tensor
        )
        self.graph.register_initializer(value)
        return value

    def reshaped(
        self, at: oir.Node, value: oir.Value, target: Sequence[int], shape: Sizes | None
    ) -> oir.Value:
        """``Reshape(value, target)``."""
        return self.node(at, "Reshape", [value, self.constant(target, f"{at.name}/shape")], shape)

    def transposed(self, at: oir.Node, value: oir.Value, perm: Sequence[int]) -> oir.Value:
        """``Transpose(value, perm)``; the value itself where nothing moves."""
        if list(perm) == sorted(perm):
            return value
        shape = None if value.shape is None else [value.shape[i] for i in perm]
        return self.node(at, "Transpose", [value], shape, perm=list(perm))

    def split(self, at: oir.Node, value: oir.Value, widths: Sequence[int]) -> list[oir.Value]:
        """Parts of these sizes along the last axis."""
        parts = self.constant(widths, f"{at.name}/split")
        made = oir.node(
            "Split",
            [value, parts],
            {"axis": -1},
            num_outputs=len(widths),
        )
        self.place(made, at)
        for output, width in zip(made.outputs, widths, strict=True):
            output.type = value.type
            output.shape = None if value.shape is None else oir.Shape([*list(value.shape)[:-1], width])
        return list(made.outputs)

    def replace(self, old: oir.Value, new: oir.Value) -> None:
        """Lets everybody read ``new`` for ``old``, under the name of an output where the graph returns it."""
        if old.is_graph_output():
            new.name, old.name = old.name, self._unique(f"{old.name}/replaced")
        if new.shape is None:
            new.shape = old.shape
        old.replace_all_uses_with(new, replace_graph_outputs=True)
