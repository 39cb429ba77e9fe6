"""Every architecture as an ONNX file: valid, lean, and with the outputs that PyTorch computes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

from kcompile.keras import backend as K
from kcompile.keras.saving.exporting import inference_graph
from kcompile.torch_bridge import lower, run
from kcompile_runtime import Executor

from .architectures import build, each, images

LEFTOVERS = {"Cast", "Constant", "Dropout", "Identity"}


def assert_lean(graph: onnx.GraphProto, weights: set[str]) -> None:
    counts = Counter(node.op_type for node in graph.node)
    assert not LEFTOVERS & set(counts)
    assert counts["Transpose"] <= 2
    constants = {tensor.name for tensor in graph.initializer} - weights
    assert not [node.name for node in graph.node if constants.issuperset(filter(None, node.input))]


@pytest.mark.parametrize("name", each())
def test_the_file_is_valid_and_lean_and_computes_what_torch_computes(name, tmp_path):
    model = build(name, classifier_activation=None)
    path = tmp_path / "model.onnx"
    model.export(path, verify=False)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert_lean(proto.graph, {w.name for w in model.weights})
    x = images(name)
    (expected,) = run(lower(inference_graph(model)), x)
    largest = np.abs(expected).max()
    assert largest > 0 and np.ptp(expected) > 1e-3 * largest
    for found in (Executor(path).predict(x), model.predict(x)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * largest)


@pytest.mark.parametrize("name", ["ResNeXt50", "MobileNetV2", "EfficientNetB0"])
def test_channels_first_needs_no_transpose(name, tmp_path):
    K.set_image_data_format("channels_first")
    try:
        model = build(name, classifier_activation=None)
        x = images(name)
    finally:
        K.set_image_data_format("channels_last")
    path = tmp_path / "model.onnx"
    model.export(path)
    proto = onnx.load(path)
    assert not {"Transpose", *LEFTOVERS} & {node.op_type for node in proto.graph.node}
    np.testing.assert_allclose(Executor(path).predict(x), model.predict(x), rtol=1e-4, atol=1e-6)
