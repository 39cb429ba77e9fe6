"""graph <-> ONNX.

- ``build_model``, ``build_session_model``: a graph as ONNX, for a file or a session here (writing.py).
- ``export``: written, optimised (passes/), converted (opsets.py), checked (checking.py), saved (saving.py).
- ``load``, ``read_graph``: a file as it is, or as a graph (loading.py, reading.py).
- ``restore_weights``, ``get_metadata``: what the front end needs to make a Keras model of a file again.
"""

from __future__ import annotations

from .checking import check_model
from .errors import ExportError, FormatError, located
from .exporting import export
from .large import is_large, readable, save, size_of, with_shapes
from .loading import load
from .metadata import get_metadata, set_metadata
from .passes.layout import restore_weights
from .reading import read_graph
from .saving import save_with_data, saved_on_success
from .writing import MAX_INLINE_BYTES, SessionModel, State, build_model, build_session_model

__all__ = [
    "MAX_INLINE_BYTES",
    "ExportError",
    "FormatError",
    "SessionModel",
    "State",
    "build_model",
    "build_session_model",
    "check_model",
    "export",
    "get_metadata",
    "is_large",
    "load",
    "located",
    "read_graph",
    "readable",
    "restore_weights",
    "save",
    "save_with_data",
    "saved_on_success",
    "set_metadata",
    "size_of",
    "with_shapes",
]
