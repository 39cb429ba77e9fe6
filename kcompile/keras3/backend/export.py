"""Export: ONNX by kcompile; SavedModel is TensorFlow's."""

from __future__ import annotations

from typing import Any


class KCompileExportArchive:
    """``keras.export.ExportArchive``, which writes TensorFlow's format."""

    def track(self, resource: Any) -> None:
        raise NotImplementedError(
            "SavedModel is TensorFlow's format, which the kcompile backend does not write: "
            "model.export('model.onnx', format='onnx') writes a file for deployment."
        )

    def add_endpoint(self, name: str, fn: Any, input_signature: Any = None, **kwargs: Any) -> None:
        self.track(fn)
