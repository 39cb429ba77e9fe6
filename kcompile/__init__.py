"""Write, load or inherit a Keras model; train it with PyTorch; ship it as ONNX.

``from kcompile import keras`` is the front door: after it, code written for Keras 2.3 runs as it stands.
Importing this package loads neither torch, nor h5py, nor onnxruntime: each is loaded at its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import keras as keras
    from .devices import DeviceNotFoundError as DeviceNotFoundError
    from .devices import device_scope as device_scope

__version__ = "0.1.0"

__all__ = ["DeviceNotFoundError", "__version__", "device_scope", "keras"]


if not TYPE_CHECKING:  # checkers read the imports above, and find names that are none

    def __getattr__(name: str) -> Any:
        if name == "keras":
            return importlib.import_module(".keras", __name__)
        if name in ("DeviceNotFoundError", "device_scope"):
            return getattr(importlib.import_module(".devices", __name__), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
