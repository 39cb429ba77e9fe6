"""Bad input and bad files: one clear error that says what was expected and what was found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

import kcompile_runtime
from kcompile_runtime import Executor, ExecutorError, InputError, ModelFileError, ProviderError
from tests.runtime import models

DENSE = Executor(models.dense())
PAIR = Executor(models.two_inputs())
TOKENS = Executor(models.identity(models.INT32, ("batch", 3)))
FLAGS = Executor(models.identity(models.BOOL))


@pytest.mark.parametrize(
    ("executor", "x", "message"),
    [
        (DENSE, np.ones((2, 5)), r"'x': expected shape \[\?, 4\]|\[batch, 4\], found \[2, 5\]: axis 1 is 5"),
        (DENSE, np.ones(4), r"expected shape \[batch, 4\], found \[4\].*x\[np\.newaxis\]"),
        (DENSE, np.ones((2, 4, 1)), "it has 3 axes instead of 2"),
        (DENSE, np.float32(1), "it has 0 axes instead of 2"),
        (DENSE, [[1, 2, 3, 4], [1, 2]], "cannot be made an array|ragged"),
        (DENSE, [["a", "b", "c", "d"]], "expected float32, found <U1"),
        (DENSE, np.ones((1, 4), complex), "expected float32, found complex128"),
        (DENSE, np.array([[1, 2, 3, None]]), "ragged or mixed"),
        (DENSE, None, "found None"),
        (
            DENSE,
            [np.ones((1, 4)), np.ones((1, 4))],
            r"expected 1 input \(x: float32\[batch, 4\]\), found a list of 2",
        ),
        (DENSE, {"y": np.ones((1, 4))}, "missing x and unknown y"),
        (DENSE, {"x": np.ones((1, 4)), 5: 1}, "unknown 5"),
        (PAIR, np.ones((1, 2)), "expected 2 inputs .* found one ndarray"),
        (PAIR, [np.ones((1, 2))], "found a list of 1"),
        (PAIR, [np.ones((3, 2)), np.ones((4, 2))], "differ in their number of samples: a has 3, b has 4"),
        (PAIR, {"a": np.ones((1, 2))}, "missing b"),
        (
            TOKENS,
            np.array([[1.0, 2.5, 3.0]]),
            r"expected int32, found float64 .* first being 2.5 at \[0, 1\]",
        ),
        (TOKENS, np.array([[1, 2, 2**40]]), "found int64 with values"),
        (TOKENS, np.array([[1.0, np.nan, 3.0]]), "first being nan"),
        (FLAGS, np.array([[0, 2]]), "expected bool, found int64"),
    ],
)
def test_what_does_not_fit_is_refused(executor: Executor, x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        executor.predict(x)
    with pytest.raises(InputError, match=message):
        executor.run(x)


@pytest.mark.parametrize(
    ("executor", "x", "expected"),
    [
        (TOKENS, np.array([[1.0, 2.0, -3.0]]), [[1, 2, -3]]),
        (TOKENS, np.array([[1, 2, 3]], np.uint64), [[1, 2, 3]]),
        (FLAGS, np.array([[0, 1.0]]), [[False, True]]),
    ],
)
def test_whole_numbers_are_cast_where_each_keeps_its_value(
    executor: Executor, x: Any, expected: list
) -> None:
    assert executor.predict(x).tolist() == expected


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [(0, "at least 1, found 0"), (-3, "at least 1"), (2.5, "whole number"), ("8", "whole")],
)
def test_a_batch_size_that_is_none_is_refused(batch_size: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DENSE.predict(np.ones((2, 4)), batch_size=batch_size)


def test_axes_of_one_name_must_agree() -> None:
    nodes = [helper.make_node("MatMul", ["a", "b"], ["y"])]
    inputs = [("a", models.FLOAT, ["batch", "time"]), ("b", models.FLOAT, ["time", 2])]
    executor = Executor(models.build(nodes, inputs, [("y", models.FLOAT, ["batch", 2])]))
    with pytest.raises(InputError, match="axis 'time' has two sizes: 3 .*input 'a'.* and 4 .*input 'b'"):
        executor.run([np.ones((4, 3)), np.ones((4, 2))])


@pytest.mark.parametrize(
    ("names", "message"), [(["z"], "no output z; the model has y"), ("y", "list of names")]
)
def test_outputs_that_are_not_there_are_refused(names: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DENSE.run(np.ones((1, 4)), names)


# files


def mutated(**change: Any) -> bytes:
    model = onnx.load_from_string(models.dense())
    for key, value in change.items():
        setattr(model, key, value)
    return model.SerializeToString()


GRAPHLESS = onnx.ModelProto(ir_version=10).SerializeToString()
UNKNOWN_OPERATOR = models.build(
    [helper.make_node("Frobnicate", ["x"], ["y"])], [("x", models.FLOAT, ["n"])], [("y", models.FLOAT, ["n"])]
)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (models.dense()[:-5], "is truncated: it has .* bytes"),
        (models.dense()[:20], "is truncated"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "an HDF5 file; compile it first"),
        (b"PK\x03\x04" + bytes(100), "a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"hello, this is no model at all\n" * 20, "no ONNX model"),
        (b"<html></html>", "an HTML page, not a model"),
        (bytes(500), "no ONNX model"),
        (GRAPHLESS, "it has no graph"),
        (models.dense(opset=999), r"uses opset 999 of ai.onnx; onnxruntime \S+ supports up to \d+"),
        (models.dense(ir_version=999), r"is of ONNX IR version 999; onnxruntime \S+ supports up to \d+"),
        (UNKNOWN_OPERATOR, "Frobnicate"),
    ],
)
def test_a_file_that_is_no_whole_model_is_named_as_what_it_is(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=message) as by_path:
        Executor(path)
    assert "model.onnx" in str(by_path.value)
    assert (
        by_path.value.__cause__ is None
        and by_path.value.__suppress_context__
        or by_path.value.__context__ is None
    )
    with pytest.raises(ModelFileError, match=message):
        Executor(content)


@settings(max_examples=60)
@given(st.data())
def test_damage_is_an_error_of_ours_or_a_model_that_runs(data: st.DataObject) -> None:
    content = bytearray(models.dense())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    else:
        content[data.draw(st.integers(0, 60))] ^= data.draw(st.integers(1, 255))
    try:
        executor = Executor(bytes(content), ["CPUExecutionProvider"])
        executor.predict(np.ones((1, 4)))
    except ExecutorError:
        pass


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no model file"):
        Executor(tmp_path / "nowhere.onnx")
    with pytest.raises(ModelFileError, match="found a folder"):
        Executor(tmp_path)
    with pytest.raises(TypeError, match="path of a model or its bytes, found int"):
        Executor(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes of a model, found str"):
        Executor.from_model("model.onnx", {})  # type: ignore[arg-type]


def test_bytes_never_read_a_file_that_they_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match="weights dense/bias, dense/kernel outside itself"):
        Executor(models.dense(external="secret"))


@pytest.mark.parametrize("location", ["../secret", "{outside}", "sub/../../secret"])
def test_a_file_never_reads_outside_its_folder(tmp_path: Path, location: str) -> None:
    outside = tmp_path / "secret"
    outside.write_bytes(bytes(4096))
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    path = folder / "model.onnx"
    path.write_bytes(models.dense(external=location.format(outside=outside)))
    with pytest.raises(ModelFileError, match="refused, since a model may name files in its own folder only"):
        Executor(path)


def test_weights_hidden_in_a_subgraph_are_found_too(tmp_path: Path) -> None:
    tensor = onnx.load_from_string(models.dense(external=str(tmp_path / "secret"))).graph.initializer[0]
    value = helper.make_tensor_value_info("z", models.FLOAT, [4, 3])
    branch = helper.make_graph([helper.make_node("Constant", [], ["z"], value=tensor)], "branch", [], [value])
    node = helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)
    model = models.build([node], [("flag", models.BOOL, [])], [("y", models.FLOAT, [4, 3])])
    (tmp_path / "model.onnx").write_bytes(model)
    for target in (tmp_path / "model.onnx", model):
        with pytest.raises(ModelFileError, match="refused|outside itself"):
            Executor(target)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(4096))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "weights").symlink_to(tmp_path / "secret")
    (tmp_path / "folder" / "model.onnx").write_bytes(models.dense(external="weights"))
    with pytest.raises(ModelFileError, match="refused"):
        Executor(tmp_path / "folder" / "model.onnx")


def test_missing_weights_beside_the_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(models.dense(external="weights.data"))
    with pytest.raises(
        ModelFileError, match="weights in 'weights.data' beside it, and there is no such file"
    ):
        Executor(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("providers", "message"),
    [
        (["NoSuchProvider"], "has no provider 'NoSuchProvider'; it has .*CPUExecutionProvider"),
        ([], "providers is empty"),
        ("CPUExecutionProvider", "expected a list of names"),
    ],
)
def test_providers_that_are_not_there_are_refused(providers: Any, message: str) -> None:
    with pytest.raises(ProviderError, match=message):
        Executor(models.dense(), providers)


def test_errors_are_the_built_in_ones_too() -> None:
    assert issubclass(InputError, ValueError) and issubclass(ModelFileError, ValueError)
    assert issubclass(kcompile_runtime.RuntimeNotInstalledError, ImportError)


# processes of their own

RUNTIME = Path(kcompile_runtime.__file__).parent.parent
BLOCKER = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name.split(".")[0])
sys.meta_path.insert(0, Block())
sys.path.insert(0, {runtime})
"""


def python(code: str, blocked: set[str], *arguments: str) -> subprocess.CompletedProcess:
    text = BLOCKER.format(blocked=sorted(blocked), runtime=repr(str(RUNTIME))) + code
    environment = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-c", text, *arguments], capture_output=True, text=True, timeout=120, env=environment
    )


def test_the_runtime_needs_neither_torch_nor_h5py_nor_onnx(tmp_path: Path) -> None:
    path = tmp_path / "dense.onnx"
    path.write_bytes(models.dense())
    code = (
        "import numpy as np, kcompile_runtime\n"
        "y = kcompile_runtime.Executor(sys.argv[1]).predict(np.ones((2, 4)))\n"
        "print(y.tolist())"
    )
    blocked = {"torch", "h5py", "onnx", "kcompile", "google", "ml_dtypes", "yaml"}
    result = python(code, blocked, str(path))
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(eval(result.stdout), models.dense_reference(np.ones((2, 4))), rtol=1e-5)


def test_without_onnxruntime_the_first_use_says_so_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "dense.onnx"
    path.write_bytes(models.dense())
    code = (
        "import kcompile_runtime\n"
        "try: kcompile_runtime.Executor(sys.argv[1])\n"
        "except kcompile_runtime.RuntimeNotInstalledError as error: print(error)"
    )
    result = python(code, {"onnxruntime"}, str(path))
    assert result.returncode == 0, result.stderr
    assert "pip install 'kcompile-runtime[cpu]'" in result.stdout and result.stdout.count("\n") == 1


def test_the_command_describes_a_model(tmp_path: Path) -> None:
    path = tmp_path / "sum.onnx"
    path.write_bytes(models.accumulator())
    result = subprocess.run(
        [sys.executable, "-m", "kcompile_runtime", str(path)], capture_output=True, text=True, cwd=RUNTIME
    )
    assert result.returncode == 0, result.stderr
    assert "input   x: float32[batch, 2]" in result.stdout
    assert "state   sum_in -> sum_out: float32[?, 2]" in result.stdout


def test_the_command_fails_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"")
    for target in (path, tmp_path / "nowhere.onnx"):
        result = subprocess.run(
            [sys.executable, "-m", "kcompile_runtime", str(target)],
            capture_output=True,
            text=True,
            cwd=RUNTIME,
        )
        assert result.returncode == 1
        assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
