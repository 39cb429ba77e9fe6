"""Zeros around an image as part of the convolution that reads it; means over an image as pooling."""

from __future__ import annotations

import numpy as np
import onnx_ir as oir

from .graph_editing import Editor, attribute, is_read_once, made_by, numbers, scalar, sizes
from .regions import axes_of


def fold_pads(editor: Editor) -> int:
    """Lets each Conv pad itself where a Pad of zeros is before it, or before its Transpose; returns how many.

    onnxruntime does so when it loads a file, but neither behind quantization nor for all operator sets.
    """
    count = 0
    for node in list(editor.graph):
        if node.domain or node.op_type != "Conv" or attribute(node, "auto_pad", "NOTSET") != "NOTSET":
            continue
        found = _padded(node.inputs[0])
        if found is None:
            continue
        pad, transpose, around = found
        own = attribute(node, "pads") or [0] * len(around)
        node.attributes["pads"] = oir.AttrInt64s("pads", [a + b for a, b in zip(own, around, strict=True)])
        source = pad.inputs[0]
        assert source is not None
        if transpose is not None:
            source = editor.transposed(node, source, attribute(transpose, "perm"))
        node.replace_input_with(0, source)
        for left in (transpose, pad):
            if left is not None:
                editor.graph.remove(left, safe=True)
        count += 1
    return count


def _padded(value: oir.Value | None) -> tuple[oir.Node, oir.Node | None, list[int]] | None:
    """The Pad that makes a value which nobody else reads, the Transpose behind it, and how many zeros it puts
    around the axes of space of the value: before each, then behind each."""
    if value is None or not is_read_once(value):
        return None
    transpose = made_by(value, "Transpose")
    perm = None if transpose is None else attribute(transpose, "perm")
    padded = value if transpose is None else transpose.inputs[0]
    pad = made_by(padded, "Pad")
    if pad is None or padded is None or not is_read_once(padded) or transpose is not None and perm is None:
        return None
    amounts = _zeros(pad)
    if amounts is None:
        return None
    begin, end = ([side[i] for i in perm or range(len(side))] for side in amounts)
    if any((*begin[:2], *end[:2])):
        return None
    return pad, transpose, begin[2:] + end[2:]


def _zeros(pad: oir.Node) -> tuple[list[int], list[int]] | None:
    """How many zeros a Pad puts before and behind each axis; None where it does something else."""
    before = sizes(pad.inputs[0])
    amounts = numbers(pad.inputs[1]) if len(pad.inputs) > 1 else None
    fill, axes = ([*pad.inputs[2:], None, None])[:2]
    if (
        before is None
        or len(before) < 3
        or amounts is None
        or attribute(pad, "mode", "constant") != "constant"
    ):
        return None
    if fill is not None and scalar(fill) != 0:
        return None
    rank = len(before)
    chosen = np.arange(rank) if axes is None else numbers(axes)
    if chosen is None or amounts.min(initial=0) < 0:
        return None
    full = np.zeros((2, rank), np.int64)
    full[:, chosen] = amounts.reshape(2, -1)
    return full[0].tolist(), full[1].tolist()


def pool_means(editor: Editor) -> int:
    """Writes means over all axes of space as GlobalAveragePool, which has a kernel of 8 bits; returns how
    many."""
    count = 0
    for node in list(editor.graph):
        dims = sizes(node.inputs[0]) if node.op_type == "ReduceMean" and not node.domain else None
        axes = None if dims is None else axes_of(node)
        if dims is None or axes is None or len(dims) < 3:
            continue
        rank = len(dims)
        if sorted(axis % rank for axis in axes) != list(range(2, rank)):
            continue
        shape = node.inputs[0].shape  # type: ignore[union-attr]
        assert shape is not None
        pooled = editor.node(node, "GlobalAveragePool", [node.inputs[0]], [*shape[:2], *[1] * (rank - 2)])
        if not attribute(node, "keepdims", 1):
            where = editor.constant(list(range(2, rank)), f"{node.name}/axes")
            pooled = editor.node(node, "Squeeze", [pooled, where], shape[:2])
        editor.replace(node.outputs[0], pooled)
        editor.graph.remove(node, safe=True)
        count += 1
    return count


__all__ = ["fold_pads", "pool_means"]
