"""Training for integers: models whose weights and activations are rounded to 8 bits while they train.

``prepare`` gives a model to fit as usual. What rounds are QuantizeLinear and DequantizeLinear, the very
operators that export writes and onnxruntime turns into kernels of integers; docs/training-for-small-files.md.
``quantize_model``, ``quantize_annotate_layer``, ``quantize_annotate_model``, ``quantize_apply``,
``quantize_scope``, QuantizeConfig and quantizers are names and behaviour of
``tensorflow_model_optimization.quantization.keras``.
"""

from . import quantizers
from .annotating import (
    QuantizeAnnotate,
    quantize_annotate_layer,
    quantize_annotate_model,
    quantize_apply,
    quantize_model,
    quantize_scope,
)
from .calibration import calibrate
from .preparing import prepare
from .quantize_config import QuantizeConfig, QuantizeWrapperV2
from .quantize_wrapper import QuantizeWrapper

__all__ = [
    "QuantizeAnnotate",
    "QuantizeConfig",
    "QuantizeWrapper",
    "QuantizeWrapperV2",
    "calibrate",
    "prepare",
    "quantize_annotate_layer",
    "quantize_annotate_model",
    "quantize_apply",
    "quantize_model",
    "quantize_scope",
    "quantizers",
]
