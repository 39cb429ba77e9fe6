"""Files made smaller and faster, each with what that cost: quantisation, half precision, fusion, profiles.

The rewriting is onnxruntime's and onnxscript's; search, calibration, proof and report are here.
"""

from __future__ import annotations

from .errors import OptimizeError
from .fused import Fused, fuse
from .quantized import Quantized, quantize
from .samples import Samples, SamplesError

__all__ = ["Fused", "OptimizeError", "Quantized", "Samples", "SamplesError", "fuse", "quantize"]
