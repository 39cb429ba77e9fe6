"""Runs a model in onnxruntime, and makes feeds for it."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

SIZES = {"batch": 3, "time": 5}


def run(model, feeds, initializers=None, optimized=True):
    """The outputs of a ModelProto, its bytes or a path; ``optimized``: whether onnxruntime may rewrite it."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimized:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if initializers:
        values = [ort.OrtValue.ortvalue_from_numpy(array) for array in initializers.values()]
        options.add_external_initializers(list(initializers), values)
    data = model if isinstance(model, bytes | str) else model.SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, feeds)


def feeds_for(graph, seed=0):
    random = np.random.default_rng(seed)
    return {
        value.name: random.normal(size=[SIZES.get(dim, dim) for dim in value.dims]).astype(value.dtype)
        for value in graph.inputs
    }
