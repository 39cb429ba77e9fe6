"""``tfa.layers``."""

from __future__ import annotations

from typing import Any

from ...ir import Value
from ...keras.layers import GroupNormalization, Layer
from .activations import gelu


class InstanceNormalization(GroupNormalization):
    """GroupNormalization with each channel as a group of its own (Ulyanov et al. 2016)."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.pop("groups", None)
        super().__init__(groups=-1, **kwargs)


class GELU(Layer):
    """The activation of that name.

    Args:
        approximate: whether it is computed by way of tanh, as by default.
    """

    supports_masking = True

    def __init__(self, approximate: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.approximate = approximate

    def call(self, inputs: Any) -> Value:
        return gelu(inputs, self.approximate)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "approximate": self.approximate}


__all__ = ["GELU", "GroupNormalization", "InstanceNormalization"]
