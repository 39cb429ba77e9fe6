"""ONNX files of models: they compute the same, come back whole, are verified, and failures change nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings

import numpy as np
import onnx
import pytest

import kcompile.keras as keras
from kcompile import onnx_io
from kcompile.keras import backend as K
from kcompile.keras.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Input,
    Lambda,
    Masking,
    MaxPooling2D,
    add,
    concatenate,
)  # fmt: skip
from kcompile.keras.models import Model, Sequential, load_model
from kcompile_runtime import Executor

pytest.importorskip("torch")

RANDOM = np.random.RandomState(6)


def mlp():
    return Sequential([Dense(4, activation="relu", input_shape=(3,)), Dropout(0.5), Dense(2)], name="mlp")


def cnn():
    return Sequential(
        [
            Conv2D(4, 3, input_shape=(8, 8, 1), activation="relu"),
            BatchNormalization(),
            MaxPooling2D(),
            Flatten(),
            Dense(3, activation="softmax"),
        ],
        name="cnn",
    )


def text():
    return Sequential(
        [Embedding(9, 4, mask_zero=True, input_length=6), LSTM(3), Dense(1, activation="sigmoid")]
    )


def several_ends():
    a, b = Input((4, 3), name="a"), Input((3,), name="b")
    h = GRU(3)(Masking()(a))
    joined = concatenate([h, b])
    return Model([a, b], [Dense(2, name="first")(joined), Dense(1, name="second")(h), joined], name="ends")


def names_that_clash():
    """Two nested models whose layers and weights are called alike."""

    def inner(name):
        x = Input((3,), name="x")
        return Model(x, Dense(3, name="dense")(x), name=name)

    x = Input((3,), name="dense")
    return Model(x, add([inner("left")(x), inner("right")(x)]), name="clash")


def shared_outputs():
    x = Input((3,), name="x")
    dense = Dense(3, name="dense")
    y = dense(x)
    return Model(x, [y, dense(y), x], name="shared")


MODELS = {f.__name__: f for f in (mlp, cnn, text, several_ends, names_that_clash, shared_outputs)}


def feeds(model, samples=5):
    arrays = []
    for value in model.inputs:
        shape = (samples, *K.int_shape(value)[1:])
        table = any(isinstance(layer, Embedding) for layer in model.layers)
        arrays.append(RANDOM.randint(0, 9, shape) if table else RANDOM.uniform(-1, 1, shape).astype("f"))
    return [a.astype("f") for a in arrays]


def single(arrays):
    return arrays if len(arrays) > 1 else arrays[0]


def listed(outputs):
    return outputs if isinstance(outputs, list) else [outputs]


def same(a, b, rtol=1e-4, atol=1e-5):
    for one, other in zip(listed(a), listed(b), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)


@pytest.mark.parametrize("name", MODELS)
def test_a_file_computes_the_same_and_comes_back_whole(name, tmp_path):
    model = MODELS[name]()
    model.set_weights([RANDOM.uniform(0.1, 0.9, w.shape) for w in model.get_weights()])
    model.compile("adam", "mse", metrics=["mae"])
    path = str(tmp_path / "m.onnx")
    model.export(path)
    arrays = feeds(model)
    executor = Executor(path)
    same(executor.predict(single(arrays)), model.predict(single(arrays)))
    assert [i.name for i in executor.inputs] == model.input_names
    again = load_model(path)
    assert again.get_config() == model.get_config() and again.metrics_names == model.metrics_names
    same(again.get_weights(), model.get_weights(), rtol=0, atol=0)
    same(again.predict(single(arrays)), model.predict(single(arrays)), rtol=1e-6)
    targets = [RANDOM.uniform(size=y.shape).astype("f") for y in listed(model.predict(single(arrays)))]
    data = single(arrays), single(targets)
    assert again.test_on_batch(*data) == pytest.approx(model.test_on_batch(*data), rel=1e-5)
    again.train_on_batch(*data)


@pytest.mark.parametrize("opset", range(13, 24))
def test_every_opset(opset, tmp_path):
    model = cnn()
    path = str(tmp_path / "m.onnx")
    model.export(path, opset=opset)
    assert onnx.load(path).opset_import[0].version == opset
    (x,) = feeds(model)
    same(Executor(path).predict(x), model.predict(x))
    same(load_model(path).get_weights(), model.get_weights(), atol=0)


@pytest.mark.parametrize("opset", [6, 99, "21", 21.5])
def test_no_such_opset(opset, tmp_path):
    with pytest.raises((ValueError, TypeError), match="opset"):
        mlp().export(str(tmp_path / "m.onnx"), opset=opset)
    assert os.listdir(tmp_path) == []


def test_names_that_clash_are_told_apart_and_recorded(tmp_path):
    model = names_that_clash()
    path = str(tmp_path / "m.onnx")
    model.export(path)
    proto = onnx.load(path)
    order = json.loads(onnx_io.get_metadata(proto)["kcompile.order"])
    assert order == ["dense/kernel", "dense/bias", "dense/kernel_1", "dense/bias_1"]
    assert set(order) <= {tensor.name for tensor in proto.graph.initializer}


def test_saving_to_onnx_is_exporting(tmp_path):
    model = mlp()
    path = str(tmp_path / "m.onnx")
    model.save(path)
    same(load_model(path).get_weights(), model.get_weights(), atol=0)


def test_stateful_models_carry_their_state(tmp_path):
    model = Sequential([LSTM(3, stateful=True, batch_input_shape=(2, 4, 3)), Dense(1)])
    x = RANDOM.uniform(size=(2, 4, 3)).astype("f")
    model.predict(x)  # the file starts from zeros all the same
    path = str(tmp_path / "m.onnx")
    model.export(path)
    model.reset_states()
    first, second = model.predict(x), model.predict(x)
    executor = Executor(path)
    same(executor.predict(x), first)
    same(executor.predict(x), second)
    executor.reset_states()
    same(executor.predict(x), first)
    again = load_model(path)
    same(again.predict(x), first)
    same(again.predict(x), second)


def test_custom_layers_and_functions_come_back_by_name(tmp_path):
    class Scale(keras.layers.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
            self.built = True

        def call(self, inputs):
            return self.scale * inputs

    def own(y_true, y_pred):
        return K.mean(K.abs(y_true - y_pred), axis=-1)

    model = Sequential([Scale(input_shape=(3,))])
    model.compile("sgd", own)
    path = str(tmp_path / "m.onnx")
    model.export(path)
    with pytest.raises(ValueError, match="Scale"):
        load_model(path)
    again = load_model(path, custom_objects={"Scale": Scale, "own": own})
    assert again.loss is own and again.count_params() == 1


@pytest.mark.parametrize("ending", ["onnx", "h5", "keras"])
def test_a_function_in_the_configuration_of_a_custom_layer_is_written_by_its_name(ending, tmp_path):
    class Activated(keras.layers.Layer):
        def __init__(self, activation, **kwargs):
            self.activation = keras.activations.get(activation)
            super().__init__(**kwargs)

        def call(self, inputs):
            return self.activation(inputs)

        def get_config(self):
            return {**super().get_config(), "activation": self.activation}

    model = Sequential([Activated("relu", input_shape=(3,))])
    model.save(tmp_path / f"m.{ending}")
    again = load_model(tmp_path / f"m.{ending}", custom_objects={"Activated": Activated})
    assert again.layers[0].activation is keras.activations.relu


def test_lambda_layers_export_but_their_code_is_not_run_from_a_file(tmp_path):
    model = Sequential([Lambda(lambda t: 2.0 * t, input_shape=(3,))])
    path = str(tmp_path / "m.onnx")
    model.export(path)
    x = np.ones((2, 3), "f")
    same(Executor(path).predict(x), 2 * x)
    with pytest.raises(ValueError, match="safe_mode"):
        load_model(path)
    same(load_model(path, safe_mode=False).predict(x), 2 * x)


@pytest.mark.parametrize("external_data", [None, True])
def test_weights_that_no_output_reads_come_back_too(tmp_path, external_data):
    class Auxiliary(keras.layers.Layer):
        def build(self, input_shape):
            self.unread = self.add_weight(name="unread", shape=(2,), initializer="ones")
            self.built = True

        def call(self, inputs):
            self.add_loss(K.sum(self.unread))
            return inputs

    model = Sequential([Auxiliary(input_shape=(3,), name="auxiliary")])
    path = str(tmp_path / "m.onnx")
    model.set_weights([np.array([3.0, 4.0])])
    model.export(path, external_data=external_data)
    loaded = load_model(path, custom_objects={"Auxiliary": Auxiliary})
    assert loaded.get_weights()[0].tolist() == [3.0, 4.0]
    x = np.ones((2, 3), "f")
    same(Executor(path).predict(x), x)


def test_frozen_parts_stay_frozen(tmp_path):
    model = names_that_clash()
    model.get_layer("left").trainable = False
    path = str(tmp_path / "m.onnx")
    model.export(path)
    assert len(load_model(path).trainable_weights) == 2


# --- verification ---


def replace_bridge_operator(monkeypatch, name, function):
    """Lets training compute an operator otherwise than the standard says."""
    from kcompile.torch_bridge import ops

    monkeypatch.setitem(ops.OPERATORS, name, dataclasses.replace(ops.OPERATORS[name], function=function))


@pytest.mark.parametrize("existing", [True, False])
def test_a_difference_names_the_first_layer_and_writes_nothing(existing, tmp_path, monkeypatch):
    import torch

    model = Sequential(
        [
            Dense(4, input_shape=(3,), name="first"),
            Dense(4, activation="tanh", name="wrong"),
            Dense(2, name="last"),
        ]
    )
    path = tmp_path / "m.onnx"
    if existing:
        mlp().export(str(path))
    before = path.read_bytes() if existing else None
    replace_bridge_operator(monkeypatch, "Tanh", torch.sigmoid)
    message = "differs from .*output 'last'.*first layer that differs is 'wrong' .Dense."
    with pytest.raises(onnx_io.ExportError, match=message):
        model.export(str(path))
    assert (path.read_bytes() if path.exists() else None) == before
    assert os.listdir(tmp_path) == (["m.onnx"] if existing else [])
    model.export(str(path), verify=False)
    assert path.exists()


def test_a_looser_tolerance_accepts(tmp_path, monkeypatch):
    import torch

    model = Sequential([Dense(2, activation="tanh", input_shape=(3,))])
    replace_bridge_operator(monkeypatch, "Tanh", lambda x: torch.tanh(x) * 1.01)
    with pytest.raises(onnx_io.ExportError):
        model.export(str(tmp_path / "m.onnx"))
    model.export(str(tmp_path / "m.onnx"), tolerance=0.1)


def test_an_operator_that_onnx_lacks(tmp_path):
    x = Input((3,))
    y = Lambda(lambda t: K.gradients(K.sum(K.square(t)), [t])[0], name="slope")(x)
    model = Model(x, y)
    np.testing.assert_allclose(model.predict(np.ones((2, 3))), 2)
    with pytest.raises(onnx_io.ExportError, match="Gradient.*slope|slope.*Gradient"):
        model.export(str(tmp_path / "m.onnx"))
    assert os.listdir(tmp_path) == []


def test_a_model_that_is_not_built(tmp_path):
    with pytest.raises(ValueError, match="not built yet"):
        Sequential([Dense(2)]).export(str(tmp_path / "m.onnx"))


def test_external_data(tmp_path):
    model = mlp()
    path = tmp_path / "m.onnx"
    model.export(str(path), external_data=True)
    assert len(os.listdir(tmp_path)) == 2
    (x,) = feeds(model)
    same(Executor(str(path)).predict(x), model.predict(x))
    same(load_model(str(path)).get_weights(), model.get_weights(), atol=0)


# --- reading ---


def test_a_foreign_onnx_file_becomes_a_model_of_one_layer(tmp_path):
    x = onnx.helper.make_tensor_value_info("x", 1, [None, 3])
    y = onnx.helper.make_tensor_value_info("y", 1, [None, 3])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [x], [y])
    path = tmp_path / "foreign.onnx"
    onnx.save(onnx.helper.make_model(graph), str(path))
    model = load_model(str(path))
    assert type(model.layers[-1]).__name__ == "ONNXGraph"
    same(model.predict(np.float32([[-1, 0, 2]])), np.float32([[0, 0, 2]]))


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x0a\x12"], ids=["empty", "text", "a few bytes"])
def test_what_is_no_onnx_file(content, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="m.onnx"):
        load_model(str(path))


DAMAGE = {
    "a weight fewer": (
        lambda e: e.update({"kcompile.order": json.dumps(json.loads(e["kcompile.order"])[:-1])}),
        "has 3 weights, the model in it has 4",
    ),
    "a configuration that is none": (lambda e: e.update({"kcompile.config": "{"}), "kcompile.config"),
    "an unknown class": (
        lambda e: e.update({"kcompile.config": e["kcompile.config"].replace('"Dense"', '"Dence"')}),
        "Unknown layer: 'Dence'",
    ),
    "a layer of another size": (
        lambda e: e.update({"kcompile.config": e["kcompile.config"].replace('"units":4', '"units":5')}),
        r"has shape \(3, 5\), the file has \(3, 4\)",
    ),
    "a newer format": (lambda e: e.update({"kcompile.format": "99"}), "format 99|newer"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_metadata(name, tmp_path):
    damage, message = DAMAGE[name]
    path = tmp_path / "m.onnx"
    mlp().export(str(path))
    proto = onnx.load(str(path))
    entries = {entry.key: entry.value for entry in proto.metadata_props}
    damage(entries)
    onnx.helper.set_model_props(proto, entries)
    onnx.save(proto, str(path))
    with pytest.raises(ValueError, match=message):
        load_model(str(path))


def test_export_takes_the_format_as_keras_3_says_it(tmp_path):
    model = Sequential([Dense(1, input_shape=(2,))])
    assert model.export(tmp_path / "a.onnx", format="onnx")
    with pytest.raises(ValueError, match="format='tf_saved_model' is not here"):
        model.export(tmp_path / "b", format="tf_saved_model")


def test_export_does_not_disturb_the_model(tmp_path):
    model = cnn()
    model.compile("sgd", "mse")
    (x,) = feeds(model)
    before = model.predict(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.export(str(tmp_path / "m.onnx"))
    np.testing.assert_array_equal(model.predict(x), before)
    model.train_on_batch(x, before)


@pytest.mark.parametrize(
    "layer, shape",
    [
        (Conv2D(3, 2, activation="elu"), (5, 5, 2)),
        (LSTM(3), (4, 2)),
        (GRU(3, reset_after=True), (4, 2)),
        (keras.layers.SimpleRNN(3), (4, 2)),
        (keras.layers.UpSampling2D(interpolation="bilinear"), (4, 4, 2)),
        (keras.layers.PReLU(), (4,)),
    ],
)
def test_models_in_float64_predict_in_float64_and_export(layer, shape, tmp_path):
    K.set_floatx("float64")
    try:
        twin = type(layer).from_config({**layer.get_config(), "dtype": "float64"})
        model = Sequential([Input(shape), twin])
    finally:
        K.set_floatx("float32")
    x = RANDOM.normal(size=(2, *shape))
    expected = model.predict(x)
    assert expected.dtype == np.float64 and all(w.dtype == np.float64 for w in model.get_weights())
    model.export(tmp_path / "model.onnx")
    found = Executor(tmp_path / "model.onnx").predict(x)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_group_normalization_of_two_axes_exports(tmp_path):
    model = Sequential([keras.layers.GroupNormalization(2, input_shape=(4,))])
    model.export(tmp_path / "model.onnx")
    x = RANDOM.normal(size=(3, 4)).astype("f")
    np.testing.assert_allclose(Executor(tmp_path / "model.onnx").predict(x), model.predict(x), rtol=1e-5)
