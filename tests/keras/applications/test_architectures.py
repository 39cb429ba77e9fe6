"""Every architecture is Keras's: layers, weights and outputs are those that real Keras answered with.

``tests/golden/applications`` has the answers, and the rule that draws weights and images again.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompile import keras
from tests.golden.applications import rule

GOLDEN = Path(rule.__file__).parent
ANSWERS = {
    name: answer
    for path in sorted(GOLDEN.glob("keras*.json"))
    for name, answer in json.loads(path.read_text(encoding="utf-8"))["answers"].items()
}
# what one core computes within a second or two; the others run under the mark "slow"
QUICK = {
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNeXt50",
    "ResNet50",
    "ResNet50V2",
    "Xception",
    "resnet.ResNet50",
}


def architecture(name: str) -> Any:
    module, _, function = name.rpartition(".")
    package = "kcompile.keras.applications"
    return getattr(importlib.import_module(f"{package}.{module}" if module else package), function)


def build(name: str, **arguments: Any) -> keras.Model:
    keras.backend.clear_session()  # layers without a name are numbered from 1
    return architecture(name)(weights=None, **arguments)


def listed(layer: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    """(name, class, weights), as ``rule.structure`` takes it."""
    cls = type(layer).__name__
    return layer.name, cls, [(rule.kind_of(w.name, cls), w.shape) for w in layer.weights]


def quick(names: Any) -> list[Any]:
    return [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in names]


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_layers_and_weights_are_those_of_keras(name: str) -> None:
    model = build(name)
    assert model.name == ANSWERS[name]["model"]
    layers = [listed(x) for x in model.layers if x.weights or not name.startswith(rule.RESCALING)]
    assert rule.structure(layers) == ANSWERS[name]["structure"]


@pytest.mark.parametrize("case", ["top", "bottom"])
@pytest.mark.parametrize("name", quick(sorted(n for n in ANSWERS if "top" in ANSWERS[n])))
def test_outputs_are_those_of_keras(name: str, case: str) -> None:
    x = rule.images(name)
    extra: dict[str, Any] = {"classes": rule.CLASSES} if case == "top" else {"include_top": False}
    model = build(name, input_shape=x.shape[1:], **extra)
    rule.set_weights(model, name)
    found = rule.samples(name + case, model.predict(x))
    expected = ANSWERS[name][case]
    assert found["shape"] == expected["shape"]
    np.testing.assert_allclose(
        found["values"], expected["values"], rtol=1e-4, atol=1e-4 * expected["largest"]
    )
    assert found["largest"] == pytest.approx(expected["largest"], rel=1e-4)
