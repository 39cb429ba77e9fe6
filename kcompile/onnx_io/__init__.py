"""graph <-> ONNX: writing (writing.py), passes, checking and metadata of model files."""

from __future__ import annotations

from .errors import ExportError, FormatError
from .metadata import get_metadata, set_metadata
from .writing import SessionModel, State, build_model, build_session_model

__all__ = [
    "ExportError",
    "FormatError",
    "SessionModel",
    "State",
    "build_model",
    "build_session_model",
    "get_metadata",
    "set_metadata",
]
