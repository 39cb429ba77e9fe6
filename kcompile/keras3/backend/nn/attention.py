"""Attention."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kcompile.ir import Value, op
from kcompile.keras.backend.tensors import dims_of, shape_vector

from ..tensors import as_value, dtype_of, operation, publish
from .types import of_one_type


@operation
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """``softmax(scale * query key^T + bias) value`` for each head.

    Args:
        query: (batch, targets, heads, size). key, value: (batch, sources, heads or fewer, size); groups of
            heads share those of fewer.
        bias: added to the scores (batch, heads, targets, sources), or of a shape that broadcasts to it.
        mask: where false, no attention is paid; of such a shape, too.
        scale: default 1 / sqrt(size).
        is_causal: whether targets see no sources that come later.
        flash_attention: of no effect. A step that is traced computes all of this by PyTorch's
            ``scaled_dot_product_attention``, which chooses the kernel; a file has the operators, which
            onnxruntime runs as fast as one of ONNX's Attention.
        attn_logits_soft_cap: scores are limited to this by a tanh.

    Raises:
        ValueError: for tensors of other than four axes.
    """
    query, key, value = of_one_type(query, key, value)
    if any(len(x.shape or ()) != 4 for x in (query, key, value)):
        raise ValueError(
            "`dot_product_attention` only supports 4D inputs. Received: "
            f"query.shape={query.shape}, key.shape={key.shape}, value.shape={value.shape}."
        )
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    heads = query.shape[2]
    key, value = (_shared(x, heads) for x in (key, value))
    query = op.Transpose(query * scale, perm=[0, 2, 1, 3])
    scores = op.MatMul(query, op.Transpose(key, perm=[0, 2, 3, 1]))
    if attn_logits_soft_cap is not None:
        scores = op.Tanh(scores / float(attn_logits_soft_cap)) * float(attn_logits_soft_cap)
    if bias is not None:
        scores = scores + as_value(bias, dtype_of(scores))
    if mask is not None:
        scores = op.Where(as_value(mask, "bool"), scores, _lowest(scores))
    if is_causal:
        scores = op.Where(_earlier(scores), scores, _lowest(scores))
    found = op.MatMul(op.Softmax(scores, axis=-1), op.Transpose(value, perm=[0, 2, 1, 3]))
    return op.Transpose(found, perm=[0, 2, 1, 3])


def _shared(x: Value, heads: int) -> Value:
    """(batch, sources, heads, size) of keys or values that groups of heads share."""
    batch, sources, found, size = dims_of(x)
    if found == heads or found == 1:
        return x
    wide = op.Expand(op.Unsqueeze(x, [3]), np.array([1, 1, 1, heads // found, 1]))
    return op.Reshape(wide, shape_vector([batch, sources, heads, size]))


def _lowest(scores: Value) -> Value:
    """A score that softmax gives no weight, of which two do not add up to infinity."""
    largest = 65500.0 if dtype_of(scores) == "float16" else float(np.finfo(np.float32).max)
    return as_value(np.float32(-0.7 * largest), dtype_of(scores))


def _earlier(scores: Value) -> Value:
    """(targets, sources): whether a source comes no later than a target."""
    targets, sources = (_positions(size) for size in dims_of(scores)[2:])
    return op.GreaterOrEqual(op.Unsqueeze(targets, [1]), sources)


def _positions(size: Any) -> Value:
    """0 to size - 1."""
    if isinstance(size, int):
        return as_value(np.arange(size, dtype=np.int64))
    return op.Range(np.int64(0), op.Squeeze(size, [0]), np.int64(1))


publish(globals())
