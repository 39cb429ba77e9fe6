"""Models across frameworks: a Keras model as the source of a PyTorch module, weights from file to file.

The weights themselves are moved by ``kcompile.keras.state_dict``, which ``Model.load_weights`` uses, too.
"""

from __future__ import annotations

from .errors import ConversionError
from .module_source import module_source, write_module
from .weights import write_state_dict

__all__ = [
    "ConversionError",
    "module_source",
    "write_module",
    "write_state_dict",
]
