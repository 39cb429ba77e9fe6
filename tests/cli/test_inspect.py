"""``kcompile inspect``: the figures it shows are those of the model."""

from __future__ import annotations

import json

import pytest

from kcompile.cli import BAD_INPUT, OK


@pytest.mark.parametrize("kind", ["h5", "json", "yaml", "onnx"])
def test_json_tells_layers_parameters_and_operators(files, call, kind):
    result = call("inspect", getattr(files, kind), "--json")
    assert result.code == OK, result.err
    found = json.loads(result.out)
    assert found["parameters"] == files.model.count_params() == 4 * 5 + 5 + 5 * 3 + 3
    assert found["parameter_bytes"] == 4 * found["parameters"]
    assert [layer["type"] for layer in found["layers"]] == ["Dense", "Dropout", "Dense"]
    assert found["layers"][0]["output_shape"] == [None, 5]
    assert found["operators"] == {"MatMul": 2, "Add": 2, "Relu": 1, "Softmax": 1}
    assert found["inputs"][0]["name"] == "hidden_input" and found["outputs"][0]["name"] == "classes"
    assert found["file_bytes"] == getattr(files, kind).stat().st_size


def test_tables_name_every_layer(files, call):
    result = call("inspect", files.h5)
    assert result.code == OK
    for text in ("hidden", "Dropout", "classes", "(?, 3)", "MatMul", "43 parameters"):
        assert text in result.out


def test_ir_is_one_line_a_node(files, call):
    text = call("inspect", files.h5, "--ir").out
    assert text.count(" = MatMul(") == 2 and "@hidden/kernel : float32[4, 5]" in text
    assert "Dropout" not in text


def test_a_frozen_layer_is_marked(call, tmp_path):
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential

    model = Sequential([Dense(2, input_shape=(3,), trainable=False), Dense(1)])
    model.save(tmp_path / "m.h5")
    found = json.loads(call("inspect", tmp_path / "m.h5", "--json").out)
    assert (found["parameters"], found["trainable_parameters"]) == (11, 3)
    assert "frozen" in call("inspect", tmp_path / "m.h5").out


def test_a_foreign_onnx_file_is_shown_by_its_operators(call, tmp_path):
    import numpy as np
    import onnx

    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Gemm", ["x", "w"], ["y"])],
        "g",
        [info("x", 1, ["n", 4])],
        [info("y", 1, ["n", 2])],
        [onnx.numpy_helper.from_array(np.ones((4, 2), np.float32), "w")],
    )
    path = tmp_path / "foreign.onnx"
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10), path
    )
    found = json.loads(call("inspect", path, "--json").out)
    assert "layers" not in found
    assert found["operators"] == {"Gemm": 1} and found["parameters"] == 8
    assert found["weights"][0]["name"] == "w"
    assert call("inspect", path).code == OK


def test_operators_that_only_onnxruntime_has_are_shown_with_their_domain(call, tmp_path):
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    nodes = [
        helper.make_node("FusedMatMul", ["x", "w"], ["h"], domain="com.microsoft", alpha=0.5),
        helper.make_node("Scaler", ["h"], ["y"], domain="ai.onnx.ml", scale=[2.0]),
    ]
    ends = [[helper.make_tensor_value_info(name, 1, ["N", size])] for name, size in (("x", 4), ("y", 3))]
    weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    versions = {"": 17, "com.microsoft": 1, "ai.onnx.ml": 1}
    imports = [helper.make_opsetid(*version) for version in versions.items()]
    graph = helper.make_graph(nodes, "g", *ends, [weight])
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), tmp_path / "m.onnx")
    found = json.loads(call("inspect", tmp_path / "m.onnx", "--json").out)
    assert found["operators"] == {"com.microsoft.FusedMatMul": 1, "ai.onnx.ml.Scaler": 1}
    assert found["parameters"] == 12
    text = call("inspect", tmp_path / "m.onnx", "--ir").out
    assert "com.microsoft.FusedMatMul(%x, @w, alpha=0.5)" in text


def test_weights_alone_are_refused_with_advice(files, call):
    result = call("inspect", files.weights)
    assert result.code == BAD_INPUT and "weights" in result.err and result.err.count("\n") == 1
