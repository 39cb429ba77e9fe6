"""``app:NAME`` stands for an application wherever a command takes a model."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from kcompile.cli import BAD_INPUT, OK, loading
from kcompile.keras import applications
from kcompile_runtime import Executor


def test_inspect_shows_an_application_by_name(call):
    result = call("inspect", "app:MobileNetV2", "--json")
    assert result.code == OK, result.err
    found = json.loads(result.out)
    assert (found["name"], found["parameters"]) == ("mobilenetv2_1.00_224", 3538984)


def test_compile_writes_an_application_with_given_weights(call, tmp_path):
    model = applications.MobileNet(weights=None)
    weights, output = tmp_path / "weights.h5", tmp_path / "out.onnx"
    model.save_weights(weights)
    result = call("compile", "app:mobilenet.MobileNet", "--weights", weights, "-o", output)
    assert result.code == OK, result.err
    x = np.random.default_rng(0).standard_normal((1, 224, 224, 3)).astype("float32")
    np.testing.assert_allclose(Executor(output).predict(x), model.predict(x), rtol=1e-4, atol=1e-7)


def test_an_unknown_application_is_refused_with_the_nearest_names(call, tmp_path):
    for name in ("app:ResNet51", "app:resnet.ResNet51"):
        result = call("compile", name, "-o", tmp_path / "out.onnx")
        assert result.code == BAD_INPUT
        assert "there is no such application" in result.err
        assert "ResNet" in result.err.split("Did you mean")[1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["resnet.ResNet50", *applications.ARCHITECTURES])
def test_every_application_is_known_by_its_name(name, monkeypatch):
    module, _, function = name.rpartition(".")
    within = importlib.import_module(f"{applications.__name__}.{module or applications.ARCHITECTURES[name]}")
    monkeypatch.setattr(within, function, lambda weights: (within.__name__, weights))
    assert loading.load(loading.ModelFile(Path(f"app:{name}"))) == (within.__name__, "imagenet")
    assert loading.load(loading.ModelFile(Path(f"app:{name}")), new_weights=True) == (within.__name__, None)
