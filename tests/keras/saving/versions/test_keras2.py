"""What an .h5 file says of layers so that Keras 2, tf.keras 2 and Keras 3 open it (see also tests/peers)."""

from __future__ import annotations

import numpy as np
import pytest

from kcompile import formats, keras
from kcompile.keras.layers import LSTM, Dense, Embedding, InputLayer, Masking
from kcompile.keras.models import Sequential, load_model
from kcompile.keras.saving.versions.keras2 import hdf5_config, whole_names
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


@pytest.mark.parametrize(
    ("build", "shape", "name"),
    [
        (lambda: Sequential([Dense(3, input_shape=(4,), name="d")]), [None, 4], "d_input"),
        (lambda: Sequential([Dense(3, input_dim=4, name="d")]), [None, 4], "d_input"),
        (lambda: Sequential([Dense(3, batch_input_shape=(2, 4), name="d")]), [2, 4], "d_input"),
        (lambda: Sequential([InputLayer((4,), name="given"), Dense(3)]), [None, 4], "given"),
        (lambda: Sequential([Embedding(9, 2, input_length=5, name="e"), LSTM(3)]), [None, 5], "e_input"),
        (lambda: Sequential([Masking(input_shape=(5, 4), name="m"), LSTM(2)]), [None, 5, 4], "m_input"),
        (lambda: structures.sequential_in_sequential(keras), [None, 6, 6, 1], None),
    ],
)
def test_sequential_has_its_input_in_the_file(build, shape, name, tmp_path):
    model = build()
    model.save(tmp_path / "m.h5")
    config = formats.read(tmp_path / "m.h5").config["config"]
    first = config["layers"][0]
    assert first["class_name"] == "InputLayer" and first["config"]["batch_input_shape"] == shape
    assert name in (None, first["config"]["name"])
    assert len(config["layers"]) == 1 + len(model.layers)
    loaded = load_model(tmp_path / "m.h5")
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in model.layers]
    assert loaded.input_shape == model.input_shape


def test_losses_have_their_whole_names():
    assert whole_names({"a": "mse", "b": ["MAE", "hinge"]}) == {
        "a": "mean_squared_error", "b": ["mean_absolute_error", "hinge"],
    }  # fmt: skip
    own = {"class_name": "Huber", "config": {"delta": 2.0}}
    assert whole_names(own) is own and whole_names(None) is None
