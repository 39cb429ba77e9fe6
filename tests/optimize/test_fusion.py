"""Every way to write attention, normalization and activations becomes one operator that computes the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest

from kcompile import keras
from kcompile.keras import backend as K
from kcompile.optimize import Fused, OptimizeError, fuse
from kcompile.optimize.fusion import TARGETS
from kcompile.optimize.sources import onnx_model
from kcompile.optimize.steps import steps
from kcompile_runtime import Executor

from .fusion_forms import ACTIVATIONS, ATTENTION, NORMALIZATION, OTHERS, WIDTH, Form, _model

FORMS = {**ATTENTION, **NORMALIZATION} | {
    name: Form(lambda compute=compute: _model(compute), {operator: 1})
    for name, (compute, operator) in ACTIVATIONS.items()
}


ADDED_TO_SCORES = {
    name for name in ATTENTION if {"causal", "masked", "mask", "bias"} & set(name.replace(",", "").split())
}


def operators(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def _operators_made(result: Fused) -> dict[str, int]:
    """Without what was only computed beforehand."""
    return {kind: count for kind, count in result.fused.items() if not kind.endswith(" folded")}


def drawn(model: onnx.ModelProto, batch: int, lengths: list[int], seed: int = 0) -> list[np.ndarray]:
    """Inputs of a model: words from 0 up, masks of 0 and 1 with one row of nothing but 0, other numbers."""
    random = np.random.default_rng(seed)
    arrays = []
    for i, value in enumerate(model.graph.input):
        dims = value.type.tensor_type.shape.dim
        open_sizes = iter([lengths[i % len(lengths)]] * len(dims))
        shape = [batch, *(dim.dim_value or next(open_sizes) for dim in dims[1:])]
        if value.type.tensor_type.elem_type == onnx.TensorProto.INT32:
            words = random.integers(0, 20, shape, dtype=np.int32)
            words[0, shape[1] // 2 :] = 0
            arrays.append(words)
        elif (
            "mask" in value.name or i == 1 and shape[-1] != WIDTH and len(shape) == 3 and shape[1] == shape[2]
        ):
            mask = random.integers(0, 2, shape).astype(np.float32)
            mask[-1, ..., -1:] = 1
            mask[0] = 0
            arrays.append(mask)
        else:
            arrays.append(random.normal(0.2, 1.5, shape).astype(np.float32))
    return arrays


@pytest.fixture(scope="module")
def plain() -> dict[str, onnx.ModelProto]:
    """Forms as they are exported, made once."""
    made: dict[str, onnx.ModelProto] = {}

    class Made(dict):
        def __missing__(self, name: str) -> onnx.ModelProto:
            K.clear_session()
            self[name] = onnx_model(FORMS[name].make() if name in FORMS else OTHERS[name]())
            return self[name]

    return Made(made)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", FORMS)
def test_each_form_becomes_one_operator_and_computes_the_same(name: str, target: Any, plain: Any) -> None:
    source = plain[name]
    result = fuse(source, target, seconds=0)
    expected = dict(FORMS[name].fused)
    if target == "web" and name in ADDED_TO_SCORES:
        expected = {kind: n for kind, n in expected.items() if "Attention" not in kind}
    assert _operators_made(result) == expected, operators(result.model)
    kernels = {kind: n for kind, n in expected.items() if kind != "Softmax"}
    assert {kind: operators(result.model)[kind] for kind in kernels} == kernels
    assert result.nodes_after <= result.nodes_before
    assert result.unproved == "" and result.difference is not None and result.difference < 1e-4
    steps_ = FORMS[name].fixed
    first, second = Executor(source.SerializeToString()), Executor(result.model.SerializeToString())
    for batch, length in ((1, 5), (3, 7), (2, 1)):
        inputs = drawn(source, batch, [steps_ or length])
        for a, b in zip(first.run(inputs), second.run(inputs), strict=True):
            np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_what_computes_something_else_stays_as_it_was(name: str, plain: Any) -> None:
    result = fuse(plain[name], "cpu", seconds=0)
    assert result.fused == {}
    assert operators(result.model) == operators(plain[name])


def test_steps_that_are_masked_as_a_whole_give_the_same(plain: Any) -> None:
    source = plain["layer with a mask given"]
    fused = fuse(source, "cpu", seconds=0).model
    x = (
        np.random.default_rng(0).normal(0, 30, (2, 6, WIDTH)).astype(np.float32)
    )  # scores beyond those of rounding
    mask = np.ones((2, 6, 6), np.float32)
    mask[0, 2] = 0
    mask[1] = 0
    (a,), (b,) = (Executor(m.SerializeToString()).run([x, mask]) for m in (source, fused))
    np.testing.assert_allclose(b, a, rtol=1e-3, atol=1e-4)


def test_a_file_says_what_was_done_and_becomes_the_keras_model_again(tmp_path: Any) -> None:
    x = keras.Input((None, WIDTH))
    y = keras.layers.MultiHeadAttention(2, 4)(x, x)
    y = keras.layers.LayerNormalization()(keras.layers.add([x, y]))
    model = keras.Model(x, keras.layers.Dense(3, activation="gelu")(y))
    fuse(model, "cpu", seconds=0).save(tmp_path / "f.onnx")
    (step,) = steps(onnx.load(tmp_path / "f.onnx"))
    assert (step["step"], step["for"], step["fused"]["Attention"]) == ("fuse", "cpu", 1)
    again = keras.models.load_model(tmp_path / "f.onnx")
    assert [type(layer).__name__ for layer in again.layers] == [
        type(layer).__name__ for layer in model.layers
    ]
    data = np.random.default_rng(0).normal(size=(2, 5, WIDTH)).astype("float32")
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_allclose(again.predict(data), model.predict(data), atol=1e-6)


def test_weights_keep_their_names_and_places(plain: Any) -> None:
    source = plain["layer"]
    before = {i.name: i for i in source.graph.initializer if len(i.dims) > 0 and "kernel" in i.name}
    after = {i.name: i for i in fuse(source, "cpu", seconds=0).model.graph.initializer}
    assert before and all(after[name] == tensor for name, tensor in before.items())


def test_the_model_given_is_not_changed(plain: Any) -> None:
    source = plain["heads split"]
    before = source.SerializeToString()
    fuse(source, "cuda", seconds=0)
    assert source.SerializeToString() == before


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(OptimizeError, match="target: expected cpu, cuda, web; found 'tpu'"):
        fuse(onnx.ModelProto(), "tpu")  # type: ignore[arg-type]


def test_what_pytorch_exports_is_fused_as_well() -> None:
    import torch

    from benchmarks.optimize_transformers import Size, TorchBert

    network = TorchBert(Size(2, 8, 2, 16, 30, 6)).eval()
    words = torch.randint(1, 30, (3, 6))
    program = torch.onnx.export(network, (words,), dynamo=True, verbose=False)
    assert program is not None
    source = program.model_proto
    result = fuse(source, "cpu", seconds=0)
    assert result.fused["Attention"] + result.fused["MultiHeadAttention"] == 2, result.fused
    assert result.fused["computed for fewer steps"] > 0 and result.unproved == ""
    (found,) = Executor(result.model.SerializeToString()).run([words.numpy()])
    np.testing.assert_allclose(found, network(words).detach().numpy(), rtol=1e-4, atol=1e-5)
