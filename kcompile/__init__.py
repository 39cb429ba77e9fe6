"""Write, load or inherit a Keras model; train it with PyTorch; ship it as ONNX.

``from kcompile import keras`` is the front door: after it, code written for Keras 2.3 runs as it stands.
Importing this package loads neither torch, nor h5py, nor onnxruntime: each is loaded at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompile_runtime.lazy_packages import attach

if TYPE_CHECKING:
    from . import keras as keras
    from .devices import DeviceNotFoundError as DeviceNotFoundError
    from .devices import device_scope as device_scope
    from .live_models.live import export as export
    from .live_models.live import from_keras as from_keras
    from .live_models.live import predict as predict
    from .live_models.live import push_weights as push_weights

__version__ = "0.1.0"

__all__ = ["__version__"]

attach(
    globals(),
    {
        "DeviceNotFoundError": "devices",
        "device_scope": "devices",
        "export": "live_models.live",
        "from_keras": "live_models.live",
        "predict": "live_models.live",
        "push_weights": "live_models.live",
    },
    ["keras"],
)
