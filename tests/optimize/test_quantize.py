"""Each way to fewer bits: what the file holds, how small it is, how well it still reads digits."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

from kcompile import keras, onnx_io
from kcompile.keras import layers as L
from kcompile.optimize import OptimizeError, SamplesError, quantize
from kcompile_runtime import Executor
from tests.optimize.networks import Digits, exported

METHODS = {  # most of the file that is left, and most of the accuracy that may be lost
    "static": (0.45, 0.01),
    "dynamic": (0.55, 0.01),
    "weights8": (0.55, 0.005),
    "weights4": (0.45, 0.01),
    "float16": (0.65, 0.005),
    "bfloat16": (0.65, 0.005),
}


def accuracy(model: onnx.ModelProto, digits: Digits) -> float:
    outputs = Executor(model.SerializeToString()).predict(digits.x_test)
    return float(np.mean(outputs.argmax(-1) == digits.y_test))


def operators(model: onnx.ModelProto) -> set[str]:
    return {node.op_type for node in model.graph.node}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_each_method_makes_a_smaller_file_that_still_reads_digits(digits, method):
    samples = digits.x[:100] if method == "static" else None
    result = quantize(digits.proto, method, calibrate=samples)
    smaller, drop = METHODS[method]
    assert result.bytes_after == result.model.ByteSize() < smaller * result.bytes_before
    assert accuracy(digits.proto, digits) > 0.95
    assert accuracy(result.model, digits) >= accuracy(digits.proto, digits) - drop
    assert [one.name for one in result.differences] == ["digits"] and result.differences[0].sqnr > 15


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_file_says_what_was_done(digits, method):
    result = quantize(digits.proto, method, calibrate=digits.x[:20] if method == "static" else None)
    (step,) = json.loads(onnx_io.get_metadata(result.model)["kcompile.optimized"])
    assert step == result.step
    assert step["step"] == "quantize" and step["method"] == method
    assert step["float_layers"] == [layer.name for layer in result.float_layers]
    assert step.get("samples") == (20 if method == "static" else None)


def test_static_computes_every_layer_on_8_bits(digits):
    result = quantize(digits.proto, calibrate=digits.x[:50])
    assert result.method == "static"
    assert [layer.name for layer in result.layers] == ["conv_1", "depthwise", "conv_2", "hidden", "digits"]
    assert not result.float_layers
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators(result.model)
    assert "BatchNormalization" not in operators(result.model)
    kernels = [
        i for i in result.model.graph.initializer if i.data_type == onnx.TensorProto.INT8 and len(i.dims) > 1
    ]
    assert len(kernels) == 5


def test_every_source_gives_the_same_model(digits, tmp_path):
    digits.model.save(tmp_path / "m.h5")
    digits.model.save(tmp_path / "m.keras")
    x = digits.x_test[:8]
    expected = Executor(quantize(digits.proto, calibrate=digits.x[:20]).model.SerializeToString()).predict(x)
    for source in (digits.onnx, tmp_path / "m.h5", tmp_path / "m.keras", digits.model):
        result = quantize(source, calibrate=digits.x[:20])
        found = Executor(result.model.SerializeToString()).predict(x)
        np.testing.assert_allclose(found, expected, atol=0.02)


def test_a_model_quantizes_itself(digits, tmp_path):
    path = tmp_path / "q.onnx"
    result = digits.model.quantize(path, calibrate=digits.x[:20])
    assert result.method == "static" and path.stat().st_size == result.bytes_after
    assert Executor(path).predict(digits.x_test).shape == (397, 10)


def test_the_mode_of_keras_3_is_no_file():
    model = keras.Sequential([L.Dense(2, input_shape=(3,))])
    with pytest.raises(ValueError, match=r"quantize\('model.onnx'"):
        model.quantize("int8")


def test_layers_that_are_named_stay_float32(digits):
    result = quantize(digits.proto, calibrate=digits.x[:20], keep=["conv_1", "hidden"])
    assert [(layer.name, layer.reason) for layer in result.float_layers] == [
        ("conv_1", "asked for"),
        ("hidden", "asked for"),
    ]


@pytest.mark.parametrize("reduce_range", [False, True])
def test_a_reduced_range_leaves_weights_7_bits(digits, reduce_range):
    result = quantize(digits.proto, calibrate=digits.x[:20], reduce_range=reduce_range)
    kernels = [
        onnx.numpy_helper.to_array(i)
        for i in result.model.graph.initializer
        if i.data_type == onnx.TensorProto.INT8 and len(i.dims) > 1
    ]
    largest = max(int(np.abs(kernel.astype(np.int32)).max()) for kernel in kernels)
    assert largest <= 64 if reduce_range else largest > 120
    assert result.step["reduce_range"] is reduce_range


@pytest.mark.parametrize("method", ["float16", "bfloat16"])
def test_half_precision_comes_back_as_the_keras_model(digits, method, tmp_path):
    quantize(digits.proto, method).save(tmp_path / "half.onnx")
    model = keras.models.load_model(tmp_path / "half.onnx")
    assert [layer.name for layer in model.layers] == [layer.name for layer in digits.model.layers]
    np.testing.assert_allclose(model.predict(digits.x_test), digits.model.predict(digits.x_test), atol=0.05)


def test_integers_come_back_as_a_graph_without_a_warning(digits, tmp_path, recwarn):
    quantize(digits.proto, calibrate=digits.x[:20]).save(tmp_path / "int8.onnx")
    model = keras.models.load_model(tmp_path / "int8.onnx")
    assert not recwarn.list
    expected = Executor(tmp_path / "int8.onnx").predict(digits.x_test[:20])
    np.testing.assert_allclose(model.predict(digits.x_test[:20]), expected, atol=0.05)


def text_network(recurrent: type) -> keras.Sequential:
    return keras.Sequential(
        [
            L.Embedding(500, 64, input_length=12, name="words"),
            recurrent(32, name="recurrent"),
            L.Dense(128, activation="relu", name="hidden"),
            L.Dense(3, activation="softmax", name="classes"),
        ]
    )


@pytest.mark.parametrize(
    ("method", "recurrent", "left", "operator"),
    [
        ("dynamic", L.LSTM, [], "DynamicQuantizeLSTM"),
        ("dynamic", L.GRU, ["recurrent"], "DynamicQuantizeLinear"),
        ("static", L.LSTM, [], "DynamicQuantizeLSTM"),
        ("static", L.GRU, ["recurrent"], "DequantizeLinear"),
        ("weights8", L.LSTM, ["recurrent", "classes"], "MatMulNBits"),
        ("weights4", L.LSTM, ["recurrent", "classes"], "GatherBlockQuantized"),
    ],
)
def test_layers_without_a_kernel_stay_float32_and_are_named(method, recurrent, left, operator, tmp_path):
    source = exported(text_network(recurrent), tmp_path)
    words = np.random.default_rng(0).integers(0, 500, (20, 12))
    result = quantize(source, method, calibrate=words)
    assert [layer.name for layer in result.float_layers] == left
    assert all(layer.reason for layer in result.float_layers)
    assert operator in operators(result.model)
    assert result.differences[0].largest < 0.1


@pytest.mark.parametrize("method", ["static", "dynamic"])
def test_an_lstm_behind_convolutions_has_ranges_of_each_batch(method, tmp_path):
    np.random.seed(0)
    layers = [
        L.Conv1D(32, 5, padding="same", activation="relu", input_shape=(40, 16), name="conv"),
        L.MaxPooling1D(2),
        L.LSTM(64, name="lstm"),
        L.Dense(5, name="scores"),
    ]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(32, 40, 16)).astype(np.float32)
    source, best = exported(model, tmp_path), model.predict(x).argmax(axis=1)
    given = {} if method == "dynamic" else {"calibrate": x}
    result = quantize(source, method, **given, evaluate=x, labels=best, max_drop=0.0, details=True)
    assert {layer.name for layer in result.float_layers} == ({"conv"} if method == "dynamic" else set())
    assert "DynamicQuantizeLSTM" in operators(result.model)
    assert result.held and result.differences[0].sqnr > 25
    assert {one.layer: one.sqnr > 25 for one in result.sensitivities}["lstm"]
    if method == "static":
        assert result.bytes_after < 0.35 * result.bytes_before
        assert {"Gemm", "Conv", "QuantizeLinear"} <= operators(result.model)  # for kernels of integers
        stays = quantize(source, method, calibrate=x, keep=["lstm"])
        assert [(layer.name, layer.reason) for layer in stays.float_layers] == [("lstm", "asked for")]
        assert "LSTM" in operators(stays.model)
        model.quantize(tmp_path / "mixed.onnx", calibrate=x)
        found = Executor(tmp_path / "mixed.onnx").predict(x)
        np.testing.assert_allclose(found, model.predict(x), atol=0.05)


def test_4_bits_are_half_of_8(tmp_path):
    model = keras.Sequential([L.Dense(512, input_shape=(512,)), L.Dense(512)])
    source = exported(model, tmp_path)
    eight, four = (quantize(source, method).bytes_after for method in ("weights8", "weights4"))
    assert eight < 0.32 * source.ByteSize() and 0.5 < four / eight < 0.6


def test_what_float16_cannot_hold_stays_float32(tmp_path):
    model = keras.Sequential(
        [L.Dense(8, input_shape=(4,), name="plain"), L.Dense(8, name="large"), L.Dense(2, name="small")]
    )
    source = exported(model, tmp_path)
    large = next(i for i in source.graph.initializer if i.name == "large/kernel")
    large.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(large) * 1e6, large.name))
    x = np.random.default_rng(0).standard_normal((16, 4)).astype(np.float32)
    result = quantize(source, "float16", calibrate=x)
    assert "large" in [layer.name for layer in result.float_layers]
    assert result.differences[0].largest < 0.01


@pytest.mark.parametrize("reads", ["embedding", "steps behind a slice", "ids that are compared"])
def test_numbers_of_words_stay_whole_in_float16(reads, tmp_path):
    """Float16 has every integer up to 2048 alone."""
    words = keras.Input((6,))
    if reads == "embedding":
        read = L.Embedding(5000, 4)(words)
    elif reads == "steps behind a slice":
        read = L.Embedding(5000, 4)(L.Reshape((3,))(L.Cropping1D((1, 2))(L.Reshape((6, 1))(words))))
    else:
        read = L.Reshape((6, 1))(
            L.Lambda(lambda x: keras.backend.cast(keras.backend.equal(x, 4097.0), "float32"))(words)
        )
    model = keras.Model(words, L.Dense(3)(L.Flatten()(read)))
    x = np.random.default_rng(0).integers(4090, 4100, (16, 6)).astype(np.float32)
    made = quantize(exported(model, tmp_path), "float16", calibrate=x)
    assert made.differences[0].largest < 2e-3


BAD_SAMPLES = {
    "too few": (lambda x: x[:3], "expected at least 8 samples, found 3"),
    "none": (lambda x: x[:0], "no samples"),
    "another shape": (lambda x: x[:, :7], r"takes \(batch, 8, 8, 1\), found \(20, 7, 8, 1\)"),
    "another rank": (lambda x: x[..., 0], "takes"),
    "nan": (lambda x: np.where(x == x.max(), np.nan, x), "are NaN or infinite"),
    "texts": (lambda x: x.astype(str), "expected numbers"),
    "two arrays": (lambda x: [x, x], "expected 1 arrays"),
    "unknown input": (lambda x: {"no_such": x}, "there is nothing for the input"),
}


@pytest.mark.parametrize("case", sorted(BAD_SAMPLES))
def test_samples_that_do_not_fit_are_refused(digits, case):
    spoil, message = BAD_SAMPLES[case]
    with pytest.raises(SamplesError, match=message):
        quantize(digits.proto, calibrate=spoil(digits.x[:20]))


def test_words_out_of_the_table_are_refused(tmp_path):
    source = exported(text_network(L.GRU), tmp_path)
    with pytest.raises(SamplesError, match="does not run on these samples"):
        quantize(source, calibrate=np.full((20, 12), 600))


def test_samples_of_another_range_than_those_judged_on_are_refused(digits):
    with pytest.raises(SamplesError, match=r"are no larger than 1, .* reach 255"):
        quantize(digits.proto, calibrate=digits.x[:20], evaluate=digits.x_test * 255, labels=digits.y_test)


def stateful(folder):
    model = keras.Sequential([L.LSTM(32, stateful=True, batch_input_shape=(1, 3, 8)), L.Dense(2)])
    return exported(model, folder)


def activation_alone(folder):
    return exported(keras.Sequential([L.Activation("relu", input_shape=(4,))]), folder)


def old(folder):
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "old",
        [info("x", 1, ["n", 4])],
        [info("y", 1, ["n", 4])],
        [onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32), "w")],
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 9)], ir_version=4)


def recurrent_alone(folder):
    return exported(keras.Sequential([L.GRU(32, input_shape=(5, 8))]), folder)


REFUSED = {
    "opset": (old, "static", np.ones((20, 4)), "opset 9, and scales by channel need 13"),
    "states": (stateful, "static", np.ones((20, 3, 8)), "carries states"),
    "nothing": (activation_alone, "static", np.ones((20, 4)), "nothing to quantize"),
    "no kernel": (recurrent_alone, "static", np.ones((20, 5, 8)), "no kernel of 8 bits for GRU"),
    "no kernel while running": (recurrent_alone, "dynamic", None, "dynamic has none for GRU"),
    "no method": (recurrent_alone, "int3", None, "method: expected static"),
}


NEEDS_TOOLS = pytest.mark.needs_onnxruntime(1, 27)


@pytest.mark.parametrize(
    "case", [pytest.param(c, marks=NEEDS_TOOLS) if c == "no kernel" else c for c in sorted(REFUSED)]
)
def test_models_that_cannot_be_quantized_are_refused(case, tmp_path):
    make, method, x, message = REFUSED[case]
    source = make(tmp_path)
    samples = None if x is None else {i.name: x for i in source.graph.input[:1]}
    with pytest.raises(OptimizeError, match=message):
        quantize(source, method, calibrate=samples)


@pytest.mark.parametrize("second", ["static", "float16"])
@pytest.mark.parametrize("first", sorted(METHODS))
def test_what_is_quantized_already_is_refused(digits, first, second):
    made = quantize(digits.proto, first, calibrate=digits.x[:20] if first == "static" else None).model
    with pytest.raises(OptimizeError, match="already"):
        quantize(made, second, calibrate=digits.x[:20])


def test_static_needs_samples(digits):
    with pytest.raises(SamplesError, match="give some"):
        quantize(digits.proto, "static")


@NEEDS_TOOLS
def test_an_unknown_layer_is_named(digits):
    with pytest.raises(OptimizeError, match="no layer 'conv_9' with weights; there are conv_1, depthwise"):
        quantize(digits.proto, calibrate=digits.x[:20], keep=["conv_9"])


def test_the_tools_print_nothing(digits, capfd):
    quantize(digits.proto, calibrate=digits.x[:20])
    quantize(digits.proto, "dynamic")
    quantize(digits.proto, "weights4")
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


def test_a_batch_that_the_model_fixes_is_filled_up(tmp_path):
    model = keras.Sequential([L.Dense(32, batch_input_shape=(4, 64)), L.Dense(3)])
    x = np.random.default_rng(0).standard_normal((10, 64)).astype(np.float32)
    result = quantize(exported(model, tmp_path), calibrate=x)
    assert result.differences[0].sqnr > 20
