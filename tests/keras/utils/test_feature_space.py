"""FeatureSpace beyond what tests/golden/tf_keras_calls asks: files and wrong arguments."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from kcompile import formats, keras
from kcompile.keras.data import Dataset
from kcompile.keras.utils import FeatureSpace

TABLE = {"age": [20.0, 40.0, 60.0], "city": ["a", "b", "a"], "visits": [1, 2, 2]}


def adapted():
    features = {"age": "float_normalized", "city": "string_categorical", "visits": "integer_categorical"}
    space = FeatureSpace(features, crosses=[("city", "visits")], crossing_dim=4)
    space.adapt(Dataset.from_tensor_slices(TABLE))
    return space


def rewritten(path, change):
    """The file with another configuration."""
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


def test_a_file_gives_the_same_vectors(tmp_path):
    space, path = adapted(), tmp_path / "space.keras"
    space.save(path)
    again = keras.models.load_model(path)
    np.testing.assert_array_equal(np.asarray(again(TABLE)), np.asarray(space(TABLE)))
    assert again.get_config()["features"].keys() == TABLE.keys()


def test_a_configuration_makes_one_that_has_to_be_adapted_to_numbers():
    again = FeatureSpace.from_config(adapted().get_config())
    with pytest.raises(ValueError, match=r"\['age'\] depend on data"):
        again(TABLE)


def test_a_file_as_tf_keras_writes_it_is_refused_by_what_it_holds(tmp_path):
    config = {"module": "keras.utils", "class_name": "FeatureSpace", "config": {"features": {"a": "float"}}}
    mean = formats.LayerWeights("normalization", [("0", np.zeros(1, "float32"))])
    archive = formats.Archive(config=config, objects={"preprocessors/normalization": mean, "": _NOTHING})
    formats.write(archive, str(tmp_path / "space.keras"), format="keras")
    with pytest.raises(ValueError, match="preprocessors/normalization lie beside"):
        keras.models.load_model(tmp_path / "space.keras")


_NOTHING = formats.LayerWeights("")


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config["config"].update(features=None),
        lambda config: config["config"].update(features={"a": 3}),
        lambda config: config["config"]["features"]["city"].pop("config"),
        lambda config: config["config"]["features"]["age"]["config"].update(
            preprocessor={"class_name": "os"}
        ),
        lambda config: config["config"].update(crosses=[["age", "nobody"]]),
        lambda config: config["config"].update(more=1),
    ],
    ids=["no features", "a number", "no config", "no layer", "no such feature", "an argument too many"],
)
def test_a_damaged_file_is_refused(change, tmp_path):
    adapted().save(tmp_path / "space.keras")
    rewritten(tmp_path / "space.keras", change)
    with pytest.raises((ValueError, formats.FileFormatError)):
        keras.models.load_model(tmp_path / "space.keras")


def test_a_feature_whose_categories_nobody_knows_is_refused():
    double = keras.layers.Lambda(lambda x: x)
    space = FeatureSpace({"a": FeatureSpace.feature("int64", double, "one_hot")})
    with pytest.raises(ValueError, match="how many categories Lambda"):
        space.get_encoded_features()
