"""Serves ONNX models by the Open Inference Protocol (KServe v2) and TF Serving's REST form.

``kcompile-serve MODELS`` or ``python -m kcompile_runtime.serving MODELS``; needs ``kcompile-runtime[serve]``.
"""
