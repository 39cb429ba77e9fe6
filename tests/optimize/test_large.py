"""Models of more than protobuf serializes are optimised as others are, their weights in a second file.

The limit is lowered here, and what would serialize more than it is caught: a model of 2 GB takes minutes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from kcompile import keras, onnx_io
from kcompile.onnx_io import large
from kcompile.optimize import fuse, quantize
from kcompile_runtime import Executor

L = keras.layers
LIMIT = 200_000
X = np.random.default_rng(0).integers(1, 400, (16, 8)).astype(np.int32)


@pytest.fixture(scope="module")
def network() -> Any:
    keras.utils.set_random_seed(0)
    words = L.Input((8,), dtype="int32")
    x = L.Embedding(2000, 128)(words)
    x = L.LayerNormalization()(L.add([x, L.MultiHeadAttention(4, 32)(x, x)]))
    x = L.LayerNormalization()(L.add([x, L.Dense(128)(L.Dense(256, activation="gelu")(x))]))
    return keras.Model(words, L.Dense(4)(L.GlobalAveragePooling1D()(x)))


@pytest.fixture
def path(network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the network's file, whose weights are beside it, where no more than ``LIMIT`` can be serialized."""
    path = tmp_path / "m.onnx"
    network.export(path, verify=False, external_data=True)
    assert path.stat().st_size < LIMIT < sum(file.stat().st_size for file in tmp_path.iterdir()) - LIMIT
    monkeypatch.setattr(large, "LIMIT", LIMIT)
    infer = onnx.shape_inference.infer_shapes

    def infer_small(model: Any, *args: Any, **options: Any) -> Any:
        size = len(model) if isinstance(model, bytes) else model.ByteSize()
        assert size <= LIMIT, "protobuf would refuse this"
        return infer(model, *args, **options)

    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", infer_small)
    load = Executor._load

    def load_small(self: Any, model: Any, *args: Any, **options: Any) -> Any:
        assert not isinstance(model, bytes) or len(model) <= LIMIT, "protobuf would refuse this"
        return load(self, model, *args, **options)

    monkeypatch.setattr(Executor, "_load", load_small)
    return path


def _files(folder: Path, name: str) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.name.startswith(name))


@pytest.mark.parametrize("method", ["static", "dynamic", "weights8", "weights4", "float16", "bfloat16"])
def test_each_method_makes_a_file_that_runs(method: Any, path: Path, network: Any) -> None:
    result = quantize(path, method, calibrate=X if method == "static" else None)
    assert 3 * LIMIT < result.bytes_before and result.bytes_after < 0.75 * result.bytes_before
    made = path.parent / "made.onnx"
    result.save(made)
    assert len(_files(path.parent, "made.onnx")) == (2 if result.bytes_after > LIMIT else 1)
    assert (
        abs(sum(file.stat().st_size for file in _files(path.parent, "made.onnx")) - result.bytes_after) < 9000
    )
    expected = network.predict(X)
    share = 0.2 if method == "weights4" else 0.1
    np.testing.assert_allclose(Executor(made).predict(X), expected, atol=share * np.abs(expected).max())


def test_a_file_for_a_machine_keeps_its_weights_beside_it(path: Path, network: Any) -> None:
    result = fuse(path, "cpu", seconds=0.001)
    assert result.difference is not None and result.before is not None
    made = path.parent / "made.onnx"
    result.save(made)
    assert len(_files(path.parent, "made.onnx")) == 2 and made.stat().st_size < LIMIT
    np.testing.assert_allclose(Executor(made).predict(X), network.predict(X), rtol=1e-4, atol=1e-5)
    again = keras.models.load_model(made)
    for a, b in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    result.save(made)  # over itself: the data file of before goes
    assert len(_files(path.parent, "made.onnx")) == 2


def test_what_is_fused_is_quantized_in_a_second_step(path: Path, network: Any) -> None:
    made = path.parent / "made.onnx"
    fuse(path, "cpu", seconds=0).save(made)
    result = quantize(made, "weights8")
    np.testing.assert_allclose(
        Executor(
            result.model.SerializeToString() if result.bytes_after < LIMIT else _saved(result, path)
        ).predict(X),
        network.predict(X),
        atol=0.05,
    )


def _saved(result: Any, path: Path) -> Path:
    result.save(path.parent / "second.onnx")
    return path.parent / "second.onnx"


def test_the_size_is_that_of_the_file(path: Path) -> None:
    model = onnx_io.load(path)
    assert onnx_io.is_large(model)
    assert abs(onnx_io.size_of(model) - model.ByteSize()) < 9000
    small = onnx.ModelProto()
    assert onnx_io.size_of(small) == small.ByteSize() and not onnx_io.is_large(small)


def test_what_looks_at_the_graph_alone_is_given_no_weights(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = onnx_io.load(path)
    monkeypatch.setattr(large, "_MUCH", 50_000)
    light = onnx_io.without_weights(model)
    assert light.ByteSize() < 0.2 * model.ByteSize() and len(model.graph.node) < len(light.graph.node)
    onnx.checker.check_model(light, full_check=True)
    shapes = [onnx_io.with_shapes(each).graph.value_info for each in (model, light)]
    known = {info.name: info.type for info in shapes[1]}
    assert all(known[info.name] == info.type for info in shapes[0])
    graphs = [onnx_io.read_graph(each) for each in (model, light)]
    assert len({tuple((v.name, v.dtype, v.dims) for v in graph.outputs) for graph in graphs}) == 1
