"""graph <-> ONNX: writing (writing.py), passes, checking and metadata of model files."""

from __future__ import annotations

from .checking import check_model
from .errors import ExportError, FormatError
from .exporting import export
from .metadata import get_metadata, set_metadata
from .passes.layout import restore_weights
from .writing import SessionModel, State, build_model, build_session_model

__all__ = [
    "ExportError",
    "FormatError",
    "SessionModel",
    "State",
    "build_model",
    "build_session_model",
    "check_model",
    "export",
    "get_metadata",
    "restore_weights",
    "set_metadata",
]
