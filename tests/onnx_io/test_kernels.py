"""The operators that onnxruntime has in float32 only: which they are, and what float64 models become."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, defs, helper

from kcompile.ir import Graph, Parameter, Value, op
from kcompile.onnx_io import export
from kcompile.onnx_io.kernels import FLOAT32_ONLY

_ATTRIBUTES = {
    "AveragePool": {"kernel_shape": [1, 1]},
    "GRU": {"hidden_size": 1},
    "LpPool": {"kernel_shape": [1, 1]},
    "LRN": {"size": 1},
    "LSTM": {"hidden_size": 1},
    "MaxPool": {"kernel_shape": [1, 1]},
    "MaxRoiPool": {"pooled_shape": [1, 1]},
    "RNN": {"hidden_size": 1},
}
_OTHERS = ("BatchNormalization", "Gemm", "MatMul", "MaxPool", "Relu", "Sigmoid", "Softmax", "Tanh", "Where")


def _runs_in_float64(op_type):
    schema = defs.get_schema(op_type, 21)
    double = {c.type_param_str for c in schema.type_constraints if "tensor(double)" in c.allowed_type_strs}

    def described(parameters, least, letter):
        types = [p.type_str for p in parameters[:least]]
        kinds = [TensorProto.DOUBLE if t in double else TensorProto.BOOL if t == "B" else None for t in types]
        return [
            helper.make_tensor_value_info(f"{letter}{i}", TensorProto.FLOAT if kind is None else kind, None)
            for i, kind in enumerate(kinds)
        ]

    inputs = described(schema.inputs, max(1, schema.min_input), "x")
    outputs = described(schema.outputs, max(1, schema.min_output), "y")
    names = [v.name for v in inputs], [v.name for v in outputs]
    node = helper.make_node(op_type, *names, **_ATTRIBUTES.get(op_type, {}))
    graph = helper.make_graph([node], "one", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return False
    return True


# sessions of these two are made, and fail when they run
@pytest.mark.parametrize("op_type", sorted(FLOAT32_ONLY - {"GRU", "LSTM"}))
def test_onnxruntime_lacks_the_kernel(op_type):
    assert not _runs_in_float64(op_type), f"onnxruntime has {op_type} of float64 now: take it off the list"


@pytest.mark.parametrize("op_type", _OTHERS)
def test_onnxruntime_has_the_kernel(op_type):
    assert op_type not in FLOAT32_ONLY and _runs_in_float64(op_type)


def test_a_model_in_float64_is_written_with_casts_around_those_operators():
    x = Value(np.float64, ("batch", 3, 8), "x")
    kernel = Parameter(np.random.default_rng(0).normal(size=(4, 3, 2)), "kernel")
    y = op.Selu(op.Elu(op.Conv(x, kernel)))
    graph = Graph([op.Add(y, op.Exp(y))], [x])
    model = export(graph, input_names=["x"], output_names=["y"])
    assert [tensor.data_type for tensor in model.graph.initializer] == [TensorProto.DOUBLE]
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("Cast") == 3  # in, the weight, and out once: none between neighbours
    data = np.random.default_rng(1).normal(size=(2, 3, 8))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": data})
    assert found.dtype == np.float64
    torch = pytest.importorskip("torch")
    inner = torch.nn.functional.conv1d(torch.tensor(data), torch.tensor(kernel.numpy()))
    inner = torch.selu(torch.nn.functional.elu(inner)).numpy()
    np.testing.assert_allclose(found, inner + np.exp(inner), rtol=1e-4, atol=1e-5)
