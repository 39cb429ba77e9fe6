"""Files made smaller and faster, each with what that cost: quantisation, half precision, fusion, profiles.

The rewriting is onnxruntime's and onnxscript's; search, calibration, proof and report are here.
"""
