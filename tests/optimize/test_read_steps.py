"""What nobody reads of the steps of a sequence is not computed, and the rest is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.optimize import fuse
from kcompile.optimize.sources import onnx_model
from kcompile_runtime import Executor

L = keras.layers
KEY = "computed for fewer steps"


def block(x: Any) -> Any:
    attended = L.MultiHeadAttention(2, 4)(x, x)
    x = L.LayerNormalization()(L.add([x, attended]))
    return L.LayerNormalization()(L.add([x, L.Dense(8)(L.Dense(16, activation="gelu")(x))]))


def network(read: Callable[[Any], Any]) -> onnx.ModelProto:
    x = L.Input((None, 8))
    y = read(block(block(x)))
    return onnx_model(keras.Model(x, y if isinstance(y, list) else [y]))


READ = {
    "the first step": lambda x: L.Dense(3)(x[:, 0]),
    "a later step": lambda x: L.Dense(3)(x[:, 2]),
    "some steps": lambda x: L.Dense(3)(x[:, 1:3]),
    "the first step, as a layer": lambda x: L.Dense(3)(L.Lambda(lambda t: t[:, 0, :])(x)),
}
AS_A_WHOLE = {
    "a mean": lambda x: L.GlobalAveragePooling1D()(x),
    "two readers": lambda x: [L.Dense(3)(x[:, 0]), L.GlobalMaxPooling1D()(x)],
    "an output of its own": lambda x: [x, L.Dense(3)(x[:, 0])],
    "counted from the end": lambda x: L.Dense(3)(x[:, -1]),
    "several on another axis": lambda x: L.Dense(3)(x[:, :, :4]),
}


@pytest.mark.parametrize("name", READ)
def test_the_last_block_computes_what_is_read(name: str) -> None:
    source = network(READ[name])
    result = fuse(source, "cpu", seconds=0)
    assert result.fused[KEY] >= 9 and result.fused["Attention"] == result.fused["MultiHeadAttention"] == 1
    first, second = (Executor(m.SerializeToString()) for m in (source, result.model))
    for batch, steps in ((1, 3), (4, 9)):
        x = np.random.default_rng(0).normal(size=(batch, steps, 8)).astype(np.float32)
        for a, b in zip(first.run([x]), second.run([x]), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", AS_A_WHOLE)
def test_what_is_read_as_a_whole_is_computed_so(name: str) -> None:
    result = fuse(network(AS_A_WHOLE[name]), "cpu", seconds=0)
    assert KEY not in result.fused and result.fused["Attention"] == 2
    assert result.difference is not None and result.difference < 1e-4


def test_an_attention_that_masks_its_steps_is_left_whole() -> None:
    words = L.Input((None,), dtype="int32")
    x = L.Embedding(9, 8, mask_zero=True)(words)
    x = L.add([x, L.MultiHeadAttention(2, 4)(x, x)])
    source = onnx_model(keras.Model(words, L.Dense(2)(L.LayerNormalization()(x)[:, 0])))
    result = fuse(source, "cpu", seconds=0)
    assert result.fused["Attention"] == 1
    data = np.array([[3, 4, 0, 0], [1, 2, 3, 4]], np.int32)
    (a,), (b,) = (Executor(m.SerializeToString()).run([data]) for m in (source, result.model))
    np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
