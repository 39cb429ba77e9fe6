"""graph -> PyTorch: lowering to torch.fx, one function per ONNX operator, weights that share the host buffer.

Only this package imports torch; the other floors reach it inside functions, when somebody trains.
"""

from __future__ import annotations

from .lowering import Signature, apply_updates, lower, refresh, run, signature
from .weights import parameter_of, tensor_of, written

__all__ = [
    "Signature",
    "apply_updates",
    "lower",
    "parameter_of",
    "refresh",
    "run",
    "signature",
    "tensor_of",
    "written",
]
