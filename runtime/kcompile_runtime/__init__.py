"""Runs exported ONNX models with numpy and onnxruntime, and nothing else."""

from __future__ import annotations

__version__ = "0.1.0"
