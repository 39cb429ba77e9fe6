"""Pads of zeros go into convolutions, and means over images are pooling; what only looks alike stays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.optimize import fuse, quantize
from kcompile.optimize.quantizing import prepare
from kcompile.optimize.sources import onnx_model
from kcompile_runtime import Executor

L = keras.layers
X = np.random.default_rng(0).normal(size=(8, 9, 9, 3)).astype(np.float32)


def _conv(before: Callable[[Any], Any], padding: str = "valid", strides: int = 2) -> Any:
    x = L.Input((9, 9, 3))
    y = L.Conv2D(4, 3, strides=strides, padding=padding)(before(x))
    return keras.Model(x, L.Dense(2)(L.GlobalAveragePooling2D()(y)))


FOLDED = {
    "around": lambda: _conv(L.ZeroPadding2D(1)),
    "to one side": lambda: _conv(L.ZeroPadding2D(((0, 1), (2, 0)))),
    "to a convolution that pads itself": lambda: _conv(L.ZeroPadding2D(1), "same", 1),
    "before a convolution by channel": lambda: keras.Sequential(
        [L.Input((9, 9, 3)), L.ZeroPadding2D(2), L.DepthwiseConv2D(3), L.GlobalAveragePooling2D(), L.Dense(2)]
    ),
}


def _shared() -> Any:
    x = L.Input((9, 9, 3))
    padded = L.ZeroPadding2D(1)(x)
    y = L.GlobalAveragePooling2D()(L.Conv2D(4, 3)(padded))
    return keras.Model(x, [L.Dense(2)(y), L.GlobalMaxPooling2D()(padded)])


def _padded(pads: Any, *how: Any, **options: Any) -> Any:
    return _conv(L.Lambda(lambda x: keras.ops.pad(x, pads, *how, **options)))


AROUND = [[0, 0], [1, 1], [1, 1], [0, 0]]
KEPT = {
    "another reader": _shared,
    "another number": lambda: _padded(AROUND, constant_values=1.0),
    "reflected": lambda: _padded(AROUND, "reflect"),
    "channels": lambda: _padded([[0, 0], [1, 1], [1, 1], [0, 1]]),
}


def _pads(model: onnx.ModelProto) -> int:
    return Counter(node.op_type for node in model.graph.node)["Pad"]


@pytest.mark.parametrize("name", FOLDED)
def test_zeros_become_the_convolutions_own(name: str) -> None:
    source = onnx_model(FOLDED[name]())
    assert _pads(source) == 1
    result = fuse(source, "cpu", seconds=0)
    assert result.fused["pads in convolutions"] == 1 and _pads(result.model) == 0
    (a,), (b,) = (Executor(m.SerializeToString()).run([X]) for m in (source, result.model))
    np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", KEPT)
def test_other_pads_stay(name: str) -> None:
    source = onnx_model(KEPT[name]())
    result = fuse(source, "cpu", seconds=0)
    assert "pads in convolutions" not in result.fused and _pads(result.model) == _pads(source) == 1


@pytest.mark.parametrize("keepdims", [False, True])
def test_a_network_of_8_bits_has_nothing_in_float32_between(keepdims: bool, tmp_path: Any) -> None:
    import onnxruntime

    x = L.Input((9, 9, 3))
    y = L.Conv2D(8, 3, strides=2)(L.ZeroPadding2D(((0, 1), (0, 1)))(x))
    y = L.GlobalAveragePooling2D(keepdims=keepdims)(y)
    model = keras.Model(x, L.Dense(2)(L.Flatten()(y)))
    source = onnx_model(model)
    kinds = Counter(node.op_type for node in prepare(source).graph.node)
    assert kinds["Pad"] == kinds["ReduceMean"] == 0 and kinds["GlobalAveragePool"] == 1
    result = quantize(source, "static", calibrate=X)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "o.onnx")
    onnxruntime.InferenceSession(
        result.model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    run = Counter(node.op_type for node in onnx.load(tmp_path / "o.onnx").graph.node)
    assert (run["QuantizeLinear"], run["DequantizeLinear"], run["QLinearGlobalAveragePool"]) == (1, 1, 1)
    assert result.differences[0].sqnr > 20
