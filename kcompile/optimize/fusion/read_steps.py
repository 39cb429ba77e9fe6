"""Computing only the steps that are read.

A classifier reads the first step of its last block alone. What that block computes step by step (products
with weights, normalization, activations, the query of its attention) is computed for that step alone here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as oir

from .graph_editing import Editor, attribute, numbers, sizes
from .names import CONTRIB
from .regions import ELEMENTWISE

_STEPS = 1  # the axis of the steps in (batch, steps, features)
_BY_STEP = frozenset(
    (*ELEMENTWISE, "Gelu", "HardSwish", "Mish", "Elu", "Selu", "LeakyRelu", "Erf", "QuickGelu")
)


def compute_read_steps(editor: Editor) -> int:
    """Narrows what is computed for steps that nobody reads; returns how many nodes that spares steps."""
    count = 0
    for reader in list(editor.graph):
        bounds = _read_steps(reader)
        if bounds is not None and reader.inputs[0] is not None:
            count += _narrow(editor, reader, *bounds)
    return count


def _read_steps(node: oir.Node) -> tuple[int, int] | None:
    """From where to where a node reads the steps of its first input, counted from the front."""
    value = node.inputs[0] if node.inputs else None
    if node.domain or value is None or value.shape is None or len(value.shape) != 3:
        return None
    if node.op_type == "Gather" and attribute(node, "axis", 0) % 3 == _STEPS:
        index = numbers(node.inputs[1])
        if index is not None and index.size == 1 and int(index.reshape(())) >= 0:
            return int(index.reshape(())), int(index.reshape(())) + 1
    if node.op_type == "Slice":
        start, end, axes, steps = (_one(value) for value in [*node.inputs[1:], None, None][:4])
        if axes is not None and axes % 3 == _STEPS and start is not None and end is not None:
            if 0 <= start < end < 2**31 and steps in (None, 1):
                return start, end
    return None


def _one(value: oir.Value | None) -> int | None:
    array = numbers(value)
    return int(array.reshape(())) if array is not None and array.size == 1 else None


def _narrow(editor: Editor, reader: oir.Node, start: int, end: int) -> int:
    """Lets what leads to a reader be computed for its steps alone."""
    source = reader.inputs[0]
    assert source is not None
    wanted: dict[oir.Value, set[tuple[oir.Node, int]]] = {source: {(reader, 0)}}
    inside: list[oir.Node] = []
    for node in reversed(list(editor.graph)):
        output = node.outputs[0] if node.outputs else None
        if output not in wanted or output is None or output.is_graph_output():
            continue
        if {(use.node, use.idx) for use in output.uses()} != wanted[output]:
            continue
        places = _places(node)
        if places is None:
            continue
        inside.append(node)
        for place in places:
            value = node.inputs[place]
            assert value is not None
            wanted.setdefault(value, set()).add((node, place))
    if not any(node.op_type == "MatMul" or _is_attention(node) for node in inside):
        return 0
    made = {node.outputs[0] for node in inside}
    for value, uses in wanted.items():
        if value not in made:
            part = _sliced(editor, value, start, end, _first_of(editor, uses))
            for node, place in uses:
                node.replace_input_with(place, part)
    for value in made:
        assert value.shape is not None
        value.shape = oir.Shape([value.shape[0], end - start, *list(value.shape)[2:]])
    _count_from_zero(editor, reader, start, end)
    return len(inside)


def _first_of(editor: Editor, uses: set[tuple[oir.Node, int]]) -> oir.Node:
    """The first of the nodes, in the order of the graph."""
    nodes = {node for node, _ in uses}
    return next(node for node in editor.graph if node in nodes)


def _places(node: oir.Node) -> list[int] | None:
    """The inputs of which a node reads, for a step of its output, that step alone; None where there are none.

    All its other inputs are read as a whole.
    """
    output = sizes(node.outputs[0])
    if output is None or len(output) != 3:
        return None
    first = sizes(node.inputs[0]) if node.inputs else None
    if _is_attention(node):
        return [0]
    if first is None:
        return None
    if node.op_type == "MatMul" and not node.domain:
        return [0] if len(first) == 3 and len(sizes(node.inputs[1]) or ()) == 2 else None
    if node.op_type in ("LayerNormalization", "SimplifiedLayerNormalization"):
        return [0] if len(first) == 3 and attribute(node, "axis", -1) in (-1, 2) else None
    if node.op_type not in _BY_STEP or len(node.outputs) != 1:
        return None
    return list(_broadcast_places(node)) or None


def _is_attention(node: oir.Node) -> bool:
    """Whether it is of query, key and value alone, and a step of its output needs that step of the query."""
    if (node.domain, node.op_type) not in ((CONTRIB, "MultiHeadAttention"), ("", "Attention")):
        return False
    if any(attribute(node, name, 0) for name in ("unidirectional", "is_causal")):
        return False
    return all(value is None for value in node.inputs[3:])


def _broadcast_places(node: oir.Node) -> Iterator[int]:
    assert node.outputs[0].shape is not None
    steps = node.outputs[0].shape[_STEPS]
    for place, value in enumerate(node.inputs):
        if value is not None and value.shape is not None and len(value.shape) >= 2:
            size = list(value.shape)[-2]
            if size != 1 or steps == 1:
                yield place


def _sliced(editor: Editor, value: oir.Value, start: int, end: int, at: oir.Node) -> oir.Value:
    rank = len(value.shape or ())
    bounds = [editor.constant([number], f"{at.name}/steps") for number in (start, end, rank - 2)]
    shape = list(value.shape or ())
    shape[rank - 2] = end - start
    return editor.node(at, "Slice", [value, *bounds], shape)


def _count_from_zero(editor: Editor, reader: oir.Node, start: int, end: int) -> None:
    if start == 0:
        return
    if reader.op_type == "Gather":
        index = numbers(reader.inputs[1])
        assert index is not None
        reader.replace_input_with(1, editor.constant(np.zeros_like(index), f"{reader.name}/index"))
    else:
        reader.replace_input_with(1, editor.constant([0], f"{reader.name}/start"))
        reader.replace_input_with(2, editor.constant([end - start], f"{reader.name}/end"))


__all__ = ["compute_read_steps"]
