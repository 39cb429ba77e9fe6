"""Functions between layers, as Keras 3 (``keras.ops``) and tf.keras 2 (``TFOpLambda``) write them.

``keras3/ops_*`` were written by Keras 3.15 and ``tfkeras_ops.h5`` by tf_keras 2.21.
"""

from __future__ import annotations

import copy
import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kcompile import formats
from kcompile.keras.models import load_model, model_from_config, model_from_json
from kcompile.keras.operations.rows import OPERATIONS
from kcompile.keras.operations.tensorflow_names import TF_FUNCTIONS
from tests.golden.formats.make_keras3_ops_file import BUILDERS

FOLDER = Path(__file__).parents[2] / "golden" / "formats"
KERAS_3 = [*(f"ops_{name}.keras" for name in BUILDERS), "ops_chain.h5"]


def asked(model):
    with np.load(FOLDER / "keras3" / "ops.npz") as answers:
        inputs = [answers[name] for name in model.input_names]
    return model.predict(inputs if len(inputs) > 1 else inputs[0])


@pytest.mark.parametrize("name", KERAS_3)
def test_functions_of_keras_3_answer_as_there(name):
    model = load_model(FOLDER / "keras3" / name)
    with np.load(FOLDER / "keras3" / "ops.npz") as answers:
        group = name.removeprefix("ops_").split(".")[0]
        want = [answers[key] for key in answers.files if key.startswith(group)]
    for ours, theirs, tensor in zip(asked(model), want, model.outputs, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-6, err_msg=tensor.name)


@pytest.mark.parametrize("name", KERAS_3)
@pytest.mark.parametrize("ending", ["keras", "h5", "json"])
def test_functions_of_keras_3_come_back_from_files_written_here(name, ending, tmp_path):
    model = load_model(FOLDER / "keras3" / name)
    if ending == "json":
        twin = model_from_json(model.to_json())
        twin.set_weights(model.get_weights())
    else:
        model.save(tmp_path / f"m.{ending}")
        twin = load_model(tmp_path / f"m.{ending}")
    for ours, theirs in zip(asked(twin), asked(model), strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


def layers_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("config.json"))["config"]["layers"]


@pytest.mark.parametrize("name", [name for name in KERAS_3 if name.endswith(".keras")])
def test_functions_are_written_in_the_words_of_keras_3(name, tmp_path):
    load_model(FOLDER / "keras3" / name).save(tmp_path / "m.keras")
    ours = {entry["name"]: entry for entry in layers_of(tmp_path / "m.keras")}
    for theirs in layers_of(FOLDER / "keras3" / name):
        if theirs["module"].startswith("keras.src.ops"):
            entry = ours[theirs["name"]]
            assert entry["module"] == theirs["module"] and entry["class_name"] == theirs["class_name"]
            assert entry["config"] == theirs["config"]
            assert without_types(entry["inbound_nodes"]) == without_types(theirs["inbound_nodes"])


def without_types(value):
    """Without the types and shapes of tensors, which only say again what the functions make."""
    if isinstance(value, dict) and "keras_history" in value:
        return value["keras_history"]
    if isinstance(value, dict):
        return {key: without_types(entry) for key, entry in value.items() if entry != {} or key == "config"}
    return [without_types(entry) for entry in value] if isinstance(value, list) else value


def test_table_is_covered_by_files_of_keras_3():
    seen = {
        entry["class_name"]
        for name in BUILDERS
        for entry in layers_of(FOLDER / "keras3" / f"ops_{name}.keras")
        if entry["module"].startswith("keras.src.ops")
    }
    calls = json.loads(gzip.decompress((FOLDER.parent / "functions" / "keras.json.gz").read_bytes()))
    for config in calls.values():
        seen |= {entry["class_name"] for entry in config["config"]["layers"]}
    other_names = {"Abs", "Copy", "Ravel", "Conj", "BitwiseNot", "Vsplit", "Array"}
    assert not set(OPERATIONS) - seen - other_names


@pytest.mark.parametrize(("function", "row"), TF_FUNCTIONS.items(), ids=TF_FUNCTIONS.keys())
def test_functions_of_tensorflow_name_arguments_of_their_operation(function, row):
    operation, parameters = OPERATIONS[row[0]], row[1].split()
    assert {p.split("=")[1].split("!")[0] for p in parameters} <= {*operation.operands, *operation.settings}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"class_name": "Reluu"},
            r"'relu' of the file is keras.ops's 'Reluu', which is not read here \(near: Relu",
        ),
        ({"class_name": "__class__"}, "keras.ops's '__class__', which is not read"),
        ({"config": {"name": "relu", "speed": 3}}, "Relu with the argument 'speed'"),
        ({"inbound_nodes": []}, "called 0 times; once is read"),
        ({"inbound_nodes": [{"args": [1, 2, 3], "kwargs": {}}]}, "on 3 arguments, which has 1"),
        ({"inbound_nodes": [{"args": [{"class_name": "__lambda__"}], "kwargs": {}}]}, "which is not read"),
    ],
)
def test_unknown_function_of_keras_3_is_refused_by_name(change, message):
    config = json.loads(zipfile.ZipFile(FOLDER / "keras3" / "ops_chain.keras").read("config.json"))
    next(entry for entry in config["config"]["layers"] if entry["name"] == "relu").update(change)
    with pytest.raises(ValueError, match=message):
        model_from_config(config)


def test_own_class_replaces_an_operation(tmp_path):
    from kcompile.keras.layers import Layer

    class Relu(Layer):
        def call(self, inputs):
            return inputs * 0.0

    source = zipfile.ZipFile(FOLDER / "keras3" / "ops_chain.keras")
    config = json.loads(source.read("config.json"))
    model = model_from_config(config, custom_objects={"Relu": Relu})
    assert type(model.get_layer("relu")) is Relu


# --- tf.keras 2 ---------------------------------------------------------------------------------------------


def test_file_of_tf_keras_predicts_as_there():
    model, data = load_model(FOLDER / "tfkeras_ops.h5"), np.load(FOLDER / "tfkeras_ops.npz")
    a, b = model.predict(data["x"])
    np.testing.assert_allclose(a, data["a"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(b, data["b"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_model_of_tf_keras_comes_back_from_files_written_here(ending, tmp_path):
    model, x = load_model(FOLDER / "tfkeras_ops.h5"), np.load(FOLDER / "tfkeras_ops.npz")["x"]
    model.save(tmp_path / f"m.{ending}")
    for ours, theirs in zip(load_model(tmp_path / f"m.{ending}").predict(x), model.predict(x), strict=True):
        assert np.array_equal(ours, theirs)


def test_functions_are_written_in_the_words_of_tf_keras():
    buffer = io.BytesIO()
    load_model(FOLDER / "tfkeras_ops.h5").save(buffer)
    ours = {e["name"]: e for e in formats.read(io.BytesIO(buffer.getvalue())).config["config"]["layers"]}
    seen = 0
    for theirs in formats.read(FOLDER / "tfkeras_ops.h5").config["config"]["layers"]:
        if theirs["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
            entry = ours[theirs["name"]]
            if not entry["class_name"].endswith("OpLambda"):
                continue  # a layer of Keras that does the same
            seen += 1
            assert entry["class_name"] == theirs["class_name"]
            function = theirs["config"]["function"].removeprefix("compat.v1.")
            assert entry["config"]["function"] in (function, "nn.relu", "__operators__.add")
            assert without_names(entry["inbound_nodes"]) == without_names(theirs["inbound_nodes"])
    assert seen > 8


def without_names(value):
    if isinstance(value, dict):
        return {
            k: without_names(entry)
            for k, entry in value.items()
            if k != "name" and entry not in (None, False)
        }
    return [without_names(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"function": "raw_ops.ReadFile"},
            "'tf.nn.relu' of the file is tf.raw_ops.ReadFile, which is not read",
        ),
        ({"function": "nn.relu7"}, "near: nn.relu"),
        ({"function": "__class__"}, "tf.__class__, which is not read"),
    ],
)
def test_unknown_function_of_tensorflow_is_refused_by_name(change, message):
    config = copy.deepcopy(formats.read(FOLDER / "tfkeras_ops.h5").config)
    layer = next(entry for entry in config["config"]["layers"] if entry["name"] == "tf.nn.relu")
    layer["config"].update(change)
    with pytest.raises(ValueError, match=message):
        model_from_config(config)


def test_argument_that_is_not_read_is_refused_by_name():
    config = copy.deepcopy(formats.read(FOLDER / "tfkeras_ops.h5").config)
    layer = next(entry for entry in config["config"]["layers"] if entry["name"] == "tf.linalg.matmul")
    layer["inbound_nodes"][0][3]["sharding"] = True
    with pytest.raises(ValueError, match="tf.linalg.matmul with the argument 'sharding', which is not read"):
        model_from_config(config)


@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_functions_within_a_nested_model_and_on_its_outputs(ending, tmp_path):
    from kcompile.keras.layers import Dense, Flatten, Input
    from kcompile.keras.models import Model, clone_model

    inner = load_model(FOLDER / "keras3" / "ops_plain.keras")
    a, b = Input((6, 4)), Input((6, 4))
    first, second, third = inner([a, b])
    model = Model([a, b], [Dense(2)(Flatten()(first)), second, third])
    generator = np.random.default_rng(0)
    data = [generator.uniform(0.1, 0.9, (3, 6, 4)).astype("float32") for _ in range(2)]
    model.save(tmp_path / f"m.{ending}")
    twin, clone = load_model(tmp_path / f"m.{ending}"), clone_model(inner)
    clone.set_weights(inner.get_weights())
    for ours, theirs in zip(twin.predict(data), model.predict(data), strict=True):
        assert np.array_equal(ours, theirs)
    for ours, theirs in zip(clone.predict(data), inner.predict(data), strict=True):
        assert np.array_equal(ours, theirs)


def test_model_of_functions_trains_and_exports(tmp_path):
    model = load_model(FOLDER / "keras3" / "ops_chain.keras")
    with np.load(FOLDER / "keras3" / "ops.npz") as answers:
        data = [answers[name] for name in model.input_names]
    model.compile("sgd", "mse")
    before = model.get_weights()
    assert np.isfinite(model.train_on_batch(data, [y * 0 for y in model.predict(data)])).all()
    assert any(not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.export(tmp_path / "m.onnx")
    for ours, theirs in zip(load_model(tmp_path / "m.onnx").predict(data), model.predict(data), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
