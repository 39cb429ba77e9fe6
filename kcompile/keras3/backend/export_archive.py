"""SavedModel, which is TensorFlow's: refused by name. ONNX is written by ``export``."""

from __future__ import annotations

from typing import Any


class KCompileExportArchive:
    """``keras.export.ExportArchive``, which writes TensorFlow's format."""

    def track(self, resource: Any) -> None:
        """
        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "`export_saved_model` only currently supports the tensorflow, jax and torch backends. "
            "With kcompile, model.export('model.onnx') writes a file for deployment."
        )

    def track_and_add_endpoint(self, name: str, resource: Any, input_signature: Any, **kwargs: Any) -> None:
        """As ``track``."""
        self.track(resource)

    def add_endpoint(self, name: str, fn: Any, input_signature: Any = None, **kwargs: Any) -> None:
        """As ``track``."""
        self.track(fn)
