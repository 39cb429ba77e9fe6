"""Attention."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import torch

from kcompile.ir import Value, op
from kcompile.keras.backend.tensors import dims_of, shape_vector
from kcompile.torch_bridge.attention import attention_at_once

from ..tensors import as_torch, as_value, dtype_of, get_device, operation, publish
from .types import of_one_type


def _at_once(
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
    """``dot_product_attention`` of tensors by PyTorch's kernel, where that computes the same."""
    given = query, key, value
    if attn_logits_soft_cap is not None or not _fit(given):
        return NotImplemented
    added = None if bias is None else as_torch(bias, dtype_of(query))
    kept = [] if mask is None else [as_torch(mask, "bool")]
    if is_causal and (kept or added is not None):
        kept.append(torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device).tril())
    for places in kept:
        added = torch.where(places, 0.0 if added is None else added, _lowest_score(dtype_of(query)))
    if added is not None:
        added = added.to(query.dtype)
    size = None if scale is None else float(scale)
    query, key, value = (x.transpose(1, 2) for x in given)
    found = attention_at_once(query, key, value, added, is_causal and not kept, size)
    return found.transpose(1, 2)


def _fit(given: Any) -> bool:
    """Whether query, key and value are tensors that the kernel takes."""
    if not all(isinstance(x, torch.Tensor) and x.dim() == 4 for x in given):
        return False
    if len({(x.dtype, x.device) for x in given}) > 1 or given[0].device != get_device():
        return False
    (heads, sources, others), kind = (x.shape[2] for x in given), given[0].dtype
    is_computed = kind in (torch.float32, torch.float64) or (kind.itemsize == 2 and given[0].is_cuda)
    return is_computed and sources == others and heads % sources == 0


@partial(operation, directly=_at_once)
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
        flash_attention: of no effect. Tensors and steps that are traced are computed by PyTorch's
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
    return as_value(np.float32(_lowest_score(dtype_of(scores))), dtype_of(scores))


def _lowest_score(dtype: str) -> float:
    """A score that softmax gives no weight, of which two do not add up to infinity."""
    return -0.7 * (65500.0 if dtype == "float16" else float(np.finfo(np.float32).max))


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
