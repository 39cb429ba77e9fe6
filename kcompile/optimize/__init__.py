"""Files made smaller and faster, each with what that cost: quantisation, half precision, fusion, profiles.

The rewriting is onnxruntime's and onnxscript's; search, calibration, proof and report are here.
"""

from __future__ import annotations

from .errors import OptimizeError
from .fused import Fused, fuse
from .prediction_profile import profile_prediction
from .quantized import Quantized, quantize
from .samples import Samples, SamplesError
from .training_profile import profile_training
from .tuning import Tuned, tune_file

__all__ = [
    "Fused",
    "OptimizeError",
    "Quantized",
    "Samples",
    "SamplesError",
    "Tuned",
    "fuse",
    "profile_prediction",
    "profile_training",
    "quantize",
    "tune_file",
]
