"""``kcompile predict --ray`` on a cluster of two nodes, of which one is killed in the middle."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kcompile import keras
from kcompile.deploy.prediction import predict_folder
from kcompile.deploy.ray_tasks import on_ray
from kcompile.keras import layers
from kcompile_runtime import Executor

SHARDS = 40


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Slow enough that a node can be killed while it computes."""
    path = tmp_path_factory.mktemp("model") / "m.onnx"
    stack = [layers.Conv2D(32, 5, padding="same", input_shape=(64, 64, 3))]
    stack += [layers.Conv2D(32, 5, padding="same") for _ in range(2)]
    stack += [layers.GlobalAveragePooling2D(), layers.Dense(2, name="y")]
    keras.models.Sequential(stack).export(path, verify=False)
    return path


def test_a_node_is_killed_and_no_result_is_lost_or_there_twice(cluster, model, tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    x = rng.random((2 * SHARDS, 64 * 64 * 3), np.float32)
    name = Executor(model).inputs[0].name
    columns = {"id": list(range(len(x))), name: pa.FixedSizeListArray.from_arrays(x.ravel(), x.shape[1])}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    nodes = [cluster.add_worker() for _ in range(2)]
    cluster.wait_for_nodes()
    killed = []

    def kill_one(count, of):
        if count >= SHARDS // 4 and not killed:
            killed.append(count)
            cluster.remove_node(nodes[1], allow_graceful=False)

    summary = predict_folder(
        model, tmp_path / "in.parquet", tmp_path / "out", on_ray(), shard_rows=2, progress=kill_one
    )
    assert killed and killed[0] < SHARDS
    assert (summary.parts, summary.rows) == (SHARDS, len(x))
    tables = [pq.read_table(part) for part in sorted((tmp_path / "out").glob("part-*"))]
    assert len(tables) == SHARDS
    assert [row for table in tables for row in table["id"].to_pylist()] == list(range(len(x)))
    found = np.concatenate([np.array(table["y"].to_pylist(), np.float32) for table in tables])
    expected = Executor(model).predict(x.reshape(-1, 64, 64, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert not list((tmp_path / "out").glob(".*part-*.parquet"))


def test_the_command_goes_on_after_it_was_killed(cluster, model, tmp_path):
    x = np.random.default_rng(1).random((SHARDS, 64, 64, 3), np.float32)
    np.save(tmp_path / "x.npy", x)
    cluster.add_worker()
    cluster.wait_for_nodes()
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "kcompile",
        "predict",
        str(model),
        str(tmp_path / "x.npy"),
        "-o",
        str(out),
    ]
    command += ["--ray", "--shard-rows", "1", "--json"]
    first = subprocess.Popen(command)
    deadline = time.monotonic() + 120
    while len(list(out.glob("part-*"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    first.kill()
    first.wait()
    before = {part: part.stat().st_ino for part in out.glob("part-*")}
    again = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert again.returncode == 0, again.stderr
    made = json.loads(again.stdout)
    assert (made["parts"], made["rows"]) == (SHARDS, SHARDS) and made["resumed"] >= 3
    assert all(part.stat().st_ino == inode for part, inode in before.items())
    found = np.concatenate([np.load(part)["y"] for part in sorted(out.glob("part-*"))])
    np.testing.assert_allclose(found, Executor(model).predict(x), rtol=1e-3, atol=1e-4)


def test_what_a_worker_says_of_bad_data_is_the_error(cluster, model, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 5), np.float32))
    cluster.add_worker()
    cluster.wait_for_nodes()
    with pytest.raises(ValueError, match=r"x\.npy, rows 0 to 4: .*expected"):
        predict_folder(model, tmp_path / "x.npy", tmp_path / "out", on_ray())
    assert not list((tmp_path / "out").glob("part-*"))
