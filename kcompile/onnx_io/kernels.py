"""What onnxruntime lacks: operators of the standard that its CPU kernels compute in float32 only."""

from __future__ import annotations

#: They take float64 by the standard, but no session runs them on it: tests/onnx_io/test_kernels.py asks.
FLOAT32_ONLY = frozenset(
    "Acos Acosh Asin Asinh Atan Atanh AveragePool Conv ConvTranspose Cosh Det Elu Erf Gelu GlobalAveragePool "
    "GlobalLpPool GlobalMaxPool GRU HardSigmoid HardSwish Hardmax InstanceNormalization LeakyRelu LpPool LRN "
    "LSTM MaxRoiPool Mean MeanVarianceNormalization Mish PRelu Resize RNN Selu Sinh Softplus Softsign Tan "
    "ThresholdedRelu".split()
)
