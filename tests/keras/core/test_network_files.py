"""What networks write and read of themselves, also those that cannot be trained."""

from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest

from kcompile.keras.core.network import Network
from kcompile.keras.layers import Dense, Input
from kcompile.keras.models import Model, load_model, model_from_json, model_from_yaml

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def network(cls=Network):
    x = Input((3,), name="x")
    return cls(x, Dense(2, name="dense")(x), name="net")


@pytest.mark.parametrize("ending", ["h5", "weights.h5", "safetensors"])
def test_weights_go_to_files_and_come_back(ending, tmp_path):
    written, read = network(), network()
    written.save_weights(tmp_path / f"w.{ending}")
    read.load_weights(tmp_path / f"w.{ending}")
    for ours, theirs in zip(read.get_weights(), written.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_texts_describe_the_network():
    net = network(Model)
    for again in (model_from_json(net.to_json(indent=1)), model_from_yaml(net.to_yaml())):
        assert again.get_config() == net.get_config()


def test_a_subclass_says_what_its_texts_hold():
    class Renamed(Model):
        def _updated_config(self):
            return {**super()._updated_config(), "class_name": "Model"}

    assert json.loads(network(Renamed).to_json())["class_name"] == "Model"


def test_a_file_asked_not_to_be_overwritten_stays(tmp_path, monkeypatch):
    net = network(Model)
    net.save(tmp_path / "m.h5")
    before = (tmp_path / "m.h5").read_bytes()
    monkeypatch.setattr("builtins.input", lambda *_: "n")
    network(Model).save(tmp_path / "m.h5", overwrite=False)
    assert (tmp_path / "m.h5").read_bytes() == before
    np.testing.assert_array_equal(load_model(tmp_path / "m.h5").get_weights()[0], net.get_weights()[0])


def test_export_writes_what_onnxruntime_runs(tmp_path):
    net = network(Model)
    assert net.export(tmp_path / "m.onnx")
    (found,) = onnxruntime.InferenceSession(tmp_path / "m.onnx").run(None, {"x": X})
    np.testing.assert_allclose(found, net.predict(X), rtol=1e-5, atol=1e-6)
