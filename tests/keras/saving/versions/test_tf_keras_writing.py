"""``.keras`` files of models made by the rules of tf.keras: the words and the places that tf_keras 2.21
writes."""

from __future__ import annotations

import json
import zipfile
from typing import Any

import numpy as np
import pytest

from kcompile import keras, tf_keras
from kcompile.keras.saving.archives import weight_objects
from tests.golden.files_of_tf_keras import keras_files

GOLDEN = json.loads(keras_files.PATH.read_text())
#: What is not written here: what tf_keras makes of calls by itself, and arguments of its own.
LEFT_OUT = {
    *("build_config", "shared_object_id", "ragged", "optional", "time_major", "score_mode", "fn"),
    "softmax_robust_masking",
}
#: What is written here alone, and tf_keras passes over.
ADDED = {"rules", "build_input_shape"}
MISSING = "missing"
#: Words that mean the same, here and there: (key, ours, theirs).
SAME: list[tuple[str, Any, Any]] = [
    ("trainable", MISSING, True),  # of whole models
    ("axis", -1, [1]),
    ("attention_axes", None, [1]),
    ("step", 1, None),
    ("reduction", "sum_over_batch_size", "auto"),
    # the module that all versions find
    ("module", "keras.src.layers.core.tf_op_layer", "tf_keras.src.layers.core.tf_op_layer"),
    # of a class in a function, which nobody finds by its module
    ("module", "tests.golden.files_of_tf_keras.keras_files", None),
]
#: The same for the names of operators, wherever they stand.
NAMES = {"operation_getitem_1": "tf.__operators__.getitem"}
GLOROT = {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform"}


def in_their_words(entry: dict[str, Any]) -> dict[str, Any]:
    """An object under the class that tf_keras writes for it."""
    name, config = entry.get("class_name"), entry.get("config", {})
    if name == "Model":  # as which tf_keras opens it too, wherever its version has Functional
        module = "tf_keras.src.engine.functional"
        return {**entry, "class_name": "Functional", "module": module, "registered_name": "Functional"}
    if name == "VarianceScaling" and GLOROT.items() <= config.items():
        return {**entry, "class_name": "GlorotUniform", "config": {"seed": config["seed"]}}
    if name == "L1L2" and config["l1"] == 0:
        return {**entry, "class_name": "L2", "config": {"l2": config["l2"]}}
    if name == "ExponentialDecay":
        return {**entry, "config": {**config, "name": None}}
    return entry


def differences(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Where two configurations say something else."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        ours = {key: value for key, value in in_their_words(ours).items() if key not in ADDED}
        theirs = {key: value for key, value in theirs.items() if key not in LEFT_OUT}
        keys = sorted({*ours, *theirs})
        return [
            line
            for key in keys
            for line in differences(ours.get(key, MISSING), theirs.get(key, MISSING), f"{at}.{key}")
        ]
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{at}[{i}]")]
    if isinstance(ours, float) and isinstance(theirs, float) and np.float32(ours) == np.float32(theirs):
        return []
    same = ours == theirs or (at.rsplit(".", 1)[-1], ours, theirs) in SAME
    return (
        []
        if same or (isinstance(ours, str) and NAMES.get(ours) == theirs)
        else [f"{at}: {ours!r} here, {theirs!r} there"]
    )


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_configuration_is_what_tf_keras_writes(name):
    found = keras_files.written(tf_keras, name)["config"]
    assert differences(found, GOLDEN[name]["config"]) == []


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_weights_and_state_lie_where_tf_keras_has_them(name):
    found = keras_files.written(tf_keras, name)["weights"]
    expected = {path: shape for path, shape in GOLDEN[name]["weights"].items() if "metrics/" not in path}
    assert found == expected


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_file_is_the_same_model_with_the_same_state_here(name, tmp_path):
    tf_keras.backend.clear_session()
    model = keras_files.MODELS[name](tf_keras)
    model.save(tmp_path / "model.keras")
    users = {
        type(layer).__name__: type(layer)
        for layer in model.layers
        if not type(layer).__module__.startswith("kcompile")
    }
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects=users)
    sizes = [[2 if n is None else n for n in tensor.shape] for tensor in model.inputs]
    inputs = [np.random.RandomState(0).uniform(size=(3, *size[1:])).astype("float32") for size in sizes]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    _equal(loaded.predict(inputs), model.predict(inputs))
    if model.optimizer is not None:
        _equal(loaded.optimizer.get_weights(), model.optimizer.get_weights())
        assert loaded.get_compile_config() == model.get_compile_config()


def _equal(found: Any, expected: Any) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "front, program", [(keras, "3.15.0"), (tf_keras, "2.15.0")], ids=["keras", "tf_keras"]
)
def test_whose_file_it_is_goes_by_the_rules_of_the_model(front, program, tmp_path):
    model = front.Sequential([front.layers.Dense(2, input_shape=(3,))])
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert json.loads(archive.read("metadata.json"))["keras_version"] == program
        first = json.loads(archive.read("config.json"))["config"]["layers"][0]["config"]
    assert ("batch_shape" in first) == (front is keras)
    assert ("batch_input_shape" in first) == (front is tf_keras)


def test_an_object_with_two_owners_lies_where_tf_keras_comes_by_it_first():
    class Tied(tf_keras.Model):
        def __init__(self):
            super().__init__()
            self.a = self.outer = tf_keras.layers.Dense(2)
            self.blocks = [self.a, tf_keras.layers.Dense(2)]
            self.seen = tf_keras.metrics.Mean()

        def call(self, x):
            return self.blocks[1](self.a(x))

    model = Tied()
    model.build((None, 2))
    weights = weight_objects(model)
    found = {path for path, entry in weights.items() if entry.weights}
    # from the last name to the first: seen, outer, layers (of which outer is there already), ...
    assert found == {"seen", "outer", "layers/dense"}
