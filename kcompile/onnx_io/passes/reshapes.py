"""Merging nodes that only tell axes apart: Reshape, Flatten, Squeeze, Unsqueeze keep the order of elements.

A chain of them that ends in the shape it started from does nothing, and its readers read where it started;
any other ends in one Reshape as good as many.
"""

from __future__ import annotations

import onnx_ir as oir

_SAME_ORDER = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}


def merge_reshapes(model: oir.Model) -> None:
    """Rewrites the main graph in place. Nodes that became useless stay: remove unused nodes afterwards."""
    for node in model.graph:
        if not _reorders_nothing(node):
            continue
        output, source = node.outputs[0], node.inputs[0]
        start = _start(source)
        if source is None or start is None or start.const_value is not None:
            continue
        if _same_shape(start, output) and not output.is_graph_output():
            output.replace_all_uses_with(start)
        elif start is not source and _reads_sizes_alike(node, start, source):
            node.replace_input_with(0, start)


def _reorders_nothing(node: oir.Node | None) -> bool:
    return node is not None and node.domain == "" and node.op_type in _SAME_ORDER


def _start(value: oir.Value | None) -> oir.Value | None:
    """The value that a chain of such nodes started from."""
    while value is not None:
        node = value.producer()
        if node is None or not _reorders_nothing(node):
            break
        value = node.inputs[0]
    return value


def _same_shape(a: oir.Value, b: oir.Value) -> bool:
    """Whether the shapes are known to be equal, by numbers and symbols."""
    if a.shape is None or b.shape is None or len(a.shape) != len(b.shape):
        return False
    return all(_same_size(x, y) for x, y in zip(a.shape, b.shape, strict=True))


def _same_size(a: int | oir.SymbolicDim, b: int | oir.SymbolicDim) -> bool:
    return a == b and (isinstance(a, int) or a.value is not None)


def _reads_sizes_alike(node: oir.Node, start: oir.Value, source: oir.Value) -> bool:
    """Whether a Reshape finds the sizes that its target takes from its input (0) in ``start`` as well."""
    target = node.inputs[1] if node.op_type == "Reshape" else None
    if target is None or target.const_value is None or start.shape is None or source.shape is None:
        return False
    taken = [i for i, size in enumerate(target.const_value.numpy().tolist()) if size == 0]
    return all(i < len(start.shape) and _same_size(start.shape[i], source.shape[i]) for i in taken)
