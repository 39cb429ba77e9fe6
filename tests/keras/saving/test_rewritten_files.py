"""Files that kcompile exported and another program rewrote, our metadata in them: what they load as."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest

from kcompile.keras.layers import (
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Input,
    Lambda,
    LayerNormalization,
)
from kcompile.keras.models import Model, Sequential, load_model
from kcompile_runtime import Executor

pytest.importorskip("torch")

RANDOM = np.random.RandomState(8)


def mlp():
    return Sequential([Dense(4, activation="relu", input_shape=(3,)), Dense(2)]), RANDOM.rand(5, 3)


def cnn():
    layers = [Conv2D(4, 3, activation="relu", input_shape=(8, 8, 3)), BatchNormalization(), Flatten()]
    return Sequential([*layers, Dense(3, activation="softmax")]), RANDOM.rand(5, 8, 8, 3)


def recurrent():
    layers = [Embedding(9, 4, input_length=6), LSTM(3, return_sequences=True), LayerNormalization()]
    return Sequential([*layers, LSTM(2), Dense(1)]), RANDOM.randint(0, 9, (5, 6))


def dynamic(source, target, x):
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(source, target)


def static(form, **options):
    def rewrite(source, target, x):
        from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

        class Once(CalibrationDataReader):
            def __init__(self):
                self.feeds = iter([{onnx.load(source).graph.input[0].name: x}])

            def get_next(self):
                return next(self.feeds, None)

        quantize_static(source, target, Once(), quant_format=getattr(QuantFormat, form), **options)

    return rewrite


def optimized(source, target, x):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.optimized_model_filepath, options.log_severity_level = str(target), 3
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    proto = onnx.load(target)
    onnx.helper.set_model_props(proto, {p.key: p.value for p in onnx.load(source).metadata_props})
    onnx.save(proto, target)


def half(source, target, x):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


REWRITTEN = {
    "dynamic": dynamic,
    "QDQ": static("QDQ"),
    "QDQ of channels": static("QDQ", per_channel=True),
    "QDQ, weights kept": static("QDQ", extra_options={"AddQDQPairToWeight": True}),
    "QOperator": static("QOperator"),
}


def exported(make, tmp_path):
    model, x = make()
    x = x.astype(model.inputs[0].dtype)
    model.compile("adam", "mse")
    model.export(tmp_path / "m.onnx")
    return model, x, tmp_path / "m.onnx"


#: The tool writes a ConvInteger of int8, for which releases before have no kernel.
NEWER = {("dynamic", cnn): [pytest.mark.needs_onnxruntime(1, 24)]}


@pytest.mark.parametrize(
    ("how", "make"),
    [
        pytest.param(how, make, marks=NEWER.get((how, make), ()))
        for how in REWRITTEN
        for make in (mlp, cnn, recurrent)
    ],
)
def test_a_quantized_file_loads_as_the_graph_that_it_is(how, make, tmp_path):
    _, x, source = exported(make, tmp_path)
    target = tmp_path / "q.onnx"
    REWRITTEN[how](source, target, x)
    with pytest.warns(UserWarning, match=r"q\.onnx was rewritten since kcompile exported it \("):
        again = load_model(target)
    assert type(again.layers[-1]).__name__ == "ONNXGraph"
    np.testing.assert_array_equal(again.predict(x), Executor(str(target)).predict(x))


def test_a_file_whose_weights_were_fused_away_loads_as_the_graph_that_it_is(tmp_path):
    _, x, source = exported(cnn, tmp_path)
    target = tmp_path / "o.onnx"
    optimized(source, target, x)
    with pytest.warns(UserWarning, match=r"rewritten .* \(it has no weight '"):
        again = load_model(target)
    np.testing.assert_allclose(again.predict(x), Executor(str(source)).predict(x), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("error:.*was rewritten")
@pytest.mark.parametrize("make", [mlp, cnn])
def test_a_file_in_half_precision_is_still_the_keras_model(make, tmp_path):
    model, x, source = exported(make, tmp_path)
    half(source, tmp_path / "h.onnx", x)
    again = load_model(tmp_path / "h.onnx")
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in model.layers]
    np.testing.assert_allclose(again.predict(x), model.predict(x), atol=2e-3)


def test_weights_from_a_quantized_file_are_missing_by_name(tmp_path):
    model, x, source = exported(mlp, tmp_path)
    dynamic(source, tmp_path / "q.onnx", x)
    with pytest.raises(ValueError, match=f"no initializer '{model.layers[0].name}/kernel'"):
        model.load_weights(tmp_path / "q.onnx")


@pytest.mark.filterwarnings("error:.*was rewritten")
def test_a_layer_that_rounds_itself_is_no_sign_of_rewriting(tmp_path):
    def rounded(x):
        from kcompile.ir import op

        scale, zero = np.float32(0.1), np.uint8(0)
        return op.DequantizeLinear(op.QuantizeLinear(x, scale, zero), scale, zero)

    start = Input((3,))
    model = Model(start, Dense(2)(Lambda(rounded)(start)))
    model.export(tmp_path / "m.onnx")
    again = load_model(tmp_path / "m.onnx", custom_objects={"rounded": rounded}, safe_mode=False)
    assert [type(layer).__name__ for layer in again.layers] == ["InputLayer", "Lambda", "Dense"]


@pytest.mark.parametrize("name", [["a"], {"a": 1}, 3, None])
def test_an_order_of_something_else_than_names_is_one_of_missing_weights(name, tmp_path):
    source = exported(mlp, tmp_path)[2]
    proto = onnx.load(source)
    entries = {entry.key: entry.value for entry in proto.metadata_props}
    onnx.helper.set_model_props(proto, {**entries, "kcompile.order": json.dumps([name] * 4)})
    onnx.save(proto, source)
    with pytest.warns(UserWarning, match="was rewritten"):
        load_model(source)
