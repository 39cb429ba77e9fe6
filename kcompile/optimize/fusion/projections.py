"""Attention together with the projections of its query, key and value, where they are of one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import onnx_ir as oir

from .graph_editing import Editor, attribute, is_weight, made_by, sizes
from .names import CONTRIB


def fuse_projections(editor: Editor) -> int:
    """Rewrites MultiHeadAttention as Attention, which multiplies by all three matrices; returns how often."""
    count = 0
    for node in list(editor.graph):
        if node.op_type == "MultiHeadAttention" and node.domain == CONTRIB:
            count += _fuse(editor, node)
    return count


class _Projection(NamedTuple):
    """``x @ kernel + bias``, the bias where there is one."""

    x: oir.Value
    kernel: oir.Value
    bias: oir.Value | None
    width: int


def _fuse(editor: Editor, node: oir.Node) -> bool:
    found = [_projection(value) for value in node.inputs[:3]]
    projections = [one for one in found if one is not None]
    heads = attribute(node, "num_heads")
    if len(projections) < 3 or len({one.x for one in projections}) > 1:
        return False
    if len({one.bias is None for one in projections}) > 1 or any(one.width % heads for one in projections):
        return False
    widths = [one.width for one in projections]
    kernel = _concatenated(editor, node, [one.kernel for one in projections], 1)
    biases = [one.bias for one in projections if one.bias is not None]
    bias = _concatenated(editor, node, biases, 0) if biases else _zeros(editor, node, kernel, sum(widths))
    added = node.inputs[5] if len(node.inputs) > 5 else None
    inputs = [projections[0].x, kernel, bias, *([None, None, added] if added is not None else [])]
    options = {} if len(set(widths)) == 1 else {"qkv_hidden_sizes": widths}
    result = editor.node(
        node,
        "Attention",
        inputs,
        node.outputs[0].shape,
        CONTRIB,
        num_heads=heads,
        scale=attribute(node, "scale"),
        **options,
    )
    editor.replace(node.outputs[0], result)
    return True


def _zeros(editor: Editor, at: oir.Node, like: oir.Value, count: int) -> oir.Value:
    """A bias of nothing: the operator may lack one, but onnxruntime 1.31 reads it on the CPU all the same."""
    dtype = like.dtype
    assert dtype is not None
    return editor.constant(np.zeros(count, dtype.numpy()), f"{at.name}/no_bias")


def _concatenated(editor: Editor, at: oir.Node, parts: Sequence[oir.Value], axis: int) -> oir.Value:
    """Weights beside each other, which onnxruntime computes once."""
    shape = list(parts[0].shape or ())
    shape[axis] = sum((part.shape or [0, 0])[axis] for part in parts)
    return editor.node(at, "Concat", parts, shape, axis=axis)


def _projection(value: oir.Value | None) -> _Projection | None:
    add, bias = made_by(value, "Add"), None
    product = value
    if add is not None:
        a, b = add.inputs
        product, bias = (a, b) if is_weight(b) else (b, a)
        if not is_weight(bias) or bias is None or len(bias.shape or ()) != 1:
            return None
    matmul = made_by(product, "MatMul")
    if matmul is None or not is_weight(matmul.inputs[1]):
        return None
    x, kernel = matmul.inputs
    shape = sizes(kernel)
    if x is None or len(x.shape or ()) != 3 or kernel is None or shape is None or len(shape) != 2:
        return None
    return None if shape[1] is None else _Projection(x, kernel, bias, shape[1])


__all__ = ["fuse_projections"]
