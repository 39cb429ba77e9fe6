"""``tf.TensorShape`` and ``tf.TensorSpec``: shapes and types that are said before there are numbers."""

from __future__ import annotations

from typing import Any

from ...ir import TensorShape
from ...keras.data import TensorSpec


def type_spec_from_value(value: Any) -> TensorSpec:
    """What a tensor is."""
    return TensorSpec.from_tensor(value)


__all__ = ["TensorShape", "TensorSpec", "type_spec_from_value"]
