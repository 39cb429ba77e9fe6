"""``kcompile profile`` and ``kcompile tune``: models of every kind, data that fit or not, what is written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kcompile.cli import BAD_INPUT, OK
from kcompile_runtime import Executor
from kcompile_runtime.session_settings import settings_beside

QUICK = ("--seconds", "0.05")


def parts(result):
    assert result.code == OK, result.err
    return {part["title"]: part for part in json.loads(result.out)["parts"]}


def fact(part, name):
    return next(entry["value"] for entry in part["facts"] if entry["name"] == name)


@pytest.mark.parametrize("kind", ["onnx", "h5"])
def test_models_of_every_kind_are_profiled_by_layer(files, call, kind):
    found = parts(call("profile", getattr(files, kind), *QUICK, "--no-advice", "--json"))
    assert {row[0] for row in found["Layers"]["rows"]} == {"hidden", "classes"}
    assert fact(found["One run"], "hidden_input") == "(1, 4)"
    assert "Operators alone, in other types" not in found


def test_an_architecture_with_weights_is_profiled(files, call):
    found = parts(call("profile", files.json, "--weights", files.weights, *QUICK, "--no-advice", "--json"))
    assert found["Layers"]["rows"]


def test_the_size_of_a_run_and_its_threads_are_as_asked(files, call):
    found = parts(
        call("profile", files.onnx, *QUICK, "--no-advice", "--json", "--batch-size", "7", "--threads", "1")
    )
    assert fact(found["One run"], "hidden_input") == "(7, 4)"
    assert fact(found["One run"], "threads of an operator") == 1


def test_a_run_is_made_of_the_data_given(files, call, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 4), np.float32))
    arguments = ("--input", tmp_path / "x.npy", "--batch-size", "5", *QUICK, "--no-advice", "--json")
    assert fact(parts(call("profile", files.onnx, *arguments))["One run"], "hidden_input") == "(5, 4)"


def test_advice_is_of_operators_that_were_run(files, call):
    found = parts(call("profile", files.onnx, *QUICK, "--json", "--batch-size", "64"))
    tried = found["Operators alone, in other types"]["rows"]
    assert {row[1] for row in tried} <= {"MatMul 4x5", "MatMul 5x3"} and tried
    assert all(row[2] > 0 for row in tried)
    assert any("int8" in line for line in found["Advice, as measured here"]["lines"])


def test_a_training_step_is_profiled(files, call, tmp_path):
    found = parts(call("profile", files.h5, "--train", *QUICK, "--json"))
    assert {"hidden", "classes", "(optimizer)"} <= {row[0] for row in found["Layers"]["rows"]}
    assert fact(found["One step"], "samples") == 32
    np.savez(tmp_path / "d.npz", hidden_input=np.ones((3, 4)), y=np.ones((3, 3)))
    data = ("--input", tmp_path / "d.npz", "--batch-size", "6")
    assert (
        fact(parts(call("profile", files.h5, "--train", *QUICK, "--json", *data))["One step"], "samples") == 6
    )


def test_the_report_is_also_written_as_a_page(files, call, tmp_path):
    page = tmp_path / "page.html"
    result = call("profile", files.onnx, *QUICK, "--no-advice", "-o", page)
    assert result.code == OK and "hidden" in result.out and str(page) in result.out
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "Flame graph" in text and "Roofline" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "page.txt"], "a report is written as .html or .json"),
        (["-o", "nowhere/page.html"], "there is no folder nowhere"),
        (["--input", "missing.npy"], "missing.npy"),
        (["--train", "--threads", "2"], "--threads is of predictions"),
        (["--batch-size", "0"], "--batch-size"),
    ],
)
def test_what_profile_cannot_do_is_one_line(files, call, arguments, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = call("profile", files.h5, *arguments, *QUICK)
    assert result.code == BAD_INPUT and message in result.err and result.err.count("\n") == 1


def test_data_of_another_shape_are_refused(files, call, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((3, 9), np.float32))
    np.save(tmp_path / "none.npy", np.ones((0, 4), np.float32))
    wrong = call("profile", files.onnx, "--input", tmp_path / "x.npy", *QUICK)
    assert wrong.code == BAD_INPUT and "hidden_input" in wrong.err
    empty = call("profile", files.onnx, "--input", tmp_path / "none.npy", *QUICK)
    assert empty.code == BAD_INPUT and "there are no samples" in empty.err


def test_a_model_that_cannot_be_trained_is_refused(files, call):
    result = call("profile", files.json, "--weights", files.weights, "--train", *QUICK)
    assert result.code == BAD_INPUT and "--train wants a compiled Keras model" in result.err


@pytest.fixture
def model(files, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(files.onnx.read_bytes())
    return path


def test_a_file_is_tuned_and_its_settings_are_written_beside_it(model, call):
    found = parts(call("tune", model, "--seconds", "0.05", "--json"))
    (row,) = found["Files"]["rows"]
    assert row[0] == "m.onnx" and row[2] > 0 and row[4] >= 1
    settings = settings_beside(model)
    assert settings is not None and settings.batch_size == row[6]
    assert Executor(model).settings == settings
    # where the machine is busy, another line says so
    assert sum(str(model.parent / "m.onnx.session.json") in line for line in found["Result"]["lines"]) == 1


@pytest.mark.parametrize("before", ["{", '{"tuned_for": {"model_bytes": 1}}'])
def test_settings_that_are_damaged_or_old_are_measured_anew(model, call, before):
    (model.parent / "m.onnx.session.json").write_text(before)
    result = call("tune", model, "--seconds", "0.05")
    assert result.code == OK and "is not used" not in result.err
    assert settings_beside(model) is not None


def test_a_dry_run_writes_nothing(model, call, tmp_path):
    page = tmp_path / "tune.json"
    result = call("tune", model, "--seconds", "0.05", "--dry-run", "-o", page, "--batch-size", "4")
    assert result.code == OK and settings_beside(model) is None
    measured = {entry["name"]: entry["value"] for entry in json.loads(page.read_text())["parts"][0]["facts"]}
    assert measured["samples of a run"] == 4


def test_forms_of_a_model_are_compared_and_each_gets_its_settings(files, model, call, tmp_path):
    other = tmp_path / "other.onnx"
    assert call("compile", files.h5, "-o", other, "--opset", "18").code == OK
    found = parts(call("tune", model, "--variant", other, "--seconds", "0.05", "--json"))
    rows = found["Files"]["rows"]
    assert [row[0] for row in rows] == ["m.onnx", "other.onnx"]
    assert rows[0][7] is None and rows[1][7] < 1e-5
    assert settings_beside(model) is not None and settings_beside(other) is not None
    assert sum("fastest form" in line for line in found["Result"]["lines"]) == 1


def test_what_tune_cannot_do_is_one_line(files, model, call, tmp_path, two_inputs):
    keras = call("tune", files.h5)
    assert keras.code == BAD_INPUT and "kcompile compile" in keras.err
    foreign = tmp_path / "foreign.onnx"
    assert call("compile", two_inputs, "-o", foreign).code == OK
    result = call("tune", model, "--variant", foreign, "--seconds", "0.05")
    assert result.code == BAD_INPUT and "is no form of" in result.err
    assert settings_beside(model) is None
