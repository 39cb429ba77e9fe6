"""Weights and models across frameworks: PyTorch, safetensors, ONNX."""
