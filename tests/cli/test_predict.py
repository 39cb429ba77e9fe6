"""``kcompile predict``: outputs in a file equal the model's own."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kcompile.cli import BAD_INPUT, OK


@pytest.mark.parametrize("kind", ["h5", "onnx", "json"])
def test_outputs_equal_the_models_own(files, call, tmp_path, samples, kind):
    x, data = samples
    weights = ["--weights", files.weights] if kind == "json" else []
    result = call("predict", getattr(files, kind), data, "-o", tmp_path / "y.npy", *weights)
    assert result.code == OK, result.err
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), files.model.predict(x), rtol=1e-5)


@pytest.mark.parametrize("header", ["", "a,b,c,d\n"])
def test_csv_in_and_out(files, call, tmp_path, samples, header):
    x, _ = samples
    lines = [",".join(map(repr, row)) for row in x.astype(float).tolist()]
    (tmp_path / "x.csv").write_text(header + "\n".join(lines) + "\n")
    result = call("predict", files.onnx, tmp_path / "x.csv", "-o", tmp_path / "y.csv", "--batch-size", 2)
    assert result.code == OK, result.err
    written = np.loadtxt(tmp_path / "y.csv", delimiter=",")
    np.testing.assert_allclose(written, files.model.predict(x), rtol=1e-5)


def test_flat_rows_take_the_shape_of_the_input(call, tmp_path):
    from kcompile.keras.layers import Dense
    from kcompile.keras.models import Sequential

    model = Sequential([Dense(2, input_shape=(3, 4))])
    model.save(tmp_path / "m.h5")
    x = np.arange(24.0).reshape(2, 12)
    np.savetxt(tmp_path / "x.csv", x, delimiter=",")
    result = call("predict", tmp_path / "m.h5", tmp_path / "x.csv", "-o", tmp_path / "y.npy")
    assert result.code == OK, result.err
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(x.reshape(2, 3, 4)), rtol=1e-5)


def test_inputs_and_outputs_by_name(call, tmp_path, two_inputs):
    from kcompile.keras.models import load_model

    left, right = np.ones((3, 2), np.float32), np.full((3, 2), 2, np.float32)
    np.savez(tmp_path / "x.npz", right=right, left=left)
    result = call("predict", two_inputs, tmp_path / "x.npz", "-o", tmp_path / "y.npz")
    assert result.code == OK, result.err
    expected = load_model(two_inputs).predict([left, right])
    with np.load(tmp_path / "y.npz") as found:
        np.testing.assert_allclose(found["from_left"], expected[0], rtol=1e-5)
        np.testing.assert_allclose(found["from_right"], expected[1], rtol=1e-5)


def test_an_onnx_model_needs_the_runtime_alone(files, tmp_path, samples):
    code = (
        "import sys\nfrom kcompile.cli import main\n"
        f"files = [{str(files.onnx)!r}, {str(samples[1])!r}, '-o', {str(tmp_path / 'y.npy')!r}]\n"
        "code = main(['predict', *files])\n"
        "heavy = {'torch', 'onnx', 'h5py', 'kcompile.keras', 'kcompile.ir'} & set(sys.modules)\n"
        "assert not heavy, heavy\nsys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), files.model.predict(samples[0]), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.txt", b"1,2,3,4", ".npy, .npz or .csv"),
        ("x.npy", b"\x93NUMPY\x01\x00broken", "not a readable .npy"),
        ("x.npz", b"PK\x03\x04broken", "not a readable .npz"),
        ("x.csv", b"1,2,3,4\n1,2,three,4\n", "line 2"),
        ("x.csv", b"1,2,3,4\n1,2\n", "line 2"),
        ("x.csv", b"", "no samples"),
        ("x.csv", b"1,2,3\n", "4"),
        ("missing.npy", None, "No such file"),
    ],
)
def test_bad_inputs_are_one_line_and_write_nothing(files, call, tmp_path, name, content, expected):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    output = tmp_path / "y.npy"
    output.write_bytes(b"the old one")
    result = call("predict", files.onnx, tmp_path / name, "-o", output)
    assert result.code == BAD_INPUT, result
    assert expected in result.err and result.err.count("\n") == 1
    assert output.read_bytes() == b"the old one"


def test_pickled_objects_are_not_read(files, call, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    result = call("predict", files.onnx, tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert result.code == BAD_INPUT and "x.npy" in result.err


def test_several_outputs_need_npz(call, tmp_path, two_inputs):
    np.savez(tmp_path / "x.npz", left=np.ones((1, 2)), right=np.ones((1, 2)))
    result = call("predict", two_inputs, tmp_path / "x.npz", "-o", tmp_path / "y.npy")
    assert result.code == BAD_INPUT and "y.npz" in result.err


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [({"left": 1}, "right"), ({"left": 1, "wrong": 1}, "wrong"), ({"a": 1}, "left, right")],
)
def test_missing_inputs_are_named(call, tmp_path, two_inputs, arrays, expected):
    np.savez(tmp_path / "x.npz", **{name: np.ones((1, 2)) for name in arrays})
    result = call("predict", two_inputs, tmp_path / "x.npz", "-o", tmp_path / "y.npz")
    assert result.code == BAD_INPUT and expected in result.err


def test_one_array_for_two_inputs_is_refused(call, tmp_path, two_inputs, samples):
    result = call("predict", two_inputs, samples[1], "-o", tmp_path / "y.npz")
    assert result.code == BAD_INPUT and "2 inputs" in result.err


@pytest.mark.parametrize(("output", "expected"), [("y.txt", ".npy"), ("no/y.npy", "no folder")])
def test_a_bad_output_is_refused_before_any_work(files, call, tmp_path, samples, output, expected):
    result = call("predict", files.onnx, samples[1], "-o", tmp_path / output)
    assert result.code == BAD_INPUT and expected in result.err
