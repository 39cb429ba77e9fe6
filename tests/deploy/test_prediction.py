"""``kcompile predict`` into a folder: every kind of data, results once, going on where it ended."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.cli import main
from kcompile.deploy import prediction
from kcompile.deploy.prediction import predict_folder, run_here
from kcompile.keras import layers
from kcompile_runtime import Executor

ROWS = 25


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    keras.models.Sequential([layers.Dense(3, input_shape=(4,), name="y")]).export(path, verify=False)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "m.onnx"
    stack = [layers.Conv2D(2, 3, input_shape=(6, 5, 3)), layers.GlobalAveragePooling2D(name="y")]
    keras.models.Sequential(stack).export(path, verify=False)
    return path


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random((ROWS, 4), np.float32)


def parts(folder: Path) -> list[Path]:
    return sorted(folder.glob("part-*"))


def results(folder: Path, name: str = "y") -> np.ndarray:
    """All results in the order of the parts."""
    found = []
    for part in parts(folder):
        if part.suffix == ".npz":
            found.append(np.load(part, allow_pickle=False)[name])
        else:
            import pyarrow.parquet

            found.append(np.array(pyarrow.parquet.read_table(part)[name].to_pylist(), np.float32))
    return np.concatenate(found)


def npy(folder: Path, x: np.ndarray, name: str) -> Path:
    np.save(folder / "x.npy", x)
    return folder / "x.npy"


def npy_folder(folder: Path, x: np.ndarray, name: str) -> Path:
    (folder / "in/deeper").mkdir(parents=True)
    np.save(folder / "in/a.npy", x[:9])
    np.save(folder / "in/deeper/b.npy", x[9:])
    (folder / "in/_SUCCESS").write_text("")
    return folder / "in"


def npz_folder(folder: Path, x: np.ndarray, name: str) -> Path:
    (folder / "in").mkdir()
    for index, rows in enumerate(np.array_split(x, 4)):
        np.savez(folder / f"in/{index}.npz", **{name: rows})
    return folder / "in"


def parquet(folder: Path, columns: dict, **options) -> Path:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), folder / "x.parquet", **options)
    return folder / "x.parquet"


def parquet_lists(folder: Path, x: np.ndarray, name: str) -> Path:
    return parquet(folder, {"id": list(range(len(x))), name: x.tolist()}, row_group_size=4)


def parquet_features(folder: Path, x: np.ndarray, name: str) -> Path:
    return parquet(folder, {"who": ["a"] * len(x), **{f"f{i}": x[:, i] for i in range(4)}})


SOURCES = [npy, npy_folder, npz_folder, parquet_lists, parquet_features]


@pytest.mark.parametrize("shard_rows", [None, 7])
@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_of_data_gives_each_result_once_in_order(model, x, tmp_path, source, shard_rows):
    executor = Executor(model)
    data = source(tmp_path, x, executor.inputs[0].name)
    summary = predict_folder(model, data, tmp_path / "out", shard_rows=shard_rows)
    np.testing.assert_allclose(results(tmp_path / "out"), executor.predict(x), rtol=1e-5)
    assert (summary.rows, summary.parts, summary.resumed) == (ROWS, len(parts(tmp_path / "out")), 0)
    assert json.loads((tmp_path / "out/_done.json").read_text()) == {"parts": summary.parts, "rows": ROWS}


def test_columns_that_are_no_inputs_are_carried_over(model, x, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    predict_folder(
        model, parquet_lists(tmp_path, x, Executor(model).inputs[0].name), tmp_path / "out", shard_rows=7
    )
    tables = [pq.read_table(part) for part in parts(tmp_path / "out")]
    assert [row for table in tables for row in table["id"].to_pylist()] == list(range(ROWS))
    assert {name for table in tables for name in table.column_names} == {"id", "y"}
    predict_folder(model, parquet_features(tmp_path, x, ""), tmp_path / "again")
    assert pq.read_table(parts(tmp_path / "again")[0]).column_names == ["who", "y"]


def test_inputs_and_outputs_of_several_axes_are_nested_lists(tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    keras.models.Sequential([layers.Conv1D(2, 2, input_shape=(5, 3), name="y")]).export(tmp_path / "m.onnx")
    executor = Executor(tmp_path / "m.onnx")
    x = np.random.default_rng(1).random((6, 5, 3), np.float32)
    for name, columns in [("nested", x.tolist()), ("flat", x.reshape(6, 15).tolist())]:
        data = parquet(tmp_path, {executor.inputs[0].name: columns})
        predict_folder(tmp_path / "m.onnx", data, tmp_path / name)
        [part] = parts(tmp_path / name)
        found = np.array(pq.read_table(part)["y"].to_pylist(), np.float32)
        np.testing.assert_allclose(found, executor.predict(x), rtol=1e-5, atol=1e-6)


def test_images_are_read_as_the_model_has_them_and_named(pictures, tmp_path):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(2)
    arrays = [rng.integers(0, 256, (6, 5, 3), np.uint8) for _ in range(5)]
    (tmp_path / "in/cats").mkdir(parents=True)
    for index, array in enumerate(arrays):
        image.fromarray(array).save(tmp_path / "in/cats" / f"{index}.png")
    predict_folder(pictures, tmp_path / "in", tmp_path / "out", shard_rows=2)
    expected = Executor(pictures).predict(np.stack(arrays).astype(np.float32) / 255)
    np.testing.assert_allclose(results(tmp_path / "out"), expected, rtol=1e-4, atol=1e-6)
    names = [Path(name).name for name in results(tmp_path / "out", "path").tolist()]
    assert names == [f"{index}.png" for index in range(5)]
    predict_folder(pictures, tmp_path / "in", tmp_path / "bytes", pixels="0-255")
    expected = Executor(pictures).predict(np.stack(arrays).astype(np.float32))
    np.testing.assert_allclose(results(tmp_path / "bytes"), expected, rtol=1e-4, atol=1e-3)


def test_what_was_interrupted_goes_on_and_repeats_nothing(model, x, tmp_path):
    data = npy(tmp_path, x, "")

    def interrupted(work, shards):
        for count, shard in enumerate(run_here(work, shards)):
            yield shard
            if count == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_folder(model, data, tmp_path / "out", interrupted, shard_rows=5)
    before = {part: part.stat().st_mtime_ns for part in parts(tmp_path / "out")}
    assert len(before) == 2 and not (tmp_path / "out/_done.json").exists()
    summary = predict_folder(model, data, tmp_path / "out", shard_rows=5)
    assert (summary.parts, summary.resumed) == (5, 2)
    assert all(part.stat().st_mtime_ns == time for part, time in before.items())
    np.testing.assert_allclose(results(tmp_path / "out"), Executor(model).predict(x), rtol=1e-5)
    assert predict_folder(model, data, tmp_path / "out", shard_rows=5).resumed == 5


def test_a_shard_that_is_predicted_again_is_there_once(model, x, tmp_path):
    def twice(work, shards):
        for shard in shards:
            list(run_here(work, [shard, shard]))
            yield shard

    predict_folder(model, npy(tmp_path, x, ""), tmp_path / "out", twice, shard_rows=5)
    np.testing.assert_allclose(results(tmp_path / "out"), Executor(model).predict(x), rtol=1e-5)


def test_results_that_nobody_sees_are_missed(model, x, tmp_path):
    with pytest.raises(ValueError, match="5 results are not there .* all must see this folder"):
        predict_folder(
            model, npy(tmp_path, x, ""), tmp_path / "out", lambda work, shards: shards, shard_rows=5
        )


def test_a_folder_of_other_work_is_left_alone(model, pictures, x, tmp_path):
    data = npy(tmp_path, x, "")
    predict_folder(model, data, tmp_path / "out", shard_rows=5)
    before = [part.read_bytes() for part in parts(tmp_path / "out")]
    with pytest.raises(FileExistsError, match="cut otherwise"):
        predict_folder(model, data, tmp_path / "out", shard_rows=6)
    np.save(data, x + 1)
    with pytest.raises(FileExistsError, match="of other data"):
        predict_folder(model, data, tmp_path / "out", shard_rows=5)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"found 'notes\.txt'"):
        predict_folder(model, data, tmp_path / "mine")
    assert [part.read_bytes() for part in parts(tmp_path / "out")] == before


BAD = {
    "nulls": ({"x": [[1.0, None]]}, "expected no nulls, found 1"),
    "null_rows": ({"x": [[1.0], None]}, "expected no nulls, found 1"),
    "ragged": ({"x": [[1.0] * 4, [2.0] * 3]}, "expected lists of one length, found 3 to 4"),
    "text": ({"x": ["a"]}, "expected the columns"),
    "too_many": ({"f0": [1.0], "f1": [2.0]}, "x.parquet, rows 0 to 1: .*expected"),
    "called_as_an_output": ({"x": [[1.0] * 4], "y": ["a"]}, "called as an output of the model"),
}


@pytest.mark.parametrize("columns, message", BAD.values(), ids=BAD)
def test_tables_that_do_not_fit_are_said_and_leave_no_result(model, tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        predict_folder(model, parquet(tmp_path, columns), tmp_path / "out")
    assert parts(tmp_path / "out") == []


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".parquet", ".png"])
def test_damaged_files_are_said(model, pictures, tmp_path, suffix):
    file = tmp_path / f"x{suffix}"
    file.write_bytes(b"not of this kind")
    with pytest.raises(ValueError, match=rf"x\{suffix}: not a readable"):
        predict_folder(pictures if suffix == ".png" else model, file, tmp_path / "out")


def test_data_that_are_none_are_said(model, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="expected files of one kind .* found none"):
        predict_folder(model, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        predict_folder(model, tmp_path / "nowhere", tmp_path / "out")
    np.save(tmp_path / "empty/x.npy", np.zeros((0, 4), np.float32))
    with pytest.raises(ValueError, match="there are no samples"):
        predict_folder(model, tmp_path / "empty", tmp_path / "out")
    np.savez(tmp_path / "empty/x.npz", np.zeros((1, 4)))
    with pytest.raises(ValueError, match="found npy and npz"):
        predict_folder(model, tmp_path / "empty", tmp_path / "out")


def test_states_are_not_cut_into_shards(x, tmp_path):
    stack = [layers.GRU(2, stateful=True, batch_input_shape=(1, None, 3))]
    keras.models.Sequential(stack).export(tmp_path / "m.onnx", verify=False)
    with pytest.raises(ValueError, match="which shards cut"):
        predict_folder(tmp_path / "m.onnx", npy(tmp_path, x, ""), tmp_path / "out")


def test_a_model_is_loaded_once(model, x, tmp_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(prediction, "Executor", lambda *a, **k: loaded.append(a) or Executor(*a, **k))
    prediction._executor.cache_clear()
    predict_folder(model, npy(tmp_path, x, ""), tmp_path / "out", shard_rows=5)
    assert len(loaded) == 1


def test_the_command_writes_a_folder(model, x, tmp_path, capsys):
    data = npy(tmp_path, x, "")
    command = ["predict", str(model), str(data), "-o", str(tmp_path / "out"), "--shard-rows", "10"]
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "folder": str(tmp_path / "out"), "parts": 3, "rows": ROWS, "resumed": 0
    }  # fmt: skip
    assert main(command) == 0
    assert "25 samples in 3 files, 3 of them from before" in capsys.readouterr().out
    np.testing.assert_allclose(results(tmp_path / "out"), Executor(model).predict(x), rtol=1e-5)
    assert main(["predict", str(model), str(data), "-o", str(tmp_path / "y.npy"), "--ray"]) == 2
    assert "go into a folder; name one, as y" in capsys.readouterr().err
