"""``tf.TensorShape`` and ``tf.TensorSpec``: shapes and types that are said before there are numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ir import TensorShape, Value
from ...keras.data import Dataset, RaggedTensorSpec, SparseTensorSpec, TensorSpec, TypeSpec
from ...keras.data.composites import Composite
from ...keras.data.structures import spec_of
from ..tensorflow.tensors import convert_to_tensor


def type_spec_from_value(value: Any) -> Any:
    """What a tensor is, or a dataset."""
    return spec_of(value) if isinstance(value, Composite | Dataset) else TensorSpec.from_tensor(value)


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Value, Value]:
    """By how much each axis is padded to be a multiple of its block, and what is cropped of it again.

    Args:
        input_shape, block_shape: sizes, (axes,).
        base_paddings: at least so much before and behind each axis, (axes, 2); none by default.

    Returns:
        Two tensors of whole numbers, (axes, 2).
    """
    sizes, blocks = np.asarray(input_shape), np.asarray(block_shape)
    base = np.zeros((len(sizes), 2), sizes.dtype) if base_paddings is None else np.asarray(base_paddings)
    more = -(sizes + base.sum(axis=1)) % blocks
    paddings = np.stack([base[:, 0], base[:, 1] + more], axis=1)
    crops = np.stack([np.zeros_like(more), more], axis=1)
    return convert_to_tensor(paddings), convert_to_tensor(crops)


__all__ = [
    "RaggedTensorSpec", "SparseTensorSpec", "TensorShape", "TensorSpec", "TypeSpec",
    "required_space_to_batch_paddings", "type_spec_from_value",
]  # fmt: skip
