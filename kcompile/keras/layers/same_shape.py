"""A base for layers that change elements, and no shape."""

from __future__ import annotations

from typing import Any

from .. import registry
from ..core.layer import Layer


class SameShape(Layer):
    """A layer whose output has the shape of its input, and its mask."""

    supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


registry.register(globals())
