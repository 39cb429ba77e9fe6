"""``kcompile compile``: every kind of model becomes an ONNX file that predicts the same."""

from __future__ import annotations

import importlib.util
import shutil

import numpy as np
import onnx
import pytest

from kcompile.cli import BAD_INPUT, NEGATIVE, OK
from kcompile_runtime import Executor

X = np.random.default_rng(1).standard_normal((4, 4)).astype(np.float32)


@pytest.mark.parametrize("kind", ["h5", "json", "yaml", "onnx"])
def test_every_kind_of_model_becomes_onnx(files, call, tmp_path, kind):
    output = tmp_path / "out.onnx"
    weights = ["--weights", files.weights] if kind in ("json", "yaml") else []
    result = call("compile", getattr(files, kind), "-o", output, *weights)
    assert result.code == OK, result.err
    assert "verified" in result.out and "opset 21" in result.out
    np.testing.assert_allclose(Executor(output).predict(X), files.model.predict(X), rtol=1e-5)


def test_a_foreign_onnx_file_is_brought_to_another_opset(call, tmp_path):
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Mul", ["x", "w"], ["y"])],
        "foreign",
        [info("x", 1, ["n", 4])],
        [info("y", 1, ["n", 4])],
        [onnx.numpy_helper.from_array(np.full(4, 3, np.float32), "w")],
    )
    source = tmp_path / "foreign.onnx"
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10), source
    )
    output = tmp_path / "out.onnx"
    result = call("compile", source, "-o", output, "--opset", 17)
    assert result.code == OK, result.err
    assert onnx.load(output).opset_import[0].version == 17
    np.testing.assert_allclose(Executor(output).predict(X), 3 * X)


def test_opset_is_written_as_asked_for(files, call, tmp_path):
    output = tmp_path / "out.onnx"
    assert call("compile", files.h5, "-o", output, "--opset", 15, "--no-verify").code == OK
    assert onnx.load(output).opset_import[0].version == 15


def test_no_verify_says_so(files, call, tmp_path):
    assert "not verified" in call("compile", files.h5, "-o", tmp_path / "o.onnx", "--no-verify").out


def test_new_weights_are_drawn_only_when_asked_for(files, call, tmp_path):
    output = tmp_path / "out.onnx"
    refused = call("compile", files.yaml, "-o", output)
    assert refused.code == BAD_INPUT and "--weights" in refused.err and not output.exists()
    assert call("compile", files.yaml, "-o", output, "--new-weights").code == OK
    assert output.exists()


def test_a_failed_verification_is_no_and_leaves_the_old_file(files, call, tmp_path, monkeypatch):
    from kcompile.keras.saving import verification

    run = verification.Executor.run
    monkeypatch.setattr(
        verification.Executor, "run", lambda self, arrays: [array + 1 for array in run(self, arrays)]
    )
    output = tmp_path / "out.onnx"
    output.write_bytes(b"the old one")
    result = call("compile", files.h5, "-o", output)
    assert result.code == NEGATIVE
    assert "differs" in result.err and result.err.count("\n") == 1
    assert output.read_bytes() == b"the old one"


def test_weights_of_another_model_are_refused(files, call, tmp_path, two_inputs):
    result = call("compile", files.json, "-o", tmp_path / "o.onnx", "--weights", two_inputs)
    assert result.code == BAD_INPUT
    assert "weights" in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("missing.h5", None, "No such file"),
        ("empty.h5", b"", "empty"),
        ("text.h5", b"hello, this is no model", "not a model file"),
        ("cut.onnx", b"\x08\x0a\x12\x04torc", "onnx"),
        ("broken.json", b'{"class_name": "Sequential", ', "JSON"),
        ("unknown.json", b'{"class_name": "Nonsense", "config": {}}', "Nonsense"),
    ],
)
def test_a_file_that_is_no_model_is_one_line(call, tmp_path, name, content, expected):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = call("compile", path, "-o", tmp_path / "o.onnx", "--new-weights")
    assert result.code == BAD_INPUT
    assert result.err.startswith("kcompile: ") and result.err.count("\n") == 1
    assert expected in result.err
    assert "Traceback" not in result.err and not (tmp_path / "o.onnx").exists()


def test_a_truncated_hdf5_file_is_one_line(files, call, tmp_path):
    path = tmp_path / "cut.h5"
    path.write_bytes(files.h5.read_bytes()[:2000])
    result = call("compile", path, "-o", tmp_path / "o.onnx")
    assert result.code == BAD_INPUT and str(path) in result.err and result.err.count("\n") == 1


def test_weights_go_with_an_architecture_only(files, call, tmp_path):
    result = call("compile", files.h5, "-o", tmp_path / "o.onnx", "--weights", files.weights)
    assert result.code == BAD_INPUT and "own weights" in result.err


def test_the_output_must_be_called_onnx(files, call, tmp_path):
    result = call("compile", files.h5, "-o", tmp_path / "o.h5")
    assert result.code == BAD_INPUT and "o.onnx" in result.err


def test_a_folder_that_is_not_there_is_one_line(files, call, tmp_path):
    result = call("compile", files.h5, "-o", tmp_path / "no" / "o.onnx")
    assert result.code == BAD_INPUT and result.err.count("\n") == 1


def test_the_model_is_recognised_by_content_not_by_name(files, call, tmp_path):
    path = tmp_path / "model.bin"
    shutil.copy(files.h5, path)
    assert call("compile", path, "-o", tmp_path / "o.onnx").code == OK


def test_without_torch_the_line_says_that_nothing_was_compared(files, call, tmp_path, monkeypatch):
    find = importlib.util.find_spec

    def without_torch(name, *rest):
        return None if name == "torch" else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without_torch)
    with pytest.warns(UserWarning, match="torch is not installed"):
        result = call("compile", files.h5, "-o", tmp_path / "o.onnx")
    assert result.code == OK
    assert "checked, not compared" in result.out and "verified" not in result.out
