"""Training for integers: models whose weights and activations are rounded to 8 bits while they train.

``prepare`` gives a model to fit as usual. What rounds are QuantizeLinear and DequantizeLinear, the very
operators that export writes and onnxruntime turns into kernels of integers; docs/training-for-small-files.md.
"""

from .calibration import calibrate
from .preparing import prepare
from .quantize_wrapper import QuantizeWrapper

__all__ = ["QuantizeWrapper", "calibrate", "prepare"]
