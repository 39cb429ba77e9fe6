"""Weights stored as integers, batch normalisation and biases with them, and the way back."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import onnx
import pytest

from kcompile.ir import Constant, Graph, Parameter, Value, op
from kcompile.onnx_io import FormatError, export
from kcompile.onnx_io.metadata import WEIGHTS, get_metadata, set_metadata
from kcompile.onnx_io.passes.layout import restore_weights
from kcompile.torch_bridge import lower, run
from kcompile_runtime import Executor

RANDOM = np.random.default_rng(0)


def parameter(name, *shape):
    return Parameter(RANDOM.normal(size=shape).astype(np.float32), name)


def rounded(x, scale, zero_point, **axis):
    integers = op.QuantizeLinear(x, scale, zero_point, **axis)
    return op.DequantizeLinear(integers, scale, zero_point, **axis)


def activations(x):
    return rounded(x, np.array(0.05, np.float32), np.array(128, np.uint8))


def weights(w, axis):
    largest = np.abs(w.storage.array).max(axis=tuple(i for i in range(w.rank) if i != axis))
    return rounded(w, (largest / 127).astype(np.float32), np.zeros(len(largest), np.int8), axis=axis)


def normalized(x, gamma=None):
    channels = x.dims[1]
    gamma = Parameter(RANDOM.normal(size=channels).astype(np.float32) if gamma is None else gamma, "gamma")
    rest = [
        Parameter(RANDOM.uniform(0.5, 2, channels).astype(np.float32), n) for n in ("beta", "mean", "var")
    ]
    return op.BatchNormalization(x, gamma, *rest, epsilon=1e-3)


def convolution(x):
    return activations(normalized(op.Conv(activations(x), weights(parameter("w", 6, 3, 3, 3), 0))))


def convolution_with_bias(x):
    kernel = weights(parameter("w", 6, 3, 3, 3), 0)
    return activations(op.Relu(normalized(op.Conv(activations(x), kernel, parameter("b", 6)))))


def laid_out(x):
    """As Keras emits it: channels last, the kernel in its own layout."""
    kernel = op.Transpose(parameter("w", 3, 3, 3, 6), perm=[3, 2, 0, 1])
    scale = np.full(6, 0.02, np.float32)
    kernel = rounded(kernel, scale, np.zeros(6, np.int8), axis=0)
    y = op.Conv(op.Transpose(activations(op.Transpose(x, perm=[0, 2, 3, 1])), perm=[0, 3, 1, 2]), kernel)
    y = normalized(op.Transpose(op.Transpose(y, perm=[0, 2, 3, 1]), perm=[0, 3, 1, 2]))
    return activations(y)


def flattened(x):
    y = op.MatMul(op.Flatten(activations(x)), weights(parameter("w", 192, 5), 1))
    return op.Add(y, parameter("b", 5))


def normalized_product(x):
    y = op.MatMul(op.Flatten(activations(x)), weights(parameter("w", 192, 5), 1))
    return normalized(y)


CASES = {
    "convolution": (convolution, {"Conv": 1, "QuantizeLinear": 2}),
    "convolution with bias": (convolution_with_bias, {"Conv": 1, "Relu": 1, "QuantizeLinear": 2}),
    "laid out": (laid_out, {"Conv": 1, "QuantizeLinear": 2}),
    "flattened": (flattened, {"Gemm": 1, "QuantizeLinear": 1}),
    "normalized product": (normalized_product, {"Gemm": 1, "QuantizeLinear": 1}),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_products_are_stored_as_integers_and_compute_the_same(name):
    make, kinds = CASES[name]
    x = Value("float32", ("batch", 3, 8, 8), "x")
    graph = Graph([make(x)], [x])
    model = export(graph)
    assert {kind: Counter(n.op_type for n in model.graph.node)[kind] for kind in kinds} == kinds
    assert not any(n.op_type in ("BatchNormalization", "MatMul", "Add") for n in model.graph.node)
    stored = {t.name: t for t in model.graph.initializer}
    assert stored["w"].data_type == onnx.TensorProto.INT8
    (product,) = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm")]
    makers = {output: n for n in model.graph.node for output in n.output}
    assert [makers[operand].op_type for operand in product.input] == ["DequantizeLinear"] * len(product.input)
    array = RANDOM.normal(size=(4, 3, 8, 8)).astype(np.float32)
    (expected,) = run(lower(graph), array)
    (found,) = Executor(model.SerializeToString()).run([array])
    assert np.abs(expected - found).mean() < 0.002  # but for single steps of 0.05
    assert np.abs(expected - found).max() < 0.051


@pytest.mark.parametrize("name", sorted(CASES))
def test_weights_come_back_from_integers(name):
    x = Value("float32", ("batch", 3, 8, 8), "x")
    graph = Graph([CASES[name][0](x)], [x])
    restored = restore_weights(export(graph))
    for weight in graph.parameters:
        step = 0.021 if name == "laid out" else np.abs(weight.storage.array).max() / 127
        bound = 0.51 * step if weight.name == "w" else 0
        within = np.abs(weight.storage.array) < 127 * step
        np.testing.assert_allclose(
            restored[weight.name][within], weight.storage.array[within], atol=bound, rtol=0
        )


def test_a_weight_of_two_products_keeps_its_name_once():
    x, w = Value("float32", ("batch", 4), "x"), parameter("w", 4, 4)
    y = op.MatMul(activations(op.MatMul(activations(x), weights(w, 1))), weights(w, 1))
    model = export(Graph([y], [x]))
    names = [t.name for t in model.graph.initializer]
    assert len(set(names)) == len(names)
    step = np.abs(w.storage.array).max() / 127
    np.testing.assert_allclose(restore_weights(model)["w"], w.storage.array, atol=0.51 * step, rtol=0)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": "nobody"},
        {"scale": "x/none"},
        {"axis": 7},
        {"axis": "0"},
        {"axis": True},
        {"axis": 1},
        {"zero_point": "nobody"},
        {"zero_point": "w/scale"},
        {"zero_point": "w/zero_point"},
        {"zero_point": []},
    ],
)
def test_damaged_scales_are_refused(change):
    x = Value("float32", ("batch", 3, 8, 8), "x")
    model = export(Graph([convolution(x)], [x]))
    entries = json.loads(get_metadata(model)[WEIGHTS])
    entries["w"].update(change)
    set_metadata(model, {WEIGHTS: json.dumps(entries)})
    with pytest.raises(FormatError, match="is damaged"):
        restore_weights(model)


def test_scalars_are_kept_as_scalars():
    x = Value("float32", (2,), "x")
    model = export(Graph([op.Neg(x)], [x]), unread={"count": np.array(3.0, np.float32)})
    (count,) = model.graph.initializer
    assert list(count.dims) == []


def test_constants_that_are_rounded_become_integers_too():
    x, w = Value("float32", ("batch", 4), "x"), Constant(RANDOM.normal(size=(4, 2)).astype(np.float32))
    scale, zero = np.array(0.02, np.float32), np.array(0, np.int8)
    model = export(Graph([op.MatMul(activations(x), rounded(w, scale, zero))], [x]))
    assert Counter(n.op_type for n in model.graph.node)["QuantizeLinear"] == 1
