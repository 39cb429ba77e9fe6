"""The writer: names, states, subgraphs, dynamic axes, weights kept out of the proto."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from kcompile.ir import Graph, Parameter, Value, name_scope, op
from kcompile.onnx_io import build_model, build_session_model


def run(model, feeds, initializers=None):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if initializers:
        values = [ort.OrtValue.ortvalue_from_numpy(a) for a in initializers.values()]
        options.add_external_initializers(list(initializers), values)
    data = model if isinstance(model, bytes) else model.SerializeToString()
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"]).run(None, feeds)


def rand(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def dense_graph():
    x = Value("float32", ("batch", 4), "x")
    kernel, bias = Parameter(rand(4, 16), "dense_1/kernel"), Parameter(rand(16), "dense_1/bias")
    with name_scope("dense_1"):
        y = op.Relu(op.Add(op.MatMul(x, kernel), bias))
    return Graph([y], [x]), kernel, bias


def test_names_come_from_layers_and_weights():
    graph, *_ = dense_graph()
    model = build_model(graph, output_names=["dense_1"])
    onnx.checker.check_model(model, full_check=True)
    assert [n.name for n in model.graph.node][:3] == ["dense_1/MatMul", "dense_1/Add", "dense_1/Relu"]
    assert [i.name for i in model.graph.initializer] == ["dense_1/kernel", "dense_1/bias"]
    assert model.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert {p.value for n in model.graph.node for p in n.metadata_props} == {"dense_1"}


@pytest.mark.parametrize("weights", ["inline", "external", "inputs"])
def test_outputs_do_not_depend_on_where_the_weights_are(weights):
    graph, kernel, bias = dense_graph()
    x = rand(3, 4, seed=1)
    expected = np.maximum(x @ kernel.numpy() + bias.numpy(), 0)
    if weights == "inline":
        (y,) = run(build_model(graph), {"x": x})
    else:
        session = build_session_model(graph, weights=weights)
        assert set(session.parameters) == {"dense_1/kernel", "dense_1/bias"}
        if weights == "external":
            (y,) = run(session.model, {"x": x}, session.initializers)
        else:
            (y,) = run(session.model, {"x": x, **session.initializers})
    np.testing.assert_allclose(y, expected, rtol=1e-5)


def test_session_weights_share_memory_with_the_parameter():
    graph, kernel, _ = dense_graph()
    session = build_session_model(graph, weights="inputs")
    assert np.shares_memory(session.initializers["dense_1/kernel"], kernel.storage.array)
    assert len(session.model) < 1500
