"""What an .h5 file says of layers so that Keras 2, tf.keras 2 and Keras 3 open it (see also tests/peers)."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import formats, keras
from kcompile.keras.engine.hdf5_configs import hdf5_config
from kcompile.keras.models import load_model
from tests.peers import structures


def entries(config):
    """Every layer of a configuration by name, at any depth."""
    found = {}
    for entry in config["config"].get("layers", ()):
        found[entry["config"]["name"]] = entry
        found.update(entries(entry))
    return found


@pytest.mark.parametrize("name", list(structures.STRUCTURES))
@pytest.mark.parametrize("ending", ["h5", "keras"])
def test_structure_comes_back_to_the_bit(name, ending, tmp_path):
    model = structures.made(keras, name)
    model.save(tmp_path / f"m.{ending}")
    got = structures.answer(load_model(tmp_path / f"m.{ending}"), name)
    want = structures.answer(model, name)
    assert got.keys() == want.keys()
    assert all(np.array_equal(got[key], want[key]) for key in want)


def test_layers_within_layers_name_their_module():
    model = structures.bidirectional(keras)
    inner = next(e for e in entries(hdf5_config(model)).values() if e["class_name"] == "Bidirectional")
    assert inner["config"]["layer"]["module"] == "keras.layers"
    cells = next(
        e for e in entries(hdf5_config(structures.stacked_cells(keras))).values() if "cell" in e["config"]
    )
    stacked = cells["config"]["cell"]
    assert [stacked["module"], *(c["module"] for c in stacked["config"]["cells"])] == ["keras.layers"] * 3


def test_class_of_the_user_gets_no_module_of_keras():
    class Mine(keras.layers.Dense):
        pass

    x = keras.layers.Input((3, 4))
    model = keras.models.Model(x, keras.layers.TimeDistributed(Mine(2), name="wrapper")(x))
    wrapper = entries(hdf5_config(model))["wrapper"]
    assert wrapper["config"]["layer"]["class_name"] == "Mine" and "module" not in wrapper["config"]["layer"]


def test_attention_is_called_as_tf_keras_calls_it(tmp_path):
    model = structures.cross_attention(keras)
    entry = next(e for e in hdf5_config(model)["config"]["layers"] if e["class_name"] == "MultiHeadAttention")
    assert entry["config"]["query_shape"] == [None, 5, 8] and entry["config"]["key_shape"] == [None, 7, 6]
    first, second = (layer.name for layer in model.layers[:2])
    assert entry["inbound_nodes"] == [[[first, 0, 0, {"value": [second, 0, 0]}]]]
    assert "sliding_window" not in entry["config"]


def test_attention_with_key_and_mask_keeps_its_arguments(tmp_path):
    q, v, m = keras.layers.Input((5, 8)), keras.layers.Input((7, 6)), keras.layers.Input((5, 7))
    y = keras.layers.MultiHeadAttention(2, 3)(q, v, v, attention_mask=m)
    model = keras.models.Model([q, v, m], y)
    generator = np.random.default_rng(0)
    data = [generator.random((2, 5, 8)), generator.random((2, 7, 6)), generator.random((2, 5, 7)) > 0.5]
    data = [array.astype("float32") for array in data]
    for ending in ("h5", "keras"):
        model.save(tmp_path / f"m.{ending}")
        assert np.array_equal(load_model(tmp_path / f"m.{ending}").predict(data), model.predict(data))


def test_to_json_stays_as_keras_2_writes_it():
    text = structures.bidirectional(keras).to_json()
    assert '"module"' not in text and '"registered_name"' not in text


def test_model_in_first_place_leaves_its_input_shape(tmp_path):
    model = structures.sequential_in_sequential(keras)
    model.save(tmp_path / "m.h5")
    assert formats.read(tmp_path / "m.h5").config["config"]["build_input_shape"] == [None, 6, 6, 1]
