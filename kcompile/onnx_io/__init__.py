"""graph <-> ONNX.

- ``build_model``, ``build_session_model``: a graph as ONNX, for a file or a session here (writing.py).
- ``export``: written, optimised (passes/), converted (opsets.py), checked (checking.py), saved (saving.py).
- ``load``, ``read_graph``: a file as it is, or as a graph (loading.py, reading.py).
- ``restore_weights``, ``get_metadata``: what the front end needs to make a Keras model of a file again.

Its modules are imported when they are first used: training takes none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

if TYPE_CHECKING:
    from . import templates as templates
    from .checking import check_model as check_model
    from .errors import ExportError as ExportError
    from .errors import FormatError as FormatError
    from .errors import located as located
    from .exporting import export as export
    from .large import is_large as is_large
    from .large import readable as readable
    from .large import save as save
    from .large import size_of as size_of
    from .large import with_shapes as with_shapes
    from .large import without_weights as without_weights
    from .loading import load as load
    from .metadata import get_metadata as get_metadata
    from .metadata import set_metadata as set_metadata
    from .passes.layout import restore_weights as restore_weights
    from .reading import read_graph as read_graph
    from .saving import save_with_data as save_with_data
    from .saving import saved_on_success as saved_on_success
    from .writing import MAX_INLINE_BYTES as MAX_INLINE_BYTES
    from .writing import SessionModel as SessionModel
    from .writing import State as State
    from .writing import build_model as build_model
    from .writing import build_session_model as build_session_model

_MODULES = (
    "checking", "errors", "exporting", "large", "loading", "metadata", "passes", "reading", "saving",
    "templates", "writing",
)  # fmt: skip

attach(
    globals(),
    {
        "ExportError": "errors",
        "FormatError": "errors",
        "MAX_INLINE_BYTES": "writing",
        "SessionModel": "writing",
        "State": "writing",
        "build_model": "writing",
        "build_session_model": "writing",
        "check_model": "checking",
        "export": "exporting",
        "get_metadata": "metadata",
        "is_large": "large",
        "load": "loading",
        "located": "errors",
        "read_graph": "reading",
        "readable": "large",
        "restore_weights": "passes.layout",
        "save": "large",
        "save_with_data": "saving",
        "saved_on_success": "saving",
        "set_metadata": "metadata",
        "size_of": "large",
        "with_shapes": "large",
        "without_weights": "large",
    },
    _MODULES,
    unlisted=_MODULES,
)
