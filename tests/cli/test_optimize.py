"""``kcompile optimize``: a file in fewer bits, what it cost, and what cannot be done."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.cli import BAD_INPUT, NEGATIVE, OK
from kcompile.cli.arguments import Calibration, Metric
from kcompile.keras import layers as L
from kcompile.optimize.ranges import CALIBRATIONS
from kcompile.optimize.scoring import METRICS
from kcompile_runtime import Executor

NEEDS_TOOLS = pytest.mark.needs_onnxruntime(1, 27)
X = np.random.default_rng(0).standard_normal((60, 32)).astype(np.float32)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """(folder, model): m.h5, m.onnx, x.npy, x.npz, y.npy in it."""
    folder = tmp_path_factory.mktemp("optimize")
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            L.Dense(256, activation="relu", input_shape=(32,), name="first"),
            L.Dense(128, activation="relu", name="second"),
            L.Dense(4, activation="softmax", name="classes"),
        ],
        name="dense",
    )
    model.save(folder / "m.h5")
    model.export(folder / "m.onnx")
    np.save(folder / "x.npy", X)
    np.savez(folder / "x.npz", **{model.input_names[0]: X})
    np.save(folder / "y.npy", model.predict(X).argmax(-1))
    return folder, model


@pytest.mark.parametrize("source", ["m.h5", "m.onnx"])
@pytest.mark.parametrize(
    ("options", "method"),
    [
        *(
            pytest.param(options, method, marks=NEEDS_TOOLS)
            for options, method in (
                (["--int8", "--calibrate", "x.npz"], "static"),
                (["--int8", "--calibrate", "x.npy", "--calibration", "entropy"], "static"),
                (
                    ["--int8", "--calibrate", "x.npy", "--calibration", "percentile", "--percentile", "99.9"],
                    "static",
                ),
                (["--int8", "--calibrate", "x.npy", "--reduce-range", "--keep", "classes"], "static"),
                (["--weights", "4"], "weights4"),
                (["--weights", "8"], "weights8"),
            )
        ),
        (["--int8"], "dynamic"),
        (["--int8", "--dynamic", "--calibrate", "x.npz"], "dynamic"),
        (["--float16"], "float16"),
        (["--bfloat16"], "bfloat16"),
    ],
)
def test_every_way_writes_a_smaller_file_that_says_so(network, call, tmp_path, source, options, method):
    folder, model = network
    options = [folder / o if o.endswith((".npy", ".npz")) else o for o in options]
    output = tmp_path / "q.onnx"
    result = call("optimize", folder / source, "-o", output, *options)
    assert result.code == OK, result.err
    assert f", {method}, " in result.out and "outputs: classes" in result.out
    assert output.stat().st_size < 0.65 * (folder / "m.onnx").stat().st_size
    np.testing.assert_allclose(Executor(output).predict(X), model.predict(X), atol=0.05)


@NEEDS_TOOLS
def test_json_has_all_of_it(network, call, tmp_path):
    folder, _ = network
    output = tmp_path / "q.onnx"
    options = ["--int8", "--calibrate", folder / "x.npy", "--labels", folder / "y.npy", "--json"]
    result = call("optimize", folder / "m.onnx", "-o", output, *options, "--keep", "first")
    found = json.loads(result.out)
    assert found["file"] == str(output) and found["bytes_after"] == output.stat().st_size
    assert found["layers"][0] == {
        "name": "first", "operators": ["Gemm"], "quantized": False, "reason": "asked for"
    }  # fmt: skip
    assert found["measured"]["before"] == 1.0 and found["measured"]["held"]
    assert found["differences"][0]["sqnr"] > 15


@NEEDS_TOOLS
@pytest.mark.parametrize("ending", ["html", "json"])
def test_a_report_has_time_layers_and_histograms(network, call, tmp_path, ending):
    folder, _ = network
    report = tmp_path / f"report.{ending}"
    options = ["--int8", "--calibrate", folder / "x.npy", "--labels", folder / "y.npy", "--report", report]
    result = call("optimize", folder / "m.onnx", "-o", tmp_path / "q.onnx", *options)
    assert result.code == OK, result.err
    text = report.read_text()
    for found in (
        "Time of one run, measured in turns",
        "Its own output then",
        "logarithm of counts",
        "second",
    ):
        assert found in text
    if ending == "json":
        kinds = [part["kind"] for part in json.loads(text)["parts"]]
        assert kinds == ["facts", "table", "facts", "table", "bars", "bars", *["histogram"] * 3]


@NEEDS_TOOLS
def test_a_drop_that_cannot_be_held_is_the_answer_no(network, call, tmp_path):
    folder, _ = network
    output = tmp_path / "q.onnx"
    options = ["--int8", "--calibrate", folder / "x.npy", "--labels", folder / "y.npy", "--max-drop", "-1"]
    result = call("optimize", folder / "m.onnx", "-o", output, *options)
    assert result.code == NEGATIVE and not output.exists()
    assert "cannot be held; the best found: " in result.out and "accuracy on 60 samples: " in result.out
    assert "layers by what they cost alone" in result.out
    written = call("optimize", folder / "m.onnx", "-o", output, *options, "--write-anyway")
    assert written.code == NEGATIVE and output.exists() and "the drop is not held" in written.out


@NEEDS_TOOLS
def test_layers_are_put_back_for_a_drop(network, call, tmp_path):
    folder, _ = network
    output = tmp_path / "q.onnx"
    options = ["--int8", "--calibrate", folder / "x.npy", "--metric", "mse", "--max-drop", "0.01"]
    np.save(tmp_path / "p.npy", network[1].predict(X))
    result = call("optimize", folder / "m.onnx", "-o", output, *options, "--labels", tmp_path / "p.npy")
    assert result.code == OK, result.err
    assert "mse on 60 samples: " in result.out and "0.01 allowed" in result.out


@pytest.mark.parametrize("machine", ["cpu", "cuda", "web"])
def test_a_file_for_a_machine_computes_the_same(network, call, tmp_path, machine):
    folder, model = network
    output = tmp_path / "f.onnx"
    result = call("optimize", folder / "m.onnx", "-o", output, "--for", machine)
    assert result.code == OK, result.err
    assert f"for {machine}" in result.out and "outputs: largest difference" in result.out
    np.testing.assert_allclose(Executor(output).predict(X), model.predict(X), rtol=1e-4, atol=1e-5)
    command = ["optimize", folder / "m.onnx", "-o", output, "--for", machine, "--no-measure", "--json"]
    told = json.loads(call(*command, "--report", tmp_path / "r.html").out)
    assert told["target"] == machine and told["difference"] < 1e-4
    assert told["before"] is None and told["unmeasured"]
    assert "largest difference" in (tmp_path / "r.html").read_text()


def test_a_machine_that_is_here_is_measured(network, call, tmp_path):
    folder, _ = network
    output, report = tmp_path / "f.onnx", tmp_path / "r.json"
    result = call("optimize", folder / "m.onnx", "-o", output, "--for", "cpu", "--report", report)
    assert result.code == OK and "times as fast as the plain file's" in result.out
    assert any(
        part["title"] == "Time of one run, measured in turns"
        for part in json.loads(report.read_text())["parts"]
    )


def test_outputs_that_are_not_wanted_go(call, tmp_path):
    x = keras.Input((4,))
    hidden = keras.layers.Dense(3, name="hidden")(x)
    keras.Model(x, [hidden, keras.layers.Dense(2, name="last")(hidden)]).save(tmp_path / "m.keras")
    command = ["optimize", tmp_path / "m.keras", "-o", tmp_path / "f.onnx", "--no-measure"]
    result = call(*command, "--for", "cpu", "--outputs", "hidden")
    assert result.code == OK, result.err
    assert [o.name for o in Executor(tmp_path / "f.onnx").outputs] == ["hidden"]
    assert "last" in call(*command, "--for", "cpu", "--outputs", "first").err
    assert "--for" in call(*command, "--int8", "--outputs", "hidden").err


WRONG = {
    "nothing to do": ([], "say what to do: one of --int8"),
    "fused and in fewer bits": (["--for", "cpu", "--int8"], "--for goes without a precision"),
    "an unknown machine": (["--for", "tpu"], "cpu"),
    "two things": (["--int8", "--float16"], "--int8 and --float16 exclude each other"),
    "another shape": (["--int8", "--calibrate", "bad.npy"], "calibration: the input"),
    "no such file": (["--int8", "--calibrate", "none.npy"], "none.npy: No such file"),
    "labels of several": (["--int8", "--calibrate", "x.npy", "--labels", "two.npz"], "expected one array"),
    "unknown layer": (["--int8", "--keep", "third"], "no layer 'third'"),
    "bits": (["--weights", "5"], "4"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_does_not_fit_is_one_line(network, call, tmp_path, case):
    folder, _ = network
    np.save(folder / "bad.npy", X[:, :3])
    np.savez(folder / "two.npz", a=X, b=X)
    options, message = WRONG[case]
    options = [folder / o if o.endswith((".npy", ".npz")) else o for o in options]
    result = call("optimize", folder / "m.onnx", "-o", tmp_path / "q.onnx", *options)
    assert result.code == BAD_INPUT and message in result.err
    assert len(result.err.strip().splitlines()) == 1 or case == "bits"
    assert not (tmp_path / "q.onnx").exists()


def test_what_is_quantized_already_is_refused_by_its_name(network, call, tmp_path):
    folder, _ = network
    call("optimize", folder / "m.onnx", "-o", tmp_path / "q.onnx", "--int8")
    result = call("optimize", tmp_path / "q.onnx", "-o", tmp_path / "r.onnx", "--int8")
    assert result.code == BAD_INPUT and "q.onnx" in result.err and "quantized already" in result.err


def test_an_older_file_stays_where_nothing_is_written(network, call, tmp_path):
    folder, _ = network
    output = tmp_path / "q.onnx"
    output.write_bytes(b"older")
    call("optimize", folder / "m.onnx", "-o", output, "--int8", "--calibrate", folder / "bad.npy")
    assert output.read_bytes() == b"older"


def test_the_output_is_called_onnx(network, call, tmp_path):
    result = call("optimize", network[0] / "m.onnx", "-o", tmp_path / "q.h5", "--int8")
    assert result.code == BAD_INPUT and "name it q.onnx" in result.err


def test_the_options_are_those_of_the_functions():
    assert tuple(one.value for one in Calibration) == CALIBRATIONS
    assert [one.value for one in Metric] == list(METRICS)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--int8", "--calibrate", "x.npy"], marks=NEEDS_TOOLS),
        ["--int8"],
        pytest.param(["--weights", "8"], marks=NEEDS_TOOLS),
        ["--float16"],
    ],
)
def test_a_file_of_another_program_is_quantized(call, tmp_path, options):
    random = np.random.default_rng(0)
    info = onnx.helper.make_tensor_value_info
    nodes = [
        onnx.helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node("Gemm", ["r", "v"], ["y"], transB=1),
    ]
    weights = {
        name: onnx.numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), name)
        for name, shape in {"w": (32, 128), "b": (128,), "v": (5, 128)}.items()
    }
    graph = onnx.helper.make_graph(
        nodes, "foreign", [info("x", 1, ["n", 32])], [info("y", 1, ["n", 5])], list(weights.values())
    )
    path = tmp_path / "foreign.onnx"
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path
    )
    expected = Executor(path).predict(X)
    np.save(tmp_path / "x.npy", X)
    options = [tmp_path / o if o.endswith(".npy") else o for o in options]
    result = call("optimize", path, "-o", tmp_path / "q.onnx", *options)
    assert result.code == OK, result.err
    got = Executor(tmp_path / "q.onnx").predict(X)
    assert np.abs(got - expected).max() < 0.03 * np.abs(expected).max()
