"""``tfa.activations``: functions of tensors, most of which Keras has by now."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from ...keras import activations
from ...keras import backend as K
from ...keras.activations import hard_shrink as hardshrink
from ...keras.activations import mish
from ...keras.activations import soft_shrink as softshrink
from ...keras.activations import tanh_shrink as tanhshrink


def gelu(x: Any, approximate: bool = True) -> Value:
    """Gaussian error linear unit, by default by way of tanh."""
    return activations.gelu(x, approximate)


def lisht(x: Any) -> Value:
    """``x * tanh(x)``."""
    return x * K.tanh(x)


__all__ = ["gelu", "hardshrink", "lisht", "mish", "softshrink", "tanhshrink"]
