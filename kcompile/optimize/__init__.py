"""Files made smaller and faster, each with what that cost: quantisation, half precision, fusion, profiles.

The rewriting is onnxruntime's and onnxscript's; the search, the calibration, the proof and the report are here.
"""
