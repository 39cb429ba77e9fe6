"""Per Keras layer class: how a call of such a layer is written as idiomatic PyTorch.

A template may fail (``Call.fail``) for options that PyTorch's modules lack; the call is then written by the
operators that the layer emits.
"""

from __future__ import annotations

from ..layer_call import Template
from . import activation, attention, convolutional, core, merge, normalization, pooling, recurrent

_MODULES = (core, convolutional, activation, normalization, attention, pooling, merge, recurrent)
TEMPLATES: dict[str, Template] = {
    name: template for module in _MODULES for name, template in module.TEMPLATES.items()
}
"""Keras's class name -> how to write a call of such a layer."""

__all__ = ["TEMPLATES"]
