"""Attention by one operator of onnxruntime, in place of the nodes that write it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as oir

from .attention_cores import Bias, Core, Heads, find_cores
from .graph_editing import Editor
from .names import CONTRIB

_LOWEST = {oir.DataType.FLOAT: -1e38, oir.DataType.FLOAT16: -6e4}
"""What swallows any score that it is added to, and leaves room for another of it."""


def fuse_attention(editor: Editor, biased: bool = True, standard: bool = False) -> int:
    """Rewrites attention as one operator; returns how often.

    Args:
        biased: whether also where something is added to the scores.
        standard: whether as Attention of the ONNX standard, opset 23; else as MultiHeadAttention of
            onnxruntime.
    """
    count = 0
    for core in find_cores(editor.graph):
        if core.biases and not biased:
            continue
        tokens = [_tokens(editor, core, heads) for heads in (core.query, core.key, core.value)]
        bias = _bias(editor, core, tokens) if core.biases else None
        if core.biases and bias is None:
            continue
        _replace(editor, core, _attended(editor, core, tokens, bias, standard))
        count += 1
    return count


def _tokens(editor: Editor, core: Core, heads: Heads) -> oir.Value:
    """(batch, steps, heads * size), without the factor."""
    if heads.perm is None:
        return heads.source
    apart = editor.transposed(core.product, heads.source, heads.perm)
    shape = apart.shape
    width = core.value_size if heads is core.value else core.size
    assert shape is not None
    return editor.reshaped(
        core.product, apart, [0, 0, core.count * width], [shape[0], shape[1], core.count * width]
    )


def _attended(
    editor: Editor, core: Core, tokens: Sequence[oir.Value], bias: oir.Value | None, standard: bool
) -> oir.Value:
    """(batch, steps, heads * value_size), without the value's factor."""
    shape = tokens[0].shape
    assert shape is not None
    sizes = [shape[0], shape[1], core.count * core.value_size]
    scale = float(core.scale * core.query.factor * core.key.factor)
    at = core.product
    added = [] if bias is None else [bias]
    if standard:
        heads: dict[str, Any] = {"q_num_heads": core.count, "kv_num_heads": core.count}
        return editor.node(at, "Attention", [*tokens, *added], sizes, scale=scale, **heads)
    inputs = [*tokens, *([None, None, bias] if added else [])]
    return editor.node(at, "MultiHeadAttention", inputs, sizes, CONTRIB, num_heads=core.count, scale=scale)


def _replace(editor: Editor, core: Core, attended: oir.Value) -> None:
    at, factor = core.product, core.value.factor
    if factor != 1.0:
        dtype = attended.dtype.numpy() if attended.dtype is not None else np.float32
        by = editor.constant(np.array(factor, dtype), f"{at.name}/factor")
        attended = editor.node(at, "Mul", [attended, by], attended.shape)
    if not core.joined:
        shape = attended.shape
        assert shape is not None
        split = [shape[0], shape[1], core.count, core.value_size]
        attended = editor.reshaped(at, attended, [0, 0, core.count, core.value_size], split)
        attended = editor.transposed(at, attended, (0, 2, 1, 3))
    editor.replace(core.end.outputs[0], attended)


# --- biases and masks ---


def _bias(editor: Editor, core: Core, tokens: Sequence[oir.Value]) -> oir.Value | None:
    """All that is added to the scores, (batch or 1, heads or 1, steps, steps); None for other forms."""
    total = None
    for bias in core.biases:
        one = _aligned(editor, core, _added(editor, core, bias))
        if one is None:
            return None
        total = (
            one if total is None else editor.node(core.product, "Add", [total, one], _broadcast(total, one))
        )
    assert total is not None
    return _expanded(editor, core, tokens, total)


def _added(editor: Editor, core: Core, bias: Bias) -> oir.Value:
    """What is added, as numbers of the scores' type."""
    at, scores = core.product, core.query.source
    dtype = scores.dtype
    assert dtype is not None
    if bias.excludes is None:
        if bias.factor == 1.0:
            return bias.value
        by = editor.constant(np.array(bias.factor, dtype.numpy()), f"{at.name}/factor")
        return editor.node(at, "Mul", [bias.value, by], bias.value.shape)
    lowest = -np.inf if np.isneginf(bias.factor) else _LOWEST[dtype]
    excluded, kept = (editor.constant(np.array(x, dtype.numpy()), f"{at.name}/bias") for x in (lowest, 0.0))
    branches = [excluded, kept] if bias.excludes else [kept, excluded]
    chosen = editor.node(at, "Where", [bias.value, *branches], bias.value.shape)
    chosen.type = oir.TensorType(dtype)
    return chosen


def _aligned(editor: Editor, core: Core, bias: oir.Value) -> oir.Value | None:
    """With four axes; None where they are not known to be those of the scores."""
    if bias.shape is None:
        return None
    dims: list = list(bias.shape)
    at, rank = core.product, len(dims)
    if core.merged and rank == 3 and dims[0] != 1:
        return _unmerged(editor, core, bias)
    if rank < 4:
        one_head = core.count == 1 and rank == 3
        axes = [1] if one_head or core.merged and rank == 3 else list(range(4 - rank))
        new = [*[1] * (4 - rank), *dims] if axes != [1] else [dims[0], 1, *dims[1:]]
        where = editor.constant(axes, f"{at.name}/axes")
        bias, dims = editor.node(at, "Unsqueeze", [bias, where], new), new
    return bias if dims[1] in (1, core.count) else None


def _unmerged(editor: Editor, core: Core, bias: oir.Value) -> oir.Value:
    """(batch * heads, steps, steps) as (batch, heads, steps, steps)."""
    at = core.product
    assert bias.shape is not None
    rest = list(bias.shape)[1:]
    where = editor.constant([1], f"{at.name}/axes")
    bias = editor.node(at, "Unsqueeze", [bias, where], [bias.shape[0], 1, *rest])
    if core.merged == "batch first":
        return editor.reshaped(at, bias, [-1, core.count, 0, 0], [None, core.count, *rest])
    bias = editor.reshaped(at, bias, [core.count, -1, 0, 0], [core.count, None, *rest])
    return editor.transposed(at, bias, (1, 0, 2, 3))


def _broadcast(a: oir.Value, b: oir.Value) -> list:
    assert a.shape is not None and b.shape is not None
    return [y if x == 1 else x for x, y in zip(a.shape, b.shape, strict=True)]


def _expanded(editor: Editor, core: Core, tokens: Sequence[oir.Value], bias: oir.Value) -> oir.Value:
    """With all steps of query and key, over which the operator does not broadcast."""
    at, shape = core.product, bias.shape
    assert shape is not None
    lengths = [
        tokens[0].shape[1] if tokens[0].shape else None,
        tokens[1].shape[1] if tokens[1].shape else None,
    ]
    if all(_is_known_alike(shape[i], lengths[i - 2]) for i in (2, 3)):
        return bias
    one = editor.constant([1, 1], f"{at.name}/ones")
    steps = [editor.node(at, "Shape", [x], [1], start=1, end=2) for x in tokens[:2]]
    for size in steps:
        size.type = oir.TensorType(oir.DataType.INT64)
    target = editor.node(at, "Concat", [one, *steps], [4], axis=0)
    return editor.node(at, "Expand", [bias, target], [shape[0], shape[1], *lengths])


def _is_known_alike(a: object, b: object) -> bool:
    if isinstance(a, int) or isinstance(b, int):
        return a == b and a != 1
    return a == b and getattr(a, "value", None) is not None


__all__ = ["fuse_attention"]
