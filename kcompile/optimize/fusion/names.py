"""The domain of the operators that onnxruntime brings along."""

CONTRIB = "com.microsoft"

__all__ = ["CONTRIB"]
