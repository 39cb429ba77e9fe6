"""Runs exported ONNX models with numpy and onnxruntime, and nothing else.

>>> from kcompile_runtime import Executor
>>> model = Executor("model.onnx")
>>> probabilities = model.predict(images)

Importing this package loads next to nothing: modules and numpy come with the first use of a name, onnxruntime
with the first `Executor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lazy_packages import attach

if TYPE_CHECKING:
    from .errors import ExecutionError as ExecutionError
    from .errors import ExecutorError as ExecutorError
    from .errors import InputError as InputError
    from .errors import ModelFileError as ModelFileError
    from .errors import ProviderError as ProviderError
    from .errors import RuntimeNotInstalledError as RuntimeNotInstalledError
    from .executor import Executor as Executor
    from .executor import LiveExecutor as LiveExecutor
    from .states import StateInfo as StateInfo
    from .tensors import TensorInfo as TensorInfo

__version__ = "0.1.0"
__all__ = ["__version__"]
_MODULES = ("errors", "executor", "session", "states", "tensors")

attach(
    globals(),
    {
        "ExecutionError": "errors",
        "Executor": "executor",
        "ExecutorError": "errors",
        "InputError": "errors",
        "LiveExecutor": "executor",
        "ModelFileError": "errors",
        "ProviderError": "errors",
        "RuntimeNotInstalledError": "errors",
        "StateInfo": "states",
        "TensorInfo": "tensors",
    },
    _MODULES,
    unlisted=_MODULES,
)
