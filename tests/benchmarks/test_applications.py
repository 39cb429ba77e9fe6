"""The topic `applications` measures what it says, on small networks."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from benchmarks import __main__ as command
from benchmarks import applications, applications_networks, applications_table, tf2onnx_reference
from tests.golden.applications import checking

FOUND = {
    "name": "MobileNet",
    "parameters": 4253864,
    "structure": True,
    "judge": "keras 2.3.1",
    "difference": 2e-7,
    "tolerance": 1e-4,
    "seconds": 0.21,
    "bytes": 17_000_000,
    "transposes": 1,
    "latency": 0.0123,
    "size": 224,
}
ABOUT = {
    "kcompile": "0",
    "onnxruntime": "1",
    "onnx": "1",
    "numpy": "2",
    "cpus": 2,
    "python": "3",
    "load_average": 0,
}


@pytest.mark.parametrize(
    ("name", "make"),
    [("ResNet50", applications_networks.resnet50), ("MobileNetV2", applications_networks.mobilenet_v2)],
)
def test_the_networks_written_by_hand_have_the_same_weights(name, make):
    network = make()
    theirs = [p.numel() for p in network.parameters()] + [b.numel() for b in network.buffers() if b.dim()]
    ours = [w.storage.array.size for w in checking.build(name).weights]
    assert sorted(ours) == sorted(theirs)


def test_the_reference_graph_is_valid_and_has_the_weights_of_resnet50():
    model = tf2onnx_reference.reference_model()
    onnx.checker.check_model(model)
    assert model.producer_name == "tf2onnx"
    sizes = sorted(int(np.prod(t.dims)) for t in model.graph.initializer if len(t.dims) == 4)
    ours = checking.build("ResNet50").weights
    assert sizes == sorted(w.storage.array.size for w in ours if len(w.shape) == 4)


def test_building_and_exporting_are_measured(monkeypatch):
    monkeypatch.setattr(applications, "in_a_process", lambda what, *args: applications.times(*args))
    rows = list(applications.building_rows("MobileNetV3Small", "MobileNetV3Small"))
    assert len(rows) == 4
    assert all(row.ours > 0 and row.target for row in rows)


def test_memory_of_an_export_is_measured():
    # in processes of their own: one that other tests had before has memory to spare, and gives some back
    rows = list(applications.memory_rows("MobileNetV3Small"))
    assert len(rows) == 2
    assert all(row.ours > 0 and row.target for row in rows)


def test_a_table_is_put_into_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{applications_table.BEGIN}\nold\n{applications_table.END}\nafter\n")
    applications_table.write(ABOUT, ["MobileNetV3Small"], page)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    cells = [cell.strip() for cell in text.split("| MobileNetV3Small |")[1].splitlines()[0].split("|")[:-1]]
    assert len(cells) == len(applications_table.COLUMNS) - 1 and all(cells)
    assert cells[0] == "2,554,968" and cells[2].startswith("yes")


@pytest.mark.parametrize(
    ("stored", "cell"),
    [
        ({}, "not tried; names, order and shapes are those of keras 2.3.1"),
        ({"keras 3": {".h5 by order, top": 1e-7, ".h5 by order, bottom": 1e-7}}, "keras 3 (.h5 by order)"),
        ({"keras 3": {".h5 by order, top": 1e-7, ".h5 by name, top": 0.5}}, "NO: keras 3, .h5 by name, top"),
        ({"keras 3": {".h5 by order, top": float("nan")}}, "NO: keras 3, .h5 by order, top"),
    ],
)
def test_what_loads_is_what_was_found(stored, cell, tmp_path):
    path = tmp_path / "loaded.json"
    path.write_text(json.dumps({"MobileNet": stored}))
    assert applications_table.loads(FOUND, path) == cell


def test_a_failure_shows_in_the_table():
    row = applications_table.row({**FOUND, "difference": 0.5, "structure": False})
    assert row[2].startswith("NO") and row[3].startswith("NO")


def test_writing_goes_with_its_topic(capsys):
    with pytest.raises(SystemExit) as error:
        command.main(["export", "--write"])
    assert error.value.code == 2 and "--write" in capsys.readouterr().err
