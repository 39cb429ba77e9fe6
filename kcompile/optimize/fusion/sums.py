"""A sum that a normalization reads: with it in one operator, or apart from it.

onnxruntime joins an Add with the LayerNormalization behind it when it loads a file, unless others read the
sum too, and its kernel for the CPU is often slower than the two. A Sum of two computes the same, and stays by
itself.
"""

from __future__ import annotations

import onnx_ir as oir

from .graph_editing import Editor, attribute, is_read_once, is_weight, made_by, same_size, sizes
from .names import CONTRIB

_NORMALIZATIONS = {
    "LayerNormalization": "SkipLayerNormalization",
    "SimplifiedLayerNormalization": "SkipSimplifiedLayerNormalization",
    "RMSNormalization": "SkipSimplifiedLayerNormalization",
}
_EPSILON = 1e-5


def join_sums(editor: Editor) -> dict[str, int]:
    """Writes sum and normalization as one operator, with the bias that is added before; returns how many."""
    found: dict[str, int] = {}
    for node in list(editor.graph):
        add = _summed(node)
        if add is None or not _takes_weights(node):
            continue
        op_type = _NORMALIZATIONS[node.op_type]
        made = _joined(editor, node, add, op_type)
        editor.replace(node.outputs[0], made.outputs[0])
        if len(made.outputs) > 1:
            editor.replace(add.outputs[0], made.outputs[3])
        found[op_type] = found.get(op_type, 0) + 1
    return found


def keep_sums_apart(editor: Editor) -> int:
    """Writes sums that a normalization reads as Sum, which onnxruntime does not join; returns how many."""
    count = 0
    for node in list(editor.graph):
        add = _summed(node)
        if add is not None:
            total = editor.node(add, "Sum", list(add.inputs), add.outputs[0].shape)
            editor.replace(add.outputs[0], total)
            count += 1
    return count


def _summed(node: oir.Node) -> oir.Node | None:
    """The Add of two computed tensors of one shape that a normalization over the last axis reads."""
    if node.domain or node.op_type not in _NORMALIZATIONS or len(node.outputs) != 1:
        return None
    add = made_by(node.inputs[0], "Add")
    if add is None or add.graph is not node.graph:
        return None
    a, b = add.inputs
    if a is None or b is None or is_weight(a) or is_weight(b) or a.shape is None or b.shape is None:
        return None
    rank = len(a.shape)
    over_last = rank == 3 and attribute(node, "axis", -1) in (-1, rank - 1)
    return add if over_last and _same(a.shape, b.shape) else None


def _same(a: oir.Shape, b: oir.Shape) -> bool:
    return len(a) == len(b) and all(map(same_size, a, b))


def _takes_weights(node: oir.Node) -> bool:
    """Whether scale and shift have one axis, as the joined operators want them, and are weights."""
    return all(
        value is None or is_weight(value) and len(sizes(value) or ()) == 1 for value in node.inputs[1:]
    )


def _joined(editor: Editor, node: oir.Node, add: oir.Node, op_type: str) -> oir.Node:
    """Gives what is normalized, and as its fourth output the sum, where others read it."""
    first, second = add.inputs
    assert first is not None and second is not None
    first, second, bias = _without_bias(first, second)
    weights = list(node.inputs[1:])
    if op_type == "SkipLayerNormalization":
        weights = [*weights, None][:2]
    made = oir.node(
        op_type,
        [first, second, *weights, *([bias] if bias is not None else [])],
        {"epsilon": attribute(node, "epsilon", _EPSILON)},
        domain=CONTRIB,
        num_outputs=1 if is_read_once(add.outputs[0]) else 4,
    )
    editor.place(made, add)
    for output in made.outputs:
        output.type, output.shape = node.outputs[0].type, add.outputs[0].shape
    for unused in made.outputs[1:3]:  # mean and deviation, which the CPU's kernel does not give
        unused.name = ""
    return made


def _without_bias(first: oir.Value, second: oir.Value) -> tuple[oir.Value, oir.Value, oir.Value | None]:
    """The two without the bias that one of them ends in."""
    for value, other in ((first, second), (second, first)):
        add = made_by(value, "Add")
        if add is None or not is_read_once(value):
            continue
        a, b = add.inputs
        product, bias = (a, b) if is_weight(b) else (b, a)
        if product is not None and not is_weight(product) and is_weight(bias) and len(sizes(bias) or ()) == 1:
            if (sizes(bias) or [None])[0] == (sizes(value) or [None])[-1]:
                return other, product, bias
    return first, second, None


__all__ = ["join_sums", "keep_sums_apart"]
