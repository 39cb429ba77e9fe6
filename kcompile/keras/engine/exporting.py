"""The path of kcompile's first versions to ONNX export; the code is in ``saving.exporting``."""

from ..saving.exporting import difference, export_model

__all__ = ["difference", "export_model"]
