"""Runs exported ONNX models with numpy and onnxruntime, and nothing else.

>>> from kcompile_runtime import Executor
>>> model = Executor("model.onnx")
>>> probabilities = model.predict(images)

Importing this package loads numpy only; onnxruntime is loaded by the first `Executor`.
"""

from __future__ import annotations

from .errors import (
    ExecutionError,
    ExecutorError,
    InputError,
    ModelFileError,
    ProviderError,
    RuntimeNotInstalledError,
)
from .executor import Executor, LiveExecutor
from .states import StateInfo
from .tensors import TensorInfo

__version__ = "0.1.0"

__all__ = [
    "ExecutionError",
    "Executor",
    "ExecutorError",
    "InputError",
    "LiveExecutor",
    "ModelFileError",
    "ProviderError",
    "RuntimeNotInstalledError",
    "StateInfo",
    "TensorInfo",
    "__version__",
]
