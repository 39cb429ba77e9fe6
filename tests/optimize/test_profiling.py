"""A profile says of each layer what it takes, whatever onnxruntime fused, renamed or put in."""

from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from kcompile.keras import layers
from kcompile.keras.models import Model
from kcompile.optimize import peaks
from kcompile.optimize.inputs import drawn_inputs
from kcompile.optimize.origins import Origins
from kcompile.optimize.peaks import Peaks, measure_peaks
from kcompile.optimize.prediction_profile import profile_prediction
from kcompile.optimize.profile_report import flame_of, layers_of
from kcompile.optimize.profiling import operators_of, outside_of, profile_file, profile_nodes
from kcompile.optimize.quantizing import static
from kcompile.optimize.ranges import Ranges
from kcompile.optimize.samples import Samples
from kcompile_runtime.session import load_onnxruntime, older
from tests.optimize import measured


def model_of(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph(nodes, "g", [], []))


NOWHERE = Origins(model_of(), model_of())


def kernel(name, op_type, start, taken, **args):
    return {
        "cat": "Node",
        "name": f"{name}_kernel_time",
        "ts": start,
        "dur": taken,
        "args": {"op_name": op_type, **args},
    }


def run(start, taken):
    return {"cat": "Session", "name": "model_run", "ts": start, "dur": taken}


def test_the_slower_runs_of_each_operator_and_the_first_runs_do_not_count():
    events = []
    for start, first, second in [
        (0, 900, 1),
        (2000, 8, 700),
        (4000, 18, 10),
        (6000, 500, 30),
        (8000, 600, 800),
    ]:
        events += [
            run(start, first + second + 20),
            kernel("a/MatMul", "MatMul", start + 10, first),
            kernel("b/MatMul", "MatMul", start + first + 10, second),
        ]
    a, b = operators_of(events, NOWHERE, skipped=1)
    assert (a.seconds, b.seconds) == (pytest.approx(8e-6), pytest.approx(10e-6))
    assert a.calls == 1


def test_what_is_outside_of_operators_is_told_by_its_share():
    events = []
    for start, taken, kernels in [(0, 100, 80), (200, 100, 90), (400, 1000, 100)]:
        events += [run(start, taken), kernel("a/Scan", "Scan", start + 5, kernels)]
        events.append(kernel("in/MatMul", "MatMul", start + 10, kernels - 20))
    assert outside_of(events) == pytest.approx(0.1)


def test_time_in_a_body_is_that_of_its_operators_and_calls_are_counted():
    events = [
        run(0, 100),
        kernel("rnn/Scan", "Scan", 10, 80),
        kernel("cell/MatMul", "MatMul", 20, 10, output_type_shape=[{"float": [2, 3]}]),
        kernel("cell/MatMul", "MatMul", 40, 20, output_type_shape=[{"float": [2, 3]}]),
        kernel("last/Relu", "Relu", 90, 5),
    ]
    found = {operator.name: operator for operator in operators_of(events, NOWHERE)}
    assert found["rnn/Scan"].seconds == pytest.approx(50e-6)
    assert found["cell/MatMul"].seconds == pytest.approx(30e-6)
    assert found["cell/MatMul"].calls == 2
    assert found["cell/MatMul"].output_bytes == 2 * 24
    assert found["cell/MatMul"].within == ("rnn/Scan",)
    assert found["cell/MatMul"].layer == "rnn"
    assert found["last/Relu"].within == ()


@pytest.mark.parametrize(
    ("name", "op_type", "layer"),
    [
        ("conv/Conv", "Conv", "conv"),
        ("fused dense/MatMul/MatMulAddFusion", "FusedGemm", "dense"),
        ("act/Relu:0_nchwc", "Conv", "conv"),  # called after what it writes; it begins with the convolution
        ("ReorderOutput", "ReorderOutput", "act"),
        ("SkipLayerNormalization", "SkipLayerNormalization", "ln"),
        ("unheard of", "Mystery", "unheard of"),
    ],
)
def test_operators_are_led_back_to_their_layers(name, op_type, layer):
    model = model_of(
        helper.make_node("Conv", ["x", "w"], ["conv/Conv:0"], "conv/Conv"),
        helper.make_node("BatchNormalization", ["conv/Conv:0"], ["bn:0"], "bn/BatchNormalization"),
        helper.make_node("Relu", ["bn:0"], ["act/Relu:0"], "act/Relu"),
        helper.make_node("MatMul", ["act/Relu:0", "k"], ["dense/MatMul:0"], "dense/MatMul"),
        helper.make_node("LayerNormalization", ["dense/MatMul:0"], ["ln:0"], "ln/LayerNormalization"),
    )
    optimized = model_of(
        helper.make_node("ReorderOutput", ["r"], ["act/Relu:0"], "ReorderOutput"),
        helper.make_node("SkipLayerNormalization", ["a", "b"], ["ln:0"], "SkipLayerNormalization"),
    )
    assert Origins(model, optimized).layer(name, op_type) == layer


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (measured.cnn, ["classes", "conv1", "conv2", "fc", "gap", "pool"]),
        (measured.text, ["dense", "embedding", "lstm"]),
        (measured.looping, ["loop"]),
    ],
)
def test_every_layer_that_takes_time_is_found_under_its_name(tmp_path, build, expected):
    path = measured.exported(build(), tmp_path)
    profile = profile_file(path, drawn_inputs(path, 2), threads=1, seconds=0.1)
    assert sorted(layer.name for layer in layers_of(profile.operators)) == expected
    assert profile.seconds > 0 and 0 <= profile.outside < 1
    told = not older(load_onnxruntime(), 1, 27)  # before, its traces say nothing of memory
    assert (profile.peak_bytes > 0) is told and profile.threads == 1


def test_layers_of_a_transformer_keep_their_paths_through_fusion(tmp_path):
    path = measured.exported(measured.block(), tmp_path)
    profile = profile_file(path, drawn_inputs(path, 2), threads=1, seconds=0.1)
    found = {layer.name for layer in layers_of(profile.operators)}
    assert {"inner/mha", "inner/mha/query", "inner/ln", "inner/ff", "last"} <= found
    assert any(o.op_type == "BiasGelu" for o in profile.operators)
    assert all(name.startswith("inner/") or name in ("inner", "last") for name in found)


def test_arithmetic_of_a_model_is_that_of_its_layers(tmp_path):
    path = measured.exported(measured.cnn(), tmp_path)
    inputs = drawn_inputs(path, 2)
    layers = {
        layer.name: layer
        for layer in layers_of(profile_file(path, inputs, seconds=0.1).operators, profile_nodes(path, inputs))
    }
    kernels = {"conv1": 2 * 2 * 16 * 16 * 32 * 7 * 7 * 3, "conv2": 2 * 2 * 8 * 8 * 64 * 3 * 3 * 32}
    for name, count in kernels.items():
        assert count <= layers[name].flops <= 1.01 * count
    assert layers["fc"].weight_bytes == 4 * (64 * 256 + 256)
    assert layers["fc"].traffic >= layers["fc"].weight_bytes
    assert layers["conv2"].weight_bytes == 4 * (3 * 3 * 32 * 64 + 64)


def test_the_arithmetic_of_a_loop_is_counted_at_each_step(tmp_path):
    path = measured.exported(measured.looping(), tmp_path)
    nodes = profile_nodes(path, drawn_inputs(path, 3))
    products = [node for node in nodes if node.op_type == "MatMul"]
    assert sum(node.flops for node in products) == 20 * 2 * 3 * 8 * 8


def test_what_bounds_a_layer_follows_from_the_peaks():
    events = [
        run(0, 1000),
        kernel(
            "a/MatMul",
            "MatMul",
            10,
            100,
            input_type_shape=[{"float": [100, 100]}, {"float": [100, 100]}],
            output_type_shape=[{"float": [100, 100]}],
        ),
    ]
    (layer,) = layers_of(operators := list(operators_of(events, NOWHERE)), operators)
    assert layer.flops == 2_000_000 and layer.traffic == 120_000 and layer.seconds == pytest.approx(1e-4)
    assert layer.bound(Peaks(flops=2e10, bytes=1e11)) == "arithmetic"
    assert layer.bound(Peaks(flops=1e12, bytes=1.5e9)) == "memory"
    assert layer.bound(Peaks(flops=1e12, bytes=1e12)) == "neither"


def test_the_peaks_of_this_machine_are_measured():
    machine = measure_peaks(1)
    assert 1e8 < machine.flops < 1e14 and 1e8 < machine.bytes < 1e13


def test_what_is_measured_keeps_its_operands():
    """onnxruntime reads the array's own memory."""
    array = np.ones(8, np.float32)
    alive = weakref.ref(array)
    run = peaks._bound("Neg", [array], 1, "CPUExecutionProvider")
    del array
    assert alive() is not None
    run()
    del run
    gc.collect()
    assert alive() is None


def test_a_flame_graph_has_layers_within_models_and_its_parts_sum_up(tmp_path):
    path = measured.exported(measured.block(), tmp_path)
    profile = profile_file(path, drawn_inputs(path, 1), threads=1, seconds=0.1)
    root = flame_of("block", profile.operators)
    assert root.value == pytest.approx(profile.seconds)
    assert {child.name for child in root.children} == {"inner", "last"}
    inner = next(child for child in root.children if child.name == "inner")
    assert {"mha", "ln", "ff"} <= {child.name for child in inner.children}
    assert inner.value == pytest.approx(sum(child.value for child in inner.children))


def test_the_report_of_a_model_has_every_part_and_advice_with_numbers(tmp_path):
    path = measured.exported(measured.cnn(), tmp_path)
    report = profile_prediction(path, drawn_inputs(path, 4), seconds=0.2)
    found = report.to_dict()
    kinds = [part["kind"] for part in found["parts"]]
    assert kinds == ["facts", "notes", "table", "table", "table", "bars", "flame", "roofline"]
    layers = found["parts"][2]
    shares = [row[3] for row in layers["rows"]]
    assert sum(shares) == pytest.approx(1) and shares == sorted(shares, reverse=True)
    assert any(
        line.startswith("Conv 7x7 in conv1: ") and "int8" in line for line in found["parts"][1]["lines"]
    )
    assert json.loads(report.to_json()) and "conv1" in report.to_html()


def test_without_advice_no_operator_is_tried(tmp_path):
    path = measured.exported(measured.text(), tmp_path)
    found = profile_prediction(path, drawn_inputs(path), advise=False, seconds=0.1).to_dict()
    assert "Operators alone, in other types" not in [part["title"] for part in found["parts"]]


def test_inputs_are_drawn_that_the_model_takes(tmp_path):
    path = measured.exported(measured.text(), tmp_path)
    words = drawn_inputs(path, 5)["words"]
    assert words.shape == (5, 12) and words.min() >= 0 and words.max() < 100
    np.testing.assert_array_equal(words, drawn_inputs(path, 5)["words"])


def quantized(folder):
    """An int8 file, whose operators are of onnxruntime's own."""
    path = measured.exported(measured.cnn(), folder)
    model = onnx.load(path)
    samples = Samples(model, drawn_inputs(path, 8))
    onnx.save(static(model, Ranges(model, samples)), folder / "int8.onnx")
    return folder / "int8.onnx", {"conv1", "conv2", "fc"}


def stateful(folder):
    """A model with states, which are none of its inputs."""
    x = layers.Input(batch_shape=(2, 5, 3))
    y = layers.LSTM(4, stateful=True, name="kept")(x)
    return measured.exported(Model(x, y, name="stateful"), folder), {"kept"}


def foreign(folder):
    """Nodes without names, and a name that is none for a terminal."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"], "\x1b[31m<b>/Relu"),
        helper.make_node("Add", ["b", "v"], ["y"]),
    ]
    floats = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)  # noqa: E731
    stored = [numpy_helper.from_array(np.ones(s, np.float32), n) for n, s in (("w", (4, 3)), ("v", (3,)))]
    graph = helper.make_graph(nodes, "g", [floats("x", ["n", 4])], [floats("y", ["n", 3])], stored)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        folder / "foreign.onnx",
    )
    return folder / "foreign.onnx", set()


@pytest.mark.parametrize("make", [quantized, stateful, foreign])
def test_files_of_all_kinds_are_profiled(tmp_path, make):
    path, expected = make(tmp_path)
    report = profile_prediction(path, drawn_inputs(path, 2), seconds=0.05)
    rows = report.to_dict()["parts"][2]["rows"]
    assert expected <= {row[0] for row in rows} and sum(row[3] for row in rows) == pytest.approx(1)
    assert "\x1b" not in str(report) and "\x1b" not in report.to_html() and "<b>" not in report.to_html()
